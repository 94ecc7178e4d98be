//! Prometheus text, read by the parsers of Prometheus' own client for Python.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests fail by panicking")]

use std::fs;
use std::process::Command;
use std::time::Duration;

use papyra_persistence::journal::{
    CompactOptions, Limits, RecoverOptions, Retention, ScanOptions, Selection,
};
use papyra_persistence::recorder::Recorder;
use papyra_persistence::store::{FileStore, Kind};
use papyra_persistence::{Engine, Journal, Metrics};
use papyra_tests::command::papyra;
use papyra_tests::python::{filter, python};
use papyra_tests::served::Served;
use prometheus_client::encoding::text::encode;
use prometheus_client::registry::Registry;
use serde_json::{Value, json};

const CLIENT: &str = "prometheus_client==0.26.0";

/// Prints the families, each with its name, type and samples.
const PARSE: &str = "
import json, sys
from prometheus_client.PARSER import text_string_to_metric_families as families
print(json.dumps([
    [one.name, one.type, [[s.name, s.labels, s.value] for s in one.samples]]
    for one in families(sys.stdin.read())
]))
";

struct Parsed(Value);

impl Parsed {
    /// As the strict parser for OpenMetrics reads it.
    fn strictly(text: &str) -> Self {
        Self::with("openmetrics.parser", text)
    }

    fn with(parser: &str, text: &str) -> Self {
        let python = python("prometheus", &[CLIENT]);
        let parsed = filter(&python, &PARSE.replace("PARSER", parser), text);
        Self(serde_json::from_str(&parsed).unwrap())
    }

    fn samples(&self) -> impl Iterator<Item = &Value> {
        let families = self.0.as_array().unwrap().iter();
        families.flat_map(|family| family[2].as_array().unwrap())
    }

    fn kind_of(&self, family: &str) -> &str {
        let families = self.0.as_array().unwrap();
        let found = families.iter().find(|one| one[0] == family);
        found.unwrap_or_else(|| panic!("there is no {family}: {}", self.0))[1].as_str().unwrap()
    }

    /// The one sample of this name with exactly these labels.
    fn value(&self, name: &str, labels: &Value) -> f64 {
        let found: Vec<_> =
            self.samples().filter(|sample| sample[0] == name && sample[1] == *labels).collect();
        assert_eq!(found.len(), 1, "{name} {labels} in {:#}", self.0);
        found[0][2].as_f64().unwrap()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_parser_reads_of_the_library_is_what_the_snapshot_says() {
    let dir = tempfile::tempdir().unwrap();
    let name = "a \"quoted\" \\ name\nof two lines";
    let limits = Limits { max_records: Some(4), ..Limits::default() };
    let retention = Retention { journal: limits, ..Retention::default() };
    let path = dir.path().join("journal.ndjson");
    let journal =
        Journal::new(&Engine::new().unwrap(), FileStore::open(&path)).with_retention(retention);
    let recorder = Recorder::new(&journal).unwrap();
    for n in 0..10 {
        recorder.record(Kind::Event, &json!({"n": n}));
    }
    recorder.record(Kind::Event, &json!([]));
    recorder.flush().await;
    fs::write(&path, fs::read_to_string(&path).unwrap() + "garbage\n").unwrap();
    journal.scan(ScanOptions::default()).await.unwrap();
    journal.recover(RecoverOptions::default()).await.unwrap();
    journal.compact(CompactOptions::default()).await.unwrap();
    journal.query(Selection::default()).next().await.unwrap();

    let metrics = Metrics::default().journal(name, &journal).recorder("main", &recorder);
    let mut registry = Registry::default();
    metrics.register(&mut registry);
    let mut text = String::new();
    encode(&mut text, &registry).unwrap();
    let parsed = Parsed::strictly(&text);

    let snapshot = metrics.snapshot();
    let (_, measured) = &snapshot.journals[0];
    let store = json!({ "store": name });
    for (counter, count) in measured.named() {
        assert_eq!(parsed.kind_of(&format!("papyra_{counter}")), "counter");
        let value = parsed.value(&format!("papyra_{counter}_total"), &store);
        assert_eq!(value, count as f64, "{counter}");
        let errors = counter.ends_with("errors");
        assert_eq!(count == 0, errors, "{counter}: this test makes everything happen but errors");
    }
    for (family, histogram) in [
        ("papyra_append_duration_seconds", &measured.append_seconds),
        ("papyra_append_batch_records", &measured.append_records),
    ] {
        assert_eq!(parsed.kind_of(family), "histogram");
        assert_eq!(parsed.value(&format!("{family}_count"), &store), histogram.count as f64);
        assert_eq!(parsed.value(&format!("{family}_sum"), &store), histogram.sum);
        let last = json!({ "store": name, "le": "+Inf" });
        assert_eq!(parsed.value(&format!("{family}_bucket"), &last), histogram.count as f64);
    }
    for (operation, at) in measured.last_success {
        let labels = json!({ "store": name, "operation": operation });
        if let Some(at) = at {
            assert_eq!(parsed.value("papyra_last_success_timestamp_seconds", &labels), at);
        }
    }
    let (_, tally) = snapshot.recorders[0];
    let recorder = json!({ "recorder": "main" });
    for (name, count) in [
        ("records_accepted_total", tally.accepted),
        ("records_written_total", tally.written),
        ("bytes_written_total", tally.bytes_written),
        ("batches_total", tally.batches),
        ("queue_records", 0),
        ("queue_high_water_records", tally.queued_most),
        ("queue_high_water_bytes", tally.queued_bytes_most),
    ] {
        let value = parsed.value(&format!("papyra_recorder_{name}"), &recorder);
        assert_eq!(value, count as f64, "{name}");
    }
    let invalid = json!({ "recorder": "main", "reason": "invalid" });
    assert_eq!(parsed.value("papyra_recorder_records_dropped_total", &invalid), 1.0);
}

const JOURNAL: &str = "{\"kind\": \"event\", \"timestamp\": 1763700000}\n\
                       {\"kind\": \"audit\", \"timestamp\": 1763700009.5}\n\
                       {\"kind\": \"event\", \"timestamp\": 1763700003}\ngarbage\n";

/// What the command and the server must both say of that journal.
fn assert_figures(parsed: &Parsed, store: &str) {
    let with = |name: &str, value: &str| {
        let mut labels = json!({ "store": store });
        if !name.is_empty() {
            labels[name] = value.into();
        }
        labels
    };
    for (name, labels, value) in [
        ("papyra_store_up", with("", ""), 1.0),
        ("papyra_store_size_bytes", with("", ""), JOURNAL.len() as f64),
        ("papyra_store_records", with("kind", "event"), 2.0),
        ("papyra_store_records", with("kind", "audit"), 1.0),
        ("papyra_store_anomalies", with("anomaly", "malformed_json"), 1.0),
        ("papyra_store_oldest_record_timestamp_seconds", with("", ""), 1_763_700_000.0),
        ("papyra_store_newest_record_timestamp_seconds", with("", ""), 1_763_700_009.5),
    ] {
        assert_eq!(parsed.value(name, &labels), value, "{name}");
    }
    assert!(parsed.value("papyra_store_last_check_timestamp_seconds", &with("", "")) > 1.7e9);
}

#[test]
fn a_parser_reads_what_serve_answers() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a b.ndjson");
    fs::write(&path, JOURNAL).unwrap();
    let served = Served::start(&path);
    served.wait_for("/readyz", 503);
    // The first answer can be from before the first check.
    let answer = loop {
        let (status, answer) = served.get("/metrics");
        assert_eq!(status, 200);
        if answer.contains("papyra_store_size_bytes{") {
            break answer;
        }
        std::thread::sleep(Duration::from_millis(20));
    };
    let (head, text) = answer.split_once("\r\n\r\n").unwrap();
    assert!(head.contains("application/openmetrics-text; version=1.0.0"), "{head}");
    let parsed = Parsed::strictly(text);
    assert_figures(&parsed, path.to_str().unwrap());
    assert_eq!(parsed.value("papyra_store_ready", &json!({ "store": path })), 0.0);
}

#[test]
fn parsers_read_what_the_command_writes() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("app.ndjson");
    fs::write(&path, JOURNAL).unwrap();
    let measure = |format: &str| {
        Command::new(papyra())
            .args(["persistence", "metrics", "--format", format, "--path"])
            .arg(&path)
            .output()
            .unwrap()
    };
    let output = measure("prometheus");
    assert_eq!(output.status.code(), Some(0));
    let text = String::from_utf8(output.stdout).unwrap();
    for parser in ["openmetrics.parser", "parser"] {
        assert_figures(&Parsed::with(parser, &text), path.to_str().unwrap());
    }
    let document: Value = serde_json::from_slice(&measure("json").stdout).unwrap();
    assert_eq!(document["schema"], "papyra.metrics/2");
    assert_eq!((&document["records"], &document["bytes"]), (&json!(3), &json!(JOURNAL.len())));
    assert_eq!(fs::read_to_string(&path).unwrap(), JOURNAL, "measuring changes nothing");

    // A store that is lost is a figure too, and a failure.
    fs::remove_file(&path).unwrap();
    let output = measure("prometheus");
    assert_eq!(output.status.code(), Some(66));
    let parsed = Parsed::strictly(std::str::from_utf8(&output.stdout).unwrap());
    assert_eq!(parsed.value("papyra_store_up", &json!({ "store": path })), 0.0);
}
