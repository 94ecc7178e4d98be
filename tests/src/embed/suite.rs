//! The tests that every host must pass, whatever its language. `embed_suite!` makes a test of each
//! function.

use std::fs::{self, OpenOptions, Permissions};
use std::io::Write;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};
use tempfile::TempDir;

use super::{Driver, Host, Reply};
use crate::command::{self, names, persistence};
use crate::damage::damage;
use crate::generate::Generator;

/// Returns a line with a number that identifies it.
fn line(number: usize) -> String {
    format!("{{\"kind\":\"event\",\"timestamp\":{}.5,\"n\":{number}}}\n", 1_750_000_000 + number)
}

pub(super) fn lines(numbers: std::ops::Range<usize>) -> String {
    numbers.map(line).collect()
}

pub(super) fn temp() -> TempDir {
    tempfile::tempdir().expect("a directory")
}

fn opened(host: Host, path: &Path, options: Value) -> Driver {
    let mut driver = Driver::start(host);
    driver.open(path, options);
    driver
}

fn append(driver: &mut Driver, text: &str) -> Reply {
    driver.ask("append_lines", json!({ "lines": text }))
}

fn scan(driver: &mut Driver) -> Value {
    driver.ask("scan", json!({ "max_findings": 10_000 })).report()
}

/// Returns the report of the command, in the same shape.
fn document(operation: &str, path: &Path, options: &[&str]) -> Value {
    let mut command = persistence(operation, path);
    command.args(options).arg("--json");
    if ["recover", "compact"].contains(&operation) {
        command.arg("--no-audit");
    }
    let mut document = command::run(&mut command).document();
    strip(&mut document);
    document
}

/// Makes a report name the command's store at this path.
fn same_place(report: &mut Value, path: &Path) {
    report["backend"] = json!("file");
    report["location"] = json!(path);
}

/// Removes the fields that only the command's documents have.
fn strip(document: &mut Value) {
    if let Value::Object(fields) = document {
        for name in ["schema", "healthy", "findings_listed"] {
            fields.remove(name);
        }
        fields.retain(|_, value| !value.is_null());
        fields.values_mut().for_each(strip);
    }
}

/// Records that were appended come back as they are, by kind, time, number and page.
pub fn appended_records_come_back(host: Host) {
    let dir = temp();
    for store in ["file", "memory"] {
        let path = dir.path().join("j.ndjson");
        let mut driver = Driver::start(host);
        driver.open_store(json!({"store": store, "path": path, "clock": 1_760_000_000.25}));
        assert_eq!(append(&mut driver, &lines(0..3)).report()["records"], 3);
        let drafts = json!([
            {"kind": "dead_letter", "fields": "{\"n\": 3, \"t\": \"ü\\u2028\"}"},
            {"kind": "metric", "timestamp": 1_760_000_001.5, "fields": "{}"},
        ]);
        driver.ask("append", json!({ "drafts": drafts })).report();

        let all = driver.ask("query", json!({})).report();
        assert_eq!(all["count"], 5, "{store}");
        let dead = driver.ask("query", json!({"kinds": ["dead_letter"]})).report();
        let expected = concat!(
            r#"{"kind": "dead_letter", "timestamp": 1760000000.25, "n": 3, "t": "ü\u2028"}"#,
            "\n"
        );
        assert_eq!(dead["records"], expected, "the clock is the one that was given");
        let two = driver.ask("query", json!({"limit": 2, "kinds": ["event"]})).report();
        assert_eq!(two["records"], lines(1..3));
        let late = driver.ask("query", json!({"since": 1_760_000_001})).report();
        assert_eq!(late["count"], 1);
        let newest = driver.ask("query", json!({"newest_first": true, "limit": 1})).report();
        assert!(newest["records"].as_str().is_some_and(|text| text.contains("metric")));
        let metrics = driver.ask("metrics", json!({})).report();
        assert_eq!(metrics["records_written"], 5);
    }
}

/// A cursor continues where the last page ended, also after further appends.
pub fn a_cursor_goes_on_after_the_last_page(host: Host) {
    let dir = temp();
    let path = dir.path().join("j.ndjson");
    fs::write(&path, Generator::new(5).journal(6_000)).expect("a journal");
    let mut driver = opened(host, &path, json!({}));
    let first = driver.ask("query", json!({"pages": 1})).report();
    assert!(first["count"].as_u64().is_some_and(|count| (1..6_000).contains(&count)));
    append(&mut driver, &line(1)).report();
    let rest = driver.ask("query", json!({"cursor": first["cursor"]})).report();
    let (first, rest) = (first["records"].as_str(), rest["records"].as_str());
    let whole = format!("{}{}", first.unwrap_or_default(), rest.unwrap_or_default());
    assert!(whole == fs::read_to_string(&path).expect("text"), "nothing twice, nothing missing");
}

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

/// A line that a crash has torn does not swallow the next record.
pub fn a_torn_line_stays_alone(host: Host) {
    let dir = temp();
    let path = dir.path().join("j.ndjson");
    fs::write(&path, lines(0..2) + "{\"kind\":\"ev").expect("a journal");
    let mut driver = opened(host, &path, json!({}));
    append(&mut driver, &line(2)).report();
    let whole = lines(0..2) + "{\"kind\":\"ev\n" + &line(2);
    assert_eq!(fs::read_to_string(&path).expect("text"), whole);
    driver.ask("recover", json!({"mode": "repair"})).report();
    assert_eq!(fs::read_to_string(&path).expect("text"), lines(0..3));
}

/// A host and the command append to one set of rotating files in turn, and see and recover the same in it.
pub fn rotating_files_are_those_of_the_command(host: Host) {
    let dir = temp();
    let path = dir.path().join("j.ndjson");
    let (bytes, files) = (6 * line(10).len(), 4);
    let set = format!("rotating:{}?max_bytes={bytes}&max_files={files}", path.display());
    let on_set = |operation: &str| {
        let mut command = Command::new(command::papyra());
        command.args(["persistence", operation, "--store", &set]);
        command
    };
    let mut driver = opened(host, &path, json!({"max_bytes": bytes, "max_files": files}));
    for number in 10..38 {
        if number % 3 == 0 {
            let ended = command::run_with(&mut on_set("append"), line(number).as_bytes());
            assert_eq!(ended.code, Some(0), "{}", ended.stderr);
        } else {
            append(&mut driver, &line(number)).report();
        }
    }
    assert_eq!(names(dir.path()), ["j.ndjson", "j.ndjson.1", "j.ndjson.2", "j.ndjson.3"]);
    for name in ["j.ndjson.2", "j.ndjson"] {
        let mut file = OpenOptions::new().append(true).open(dir.path().join(name)).expect("a file");
        file.write_all(b"damage\n").expect("a write");
    }
    let mut report = scan(&mut driver);
    let mut scanned = on_set("scan");
    let mut expected = command::run(scanned.args(["--findings", "10000", "--json"])).document();
    strip(&mut expected);
    assert_eq!((&report["segments"], &report["damaged"]), (&json!(4), &json!(2)));
    report["location"] = expected["location"].clone();
    assert_eq!(report, expected);
    driver.ask("recover", json!({"mode": "repair"})).report();
    // The first file was dropped.
    assert_eq!(command::run(on_set("read").arg("--quiet")).stdout, lines(16..38));
    assert_eq!(driver.ask("query", json!({})).report()["records"], lines(16..38));
}

/// Appends of another process during rewrites are all kept, in order.
pub fn a_writer_at_work_loses_nothing_to_rewrites(host: Host) {
    let dir = temp();
    let path = dir.path().join("j.ndjson");
    fs::write(&path, lines(0..1)).expect("a journal");
    let mut driver = opened(host, &path, json!({"retention": {"max_records": 60}}));
    // An instance takes time to be made.
    scan(&mut driver);
    let writer = path.clone();
    let writer = std::thread::spawn(move || {
        for number in 1..120 {
            let ended = command::run_with(
                persistence("append", &writer).args(["--sync", "never"]).arg("--quiet"),
                line(number).as_bytes(),
            );
            assert_eq!(ended.code, Some(0), "{}", ended.stderr);
        }
    });
    let mut rewrites = 0;
    while !writer.is_finished() {
        let mut torn = OpenOptions::new().append(true).open(&path).expect("a journal");
        torn.write_all(b"torn\n").expect("a write");
        let report = driver.ask("recover", json!({"mode": "repair"})).report();
        rewrites += u32::from(report["changed"] == true);
        let report = driver.ask("compact", json!({})).report();
        rewrites += u32::from(report["changed"] == true);
    }
    writer.join().expect("every append succeeds");
    driver.ask("recover", json!({"mode": "repair"})).report();
    driver.ask("compact", json!({})).report();
    assert!(rewrites > 5, "{rewrites}");
    assert_eq!(fs::read_to_string(&path).expect("text"), lines(60..120));
}

/// Two hosts append to one file, and no line is torn or lost.
pub fn writers_of_two_languages_share_a_file(host: Host) {
    let dir = temp();
    let path = dir.path().join("j.ndjson");
    let mut driver = opened(host, &path, json!({"sync": false}));
    let theirs = path.clone();
    let writer = std::thread::spawn(move || {
        for number in 0..40 {
            let mut append = persistence("append", &theirs);
            let ended =
                command::run_with(append.args(["--sync", "never"]), line(number).as_bytes());
            assert_eq!(ended.code, Some(0), "{}", ended.stderr);
        }
    });
    for number in 0..40 {
        append(&mut driver, &line(1_000 + number)).report();
    }
    writer.join().expect("every append succeeds");
    let report = scan(&mut driver);
    assert_eq!((&report["records"], &report["damaged"]), (&json!(80), &json!(0)));
}

/// A file that stays locked is an error, after a limited wait.
pub fn a_lock_held_elsewhere_is_an_error(host: Host) {
    let dir = temp();
    let path = dir.path().join("j.ndjson");
    fs::write(&path, lines(0..1)).expect("a journal");
    let held = fs::File::open(&path).expect("a journal");
    held.lock().expect("a lock");
    let mut driver = opened(host, &path, json!({"lock_wait": 0.2}));
    assert_eq!(append(&mut driver, &line(1)).failure(), "locked");
    assert_eq!(driver.ask("scan", json!({"max_findings": 1})).failure(), "locked");
    drop(held);
    append(&mut driver, &line(1)).report();
    assert_eq!(fs::read_to_string(&path).expect("text"), lines(0..2));
}

/// A leftover of a killed rewrite is reported, and does not prevent the next one.
pub fn a_leftover_of_a_killed_rewrite_is_no_obstacle(host: Host) {
    let dir = temp();
    let path = dir.path().join("j.ndjson");
    fs::write(&path, lines(0..2) + "x\n").expect("a journal");
    fs::write(dir.path().join(".j.ndjson.papyra-rewrite"), "half").expect("a file");
    let mut driver = opened(host, &path, json!({}));
    assert_eq!(scan(&mut driver)["anomalies"]["leftover_temporary"], 1);
    driver.ask("recover", json!({"mode": "repair"})).report();
    assert_eq!(names(dir.path()), ["j.ndjson"]);
    assert_eq!(fs::read_to_string(&path).expect("text"), lines(0..2));
}

/// A batch that does not fit in the file is removed again, and appends work again once there is space.
pub fn a_batch_that_does_not_fit_leaves_nothing(host: Host) {
    let dir = temp();
    let path = dir.path().join("j.ndjson");
    let mut driver = Driver::start(host);
    driver.open(&path, json!({}));
    append(&mut driver, &lines(0..10)).report();
    let before = fs::read(&path).expect("a journal");
    driver.limit_files(Some(4_096));
    assert_eq!(append(&mut driver, &lines(10..1_000)).failure(), "full");
    assert!(fs::read(&path).expect("a journal") == before, "nothing of it is visible");
    append(&mut driver, &lines(10..12)).report();
    driver.limit_files(None);
    append(&mut driver, &lines(12..1_000)).report();
    assert_eq!(fs::read_to_string(&path).expect("text"), lines(0..1_000));

    if host.is_wasi() {
        return;
    }
    driver.open_store(json!({"store": "memory", "max_bytes": 100}));
    assert_eq!(append(&mut driver, &lines(0..10)).failure(), "full");
    append(&mut driver, &line(0)).report();
}

/// Bad input is a failure that names the line.
pub fn bad_input_is_a_failure_and_writes_nothing(host: Host) {
    let dir = temp();
    let path = dir.path().join("missing.ndjson");
    let mut driver = opened(host, &path, json!({}));
    assert_eq!(driver.ask("scan", json!({"max_findings": 1})).failure(), "not-found");
    let check = json!({"mode": "fail", "recovery": "repair"});
    assert_eq!(driver.ask("startup_check", check).report()["outcome"], "absent");
    let reply = append(&mut driver, &(line(0) + "[]\n"));
    let Reply::Failed(code, message) = reply else { panic!("{reply:?}") };
    assert_eq!(code, "invalid-record");
    assert!(message.contains('2'), "{message}");
    assert!(!path.exists());

    fs::write(&path, b"{\"kind\":\"event\",\"timestamp\":1}\n\xff\xfe\n\x80").expect("a journal");
    assert_eq!(scan(&mut driver)["anomalies"]["invalid_utf8"], 1);
    driver.open(dir.path(), json!({}));
    assert_eq!(driver.ask("scan", json!({"max_findings": 1})).failure(), "unsupported");
}

/// A store with a bug ends one instance, and no more.
pub fn a_bug_of_a_store_costs_one_instance(host: Host) {
    let mut driver = Driver::start(host);
    driver.open_store(json!({"store": "broken"}));
    append(&mut driver, &line(0)).report();
    let reply = append(&mut driver, &line(1));
    let Reply::Trapped(message) = reply else { panic!("{reply:?}") };
    assert!(message.contains("a bug of the store"), "{message}");
    append(&mut driver, &line(2)).report();
    let all = driver.ask("query", json!({})).report();
    assert_eq!(all["records"], line(0) + &line(2));
}

/// A chunk that no instance could hold is refused before it crosses.
pub fn a_store_that_returns_too_much_is_corrupt(host: Host) {
    let mut driver = Driver::start(host);
    driver.open_store(json!({"store": "flooding"}));
    for _ in 0..2 {
        assert_eq!(driver.ask("scan", json!({"max_findings": 1})).failure(), "corrupt");
        let reply = driver.ask("query", json!({"newest_first": true}));
        assert_eq!(reply.failure(), "corrupt", "{reply:?}");
    }
}

/// A journal that is mostly not UTF-8 is read as the command reads it.
pub fn bytes_that_are_no_text_cross_unharmed(host: Host) {
    let dir = temp();
    let path = dir.path().join("j.ndjson");
    let mut bytes = Vec::new();
    for number in 0..300_u32 {
        bytes.extend_from_slice(line(number as usize).as_bytes());
        bytes.extend((0..number % 97).map(|byte| (byte * 37 + number) as u8 | 0x80));
        bytes.extend_from_slice("ü€𝄞\n".as_bytes());
    }
    bytes.extend_from_slice(&vec![0xa9; 70_000]);
    fs::write(&path, &bytes).expect("a journal");
    let mut driver = opened(host, &path, json!({}));
    let mut report = scan(&mut driver);
    same_place(&mut report, &path);
    assert_eq!(report, document("scan", &path, &["--findings", "10000"]));
    let newest = driver.ask("query", json!({"limit": 300})).report();
    assert_eq!(newest["records"], lines(0..300), "backwards as well");
}
