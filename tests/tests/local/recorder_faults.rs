//! The recorder with stores that hang, block, vanish, fill up, fail, panic, and trap the engine: callers
//! come back, the process lives, and the account is exact at every moment.

use std::fs;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use papyra_persistence::journal::ScanOptions;
use papyra_persistence::recorder::{Accepted, Overflow, Recorder, RecorderBuilder, Tally};
use papyra_persistence::store::{FileStore, Kind, MemoryStore};
use papyra_persistence::{Engine, Journal};
use papyra_tests::moody::{BAD, Mood, Moody};
use papyra_tests::random::Random;
use papyra_tests::scale;
use serde_json::{Value, json};

const LONG: Duration = Duration::from_secs(60);
const SHORT: Duration = Duration::from_millis(30);

fn moody(settings: RecorderBuilder) -> (Moody, Recorder) {
    let store = Moody::default();
    let journal = Journal::new(&Engine::new().unwrap(), store.clone());
    (store, settings.start(&journal).unwrap())
}

fn impatient() -> RecorderBuilder {
    Recorder::builder()
        .retry_for(SHORT)
        .retry_pauses(Duration::from_millis(1), Duration::from_millis(5))
}

/// The field `n` of each record, but those that tell of losses.
fn numbers(text: &str) -> Vec<u64> {
    let records = text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let records = records.filter(|record| record["action"] != "loss");
    records.map(|record| record["n"].as_u64().unwrap()).collect()
}

fn assert_exact(tally: Tally) {
    assert_eq!(tally.accepted, tally.written + tally.dropped() + tally.queued, "{tally:?}");
}

#[test]
fn in_every_mood_of_the_store_callers_return_and_the_account_adds_up() {
    for mood in BAD {
        let (store, recorder) = moody(impatient().max_records(1_000));
        store.set(mood);
        let queued = (0..5_000_u64)
            .filter(|n| recorder.record(Kind::Event, &json!({"n": n})) == Accepted::Queued)
            .inspect(|_| assert_exact(recorder.tally()))
            .count();
        // That these lines are reached is the test: no call has waited for the store.
        let tally = recorder.tally();
        assert_eq!(tally.accepted, 5_000, "{mood:?}");
        assert!(tally.queued <= 1_000 && queued >= 1_000, "{mood:?}: {tally:?}");
        assert!(tally.dropped_overflow + tally.dropped_failed > 0, "{mood:?}: {tally:?}");
        assert_exact(tally);

        store.set(Mood::Works);
        recorder.flush_blocking(LONG);
        recorder.record(Kind::Event, &json!({"n": 1_000_000}));
        let tally = recorder.close_blocking(LONG);
        assert_exact(tally);
        assert_eq!((tally.accepted, tally.queued), (5_001, 0), "{mood:?}");
        let written = numbers(&store.text());
        assert_eq!(tally.written, written.len() as u64, "{mood:?}");
        assert_eq!(written.last(), Some(&1_000_000), "{mood:?}: it works again");
        assert!(written.is_sorted(), "{mood:?}");
    }
}

#[test]
fn what_can_pass_is_tried_again_until_it_has_passed() {
    for mood in [Mood::Unavailable, Mood::Full, Mood::Locked] {
        let pauses = |settings: RecorderBuilder| {
            settings.retry_pauses(Duration::from_millis(1), Duration::from_millis(4))
        };
        let (store, recorder) = moody(pauses(Recorder::builder()));
        store.set(mood);
        for n in 0..3_000_u64 {
            recorder.record(Kind::Event, &json!({"n": n}));
        }
        while store.calls() < 5 {
            thread::sleep(Duration::from_millis(1));
        }
        assert_eq!(recorder.tally().written, 0);
        store.set(Mood::Works);
        let tally = recorder.flush_blocking(LONG);
        assert_eq!((tally.written, tally.dropped()), (3_000, 0), "{mood:?}");
        assert!(tally.retries >= 4, "{mood:?}: {tally:?}");
        assert!(numbers(&store.text()) == (0..3_000).collect::<Vec<_>>(), "{mood:?}");
    }
}

#[test]
fn a_pause_may_be_as_long_as_can_be_said() {
    let settings = Recorder::builder().retry_for(Duration::from_millis(1));
    let (store, recorder) = moody(settings.retry_pauses(Duration::MAX, Duration::MAX));
    store.set(Mood::Unavailable);
    recorder.record(Kind::Event, &json!({"n": 1}));
    assert_eq!(recorder.flush_blocking(LONG).dropped_failed, 1);
    store.set(Mood::Works);
    recorder.record(Kind::Event, &json!({"n": 2}));
    assert_eq!(recorder.close_blocking(LONG).written, 1);
}

#[test]
fn what_cannot_pass_is_not_tried_again() {
    let (store, recorder) = moody(Recorder::builder());
    store.set(Mood::Failed);
    recorder.record(Kind::Event, &json!({}));
    let tally = recorder.flush_blocking(LONG);
    assert_eq!((tally.dropped_failed, tally.retries, store.calls()), (1, 0, 1));
}

#[test]
fn a_full_queue_keeps_what_came_first_or_what_came_last_as_told() {
    for (overflow, kept) in [(Overflow::DropNewest, 0..100), (Overflow::DropOldest, 900..1_000)] {
        let (store, recorder) = moody(Recorder::builder().max_records(100).overflow(overflow));
        // The writer is stuck with a record of its own, which counts as queued.
        store.set(Mood::Hangs);
        recorder.record(Kind::Event, &json!({"n": 5_000}));
        while store.calls() == 0 {
            thread::sleep(Duration::from_millis(1));
        }
        for n in 0..1_000_u64 {
            recorder.record(Kind::Event, &json!({"n": n}));
        }
        let tally = recorder.tally();
        assert_eq!((tally.queued, tally.queued_most, tally.dropped_overflow), (100, 100, 901));
        store.set(Mood::Works);
        let tally = recorder.close_blocking(LONG);
        assert_eq!((tally.written, tally.dropped()), (100, 901));
        let kept: Vec<u64> = match overflow {
            Overflow::DropNewest => [5_000].into_iter().chain(kept.take(99)).collect(),
            Overflow::DropOldest => [5_000].into_iter().chain(kept.skip(1)).collect(),
        };
        assert_eq!(numbers(&store.text()), kept, "{overflow:?}");
    }
}

#[test]
fn a_queue_is_bounded_in_bytes_as_well() {
    for overflow in [Overflow::DropNewest, Overflow::DropOldest] {
        let (store, recorder) = moody(Recorder::builder().max_bytes(10_000).overflow(overflow));
        store.set(Mood::Hangs);
        for n in 0..1_000_u64 {
            recorder.record(Kind::Event, &json!({"n": n}));
            assert!(recorder.tally().queued_bytes <= 10_000);
        }
        // One that can never fit displaces nothing.
        let before = recorder.tally();
        let whale = json!({"text": "x".repeat(20_000)});
        assert_eq!(recorder.record(Kind::Event, &whale), Accepted::Dropped);
        assert_eq!(recorder.tally().queued, before.queued);
        store.set(Mood::Works);
        let tally = recorder.close_blocking(LONG);
        assert_exact(tally);
        assert_eq!((tally.accepted, tally.queued), (1_001, 0));
        assert!(tally.written > 0 && tally.queued_bytes_most <= 10_000);
    }
}

#[test]
fn no_snapshot_ever_shows_a_record_twice_or_not_at_all() {
    let settings = impatient().max_records(500).overflow(Overflow::DropOldest);
    let (store, recorder) = moody(settings.gather_for(Duration::from_micros(200)));
    let ended = AtomicBool::new(false);
    thread::scope(|scope| {
        let watcher = scope.spawn(|| {
            let mut looks = 0_u64;
            let mut last = Tally::default();
            while !ended.load(Ordering::Relaxed) {
                let tally = recorder.tally();
                assert_exact(tally);
                assert!(tally.accepted >= last.accepted && tally.written >= last.written);
                last = tally;
                looks += 1;
            }
            looks
        });
        let workers: Vec<_> = (0..3_u64)
            .map(|thread| {
                let recorder = recorder.clone();
                scope.spawn(move || {
                    for n in 0..40_000_u64 {
                        recorder.record(Kind::Event, &json!({"thread": thread, "n": n}));
                    }
                })
            })
            .collect();
        let mut random = Random::new(scale::seed());
        while workers.iter().any(|worker| !worker.is_finished()) {
            store.set(if random.once_in(2) { Mood::Works } else { BAD[random.below(BAD.len())] });
            thread::sleep(Duration::from_micros(300));
        }
        store.set(Mood::Works);
        recorder.close_blocking(LONG);
        ended.store(true, Ordering::Relaxed);
        assert!(watcher.join().unwrap() > 100, "the watcher has looked");
    });
    let tally = recorder.tally();
    assert_exact(tally);
    assert_eq!((tally.accepted, tally.queued), (120_000, 0));
    assert_eq!(tally.written, numbers(&store.text()).len() as u64);
}

#[test]
fn close_keeps_its_deadline_whatever_the_store_holds_up() {
    for mood in [Mood::Hangs, Mood::Blocks, Mood::Unavailable] {
        let (store, recorder) = moody(Recorder::builder());
        store.set(mood);
        for n in 0..1_000_u64 {
            recorder.record(Kind::Event, &json!({"n": n}));
        }
        // That this returns at all is the test.
        let tally = recorder.close_blocking(SHORT);
        assert_eq!((tally.dropped_closed, tally.queued), (1_000, 0), "{mood:?}");
        assert_exact(tally);
        assert_eq!(recorder.flush_blocking(LONG), tally, "{mood:?}: the account is final");
        // A call that was under way may come through; the account stays as it was given.
        store.set(Mood::Works);
        thread::sleep(SHORT);
        assert_eq!(recorder.tally(), tally, "{mood:?}");
    }
}

#[tokio::test]
async fn a_flush_and_a_close_in_a_task_do_not_hold_up_its_runtime() {
    let (store, recorder) = moody(Recorder::builder());
    store.set(Mood::Blocks);
    recorder.record(Kind::Event, &json!({"n": 1}));
    // On a runtime with one thread this only works while both really wait.
    let flush = tokio::time::timeout(SHORT, recorder.flush());
    assert!(flush.await.is_err(), "there is nothing to acknowledge yet");
    let tally = recorder.close(SHORT).await;
    assert_eq!((tally.dropped_closed, tally.queued), (1, 0));
    store.set(Mood::Works);
}

#[test]
fn a_record_that_traps_the_engine_is_found_and_dropped_alone() {
    let store = MemoryStore::new();
    let small = Engine::builder().memory_limit(6 << 20).build().unwrap();
    let recorder = Recorder::builder()
        .gather_for(Duration::from_millis(20))
        .start(&Journal::new(&small, store.clone()))
        .unwrap();
    let poison = "x".repeat(12 << 20);
    for n in 0..1_000_u64 {
        match n % 400 {
            399 => recorder.record(Kind::Event, &json!({"n": n, "text": poison})),
            _ => recorder.record(Kind::Event, &json!({"n": n})),
        };
    }
    let tally = recorder.close_blocking(LONG);
    assert_eq!((tally.written, tally.dropped_failed, tally.dropped()), (998, 2, 2), "{tally:?}");
}

#[test]
fn a_crash_of_the_store_costs_nothing_if_it_works_again() {
    let (store, recorder) = moody(Recorder::builder());
    store.set(Mood::Panics);
    recorder.record(Kind::Event, &json!({"n": 1}));
    while store.calls() == 0 {
        thread::yield_now();
    }
    store.set(Mood::Works);
    recorder.record(Kind::Event, &json!({"n": 2}));
    let tally = recorder.close_blocking(LONG);
    // One record alone is tried twice; whether the second attempt came too early is a matter of time.
    assert!(numbers(&store.text()).ends_with(&[2]), "{tally:?}");
    assert_exact(tally);
}

#[tokio::test]
async fn a_directory_that_vanishes_costs_what_is_written_meanwhile_and_no_more() {
    let dir = tempfile::tempdir().unwrap();
    let home = dir.path().join("home");
    fs::create_dir(&home).unwrap();
    let store = FileStore::open(home.join("journal.ndjson"));
    let journal = Journal::new(&Engine::new().unwrap(), store);
    let recorder = impatient().start(&journal).unwrap();
    recorder.record(Kind::Event, &json!({"n": 1}));
    assert_eq!(recorder.flush().await.written, 1);
    fs::remove_dir_all(&home).unwrap();
    recorder.record(Kind::Event, &json!({"n": 2}));
    let tally = recorder.flush().await;
    assert_eq!((tally.written, tally.dropped_failed), (1, 1));
    fs::create_dir(&home).unwrap();
    recorder.record(Kind::Event, &json!({"n": 3}));
    let tally = recorder.close(LONG).await;
    assert_eq!((tally.written, tally.dropped(), tally.untold), (2, 1, 0));
    let records = journal.scan(ScanOptions::default()).await.unwrap().records;
    assert_eq!(records, 2, "the last one, and what tells of the one that was dropped");
}

#[test]
fn a_store_that_is_full_is_tried_again_and_then_given_up() {
    let store = MemoryStore::with_max_bytes(1_000);
    let journal = Journal::new(&Engine::new().unwrap(), store);
    let recorder = impatient().gather_for(Duration::ZERO).start(&journal).unwrap();
    for n in 0..100_u64 {
        recorder.record(Kind::Event, &json!({"n": n}));
        recorder.flush_blocking(LONG);
        if recorder.tally().dropped() > 0 {
            break;
        }
    }
    let tally = recorder.tally();
    assert!(tally.written > 5 && tally.dropped_failed == 1 && tally.retries > 0, "{tally:?}");
    assert_exact(tally);
    let metrics = journal.metrics();
    assert_eq!(metrics.records_written, tally.written);
    assert_eq!(metrics.write_errors, tally.retries + 1, "each attempt that failed, once");
}
