//! The index of a journal in Redis: what one check has read the next one need not read again, and nothing is
//! believed that has changed.

use std::sync::Arc;

use papyra_persistence::journal::{
    IndexOptions, StartupMode, StartupOptions, StartupOutcome, VerifyOptions,
};
use papyra_persistence::store::{Kind, MAX_INDEX, ReadOnlyStore, Store, StoreErrorKind};
use papyra_persistence::{Engine, Journal};
use papyra_tests::redis::{Aof, Cluster, Server, append, records};

const EVENTS: &str = "papyra:local:events";
const KEY: &str = "papyra:local:index";

/// Outcome, records, bytes that the index vouches for, and the note.
async fn check(engine: &Engine, store: Arc<dyn Store>) -> (StartupOutcome, u64, u64, String) {
    let journal = Journal::with_store(engine, store);
    let report = journal.startup_check(StartupOptions::default(), None).await.unwrap();
    (report.outcome, report.scan.unwrap().records, report.indexed_bytes, report.note)
}

fn bytes(lines: &[String]) -> u64 {
    lines.iter().map(|line| line.len() as u64 + 1).sum()
}

fn healthy(records: u64, vouched: u64) -> (StartupOutcome, u64, u64, String) {
    (StartupOutcome::Healthy, records, vouched, String::new())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_next_check_reads_what_came_since() {
    let (server, engine) = (Server::start(Aof::Off, &[]), Engine::new().unwrap());
    let store = Arc::new(server.store());
    let (events, audits) = (records("event", 0..500), records("audit", 0..300));
    append(&*store, Kind::Event, &events[..400]).await.unwrap();
    append(&*store, Kind::Audit, &audits[..200]).await.unwrap();
    assert_eq!(check(&engine, store.clone()).await, healthy(600, 0));
    assert_eq!(server.cli(&["type", KEY]), "string");
    // Both streams grow, and more than one has something new.
    append(&*store, Kind::Event, &events[400..]).await.unwrap();
    append(&*store, Kind::Audit, &audits[200..]).await.unwrap();
    let vouched = bytes(&events[..400]) + bytes(&audits[..200]);
    assert_eq!(check(&engine, store.clone()).await, healthy(800, vouched));
    let vouched = bytes(&events) + bytes(&audits);
    assert_eq!(check(&engine, Arc::new(server.store())).await, healthy(800, vouched));

    // What came is damaged.
    server.cli(&["xadd", EVENTS, "*", "data", "{\"kind\": \"ev"]);
    let (outcome, records, vouched_now, _) = check(&engine, store.clone()).await;
    assert_eq!((outcome, records, vouched_now), (StartupOutcome::Refused, 800, vouched));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_removed_anywhere_is_noticed() {
    let engine = Engine::new().unwrap();
    for place in [0, 5, 2_000, 3_999] {
        for grown in [false, true] {
            let server = Server::start(Aof::Off, &[]);
            let store = Arc::new(server.store());
            let events = records("event", 0..4_100);
            append(&*store, Kind::Event, &events[..4_000]).await.unwrap();
            check(&engine, store.clone()).await;
            let ids = server.cli(&["xrange", EVENTS, "-", "+"]);
            let id = ids.lines().nth(place * 5).unwrap();
            assert_eq!(server.cli(&["xdel", EVENTS, id]), "1");
            if grown {
                append(&*store, Kind::Event, &events[4_000..]).await.unwrap();
            }
            let left = if grown { 4_099 } else { 3_999 };
            assert_eq!(check(&engine, store).await, healthy(left, 0), "{place} {grown}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_index_that_was_tampered_with_is_not_believed() {
    let (server, engine) = (Server::start(Aof::Off, &[]), Engine::new().unwrap());
    let store = Arc::new(server.store());
    append(&*store, Kind::Event, &records("event", 0..10)).await.unwrap();
    let full = healthy(10, 0);
    check(&engine, store.clone()).await;
    let sound = server.cli(&["get", KEY]);
    let long = "x".repeat(100);
    let forged = sound.replace("],10,510,", "],9,510,");
    assert_ne!(forged, sound);
    for text in ["", "{}", "\u{fffd}", &long, &sound[..sound.len() / 2], &forged] {
        server.cli(&["set", KEY, text]);
        assert_eq!(check(&engine, store.clone()).await, full, "{text}");
        assert_eq!(server.cli(&["get", KEY]), sound, "it is made anew");
    }
    let end = MAX_INDEX.to_string();
    server.cli(&["eval", "redis.call('SETRANGE', KEYS[1], ARGV[1], 'x')", "1", KEY, &end]);
    assert_eq!(store.load_index().await.unwrap().len(), 0, "more than {MAX_INDEX} bytes");
    assert_eq!(check(&engine, store.clone()).await, full);

    // Something else lies there: it is left alone, and the check goes on without.
    server.cli(&["del", KEY]);
    server.cli(&["rpush", KEY, "precious"]);
    let (outcome, records, vouched, note) = check(&engine, store.clone()).await;
    assert_eq!((outcome, records, vouched), (StartupOutcome::Healthy, 10, 0));
    assert!(note.contains("no index was kept"), "{note}");
    let error = store.save_index("mine".into()).await.unwrap_err();
    assert_eq!(error.kind(), StoreErrorKind::Corrupt, "{}", error.one_line());
    assert_eq!(server.cli(&["lrange", KEY, "0", "-1"]), "precious");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_entry_that_is_gone_is_found_and_the_index_can_go() {
    let (server, engine) = (Server::start(Aof::Off, &[]), Engine::new().unwrap());
    let store: Arc<dyn Store> = Arc::new(server.store());
    append(&*store, Kind::Audit, &records("audit", 0..10)).await.unwrap();
    append(&*store, Kind::Event, &records("event", 0..4_000)).await.unwrap();
    let journal = Journal::with_store(&engine, store.clone());
    let head = journal.index(IndexOptions::default()).await.unwrap().head;
    append(&*store, Kind::Event, &records("event", 4_000..4_010)).await.unwrap();
    for head in [None, head.clone()] {
        assert!(journal.verify(&VerifyOptions { head }).await.unwrap().is_intact());
    }
    let id = server.cli(&["xrange", EVENTS, "-", "+", "count", "3000"]);
    let id = id.lines().nth(2_500 * 5).unwrap();
    assert_eq!(server.cli(&["xdel", EVENTS, id]), "1");
    for head in [None, head] {
        let found = journal.verify(&VerifyOptions { head }).await.unwrap();
        assert!(!found.is_intact(), "{found:?}");
        assert_eq!(found.difference.unwrap().segment, EVENTS);
    }
    journal.drop_index().await.unwrap();
    assert_eq!(server.cli(&["exists", KEY]), "0");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_only_looks_writes_no_index() {
    let (server, engine) = (Server::start(Aof::Off, &[]), Engine::new().unwrap());
    let store: Arc<dyn Store> = Arc::new(server.store());
    append(&*store, Kind::Event, &records("event", 0..10)).await.unwrap();
    let looking: Arc<dyn Store> = Arc::new(ReadOnlyStore::new(store.clone()));
    let vouched = bytes(&records("event", 0..10));
    assert_eq!(check(&engine, looking.clone()).await, healthy(10, 0));
    assert_eq!(check(&engine, looking).await, healthy(10, vouched), "it remembers by itself");
    assert_eq!(server.cli(&["exists", KEY]), "0");
    let ignoring = StartupOptions { mode: StartupMode::Ignore, ..StartupOptions::default() };
    Journal::with_store(&engine, store).startup_check(ignoring, None).await.unwrap();
    assert_eq!(server.cli(&["keys", "*"]), EVENTS, "nothing else was made");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cluster_keeps_an_index_also_with_all_keys_in_one_slot() {
    let (cluster, engine) = (Cluster::start(), Engine::new().unwrap());
    for system in ["local", "{one}"] {
        let store = Arc::new(cluster.store(system));
        append(&*store, Kind::Event, &records("event", 0..10)).await.unwrap();
        append(&*store, Kind::Audit, &records("audit", 0..10)).await.unwrap();
        assert_eq!(check(&engine, store.clone()).await, healthy(20, 0));
        let vouched = bytes(&records("event", 0..10)) + bytes(&records("audit", 0..10));
        assert_eq!(check(&engine, store).await, healthy(20, vouched));
        assert_eq!(cluster.cli(&["exists", &format!("papyra:{system}:index")]), "1");
    }
}
