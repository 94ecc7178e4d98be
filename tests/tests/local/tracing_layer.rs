//! Events of `tracing` as records.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use papyra_persistence::journal::{ScanOptions, ScanReport};
use papyra_persistence::recorder::{Recorder, TracingLayer};
use papyra_persistence::store::{Description, FileStore, Run, Snapshot, Store, StoreError};
use papyra_persistence::{Engine, Journal};
use papyra_tests::moody::{Mood, Moody};
use serde_json::{Value, json};
use tracing::{Dispatch, dispatcher};
use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::layer::{Layer, SubscriberExt};

const LONG: Duration = Duration::from_secs(60);

fn journal(store: &Moody) -> Journal {
    Journal::new(&Engine::new().unwrap(), store.clone())
}

fn dispatch(recorder: &Recorder) -> Dispatch {
    Dispatch::new(tracing_subscriber::registry().with(TracingLayer::new(recorder)))
}

/// Records what `work` tells, and returns it without the times.
fn recorded(work: impl FnOnce()) -> Vec<Value> {
    let store = Moody::default();
    let recorder = Recorder::new(&journal(&store)).unwrap();
    dispatcher::with_default(&dispatch(&recorder), work);
    let tally = recorder.close_blocking(LONG);
    assert_eq!(tally.written, tally.accepted, "{tally:?}");
    let without_time = |line: &str| {
        let mut record: Value = serde_json::from_str(line).unwrap();
        assert!(record.as_object_mut().unwrap().remove("timestamp").unwrap().is_f64());
        record
    };
    store.text().lines().map(without_time).collect()
}

#[test]
fn an_event_becomes_a_record_with_the_fields_of_its_spans() {
    let records = recorded(|| {
        let outer = tracing::info_span!("request", id = 7_u64, user = "ann").entered();
        let inner = tracing::debug_span!("query").entered();
        tracing::warn!(target: "shop::db", took = 1.5, rows = -3, r#type = "slow", retried = true, "é {}", 1);
        drop(inner);
        drop(outer);
        tracing::error!(error = &fmt::Error as &dyn std::error::Error, list = ?[1, 2]);
    });
    let of_request = json!({"name": "request", "fields": {"id": 7, "user": "ann"}});
    let expected = json!([{
        "kind": "event", "system_id": "local", "actor_address": "shop::db", "event_type": "WARN",
        "payload": {
            "message": "é 1",
            "fields": {"took": 1.5, "rows": -3, "type": "slow", "retried": true},
            "spans": [of_request, {"name": "query", "fields": {}}],
        },
    }, {
        "kind": "event", "system_id": "local", "actor_address": module_path!(), "event_type": "ERROR",
        "payload": {"fields": {"error": fmt::Error.to_string(), "list": "[1, 2]"}, "spans": []},
    }]);
    assert_eq!(Value::Array(records), expected);
}

#[test]
fn a_span_has_the_values_that_were_recorded_last() {
    let records = recorded(|| {
        let (later, never) = (tracing::field::Empty, tracing::field::Empty);
        let span = tracing::info_span!("job", step = 1, later, never);
        let _entered = span.enter();
        tracing::info!("begins");
        span.record("step", 2);
        span.record("later", "now");
        tracing::info!("goes on");
    });
    let fields = |n: usize| records[n]["payload"]["spans"][0]["fields"].clone();
    assert_eq!(fields(0), json!({"step": 1}));
    assert_eq!(fields(1), json!({"step": 2, "later": "now"}));
}

#[tokio::test(flavor = "multi_thread")]
async fn records_are_sound_and_those_of_a_filter_alone() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("log.ndjson");
    let journal = Journal::new(&Engine::new().unwrap(), FileStore::open(&path));
    let recorder = Recorder::new(&journal).unwrap();
    let layer = TracingLayer::new(&recorder).with_system_id("shop").with_filter(LevelFilter::INFO);
    let dispatch = Dispatch::new(tracing_subscriber::registry().with(layer));
    dispatcher::with_default(&dispatch, || {
        let _span = tracing::debug_span!("left out").entered();
        tracing::debug!("left out");
        tracing::info!(text = "\u{2028}\n\"", huge = u64::MAX, odd = f64::NAN, "kept");
    });
    recorder.close(LONG).await;
    let report: ScanReport = journal.scan(ScanOptions::default()).await.unwrap();
    assert_eq!((report.records, report.damaged, report.suspect), (1, 0, 0), "{report:?}");
    let record: Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    assert_eq!(record["system_id"], "shop");
    let fields = json!({"text": "\u{2028}\n\"", "huge": u64::MAX, "odd": null});
    assert_eq!(record["payload"], json!({"message": "kept", "fields": fields, "spans": []}));
}

#[test]
fn a_store_that_hangs_holds_nobody_up_and_what_is_dropped_is_counted() {
    let store = Moody::default();
    store.set(Mood::Blocks);
    let recorder = Recorder::builder().max_records(100).start(&journal(&store)).unwrap();
    dispatcher::with_default(&dispatch(&recorder), || {
        (0..1_000).for_each(|n| tracing::info!(n, "hurry"));
    });
    // The store is still blocked: whoever had waited for it would not be here.
    let tally = recorder.tally();
    assert_eq!(
        (tally.accepted, tally.written, tally.dropped_overflow),
        (1_000, 0, 900),
        "{tally:?}"
    );
    store.set(Mood::Works);
    assert_eq!(recorder.close_blocking(LONG).written, 100);
}

struct Panicking;

impl fmt::Debug for Panicking {
    fn fmt(&self, _: &mut fmt::Formatter<'_>) -> fmt::Result {
        panic!("as a test wishes")
    }
}

#[test]
fn a_value_that_panics_costs_its_record_alone() {
    let store = Moody::default();
    let recorder = Recorder::new(&journal(&store)).unwrap();
    dispatcher::with_default(&dispatch(&recorder), || {
        tracing::info!(bad = ?Panicking, "lost");
        tracing::info!("kept");
    });
    let tally = recorder.close_blocking(LONG);
    assert_eq!((tally.written, tally.dropped_invalid), (1, 1));
}

/// A store that tells what it does, to the very layer whose records it keeps.
struct Telling {
    inner: Moody,
    layer: Arc<std::sync::OnceLock<Dispatch>>,
}

#[async_trait]
impl Store for Telling {
    fn describe(&self) -> Description {
        self.inner.describe()
    }

    async fn append(&self, lines: String, runs: &[Run]) -> Result<(), StoreError> {
        dispatcher::with_default(self.layer.get().unwrap(), || tracing::info!("appending"));
        self.inner.append(lines, runs).await
    }

    async fn snapshot(&self) -> Result<Arc<dyn Snapshot>, StoreError> {
        self.inner.snapshot().await
    }
}

#[test]
fn writing_a_record_leads_to_no_other() {
    let (inner, layer) = (Moody::default(), Arc::new(std::sync::OnceLock::new()));
    let store = Telling { inner: inner.clone(), layer: Arc::clone(&layer) };
    let recorder = Recorder::new(&Journal::new(&Engine::new().unwrap(), store)).unwrap();
    let dispatch = layer.get_or_init(|| dispatch(&recorder));
    dispatcher::with_default(dispatch, || {
        tracing::info!("mine");
        tracing::warn!(target: "papyra_persistence::recorder::writer", "of this library");
        tracing::warn!(target: "papyra_persistence_of_mine", "mine as well");
    });
    let began = Instant::now();
    while inner.calls() == 0 && began.elapsed() < LONG {
        std::thread::sleep(Duration::from_millis(5));
    }
    recorder.flush_blocking(LONG);
    let tally = recorder.close_blocking(LONG);
    assert_eq!((tally.accepted, tally.written), (2, 2), "{}", inner.text());
}
