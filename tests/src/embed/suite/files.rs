//! Files that others use as well.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::os::unix::fs::{FileExt, MetadataExt, PermissionsExt};
use std::process::Command;

use serde_json::json;

use super::{append, line, lines, opened, scan, strip, temp};
use crate::acl;
use crate::command::{self, names, persistence};
use crate::embed::{Driver, Host};

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

/// A hole takes no more space in the quarantine than in the journal.
pub fn a_large_hole_stays_a_hole(host: Host) {
    const HOLE: u64 = 64 << 20;
    let dir = temp();
    let path = dir.path().join("j.ndjson");
    let file = fs::File::create(&path).expect("a journal");
    file.write_all_at(lines(0..2).as_bytes(), HOLE).expect("a write");
    if file.metadata().expect("a file").blocks() > 2048 {
        eprintln!("not tested: this file system has no holes");
        return;
    }
    let mut driver = opened(host, &path, json!({"quarantine_dir": dir.path().join("quarantine")}));
    let done = driver.ask("recover", json!({"mode": "quarantine"})).report();
    assert_eq!(fs::read_to_string(&path).expect("text"), lines(0..2));
    let kept = dir.path().join(done["quarantine"][0].as_str().expect("a path"));
    let kept = fs::metadata(kept).expect("a file");
    assert_eq!(kept.len(), HOLE);
    assert!(kept.blocks() < 2048, "{} KiB on disk", kept.blocks() / 2);
}

/// Nobody may read a quarantine file who may not read the journal.
pub fn a_quarantine_has_the_rights_of_its_journal(host: Host) {
    let dir = temp();
    let path = dir.path().join("j.ndjson");
    fs::write(&path, line(0) + "oops\n").expect("a journal");
    if !acl::lets_a_user_read(&path) {
        eprintln!("not tested: this file system has no access lists");
        return;
    }
    let mut driver = opened(host, &path, json!({"quarantine_dir": dir.path().join("quarantine")}));
    let done = driver.ask("recover", json!({"mode": "quarantine"})).report();
    let kept = dir.path().join(done["quarantine"][0].as_str().expect("a path"));
    assert_eq!(fs::read_to_string(&kept).expect("text"), "oops\n");
    assert_eq!(acl::of(&kept), acl::of(&path));
    let mode = fs::metadata(&kept).expect("a file").permissions().mode();
    assert_eq!(mode & 0o777, 0o640);
}
