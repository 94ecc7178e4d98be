//! Metrics: every operation is counted once, and the text says what the values say.

use std::fs;

use papyra_persistence::journal::{
    CompactOptions, InspectOptions, Limits, RecoverOptions, Retention, ScanOptions, Selection,
};
use papyra_persistence::store::{FileStore, Kind};
use papyra_persistence::{Engine, Journal, Metrics, Recorder};
use papyra_tests::command::names;
use papyra_tests::place::{Place, line};
use prometheus_client::encoding::text::encode;
use prometheus_client::registry::Registry;
use serde_json::json;

const RECORD: &str = "{\"kind\": \"event\", \"timestamp\": 1763700000}\n";

fn count(metrics: &Metrics, name: &str) -> u64 {
    let named = metrics.snapshot().journals[0].1.named();
    named.into_iter().find(|(known, _)| *known == name).unwrap().1
}

fn text(metrics: &Metrics) -> String {
    let mut registry = Registry::default();
    metrics.register(&mut registry);
    let mut text = String::new();
    encode(&mut text, &registry).unwrap();
    text
}

#[tokio::test]
async fn every_operation_is_counted_once_and_a_reset_forgets_all_of_it() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("journal.ndjson");
    fs::write(&path, [RECORD, "garbage\n", RECORD, RECORD].concat()).unwrap();
    let limits = Limits { max_records: Some(2), ..Limits::default() };
    let journal = Journal::new(&Engine::new().unwrap(), FileStore::open(&path))
        .with_retention(Retention { journal: limits, ..Retention::default() });
    let metrics = Metrics::default().journal("main", &journal);

    journal.scan(ScanOptions::default()).await.unwrap();
    journal.recover(RecoverOptions { dry_run: true, ..Default::default() }).await.unwrap();
    let recovered = journal.recover(RecoverOptions::default()).await.unwrap();
    let compacted = journal.compact(CompactOptions::default()).await.unwrap();
    journal.append_lines(RECORD).await.unwrap();
    journal.append_lines("nonsense").await.unwrap_err();
    journal.query(Selection::default()).next().await.unwrap();
    journal.inspect(InspectOptions { limit: 10 }).await.unwrap();
    for (name, expected) in [
        ("records_written", 3), // one of them by us, two envelope
        ("scans", 1),
        ("anomalies_detected", 1),
        ("recoveries", 1),
        ("compactions", 1),
        ("write_errors", 1),
        ("records_read", 4),
        ("reads", 2),
        ("read_errors", 0),
        ("bytes_reclaimed", compacted.bytes_before - compacted.bytes_after),
        ("bytes_written", (RECORD.len() + recovered.audit.len() + compacted.audit.len()) as u64),
    ] {
        assert_eq!(count(&metrics, name), expected, "{name}");
    }
    let measured = journal.measured();
    assert_eq!((measured.append_seconds.count, measured.append_records.sum), (1, 1.0));
    let succeeded: Vec<_> = measured
        .last_success
        .iter()
        .filter(|(_, at)| at.is_some())
        .map(|(name, _)| *name)
        .collect();
    assert_eq!(succeeded, ["append", "read", "inspect", "scan", "recover", "compact"]);

    metrics.reset();
    for (name, value) in metrics.snapshot().journals[0].1.named() {
        assert_eq!(value, 0, "{name}");
    }
    assert_eq!(journal.measured(), papyra_persistence::metrics::Measured::default());
}

#[tokio::test]
async fn what_comes_to_no_end_counts_as_an_error() {
    let journal =
        Journal::new(&Engine::new().unwrap(), FileStore::builder("/nowhere/at/all").build());
    let metrics = Metrics::default().journal("none", &journal);
    journal.scan(ScanOptions::default()).await.unwrap_err();
    journal.recover(RecoverOptions::default()).await.unwrap_err();
    journal.append_lines(RECORD).await.unwrap_err();
    journal.query(Selection::default()).next().await.unwrap_err();
    for name in ["scan_errors", "recovery_errors", "write_errors", "read_errors"] {
        assert_eq!(count(&metrics, name), 1, "{name}");
    }
    metrics.reset();
    assert_eq!(count(&metrics, "scan_errors"), 0);
}

#[tokio::test]
async fn the_text_for_prometheus_has_one_line_per_value() {
    let engine = Engine::new().unwrap();
    let journal = Journal::new(&engine, papyra_persistence::MemoryStore::new());
    let recorder = Recorder::new(&journal).unwrap();
    let metrics = Metrics::default()
        .journal("a \"quoted\" name", &journal)
        .journal("other", &Journal::new(&engine, papyra_persistence::MemoryStore::new()))
        .recorder("main", &recorder);
    recorder.record(Kind::Event, &json!({}));
    recorder.record(Kind::Event, &json!([]));
    recorder.flush().await;
    let text = text(&metrics);
    for line in [
        "# TYPE papyra_records_written counter",
        "papyra_records_written_total{store=\"a \\\"quoted\\\" name\"} 1",
        "papyra_records_written_total{store=\"other\"} 0",
        "papyra_append_duration_seconds_count{store=\"other\"} 0",
        "papyra_append_batch_records_bucket{le=\"1.0\",store=\"a \\\"quoted\\\" name\"} 1",
        "papyra_append_batch_records_bucket{le=\"+Inf\",store=\"other\"} 0",
        "papyra_recorder_records_accepted_total{recorder=\"main\"} 2",
        "papyra_recorder_records_dropped_total{recorder=\"main\",reason=\"invalid\"} 1",
        "papyra_recorder_queue_high_water_records{recorder=\"main\"} 1.0",
        "# EOF",
    ] {
        assert!(text.lines().any(|known| known == line), "{line} is not in\n{text}");
    }
    let success = "papyra_last_success_timestamp_seconds{store=\"a \\\"quoted\\\" name\",operation=\"append\"} ";
    assert!(text.contains(success), "{text}");
    assert!(!text.contains("_total_total") && !text.contains("inf\""), "{text}");
}

#[test]
fn the_command_reads_what_the_index_does_not_tell_and_writes_nothing() {
    let place = Place::new();
    let records: String = (0..3000).map(|n| line("event", 1_763_000_000 + n)).collect();
    place.put("app.ndjson", &(records + "oops\n"));
    let metrics = || {
        let mut document = place.run("persistence metrics --path app.ndjson --json").document();
        document.as_object_mut().unwrap().remove("duration_seconds");
        document
    };
    let figures = metrics();
    assert_eq!(names(&place.path("")), ["app.ndjson"]);
    assert_eq!(place.run("persistence index --path app.ndjson").code, Some(0));
    let index = place.text(".app.ndjson.papyra-index");
    assert_eq!(metrics(), figures);
    fs::write(place.path("app.ndjson"), place.text("app.ndjson") + &line("audit", 1_763_100_000))
        .unwrap();
    assert_eq!(metrics()["kinds"]["audit"]["records"], 1);
    assert_eq!(place.text(".app.ndjson.papyra-index"), index);
}
