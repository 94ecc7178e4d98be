//! The demonstration of `host/examples/actors.rs`, on a Redis that is killed and started again
//! meanwhile.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests fail by panicking")]

#[allow(dead_code, reason = "its `main`")]
#[path = "../../../host/examples/actors.rs"]
mod demonstration;

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use papyra_persistence::journal::{ScanOptions, Selection};
use papyra_persistence::recorder::{Recorder, Tally};
use papyra_persistence::store::Registry;
use papyra_persistence::{Engine, Journal};
use papyra_tests::redis::{Aof, Server};
use serde_json::Value;

const LONG: Duration = Duration::from_secs(60);

#[test]
fn with_redis_killed_meanwhile_the_actors_go_on_and_the_journal_explains_all() {
    let mut server = Server::start(Aof::Always, &[]);
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let store = {
        let _inside = runtime.enter();
        Registry::standard().open(&server.url()).unwrap()
    };
    let journal = Journal::with_store(&Engine::new().unwrap(), store);
    let recorder = Recorder::builder()
        .retry_pauses(Duration::from_millis(10), Duration::from_millis(100))
        .start(&journal)
        .unwrap();

    let (turns, stop) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicBool::new(false)));
    let demo = {
        let (turns, stop, recorder) = (turns.clone(), stop.clone(), recorder.clone());
        thread::spawn(move || {
            demonstration::run(&recorder, |turn| {
                turns.store(turn, Ordering::SeqCst);
                !stop.load(Ordering::SeqCst)
            })
        })
    };
    let turn = || turns.load(Ordering::SeqCst);
    let more_turns = |count: u64| {
        let target = turn() + count;
        until("the actors have stalled", || turn() >= target);
    };
    until("nothing is written", || recorder.tally().written > 1_000);

    for _ in 0..2 {
        server.kill();
        let before = recorder.tally().retries;
        // What Redis had taken before shows up as written; from then on nothing does.
        until("nothing has failed", || recorder.tally().retries > before);
        let lost = recorder.tally();
        more_turns(300);
        let now = recorder.tally();
        exact(now);
        assert_eq!((now.written, now.dropped()), (lost.written, 0), "while it is gone");
        assert!(now.queued > lost.queued, "what happens meanwhile waits");
        server.restart();
        until("it is not written to again", || recorder.tally().written > now.written);
        more_turns(100);
    }

    stop.store(true, Ordering::SeqCst);
    let story = demo.join().unwrap();
    let tally = recorder.close_blocking(LONG);
    exact(tally);
    assert_eq!((tally.dropped(), tally.queued), (0, 0));
    let report = runtime.block_on(journal.scan(ScanOptions::default())).unwrap();
    assert_eq!((report.damaged, report.suspect), (0, 0));
    explain(&runtime.block_on(everything(&journal)), story, tally);
}

/// What the journal tells is what has happened.
fn explain(lines: &[String], story: demonstration::Story, tally: Tally) {
    // A batch whose answer died with the server is written again: at least once, and equal.
    let mut seen = HashSet::new();
    let once: Vec<_> = lines.iter().filter(|line| seen.insert(line.as_str())).collect();
    assert_eq!(once.len() as u64, tally.written, "{} lines", lines.len());
    let mut lives: BTreeMap<u64, Vec<(String, u64)>> = BTreeMap::new();
    let (mut dead_letters, mut last_audit) = (0, Value::Null);
    for line in once {
        let record: Value = serde_json::from_str(line).unwrap();
        match record["kind"].as_str().unwrap() {
            "event" => {
                let actor = record["actor_address"]["actor_id"].as_u64().unwrap();
                let event = record["event_type"].as_str().unwrap().to_owned();
                let number = record["payload"]["number"].as_u64().unwrap_or(0);
                lives.entry(actor).or_default().push((event, number));
            }
            "dead_letter" => dead_letters += 1,
            "audit" => last_audit = record,
            _ => {}
        }
    }
    assert_eq!(dead_letters, story.dead_letters);
    assert_eq!(last_audit["dead_letters_count"], story.dead_letters);
    assert_eq!(last_audit["alive_actors"], 0);
    assert_eq!(lives.len(), 8);
    let mut restarts = 0;
    for (actor, life) in &lives {
        restarts += one_life(*actor, life);
    }
    assert_eq!(restarts, story.restarts);
    assert!(restarts > 0 && dead_letters >= story.turns);
}

/// Started once, then working in order between crashes, each followed by a restart, and stopped in
/// the end. Returns how often it was restarted.
fn one_life(actor: u64, life: &[(String, u64)]) -> u64 {
    let (mut restarts, mut last) = (0, 0);
    for (index, (event, number)) in life.iter().enumerate() {
        let before = index.checked_sub(1).map(|index| life[index].0.as_str());
        let fits = match event.as_str() {
            "ActorStarted" => before.is_none(),
            "ActorRestarted" => before == Some("ActorCrashed"),
            "ActorCrashed" | "ActorStopped" => before.is_some() && before != Some("ActorCrashed"),
            "WorkDone" => std::mem::replace(&mut last, *number) < *number,
            _ => false,
        };
        assert!(fits, "actor {actor}: {event} {number} after {before:?}");
        restarts += u64::from(event == "ActorRestarted");
    }
    assert_eq!(life.last().map(|(event, _)| event.as_str()), Some("ActorStopped"));
    restarts
}

async fn everything(journal: &Journal) -> Vec<String> {
    let mut lines = Vec::new();
    let mut pages = journal.query(Selection::default());
    while let Some(page) = pages.next().await.unwrap() {
        lines.extend(page.records.lines().map(str::to_owned));
    }
    lines
}

fn exact(tally: Tally) {
    assert_eq!(tally.accepted, tally.written + tally.dropped() + tally.queued, "{tally:?}");
}

/// Waits, but not for ever.
fn until(otherwise: &str, mut done: impl FnMut() -> bool) {
    let limit = Instant::now() + LONG;
    while !done() {
        assert!(Instant::now() < limit, "{otherwise}");
        thread::sleep(Duration::from_millis(1));
    }
}
