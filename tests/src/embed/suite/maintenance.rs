//! Recovery, compaction, index and audit, compared with the command.

use std::fs::{self, OpenOptions, Permissions};
use std::io::Write;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;

use serde_json::{Value, json};

use super::{document, line, lines, opened, same_place, scan, temp};
use crate::command::names;
use crate::damage::damage;
use crate::embed::{Driver, Host};
use crate::generate::Generator;

/// Reports on damaged journals are those of the command, down to the excerpts, and recovery leaves and
/// quarantines the same bytes.
pub fn damage_is_found_and_recovered_as_by_the_command(host: Host) {
    let dir = temp();
    let original = Generator::with_pool(7, 64).journal(400);
    let mut driver = Driver::start(host);
    for seed in 0..12 {
        let damaged = damage(&original, seed).bytes;
        let (ours, theirs) = (dir.path().join("j.ndjson"), dir.path().join("command/j.ndjson"));
        let quarantine = [dir.path().join("quarantine"), dir.path().join("command/quarantine")];
        fs::create_dir_all(dir.path().join("command")).expect("a directory");
        for mode in ["repair", "quarantine"] {
            for path in [&ours, &theirs] {
                fs::write(path, &damaged).expect("a journal");
            }
            driver.open(&ours, json!({"quarantine_dir": quarantine[0]}));
            let mut report = scan(&mut driver);
            same_place(&mut report, &theirs);
            let expected = document("scan", &theirs, &["--findings", "10000"]);
            assert_eq!(report, expected, "seed {seed}");

            let options = json!({"mode": mode, "dry_run": false, "max_findings": 10_000});
            let mut report = driver.ask("recover", options).report();
            let audit = report.as_object_mut().and_then(|fields| fields.remove("audit"));
            assert_eq!(audit, Some(json!("")), "none was asked for");
            let quarantine = quarantine[1].to_string_lossy().into_owned();
            let mut options = vec!["--mode", mode, "--findings", "10000"];
            if mode == "quarantine" {
                options.extend(["--quarantine-dir", &quarantine]);
            }
            let mut expected = document("recover", &theirs, &options);
            same_place(&mut report["before"], &theirs);
            let kept = fs::read(&ours).expect("a journal");
            assert!(kept == fs::read(&theirs).expect("a journal"), "seed {seed}, {mode}");
            let aside = [report["quarantine"].take(), expected["quarantine"].take()];
            assert_eq!(report, expected, "seed {seed}, {mode}");
            let [ours, theirs] = aside.map(|list| contents(dir.path(), &list));
            assert!(ours == theirs, "seed {seed}: the quarantine differs");
        }
    }
    assert!(
        !names(dir.path()).iter().any(|name| name.contains("papyra-")),
        "nothing is left behind"
    );
}

/// Returns the contents of the files that a report names. Components name them relative to `dir`.
fn contents(dir: &Path, paths: &Value) -> Vec<Vec<u8>> {
    let paths = paths.as_array().into_iter().flatten().filter_map(Value::as_str);
    paths.map(|path| fs::read(dir.join(path)).expect("quarantine")).collect()
}

/// Compaction leaves the bytes that the command leaves, and keeps mode and symlink.
pub fn compaction_keeps_what_the_command_keeps(host: Host) {
    let dir = temp();
    let journal = Generator::with_pool(3, 64).journal(500);
    let (real, path) = (dir.path().join("real.ndjson"), dir.path().join("j.ndjson"));
    let theirs = dir.path().join("theirs.ndjson");
    for file in [&real, &theirs] {
        fs::write(file, &journal).expect("a journal");
    }
    fs::set_permissions(&real, Permissions::from_mode(0o640)).expect("a mode");
    symlink("real.ndjson", &path).expect("a link");

    let retention = json!({"max_records": 200, "max_total_bytes": 60_000});
    let mut driver = opened(host, &path, json!({ "retention": retention }));
    let planned = driver.ask("compact", json!({"dry_run": true})).report();
    assert!(fs::read(&real).expect("a journal") == journal, "a dry run changes nothing");
    let report = driver.ask("compact", json!({})).report();
    for field in ["records_after", "bytes_after"] {
        assert_eq!(planned[field], report[field]);
    }
    let limits = ["--max-records", "200", "--max-total-bytes", "60000"];
    let expected = document("compact", &theirs, &limits);
    for field in ["records_before", "records_after", "bytes_before", "bytes_after", "kept"] {
        assert_eq!(report[field], expected[field], "{field}");
    }
    assert!(fs::read(&real).expect("a journal") == fs::read(&theirs).expect("a journal"));
    assert!(fs::symlink_metadata(&path).expect("a link").is_symlink());
    let mode = fs::metadata(&real).expect("a file").permissions().mode();
    assert_eq!(mode & 0o777, 0o640);
    let again = driver.ask("compact", json!({})).report();
    assert_eq!(again["changed"], false);

    driver.open(&path, json!({}));
    assert_eq!(driver.ask("compact", json!({})).failure(), "invalid-argument", "no limit at all");
}

/// What one host has noted, every other one can check.
pub fn a_change_is_noticed_and_heads_are_those_of_the_command(host: Host) {
    let dir = temp();
    let path = dir.path().join("j.ndjson");
    fs::write(&path, lines(0..100)).expect("a journal");
    let mut driver = opened(host, &path, json!({}));
    assert_eq!(driver.ask("verify", json!({})).failure(), "not-found", "nothing to compare with");
    let made = driver.ask("index", json!({})).report();
    let theirs = document("index", &path, &[]);
    assert_eq!(made["head"], theirs["head"], "{made}");
    let head = made["head"].as_str().expect("a head");
    fs::write(&path, lines(0..101)).expect("a journal");
    for head in [json!({}), json!({"head": head})] {
        assert_eq!(driver.ask("verify", head).report()["outcome"], "intact");
    }
    assert_eq!(document("verify", &path, &["--head", head])["intact"], true);
    let changed = lines(0..101).replacen("event", "audit", 1);
    fs::write(&path, changed).expect("a journal");
    let found = driver.ask("verify", json!({"head": head})).report();
    assert_eq!(found["outcome"], "differs");
    assert_eq!(found["difference"]["first_line"], 1, "{found}");
    driver.ask("drop_index", json!({})).report();
    assert_eq!(names(dir.path()), ["j.ndjson"]);
}

/// A clean check leaves an index that every host finds, so that the next check reads only later appends.
pub fn an_index_spares_the_next_check_and_serves_all_hosts(host: Host) {
    let dir = temp();
    let path = dir.path().join("j.ndjson");
    let index = dir.path().join(".j.ndjson.papyra-index");
    fs::write(&path, lines(0..100)).expect("a journal");
    let mut driver = opened(host, &path, json!({}));
    let mut indexed = |full: bool| {
        let options = json!({"mode": "fail", "recovery": "repair", "full": full});
        let report = driver.ask("startup_check", options).report();
        assert_eq!(report["outcome"], "healthy", "{report}");
        (report["indexed_bytes"].as_u64().expect("a number"), report["note"].clone())
    };
    let theirs = || document("startup-check", &path, &["--mode", "fail"])["indexed_bytes"].clone();
    let size = || fs::metadata(&path).expect("a journal").len();
    let more = |number| {
        let mut file = OpenOptions::new().append(true).open(&path).expect("a journal");
        file.write_all(line(number).as_bytes()).expect("a write");
    };
    assert_eq!(indexed(false), (0, json!("")));
    assert_eq!(names(dir.path()), [".j.ndjson.papyra-index", "j.ndjson"]);
    assert_eq!(theirs(), size(), "the command believes it");
    let known = size();
    more(100);
    assert_eq!(indexed(false), (known, json!("")));
    more(101);
    theirs();
    assert_eq!(indexed(false).0, size(), "and its own is believed");
    assert_eq!(indexed(true).0, 0);

    for nonsense in [&b"\xff["[..], b"{}", &[b' '; 2 << 20]] {
        fs::write(&index, nonsense).expect("a file");
        assert_eq!(indexed(false), (0, json!("")));
        assert_eq!(indexed(false).0, size(), "it was replaced");
    }
    // A leftover of a killed check, or a link by another program, is no obstacle, and is not followed.
    let victim = dir.path().join("victim");
    fs::write(&victim, "untouched").expect("a file");
    symlink("victim", dir.path().join(".j.ndjson.papyra-index-new")).expect("a link");
    more(102);
    assert_eq!(indexed(false).1, "");
    assert_eq!(indexed(false).0, size());
    assert_eq!(fs::read_to_string(&victim).expect("text"), "untouched");
    // The check works without a place for the index.
    fs::remove_file(&index).expect("an index");
    fs::create_dir(&index).expect("a directory");
    let (bytes, note) = indexed(false);
    assert_eq!(bytes, 0);
    assert!(note.as_str().is_some_and(|note| note.contains("no index was kept")), "{note}");
    fs::remove_dir(&index).expect("a directory");
    indexed(false);
    // A change in the part that was checked is found.
    let changed = fs::read_to_string(&path).expect("text").replacen('{', "[", 1);
    fs::write(&path, changed).expect("a journal");
    let options = json!({"mode": "fail", "recovery": "repair"});
    let report = driver.ask("startup_check", options).report();
    assert_eq!((&report["outcome"], &report["indexed_bytes"]), (&json!("refused"), &json!(0)));
}

/// Recovery and compaction append an audit record to the journal, if they have changed it.
pub fn an_audit_record_says_what_was_done(host: Host) {
    let dir = temp();
    let path = dir.path().join("j.ndjson");
    fs::write(&path, lines(0..4) + "torn\n").expect("a journal");
    let mut driver = opened(host, &path, json!({"retention": {"max_records": 2}}));
    let mut last = String::new();
    for (operation, options) in [("recover", json!({"mode": "repair"})), ("compact", json!({}))] {
        let mut options = options;
        options["record_audit"] = json!(true);
        let report = driver.ask(operation, options.clone()).report();
        let audit = report["audit"].as_str().expect("an audit record");
        assert!(audit.contains(&format!("\"action\":\"{operation}\"")), "{audit}");
        assert!(fs::read_to_string(&path).expect("text").ends_with(audit));
        audit.clone_into(&mut last);
        let again = driver.ask(operation, options).report();
        assert_eq!((&again["changed"], &again["audit"]), (&json!(false), &json!("")));
    }
    assert!(!last.is_empty());
}
