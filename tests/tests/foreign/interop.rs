//! Files and Redis streams that Papyra for Python writes are read, scanned, recovered and compacted here,
//! and the reverse. Papyra comes from its registry, in the two versions in use.

#![allow(clippy::expect_used, reason = "a test fails by panicking")]

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::Path;

use papyra_persistence::journal::{CompactOptions, Limits, RecoverOptions, ScanOptions};
use papyra_persistence::store::RotatingStore;
use papyra_persistence::{Engine, Journal, Retention, Selection};
use papyra_tests::command::{names, persistence, run, run_with};
use papyra_tests::embed::readme::printed;
use papyra_tests::embed::{older_papyra, python_command};
use papyra_tests::redis::{Aof, Server};
use serde_json::{Value, json};

const RECORDS: usize = 40;

/// Runs an operation of Papyra, and returns its result.
fn papyra(old: bool, operation: &str, backend: &str, target: &str, options: &Value) -> Value {
    let mut command = python_command();
    if old {
        command.env("PYTHONPATH", older_papyra());
    }
    command.arg(concat!(env!("CARGO_MANIFEST_DIR"), "/../host/python/tests/use_papyra.py"));
    command.args([operation, backend, target]).arg(options.to_string());
    serde_json::from_str(&printed(&mut command)).expect("a document")
}

fn written(old: bool, backend: &str, path: &Path) -> u64 {
    let target = path.to_string_lossy();
    let count = papyra(old, "write", backend, &target, &json!({ "count": RECORDS }));
    count.as_u64().expect("a number")
}

/// Returns an event with all the fields that Papyra requires.
fn event(n: usize) -> String {
    let time = 1_760_000_000 + n;
    let fields = "\"system_id\":\"local\",\"event_type\":\"E\",\"actor_address\":\"local:1\"";
    format!("{{\"kind\":\"event\",\"timestamp\":{time},{fields},\"payload\":{{\"n\":{n}}}}}\n")
}

fn text(path: &Path) -> String {
    fs::read_to_string(path).expect("text")
}

#[test]
fn what_papyra_writes_is_read_here_byte_for_byte() {
    for old in [false, true] {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("events.ndjson");
        let count = written(old, "json", &path);
        let report = run(persistence("scan", &path).arg("--json")).document();
        assert_eq!(report["records"], count);
        assert_eq!(report["kinds"]["event"]["records"], RECORDS);
        assert_eq!(report["damaged"], 0);
        // Papyra writes `NaN`, which is not JSON. Such records are reported, and kept.
        assert_eq!(report["anomalies"], json!({"nonstandard_number": RECORDS / 10}));
        assert_eq!(run(persistence("read", &path).arg("--quiet")).stdout, text(&path));
        let inspected = run(persistence("inspect", &path).arg("--json")).document();
        assert_eq!(inspected["records"], count);
    }
}

#[test]
fn every_file_of_a_set_that_papyra_has_rotated_is_read_here() {
    for old in [false, true] {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("rot.log");
        let count = written(old, "rotating", &path);
        let files = names(dir.path());
        assert!(files.len() > 1, "{files:?}");
        let mut records = 0;
        for name in &files {
            let file = dir.path().join(name);
            let report = run(persistence("scan", &file).arg("--json")).document();
            assert_eq!(report["damaged"], 0, "{name}");
            records += report["records"].as_u64().expect("a number");
        }
        assert_eq!(records, count);
    }
}

/// Opens a file set with the limits that Papyra's own backend has in these tests.
fn rotating(path: &Path) -> RotatingStore {
    RotatingStore::builder(path).max_bytes(2_000).max_files(4).build()
}

async fn count(journal: &Journal) -> u64 {
    journal.scan(ScanOptions::default()).await.expect("a report").records
}

#[tokio::test(flavor = "multi_thread")]
async fn a_set_that_papyra_has_rotated_is_one_journal_here_and_stays_one_there() {
    let engine = Engine::new().expect("an engine");
    for old in [false, true] {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("rot.log");
        let target = path.to_string_lossy();
        let all = written(old, "rotating", &path);
        let set = Journal::new(&engine, rotating(&path));
        assert_eq!(count(&set).await, all);

        let sealed = dir.path().join("rot.log.1");
        let mut file = OpenOptions::new().append(true).open(sealed).expect("a sealed file");
        file.write_all(b"\xff\xfe\n[1]\n").expect("a write");
        let options = RecoverOptions { record_audit: false, ..RecoverOptions::default() };
        let recovery = set.recover(options).await.expect("a recovery");
        assert_eq!((recovery.before.damaged, recovery.removed_entries), (2, 2));
        let read = papyra(old, "read", "rotating", &target, &json!({}));
        assert_eq!(read["anomalies"], json!([]));
        assert_eq!(
            read["events"],
            json!((0..RECORDS).collect::<Vec<_>>()),
            "all of them, in order"
        );

        let newest = Limits { max_records: Some(12), ..Limits::default() };
        let retention = Retention { journal: newest, ..Retention::default() };
        let set = set.with_retention(retention);
        set.compact(CompactOptions::default()).await.expect("a compaction");
        let read = papyra(old, "read", "rotating", &target, &json!({}));
        let events = read["events"].as_array().expect("a list");
        let left = events.len() as u64
            + read["audits"].as_u64().unwrap_or(0)
            + read["dead_letters"].as_u64().unwrap_or(0);
        // The audit record of the compaction is an audit that Papyra can read.
        assert_eq!((left, events.last()), (12 + 1, Some(&json!(RECORDS - 1))));
        assert_eq!(read["anomalies"], json!([]));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_set_that_was_rotated_here_is_read_and_continued_by_papyra() {
    let engine = Engine::new().expect("an engine");
    for old in [false, true] {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("rot.log");
        let set = Journal::new(&engine, rotating(&path));
        for number in 0..45 {
            set.append_lines(&event(number)).await.expect("an append");
        }
        assert!(names(dir.path()).len() > 2, "{:?}", names(dir.path()));
        let read = papyra(old, "read", "rotating", &path.to_string_lossy(), &json!({}));
        assert_eq!(read["events"], json!((0..45).collect::<Vec<_>>()));
        assert_eq!(read["anomalies"], json!([]));
        written(old, "rotating", &path);
        let report = set.scan(ScanOptions::default()).await.expect("a report");
        assert_eq!((report.damaged, report.structural), (0, 0), "{:?}", report.findings);
    }
}

#[test]
fn papyra_reads_what_was_recovered_and_compacted_here() {
    for (old, backend) in [(false, "json"), (true, "json"), (false, "rotating")] {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("events.ndjson");
        written(old, backend, &path);
        let before = papyra(old, "read", backend, &path.to_string_lossy(), &json!({}));
        let healthy = text(&path);
        let mut file = OpenOptions::new().append(true).open(&path).expect("a journal");
        file.write_all(b"\xff\xfe\n\n[1]\n{\"kind\": \"ev").expect("a write");

        let aside = dir.path().join("aside");
        let mut recover = persistence("recover", &path);
        recover.args(["--no-audit", "--mode", "quarantine", "--quarantine-dir"]).arg(&aside);
        let ended = run(&mut recover);
        assert_eq!(ended.code, Some(0), "{}", ended.stderr);
        // Records with `NaN` are suspect, and the mode `quarantine` removes them as well.
        let odd = |line: &&str| line.contains("NaN");
        assert_eq!(
            text(&path),
            healthy.split_inclusive('\n').filter(|l| !odd(l)).collect::<String>()
        );
        fs::remove_dir_all(&aside).expect("a directory");
        let after = papyra(old, "read", backend, &path.to_string_lossy(), &json!({}));
        assert_eq!(after["anomalies"], json!([]));
        assert_eq!(after["audits"], before["audits"]);

        let ended = run(persistence("compact", &path).args(["--max-records", "5"]));
        assert_eq!(ended.code, Some(0), "{}", ended.stderr);
        let kept = papyra(old, "read", "json", &path.to_string_lossy(), &json!({}));
        let count = kept["events"].as_array().map_or(0, Vec::len) as u64
            + kept["audits"].as_u64().unwrap_or(0)
            + kept["dead_letters"].as_u64().unwrap_or(0);
        assert_eq!(count, 5 + 1, "and the audit of the compaction");
    }
}

#[test]
fn papyra_reads_and_compacts_what_was_written_here() {
    for old in [false, true] {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("events.ndjson");
        let target = path.to_string_lossy();
        let lines: String = (0..20).map(event).collect();
        let ended = run_with(&mut persistence("append", &path), lines.as_bytes());
        assert_eq!(ended.code, Some(0), "{}", ended.stderr);
        let read = papyra(old, "read", "json", &target, &json!({}));
        assert_eq!(read["events"], json!((0..20).collect::<Vec<_>>()));
        assert_eq!(read["anomalies"], json!([]));

        papyra(old, "compact", "json", &target, &json!({"max_records": 8}));
        written(old, "json", &path);
        let report = run(persistence("scan", &path).arg("--json")).document();
        assert_eq!(report["damaged"], 0);
        assert_eq!(report["kinds"]["event"]["records"], 8 + RECORDS);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn streams_that_papyra_has_written_to_redis_are_scanned_and_recovered_here() {
    let engine = Engine::new().expect("an engine");
    for old in [false, true] {
        let server = Server::start(Aof::Off, &[]);
        let count = papyra(old, "write", "redis", &server.url(), &json!({ "count": RECORDS }));
        server.cli(&["XADD", "papyra:local:events", "*", "data", "{broken"]);
        server.cli(&["XADD", "papyra:local:audits", "*", "nodata", "1"]);

        let all = Journal::new(&engine, server.store());
        let report = all.scan(ScanOptions::default()).await.expect("a report");
        assert_eq!(report.records, count.as_u64().expect("a number"));
        assert_eq!(report.damaged, 2);

        let options = RecoverOptions { record_audit: false, ..RecoverOptions::default() };
        all.recover(options).await.expect("a recovery");
        let read = papyra(old, "read", "redis", &server.url(), &json!({}));
        assert_eq!(read["anomalies"], json!([]), "Papyra finds nothing left");
        assert_eq!(read["events"], json!((0..RECORDS).collect::<Vec<_>>()));

        let line = r#"{"kind":"event","timestamp":1760009999,"payload":{"n":-1}}"#;
        all.append_lines(line).await.expect("an append");
        let read = papyra(old, "read", "redis", &server.url(), &json!({}));
        assert_eq!(read["events"].as_array().and_then(|all| all.last()), Some(&json!(-1)));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn streams_that_papyra_has_written_to_redis_are_read_and_compacted_here() {
    let engine = Engine::new().expect("an engine");
    let server = Server::start(Aof::Off, &[]);
    let count = papyra(false, "write", "redis", &server.url(), &json!({ "count": RECORDS }));
    let newest = Limits { max_records: Some(6), ..Limits::default() };
    let retention = Retention { journal: newest, ..Retention::default() };
    let mut pages = Journal::new(&engine, server.store()).query(Selection::default());
    let mut records = 0;
    while let Some(page) = pages.next().await.expect("a page") {
        records += u64::from(page.count);
    }
    assert_eq!(records, count.as_u64().expect("a number"));

    let journal = Journal::new(&engine, server.store()).with_retention(retention);
    journal.compact(CompactOptions::default()).await.expect("a compaction");
    let left = journal.scan(ScanOptions::default()).await.expect("a report");
    assert!((6..records).contains(&left.records), "approximately: {}", left.records);
}
