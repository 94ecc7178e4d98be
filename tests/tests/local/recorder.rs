//! The recorder with stores that work: everything arrives, in order, as sound records.

use std::fs;
use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::thread;
use std::time::Duration;

use papyra_persistence::journal::{ScanOptions, StartupMode, StartupOptions};
use papyra_persistence::recorder::{
    Accepted, Audit, AuditCounts, DeadLetter, Event, Metric, Recorder,
};
use papyra_persistence::route::{Route, RoutedJournal};
use papyra_persistence::store::{Durability, FileStore, Kind, Store};
use papyra_persistence::{Engine, Journal};
use papyra_tests::moody::{Mood, Moody};
use papyra_tests::process::Worker;
use papyra_tests::random::Random;
use papyra_tests::scale;
use serde_json::value::RawValue;
use serde_json::{Value, json};

const LONG: Duration = Duration::from_secs(60);

fn moody() -> (Moody, Journal) {
    let store = Moody::default();
    let journal = Journal::new(&Engine::new().unwrap(), store.clone());
    (store, journal)
}

fn values(text: &str) -> Vec<Value> {
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// The field `n` of each record, but those that tell of losses.
fn numbers(text: &str) -> Vec<u64> {
    let records = values(text).into_iter().filter(|record| record["action"] != "loss");
    records.map(|record| record["n"].as_u64().unwrap()).collect()
}

#[tokio::test]
async fn an_idle_recorder_adds_to_the_index() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("journal.ndjson");
    let store = Arc::new(FileStore::open(&path));
    let journal = Journal::with_store(&Engine::new().unwrap(), store.clone());
    let every = Duration::from_millis(20);
    let recorder = Recorder::builder().index_every(every).start(&journal).unwrap();
    let mut before = String::new();
    for n in 0..3 {
        recorder.record(Kind::Event, &json!({"n": n}));
        recorder.flush().await;
        let changed = async {
            loop {
                let index = store.load_index().await.unwrap();
                if index != before {
                    break index;
                }
                tokio::time::sleep(every).await;
            }
        };
        before = tokio::time::timeout(LONG, changed).await.unwrap();
    }
    recorder.close(LONG).await;
    let check = StartupOptions { mode: StartupMode::Fail, ..StartupOptions::default() };
    let report = journal.startup_check(check, None).await.unwrap();
    assert_eq!(report.indexed_bytes, fs::metadata(&path).unwrap().len());
}

#[tokio::test]
async fn a_recorder_whose_store_keeps_no_index_goes_on() {
    let (store, journal) = moody();
    let every = Duration::from_millis(1);
    let recorder = Recorder::builder().index_every(every).start(&journal.without_index()).unwrap();
    for n in 0..20 {
        recorder.record(Kind::Event, &json!({"n": n}));
        tokio::time::sleep(every).await;
    }
    assert_eq!(recorder.close(LONG).await.written, 20);
    assert_eq!(store.text().lines().count(), 20);
}

#[tokio::test]
async fn ten_thousand_records_and_a_close_are_all_there() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("journal.ndjson");
    let interval = Durability::Interval(Duration::from_millis(50));
    let store = FileStore::builder(&path).durability(interval).build();
    let journal = Journal::new(&Engine::new().unwrap(), store);
    let recorder = Recorder::new(&journal).unwrap();
    for n in 0..10_000_u64 {
        let number = json!({"n": n});
        let event = Event::new("local", ("local", n % 7), "ActorStarted").fields(&number);
        assert_eq!(recorder.event(event), Accepted::Queued);
    }
    let tally = recorder.close(LONG).await;
    assert_eq!((tally.accepted, tally.written, tally.queued), (10_000, 10_000, 0));
    let text = fs::read_to_string(&path).unwrap();
    assert!(numbers(&text) == (0..10_000).collect::<Vec<_>>(), "all, in order");
    assert_eq!(tally.bytes_written, text.len() as u64);
    let report = journal.scan(ScanOptions::default()).await.unwrap();
    assert_eq!((report.records, report.damaged, report.suspect), (10_000, 0, 0));
    assert_eq!(journal.metrics().records_written, 10_000);
}

#[test]
fn records_of_one_thread_keep_their_order_among_those_of_others() {
    let (store, journal) = moody();
    let recorder = Recorder::new(&journal).unwrap();
    thread::scope(|scope| {
        for thread in 0..4_u64 {
            let recorder = recorder.clone();
            scope.spawn(move || {
                for n in 0..5_000_u64 {
                    recorder.record(Kind::Metric, &json!({"thread": thread, "n": n}));
                }
            });
        }
    });
    let tally = recorder.flush_blocking(LONG);
    assert_eq!((tally.written, tally.dropped(), tally.queued), (20_000, 0, 0));
    let mut next = [0; 4];
    for value in values(&store.text()) {
        let next = &mut next[value["thread"].as_u64().unwrap() as usize];
        assert_eq!(value["n"].as_u64(), Some(*next));
        *next += 1;
    }
    assert_eq!(next, [5_000; 4]);
}

#[test]
fn the_models_have_papyras_fields_and_are_sound() {
    let (store, journal) = moody();
    let recorder = Recorder::new(&journal).unwrap();
    recorder.event(Event::new("s", "local:1", "E").payload(&json!({"i": 1})).at(1.0));
    let counts = AuditCounts {
        total_actors: 1,
        registry_orphans: &["a"],
        dead_letters_count: 3,
        ..AuditCounts::default()
    };
    recorder.audit(Audit::new("s", counts).at(2.0));
    let letter = DeadLetter::new("s", "str").target(("s", 1)).payload("gone").at(3.0);
    let more = json!({"expects_reply": true});
    recorder.dead_letter(letter.fields(&more));
    recorder.metric(Metric::new("s", "wait_seconds", f64::NAN).at(4.0));
    recorder.record_at(Kind::Audit, 5.0, &json!({"action": "spawn"}));
    let tally = recorder.close_blocking(LONG);
    assert_eq!((tally.written, tally.dropped()), (5, 0));
    assert_eq!(
        store.text(),
        "{\"kind\": \"event\", \"timestamp\": 1.0, \"system_id\": \"s\", \"actor_address\": \
         \"local:1\", \"event_type\": \"E\", \"payload\": {\"i\": 1}}\n\
         {\"kind\": \"audit\", \"timestamp\": 2.0, \"system_id\": \"s\", \"total_actors\": 1, \
         \"alive_actors\": 0, \"stopping_actors\": 0, \"restarting_actors\": 0, \
         \"registry_size\": 0, \"registry_orphans\": [\"a\"], \"registry_dead\": [], \
         \"dead_letters_count\": 3}\n\
         {\"kind\": \"dead_letter\", \"timestamp\": 3.0, \"system_id\": \"s\", \"target\": \
         {\"system\": \"s\", \"actor_id\": 1}, \"message_type\": \"str\", \"payload\": \"gone\", \
         \"expects_reply\": true}\n\
         {\"kind\": \"metric\", \"timestamp\": 4.0, \"system_id\": \"s\", \"name\": \
         \"wait_seconds\", \"value\": null}\n\
         {\"kind\": \"audit\", \"timestamp\": 5.0, \"action\": \"spawn\"}\n"
    );
}

#[test]
fn fields_that_come_as_text_may_be_none_at_all() {
    let (store, journal) = moody();
    let recorder = Recorder::new(&journal).unwrap();
    for text in ["{}", "{ }", "{\n\t}"] {
        recorder.record_at(Kind::Event, 1.0, &RawValue::from_string(text.to_owned()).unwrap());
    }
    let tally = recorder.close_blocking(LONG);
    assert_eq!((tally.written, tally.dropped()), (3, 0));
    assert_eq!(store.text(), "{\"kind\": \"event\", \"timestamp\": 1.0}\n".repeat(3));
}

#[test]
fn a_record_that_is_refused_is_lost_alone() {
    // One among many, many in a row, and nothing but.
    for bad in [
        |n: u64| n == 700,
        |n: u64| (300..800).contains(&n),
        |n: u64| n.is_multiple_of(3),
        |_| true,
    ] {
        let (store, journal) = moody();
        let recorder =
            Recorder::builder().gather_for(Duration::from_millis(20)).start(&journal).unwrap();
        let mut sound = Vec::new();
        for n in 0..1_000_u64 {
            match bad(n) {
                // It would have two timestamps.
                true => {
                    recorder.record(Kind::Event, &json!({"n": n, "timestamp": 1}));
                }
                false => {
                    recorder.record(Kind::Event, &json!({"n": n}));
                    sound.push(n);
                }
            }
        }
        // These do not even come as far as the engine.
        recorder.record(Kind::Event, &json!([1]));
        recorder.record_at(Kind::Event, f64::NAN, &json!({}));
        let tally = recorder.close_blocking(LONG);
        assert_eq!(tally.dropped_invalid, 1_002 - sound.len() as u64);
        assert_eq!((tally.accepted, tally.dropped()), (1_002, tally.dropped_invalid));
        assert_eq!(tally.written, sound.len() as u64);
        assert!(numbers(&store.text()) == sound);
    }
}

#[test]
fn after_close_records_are_dropped_and_counted() {
    let (store, journal) = moody();
    let recorder = Recorder::new(&journal).unwrap();
    recorder.record(Kind::Event, &json!({"n": 1}));
    recorder.close_blocking(LONG);
    assert_eq!(recorder.record(Kind::Event, &json!({"n": 2})), Accepted::Dropped);
    let tally = recorder.close_blocking(LONG);
    assert_eq!((tally.accepted, tally.written, tally.dropped_closed), (2, 1, 1));
    assert_eq!(numbers(&store.text()), [1]);
}

#[test]
fn what_is_queued_when_the_last_handle_goes_is_still_written() {
    let (store, journal) = moody();
    let recorder = Recorder::new(&journal).unwrap();
    for n in 0..1_000_u64 {
        recorder.record(Kind::Event, &json!({"n": n}));
    }
    drop(recorder);
    while numbers(&store.text()).len() < 1_000 {
        thread::sleep(Duration::from_millis(1));
    }
    assert!(numbers(&store.text()) == (0..1_000).collect::<Vec<_>>());
}

/// Events to one store, metrics nowhere, the rest to another.
pub fn routed() -> (Moody, Moody, RoutedJournal) {
    let (events, others) = (Moody::default(), Moody::default());
    let route = Route::builder()
        .store(Kind::Event, Arc::new(events.clone()))
        .discard(Kind::Metric)
        .default_store(Arc::new(others.clone()))
        .build()
        .unwrap();
    (events, others, RoutedJournal::new(&Engine::new().unwrap(), route))
}

#[test]
fn each_kind_goes_where_its_route_says() {
    let (events, others, journal) = routed();
    let recorder = Recorder::builder().start_on_route(&journal).unwrap();
    for kind in [Kind::Event, Kind::Audit, Kind::DeadLetter, Kind::Metric, Kind::Event] {
        recorder.record(kind, &json!({"n": 1}));
    }
    let tally = recorder.close_blocking(LONG);
    assert_eq!((tally.accepted, tally.written, tally.dropped_unrouted), (5, 4, 1));
    assert_eq!((numbers(&events.text()).len(), numbers(&others.text()).len()), (2, 2));
}

#[test]
fn a_store_of_a_route_that_hangs_holds_up_no_other() {
    let (events, others, journal) = routed();
    events.set(Mood::Hangs);
    let recorder = Recorder::builder().start_on_route(&journal).unwrap();
    for n in 0..1_000_u64 {
        recorder.record(Kind::Event, &json!({"n": n}));
        recorder.record(Kind::Audit, &json!({"n": n}));
    }
    while recorder.tally().written < 1_000 {
        thread::sleep(Duration::from_millis(1));
    }
    assert_eq!((numbers(&others.text()).len(), recorder.tally().queued), (1_000, 1_000));
    events.set(Mood::Works);
    assert_eq!(recorder.close_blocking(LONG).written, 2_000);
}

#[test]
fn counting_from_zero_again_keeps_the_account() {
    let (_, journal) = moody();
    let recorder = Recorder::builder().gather_for(Duration::from_secs(30)).start(&journal).unwrap();
    recorder.record(Kind::Event, &json!({}));
    recorder.reset_tally();
    let tally = recorder.tally();
    assert_eq!((tally.accepted, tally.queued, tally.queued_most), (1, 1, 1));
    let tally = recorder.close_blocking(LONG);
    assert_eq!((tally.accepted, tally.written, tally.queued), (1, 1, 0));
}

/// The smallest runtime there is.
fn block_on<T>(future: impl Future<Output = T>) -> T {
    struct Unpark(thread::Thread);
    impl Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    let mut future = pin!(future);
    loop {
        if let Poll::Ready(value) = future.as_mut().poll(&mut Context::from_waker(&waker)) {
            return value;
        }
        thread::park();
    }
}

#[test]
fn flush_and_close_need_no_runtime_of_tokio() {
    let (store, journal) = moody();
    let recorder = Recorder::new(&journal).unwrap();
    recorder.record(Kind::Event, &json!({"n": 1}));
    assert_eq!(block_on(recorder.flush()).written, 1);
    recorder.record(Kind::Event, &json!({"n": 2}));
    assert_eq!(block_on(recorder.close(LONG)).written, 2);
    assert_eq!(numbers(&store.text()), [1, 2]);
}

#[test]
fn after_kill_9_nothing_is_missing_that_a_flush_has_acknowledged() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("journal.ndjson");
    let mut random = Random::new(scale::seed());
    let mut acknowledged = 0;
    for cycle in 0..scale::kill_cycles().min(100) {
        fs::remove_file(&path).ok();
        let batch = (1 + random.below(3_000)).to_string();
        let args = ["record", path.to_str().unwrap(), "1000000", &batch];
        let worker = Worker::start(env!("CARGO_BIN_EXE_papyra-worker"), &args);
        let lines = worker.kill_within(Duration::from_millis(150), &mut random);
        let until: u64 = lines.last().and_then(|line| line.parse().ok()).unwrap_or(0);
        acknowledged += until;
        let text = fs::read_to_string(&path).unwrap_or_default();
        // The last line may be torn.
        let whole = text.rfind('\n').map_or("", |end| &text[..=end]);
        let written = numbers(whole);
        assert!(written.len() as u64 >= until, "cycle {cycle}: {} of {until}", written.len());
        assert!(
            written == (0..written.len() as u64).collect::<Vec<_>>(),
            "cycle {cycle}: in order"
        );
    }
    assert!(acknowledged > 0, "no flush has ever returned");
}
