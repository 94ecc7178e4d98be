//! Consumers of groups in a real Redis: processes that die, servers that fail, groups that vanish.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use papyra_persistence::consumer::{Batch, Consumer, Start, Wait};
use papyra_persistence::journal::FailureCode;
use papyra_persistence::store::{Kind, RedisConfig, RedisStore};
use papyra_persistence::{Engine, Journal, JournalError};
use papyra_tests::numbered;
use papyra_tests::process::Worker;
use papyra_tests::random::Random;
use papyra_tests::redis::{Aof, Server, append, records};
use papyra_tests::scale;
use serde_json::Value;

const WORKER: &str = env!("CARGO_BIN_EXE_papyra-worker");
const EVENTS: &str = "papyra:local:events";
const LETTERS: &str = "papyra:local:dead_letters";

fn journal(server: &Server) -> Journal {
    let mut config = RedisConfig::new(server.url());
    config.timeout = Duration::from_secs(3);
    Journal::new(&Engine::new().unwrap(), RedisStore::new(config).unwrap())
}

fn numbers(batch: &Batch) -> Vec<u32> {
    let number = |record: &str| {
        let record: Value = serde_json::from_str(record).unwrap();
        record["n"].as_u64().unwrap() as u32
    };
    batch.entries.iter().map(|entry| number(&entry.record)).collect()
}

fn worker(server: &Server, name: &str, max_deliveries: u32, batch: u32) -> Worker {
    let (max, batch) = (max_deliveries.to_string(), batch.to_string());
    Worker::start(WORKER, &["consume", &server.url(), "workers", name, &max, &batch])
}

/// How often a word was said of each number; a line that a kill has cut off was not said.
fn tell(lines: &[String], word: &str, times: &mut BTreeMap<u64, u64>) {
    for line in lines {
        let said = line.strip_suffix('.').and_then(|line| line.strip_prefix(word));
        if let Some(number) = said.and_then(|rest| rest.split_whitespace().next()) {
            *times.entry(number.parse().unwrap()).or_default() += 1;
        }
    }
}

/// Processes die of one record, and of another later on, whatever their batches and whoever goes on.
#[tokio::test(flavor = "multi_thread")]
async fn poison_goes_to_the_dead_letters_after_exactly_so_many_deliveries_and_alone() {
    for (max, batch, same_name) in [(1, 10, true), (3, 10, true), (3, 4, false), (5, 1, true)] {
        let server = Server::start(Aof::Off, &[]);
        let mut all = records("event", 0..12);
        for n in [3, 4, 9] {
            all[n] =
                format!(r#"{{"kind": "event", "timestamp": 1763700000, "n": {n}, "x": "poison"}}"#);
        }
        append(&server.store(), Kind::Event, &all).await.unwrap();
        let (mut begun, mut done) = (BTreeMap::new(), BTreeMap::new());
        let mut last: BTreeMap<u64, u64> = BTreeMap::new();
        for life in 0.. {
            assert!(life < 40, "it never ends: {begun:?}");
            let name = if same_name { "w".to_owned() } else { format!("w{life}") };
            let (said, ended_well) = worker(&server, &name, max, batch).finish();
            tell(&said, "begun", &mut begun);
            tell(&said, "done", &mut done);
            for line in said.iter().filter_map(|line| line.strip_prefix("begun ")) {
                let (number, deliveries) = line.trim_end_matches('.').split_once(' ').unwrap();
                last.insert(number.parse().unwrap(), deliveries.parse().unwrap());
            }
            if ended_well {
                break;
            }
        }
        let max = u64::from(max);
        for n in 0..12_u64 {
            let what = format!("{n} of {max} in {batch}: {begun:?} {last:?}");
            if [3, 4, 9].contains(&n) {
                // One behind another is delivered with it, and not always come to.
                assert!((1..=max).contains(&begun[&n]) && !done.contains_key(&n), "{what}");
                assert_eq!(last[&n], max, "{what}");
            } else {
                assert_eq!((begun[&n], done[&n]), (1, 1), "{what}");
            }
        }
        assert_eq!(begun[&3], max);
        let letters = server.cli(&["xrange", LETTERS, "-", "+"]);
        let letters: Vec<Value> = letters
            .lines()
            .filter(|line| line.starts_with('{'))
            .map(|line| serde_json::from_str(line).unwrap())
            .collect();
        assert_eq!(letters.len(), 3, "{letters:?}");
        for (letter, n) in letters.iter().zip([3, 4, 9]) {
            assert_eq!((&letter["payload"]["n"], &letter["group"]), (&n.into(), &"workers".into()));
            assert_eq!(letter["deliveries"], max);
            assert!(letter["reason"].as_str().unwrap().contains("not acknowledged in"), "{letter}");
            let id = letter["id"].as_str().unwrap();
            assert_eq!(server.cli(&["xrange", EVENTS, id, id]).lines().last(), Some(&*all[n]));
        }
        assert_eq!(server.cli(&["xpending", EVENTS, "workers"]).lines().next(), Some("0"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn consumers_that_are_killed_leave_nothing_behind() {
    let server = Server::start(Aof::Off, &[]);
    let count = 600;
    let mut random = Random::new(scale::seed() + 20);
    let (mut done, mut killed) = (BTreeMap::new(), 0);
    let mut next = 0;
    let mut lines = |count: u64| -> Vec<String> {
        next += count;
        (next - count..next).map(|n| numbered::line(n).trim_end().to_owned()).collect()
    };
    for round in 0..(scale::kill_cycles() / 10).max(3) {
        append(&server.store(), Kind::Event, &lines(count)).await.unwrap();
        let names = ["a", "b", "c"];
        let workers: Vec<Worker> = names.iter().map(|name| worker(&server, name, 0, 7)).collect();
        for worker in workers {
            let said = worker.kill_within(Duration::from_millis(250), &mut random);
            tell(&said, "done", &mut done);
            killed += 1;
        }
        // Its name never comes back, so others must take over.
        let gone = worker(&server, &format!("gone{round}"), 0, 50);
        tell(&gone.kill_within(Duration::from_millis(150), &mut random), "done", &mut done);
    }
    let (said, ended_well) = worker(&server, "last", 0, 100).finish();
    assert!(ended_well);
    tell(&said, "done", &mut done);
    let missing: Vec<u64> = (0..next).filter(|n| !done.contains_key(n)).collect();
    assert!(missing.is_empty(), "{} of {next} were never done: {missing:?}", missing.len());
    // Done, and killed before that was acknowledged: once per kill at most.
    let twice = done.values().map(|times| times - 1).sum::<u64>();
    assert!(twice <= killed * 2, "{twice} were done again after {killed} kills");
    assert_eq!(server.cli(&["xpending", EVENTS, "workers"]).lines().next(), Some("0"));
}

/// Calls until it works; the server fails meanwhile.
async fn patiently(consumer: &mut Consumer) -> Batch {
    let until = Instant::now() + Duration::from_secs(60);
    loop {
        match consumer.next().await {
            Ok(batch) => return batch,
            Err(error) => {
                assert_eq!(error.code(), Some(FailureCode::Unavailable), "{error}");
                assert!(Instant::now() < until, "{error}");
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        }
    }
}

async fn acknowledge(consumer: &mut Consumer, batch: &Batch) {
    let until = Instant::now() + Duration::from_secs(60);
    while let Err(error) = consumer.ack(batch.ids()).await {
        assert_eq!(error.code(), Some(FailureCode::Unavailable), "{error}");
        assert!(Instant::now() < until, "{error}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

type Trouble = Box<dyn FnMut(&mut Server, usize)>;

/// Somebody appends, three consume, and the server has trouble.
#[tokio::test(flavor = "multi_thread")]
async fn whatever_the_server_goes_through_each_acknowledged_record_is_delivered() {
    let troubles: [(&str, Trouble); 3] = [
        (
            "connections are closed",
            Box::new(|server, _| {
                server.cli(&["client", "kill", "type", "normal", "skipme", "yes"]);
            }),
        ),
        (
            "it hangs for two seconds",
            Box::new(|server, round| {
                if round == 3 {
                    server.pause();
                    std::thread::sleep(Duration::from_secs(2));
                    server.resume();
                }
            }),
        ),
        (
            "it is killed",
            Box::new(|server, round| {
                if round % 3 == 0 {
                    server.kill();
                    std::thread::sleep(Duration::from_millis(50));
                    server.restart();
                }
            }),
        ),
    ];
    for (what, mut trouble) in troubles {
        let mut server = Server::start(Aof::Always, &[]);
        let stop = Arc::new(AtomicBool::new(false));
        let seen: Arc<Mutex<BTreeMap<u32, u32>>> = Arc::default();
        let mut tasks = tokio::task::JoinSet::new();
        for name in ["a", "b", "c"] {
            let (journal, seen, stop) = (journal(&server), Arc::clone(&seen), Arc::clone(&stop));
            tasks.spawn(async move {
                let wait = Wait::For(Duration::from_millis(200));
                let consumer = journal.consumer(Kind::Event, "workers", name);
                let mut consumer = consumer.count(9).wait(wait).build();
                loop {
                    let ending = stop.load(Ordering::Relaxed);
                    let batch = patiently(&mut consumer).await;
                    for number in numbers(&batch) {
                        *seen.lock().unwrap().entry(number).or_default() += 1;
                    }
                    acknowledge(&mut consumer, &batch).await;
                    if ending && batch.last.is_none() {
                        return;
                    }
                }
            });
        }
        let writer = journal(&server);
        let mut acknowledged = Vec::new();
        for round in 0..12_u32 {
            let appending = async {
                for part in 0..10 {
                    let first = (round * 10 + part) * 5;
                    let batch = records("event", first..first + 5).join("\n") + "\n";
                    match writer.append_lines(&batch).await {
                        Ok(_) => acknowledged.extend(first..first + 5),
                        Err(error) => {
                            assert_eq!(error.code(), Some(FailureCode::Unavailable), "{error}");
                        }
                    }
                }
            };
            appending.await;
            trouble(&mut server, round as usize);
        }
        stop.store(true, Ordering::Relaxed);
        while let Some(task) = tasks.join_next().await {
            task.unwrap();
        }
        let seen = seen.lock().unwrap();
        let missing: Vec<&u32> = acknowledged.iter().filter(|n| !seen.contains_key(n)).collect();
        assert!(missing.is_empty(), "{what}: never delivered: {missing:?}");
        assert!(acknowledged.len() > 200, "{what}: {} were acknowledged", acknowledged.len());
        let pending = server.cli(&["xpending", EVENTS, "workers"]);
        assert_eq!(pending.lines().next(), Some("0"), "{what}: something is stranded");
    }
}

async fn next(consumer: &mut Consumer) -> Result<Batch, JournalError> {
    tokio::time::timeout(Duration::from_secs(30), consumer.next()).await.expect("it ends")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_group_that_began_at_the_end_loses_nothing_when_it_is_destroyed() {
    let server = Server::start(Aof::Off, &[]);
    append(&server.store(), Kind::Event, &records("event", 0..2)).await.unwrap();
    let journal = journal(&server);
    let mut consumer = journal.consumer(Kind::Event, "g", "c").start(&Start::Now).build();
    assert!(next(&mut consumer).await.unwrap().entries.is_empty());
    append(&server.store(), Kind::Event, &records("event", 2..5)).await.unwrap();
    assert_eq!(numbers(&next(&mut consumer).await.unwrap()), [2, 3, 4]);
    server.cli(&["xgroup", "destroy", EVENTS, "g"]);
    assert_eq!(numbers(&next(&mut consumer).await.unwrap()), [2, 3, 4]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_group_that_was_destroyed_goes_on_after_what_its_consumer_has_acknowledged() {
    let server = Server::start(Aof::Off, &[]);
    append(&server.store(), Kind::Event, &records("event", 0..10)).await.unwrap();
    let journal = journal(&server);
    let wait = Wait::For(Duration::from_secs(10));
    let mut consumer = journal.consumer(Kind::Event, "g", "c").count(4).wait(wait).build();
    let first = next(&mut consumer).await.unwrap();
    assert_eq!((numbers(&first), first.made.as_deref()), (vec![0, 1, 2, 3], Some("0")));
    let ids: Vec<String> = first.ids().map(str::to_owned).collect();
    // The third is not done.
    consumer.ack([&ids[0], &ids[1], &ids[3]]).await.unwrap();
    server.cli(&["xgroup", "destroy", EVENTS, "g"]);
    let again = next(&mut consumer).await.unwrap();
    assert_eq!((numbers(&again), again.made.as_ref()), (vec![2, 3, 4, 5], Some(&ids[1])));
    consumer.ack(again.ids()).await.unwrap();

    // Destroyed while it waits: it is woken, makes the group again, and goes on waiting.
    loop {
        let batch = next(&mut consumer).await.unwrap();
        consumer.ack(batch.ids()).await.unwrap();
        if numbers(&batch).last() == Some(&9) {
            break;
        }
    }
    let waiting = tokio::spawn(async move {
        let batch = next(&mut consumer).await;
        (consumer, batch)
    });
    tokio::time::sleep(Duration::from_millis(300)).await;
    server.cli(&["xgroup", "destroy", EVENTS, "g"]);
    append(&server.store(), Kind::Event, &records("event", 10..11)).await.unwrap();
    let (mut consumer, batch) = waiting.await.unwrap();
    let batch = batch.unwrap();
    assert_eq!(numbers(&batch), [10], "nothing again and nothing left out");
    consumer.ack(batch.ids()).await.unwrap();

    // All is gone, the stream as well.
    server.cli(&["flushall"]);
    append(&server.store(), Kind::Event, &records("event", 11..13)).await.unwrap();
    let batch = next(&mut consumer).await.unwrap();
    assert_eq!((numbers(&batch), batch.made.is_some()), (vec![11, 12], true));
    let waiting = tokio::spawn(async move { next(&mut consumer).await });
    tokio::time::sleep(Duration::from_millis(300)).await;
    server.cli(&["flushall"]);
    append(&server.store(), Kind::Event, &records("event", 13..14)).await.unwrap();
    assert_eq!(numbers(&waiting.await.unwrap().unwrap()), [13]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_entry_that_no_engine_could_hold_is_quarantined() {
    let server = Server::start(Aof::Off, &[]);
    append(&server.store(), Kind::Event, &records("event", 0..1)).await.unwrap();
    let mut connection = server.connection().await;
    let huge = "x".repeat(40 << 20);
    let mut add = redis::cmd("XADD");
    add.arg(EVENTS).arg("*").arg("data").arg(huge);
    let () = add.query_async(&mut connection).await.unwrap();
    append(&server.store(), Kind::Event, &records("event", 2..3)).await.unwrap();

    let journal = journal(&server);
    let mut consumer = journal.consumer(Kind::Event, "workers", "w").build();
    let (mut found, mut quarantined) = (Vec::new(), 0);
    while found.len() < 2 {
        let batch = next(&mut consumer).await.unwrap();
        found.extend(numbers(&batch));
        quarantined += batch.quarantined.len();
    }
    assert_eq!((found, quarantined), (vec![0, 2], 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_consumer_says_what_is_wrong_in_time() {
    for (what, options, damage, expected) in [
        ("a wrong type", &[][..], &["set", EVENTS, "x"][..], FailureCode::Corrupt),
        ("memory is full", &["--maxmemory", "1"], &["ping"], FailureCode::Full),
        ("a wrong password", &["--requirepass", "p"], &["ping"], FailureCode::Denied),
    ] {
        let server = Server::start(Aof::Off, options);
        server.cli(damage);
        let plain = RedisConfig::new(format!("redis://127.0.0.1:{}", server.port));
        let journal = Journal::new(&Engine::new().unwrap(), RedisStore::new(plain).unwrap());
        let wait = Wait::For(Duration::from_secs(2));
        let mut consumer = journal.consumer(Kind::Event, "g", "c").wait(wait).build();
        let error = next(&mut consumer).await.unwrap_err();
        assert_eq!(error.code(), Some(expected), "{what}: {error}");
    }
}
