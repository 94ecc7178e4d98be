//! What a recorder or its stores have lost is written into the journal, once, and where audits go.

use std::thread;
use std::time::Duration;

use papyra_persistence::recorder::{Recorder, RecorderBuilder};
use papyra_persistence::store::{Kind, RotatingStore};
use papyra_persistence::{Engine, Journal};
use papyra_tests::moody::{Mood, Moody};
use serde_json::{Value, json};

use crate::recorder::routed;

const LONG: Duration = Duration::from_secs(60);

fn moody(settings: RecorderBuilder) -> (Moody, Recorder) {
    let store = Moody::default();
    let journal = Journal::new(&Engine::new().unwrap(), store.clone());
    (store, settings.start(&journal).unwrap())
}

/// The records that tell of losses.
fn losses(text: &str) -> Vec<Value> {
    let records = text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    records.filter(|record| record["kind"] == "audit" && record["action"] == "loss").collect()
}

/// Fills the queue while the store hangs, and a bit more.
fn overflow(store: &Moody, recorder: &Recorder) {
    store.set(Mood::Hangs);
    recorder.record(Kind::Event, &json!({}));
    while store.calls() == 0 {
        thread::sleep(Duration::from_millis(1));
    }
    for _ in 0..100 {
        recorder.record(Kind::Event, &json!({}));
    }
}

#[test]
fn an_audit_record_says_how_many_records_were_lost_and_why_and_when() {
    let (store, recorder) = moody(Recorder::builder().max_records(10));
    let before = now();
    overflow(&store, &recorder);
    assert_eq!(recorder.tally().untold, 91);
    store.set(Mood::Works);
    recorder.record(Kind::Event, &json!([1]));
    let tally = recorder.close_blocking(LONG);
    assert_eq!((tally.written, tally.dropped(), tally.untold), (10, 92, 0));

    let told = losses(&store.text());
    let [told] = told.as_slice() else { panic!("{told:?}") };
    assert_eq!(told["lost_records"], 92);
    assert_eq!(told["reasons"], json!({"overflow": 91, "invalid": 1}));
    let time = |name: &str| told[name].as_f64().unwrap();
    let in_order = [before, time("since"), time("until"), time("timestamp"), now()];
    assert!(in_order.is_sorted(), "{in_order:?}");
}

#[test]
fn a_recorder_that_shall_not_tell_counts_what_is_untold() {
    let (store, recorder) = moody(Recorder::builder().max_records(10).loss_records(false));
    overflow(&store, &recorder);
    store.set(Mood::Works);
    assert_eq!(recorder.close_blocking(LONG).untold, 91);
    assert_eq!(losses(&store.text()), [Value::Null; 0]);
}

#[test]
fn an_audit_record_that_cannot_be_written_makes_no_other() {
    let (store, recorder) = moody(Recorder::builder());
    store.set(Mood::Failed);
    recorder.record(Kind::Event, &json!({}));
    let tally = recorder.close_blocking(LONG);
    assert_eq!((tally.accepted, tally.dropped_failed, tally.untold), (1, 1, 1));
    assert_eq!(store.calls(), 2, "the record, and what tells of it");
}

#[test]
fn losses_are_told_where_audits_go() {
    let (events, others, journal) = routed();
    let recorder = Recorder::builder().start_on_route(&journal).unwrap();
    events.set(Mood::Failed);
    for kind in [Kind::Event, Kind::Metric, Kind::Event] {
        recorder.record(kind, &json!({}));
    }
    let tally = recorder.close_blocking(LONG);
    assert_eq!((tally.dropped_failed, tally.dropped_unrouted, tally.untold), (2, 1, 0));
    let told = losses(&others.text());
    assert_eq!(told.len(), 1);
    assert_eq!(told[0]["reasons"], json!({"failed": 2}), "a kind that goes nowhere is not lost");
    assert_eq!(events.text(), "");
}

#[test]
fn what_a_rotation_has_dropped_is_told() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("journal.ndjson");
    let store = RotatingStore::builder(&path).max_bytes(4_000).max_files(3).build();
    let journal = Journal::new(&Engine::new().unwrap(), store.clone());
    let recorder = Recorder::new(&journal).unwrap();
    for n in 0..1_000 {
        recorder.record(Kind::Event, &json!({"n": n}));
    }
    recorder.flush_blocking(LONG);
    let dropped = store.dropped().records;
    assert!(dropped > 500, "{dropped}");
    assert_eq!(recorder.close_blocking(LONG).untold, 0);
    let told = losses(&std::fs::read_to_string(&path).unwrap());
    assert_eq!(told.len(), 1);
    assert_eq!(told[0]["reasons"], json!({"rotation": dropped}));
}

fn now() -> f64 {
    std::time::UNIX_EPOCH.elapsed().unwrap().as_secs_f64()
}
