//! Consumers whose backend or engine fails under them: nothing is stranded, and every call ends.

mod flock;

use std::sync::atomic::Ordering;
use std::time::Duration;

use flock::Flock;
use papyra_persistence::consumer::{Batch, Consumer, ConsumerBuilder, Start, Wait};
use papyra_persistence::journal::FailureCode;
use papyra_persistence::{Engine, Journal, JournalError, Kind};

const RECORD: &str = r#"{"kind": "event", "timestamp": 1763700000}"#;

fn consumer(store: &Flock, engine: &Engine) -> ConsumerBuilder {
    Journal::new(engine, store.clone()).consumer(Kind::Event, "workers", "w1")
}

fn ids(batch: &Batch) -> Vec<&str> {
    batch.ids().collect()
}

/// A wait that only a defect lets end in vain.
async fn soon(consumer: &mut Consumer) -> Result<Batch, JournalError> {
    tokio::time::timeout(Duration::from_secs(60), consumer.next()).await.expect("it ends")
}

#[tokio::test]
async fn what_a_lost_answer_had_handed_out_comes_with_the_next_call() {
    let (store, engine) = (Flock::default(), Engine::new().unwrap());
    let mut consumer = consumer(&store, &engine).count(2).build();
    (0..5).for_each(|_| store.push(RECORD));
    let first = consumer.next().await.unwrap();
    assert_eq!((ids(&first), first.made.as_deref()), (vec!["1-0", "2-0"], Some("0")));
    assert_eq!(first.entries[0].record, RECORD);

    store.knobs().lose.store(1, Ordering::Relaxed);
    let lost = consumer.next().await.unwrap_err();
    assert_eq!(lost.code(), Some(FailureCode::Unavailable));
    let found = consumer.next().await.unwrap();
    assert_eq!(ids(&found), ["3-0", "4-0"], "not what it was given before, and nothing left out");
    assert_eq!(found.entries[0].deliveries, 2);
    assert_eq!(ids(&consumer.next().await.unwrap()), ["5-0"]);
    assert_eq!(consumer.ack(["3-0", "9-0"]).await.unwrap(), 1);
    assert_eq!(store.pending("workers"), [1, 2, 4, 5]);
}

#[tokio::test]
async fn what_is_lost_after_a_group_was_moved_back_comes_with_the_next_call() {
    let (store, engine) = (Flock::default(), Engine::new().unwrap());
    let mut consumer = consumer(&store, &engine).count(4).max_deliveries(3).build();
    (0..11).for_each(|_| store.push(RECORD));
    let mut all = Vec::new();
    while all.len() < 8 {
        let batch = consumer.next().await.unwrap();
        all.extend(batch.ids().map(str::to_owned));
    }
    consumer.ack(&all).await.unwrap();
    assert_eq!(ids(&consumer.next().await.unwrap()), ["9-0", "10-0", "11-0"]);

    let group = Journal::new(&engine, store.clone()).group(Kind::Event, "workers");
    group.set_id(&Start::Everything).await.unwrap();
    store.knobs().lose.store(1, Ordering::Relaxed);
    consumer.next().await.unwrap_err();
    let found = consumer.next().await.unwrap();
    assert_eq!(ids(&found), ["1-0", "2-0", "3-0", "4-0"]);
    assert_eq!(found.entries[0].deliveries, 2);
    assert_eq!(ids(&consumer.next().await.unwrap()), ["5-0", "6-0", "7-0", "8-0"]);
    // What it still works on is not counted as delivered again.
    let filter = papyra_persistence::consumer::PendingFilter {
        start: "9-0".to_owned(),
        end: "+".to_owned(),
        count: 10,
        min_idle_ms: 0,
        consumer: None,
    };
    let open = group.list_pending(&filter).await.unwrap();
    assert!(open.iter().all(|entry| entry.deliveries == 1), "{open:?}");
}

#[tokio::test]
async fn what_could_not_be_quarantined_comes_again() {
    let (store, engine) = (Flock::default(), Engine::new().unwrap());
    let mut consumer = consumer(&store, &engine).build();
    [RECORD, "{", RECORD].into_iter().for_each(|record| store.push(record));
    store.knobs().refuse.store(true, Ordering::Relaxed);
    let first = consumer.next().await.unwrap();
    assert_eq!((ids(&first), first.partial_failure.is_some()), (vec!["1-0", "3-0"], true));
    store.knobs().refuse.store(false, Ordering::Relaxed);
    let second = consumer.next().await.unwrap();
    assert_eq!((ids(&second), &*second.quarantined), (vec![], &["2-0".to_owned()][..]));
    assert_eq!(store.pending("workers"), [1, 3]);
}

#[tokio::test]
async fn a_wait_for_ever_ends_when_it_is_dropped_and_strands_nothing() {
    let (store, engine) = (Flock::default(), Engine::new().unwrap());
    let mut consumer = consumer(&store, &engine).wait(Wait::Forever).build();
    let dropped = tokio::time::timeout(Duration::from_millis(50), consumer.next()).await;
    assert!(dropped.is_err());
    store.push(RECORD);
    assert_eq!(ids(&soon(&mut consumer).await.unwrap()), ["1-0"]);

    // Dropped when the backend had handed something out already.
    store.knobs().hold.store(true, Ordering::Relaxed);
    store.push(RECORD);
    let dropped = tokio::time::timeout(Duration::from_millis(50), consumer.next()).await;
    assert!(dropped.is_err());
    assert_eq!(store.pending("workers"), [1, 2]);
    store.knobs().hold.store(false, Ordering::Relaxed);
    assert_eq!(ids(&soon(&mut consumer).await.unwrap()), ["2-0"]);
}

#[tokio::test]
async fn a_wait_may_outlast_the_storage_timeout_and_nothing_else_may() {
    let store = Flock::default();
    let engine = Engine::builder().storage_timeout(Duration::from_millis(300)).build().unwrap();
    let wait = Wait::For(Duration::from_secs(30));
    let mut consumer = consumer(&store, &engine).wait(wait).build();
    let later = store.clone();
    let push = tokio::spawn(async move {
        tokio::time::sleep(Duration::from_millis(900)).await;
        later.push(RECORD);
    });
    assert_eq!(ids(&soon(&mut consumer).await.unwrap()), ["1-0"]);
    push.await.unwrap();

    store.knobs().hang.store(true, Ordering::Relaxed);
    let hung = tokio::time::timeout(Duration::from_secs(60), consumer.ack(["1-0"])).await;
    let error = hung.expect("it ends").unwrap_err();
    assert_eq!(error.code(), Some(FailureCode::Unavailable), "{error}");
    store.knobs().hang.store(false, Ordering::Relaxed);
    assert_eq!(consumer.ack(["1-0"]).await.unwrap(), 1);
}

#[tokio::test]
async fn a_destroyed_group_goes_on_after_what_was_acknowledged_without_a_gap() {
    let (store, engine) = (Flock::default(), Engine::new().unwrap());
    let mut consumer = consumer(&store, &engine).start(&Start::Everything).count(4).build();
    (0..6).for_each(|_| store.push(RECORD));
    consumer.next().await.unwrap();
    consumer.ack(["1-0", "2-0", "4-0"]).await.unwrap();
    store.destroy_groups();
    let batch = consumer.next().await.unwrap();
    assert_eq!(batch.made.as_deref(), Some("2-0"));
    assert_eq!(ids(&batch), ["3-0", "4-0", "5-0", "6-0"], "3 was never acknowledged");
}

#[tokio::test]
async fn a_trap_costs_the_instance_and_neither_the_consumer_nor_its_records() {
    let store = Flock::default();
    let engine = Engine::builder().memory_limit(6 << 20).build().unwrap();
    let mut consumer = consumer(&store, &engine).build();
    store.push(RECORD);
    assert_eq!(ids(&consumer.next().await.unwrap()), ["1-0"]);
    let filler = "x".repeat(4 << 20);
    store.push(&format!(r#"{{"kind": "event", "timestamp": 1, "x": "{filler}"}}"#));
    store.push(RECORD);
    let trap = consumer.next().await.unwrap_err();
    assert!(matches!(trap, JournalError::Trap { .. }), "{trap}");
    store.remove(2);
    let batch = consumer.next().await.unwrap();
    assert_eq!((ids(&batch), batch.deleted.as_slice()), (vec!["3-0"], &["2-0".to_owned()][..]));
    assert_eq!(store.pending("workers"), [1, 3]);
}

#[tokio::test]
async fn more_than_the_engine_can_hold_is_a_failure_and_stays_within_reach() {
    let (store, engine) = (Flock::default(), Engine::new().unwrap());
    let mut consumer = consumer(&store, &engine).build();
    let filler = "x".repeat(8 << 20);
    (0..5).for_each(|_| {
        store.push(&format!(r#"{{"kind": "event", "timestamp": 1, "x": "{filler}"}}"#));
    });
    let failed = consumer.next().await.unwrap_err();
    assert_eq!(failed.code(), Some(FailureCode::Failed));
    assert!(failed.to_string().contains("fewer at a time"), "{failed}");
    assert_eq!(store.pending("workers").len(), 5);
    let mut seen = 0;
    while seen < 5 {
        let batch = consumer.next().await.unwrap();
        assert!(!batch.entries.is_empty());
        seen += batch.entries.len();
    }
}
