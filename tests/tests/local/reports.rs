//! A report of the library is the same JSON as the document of the command, which adds the names that it
//! alone knows.

use std::fs;
use std::path::Path;

use papyra_persistence::journal::{
    CompactOptions, InspectOptions, Limits, RecoverOptions, RecoveryMode, Retention, ScanOptions,
    StartupOptions,
};
use papyra_persistence::{Engine, FileStore, Journal};
use papyra_tests::command::{persistence, run, run_with};
use papyra_tests::place::line;
use serde::Serialize;
use serde_json::{Value, json};

/// The document of a command, without its schema and what else the command has added.
fn document(path: &Path, command: &str, added: &[(&str, Value)]) -> Value {
    let words: Vec<_> = command.split(' ').collect();
    let mut document = run(persistence(words[0], path).args(&words[1..]).arg("--json")).document();
    let fields = document.as_object_mut().unwrap();
    assert_eq!(fields.remove("schema"), Some(json!(format!("papyra.{}/2", words[0]))));
    for (name, value) in added {
        assert_eq!(fields.remove(*name).as_ref(), Some(value), "{name}");
    }
    document
}

fn same(report: &impl Serialize, document: &Value) {
    assert_eq!(json!(report), *document);
}

#[tokio::test]
async fn every_report_is_the_document_of_the_command() {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("a.ndjson");
    let damaged = "{\"kind\": \"event\", \"timestamp\": NaN}\n\u{7}oops\n{\"kind\": \"metr";
    let records = line("event", 1) + &line("dead_letter", 2);
    fs::write(&path, records.clone() + damaged).unwrap();
    let policy = Retention {
        journal: Limits { max_records: Some(1), ..Limits::default() },
        per_kind: Vec::new(),
    };
    let journal = Journal::new(&Engine::new().unwrap(), FileStore::open(&path));
    let limited = journal.clone().with_retention(policy.clone());

    let options = ScanOptions { max_findings: 20, sample: None };
    let report = journal.scan(options).await.unwrap();
    assert!(!report.is_healthy() && report.findings.len() == 4, "{report:?}");
    same(&report, &document(&path, "scan", &[]));

    let mode = RecoveryMode::Repair;
    let options = RecoverOptions {
        mode,
        dry_run: true,
        max_findings: 20,
        record_audit: true,
        allow_loss: false,
    };
    let report = journal.recover(options).await.unwrap();
    same(&report, &document(&path, "recover --dry-run", &[]));

    let retention = ("retention", json!(policy));
    let as_of = Some(1_790_000_000.5);
    let options = CompactOptions { dry_run: true, as_of, ..CompactOptions::default() };
    let report = limited.compact(options).await.unwrap();
    let added = [retention.clone(), ("groups_lost", json!([])), ("pinned_by", json!([]))];
    let command = "compact --dry-run --max-records 1 --as-of 1790000000.5";
    same(&report, &document(&path, command, &added));

    let report = limited.inspect(InspectOptions { limit: 1000 }).await.unwrap();
    same(&report, &document(&path, "inspect --max-records 1", &[retention]));

    let report = journal.startup_check(StartupOptions::default(), None).await.unwrap();
    assert!(!report.may_start());
    let location = ("location", json!(path));
    same(&report, &document(&path, "startup-check", std::slice::from_ref(&location)));

    // What changes the journal is done twice, to two equal ones.
    let other = home.path().join("b.ndjson");
    fs::copy(&path, &other).unwrap();
    let other = Journal::new(&Engine::new().unwrap(), FileStore::open(other));
    let options = RecoverOptions { max_findings: 20, ..RecoverOptions::default() };
    let mut report = json!(other.recover(options).await.unwrap());
    let mut recovered = document(&path, "recover", &[]);
    // The audit records name moments and files.
    for name in ["audit", "bytes_after", "rewritten"] {
        assert_eq!(report[name].take().is_null(), recovered[name].take().is_null(), "{name}");
    }
    report["before"]["location"] = json!(path);
    for finding in report["before"]["findings"].as_array_mut().unwrap() {
        finding["segment"] = json!("a.ndjson");
    }
    same(&report, &recovered);

    let ended = run_with(persistence("append", &path).arg("--json"), records.as_bytes());
    let appended = other.append_lines(&records).await.unwrap();
    for (name, value) in json!(appended).as_object().unwrap() {
        assert_eq!(&ended.document()[name], value, "{name}");
    }
}
