//! What can happen to a server: each call ends in bounded time with a typed error, and the next one
//! works again once the server does.

use std::time::{Duration, Instant};

use papyra_persistence::store::groups::{Source, Wait};
use papyra_persistence::store::{
    ConsumerGroups, Kind, RedisConfig, RedisStore, Store, StoreErrorKind,
};
use papyra_tests::command::{self, papyra};
use papyra_tests::redis::{Aof, Server, append, free_port, lines, records};

const EVENTS: &str = "papyra:local:events";

async fn write(store: &dyn Store, n: u32) -> Result<(), StoreErrorKind> {
    append(store, Kind::Event, &records("event", n..n + 1)).await.map_err(|error| error.kind())
}

async fn look(store: &dyn Store) -> Result<(), StoreErrorKind> {
    store.snapshot().await.map(drop).map_err(|error| error.kind())
}

fn impatient(url: String) -> RedisStore {
    let mut config = RedisConfig::new(url);
    config.timeout = Duration::from_millis(700);
    RedisStore::new(config).unwrap()
}

/// The exit code of `papyra persistence OPERATION --store URL`, and what it says.
fn exit(operation: &[&str], url: &str, input: &str) -> (Option<i32>, String) {
    let mut command = std::process::Command::new(papyra());
    command.arg("persistence").args(operation).args(["--store", url]);
    let ended = command::run_with(&mut command, input.as_bytes());
    (ended.code, ended.stderr)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_down_is_unavailable_until_it_is_back() {
    let mut server = Server::start(Aof::Always, &[]);
    let store = server.store();
    write(&store, 0).await.unwrap();
    server.kill();
    let start = Instant::now();
    assert_eq!(write(&store, 1).await, Err(StoreErrorKind::Unavailable));
    assert_eq!(look(&store).await, Err(StoreErrorKind::Unavailable));
    let fetched = store.fetch(Kind::Event, "g", "c", Source::Fresh, 1, Wait::Millis(5_000)).await;
    assert_eq!(fetched.unwrap_err().kind(), StoreErrorKind::Unavailable);
    assert!(start.elapsed() < Duration::from_secs(10), "refused at once");
    server.restart();
    write(&store, 2).await.unwrap();
    assert_eq!(lines(&store).await, [records("event", 0..1), records("event", 2..3)].concat());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_idle_connection_that_broke_costs_nothing() {
    let mut server = Server::start(Aof::Always, &[]);
    let store = server.store();
    write(&store, 0).await.unwrap();
    server.restart();
    tokio::time::sleep(Duration::from_millis(600)).await;
    write(&store, 1).await.unwrap();
    assert_eq!(lines(&store).await, records("event", 0..2));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_hangs_is_unavailable_in_time_and_used_again_after() {
    let server = Server::start(Aof::Off, &[]);
    let store = impatient(server.url());
    write(&store, 0).await.unwrap();
    store.ensure_group(Kind::Event, "g", "$").await.unwrap();
    server.pause();
    let start = Instant::now();
    let error = append(&store, Kind::Event, &records("event", 1..2)).await.unwrap_err();
    assert_eq!(error.kind(), StoreErrorKind::Unavailable);
    assert!(error.one_line().contains("not known"), "{}", error.one_line());
    assert_eq!(look(&store).await, Err(StoreErrorKind::Unavailable));
    let fetched = store.fetch(Kind::Event, "g", "c", Source::Fresh, 1, Wait::Millis(300)).await;
    assert_eq!(fetched.unwrap_err().kind(), StoreErrorKind::Unavailable);
    assert!(start.elapsed() < Duration::from_secs(10), "{:?}", start.elapsed());
    server.resume();
    write(&store, 2).await.unwrap();
    let found = lines(&store).await;
    assert!(found.contains(&records("event", 2..3)[0]) && found.len() <= 3, "{found:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_server_takes_nothing_of_a_batch_and_works_again_with_space() {
    let server = Server::start(Aof::Off, &[]);
    let store = server.store();
    write(&store, 0).await.unwrap();
    server.cli(&["config", "set", "maxmemory", "4mb"]);
    let mut written = 1;
    let error = loop {
        match append(&store, Kind::Event, &records("event", written..written + 500)).await {
            Ok(()) => written += 500,
            Err(error) => break error,
        }
        assert!(written < 1_000_000, "4 MB hold that much");
    };
    assert_eq!(error.kind(), StoreErrorKind::Full, "{}", error.one_line());
    // What the failed batch had taken in buffers is free again, so a small one might fit.
    server.cli(&["config", "set", "maxmemory", "1"]);
    assert_eq!(write(&store, 7).await, Err(StoreErrorKind::Full));
    let error = append(&store, Kind::Event, &records("event", 0..500)).await.unwrap_err();
    let said = error.one_line();
    assert_eq!(said.matches("OOM").count(), 1, "not once for each record: {said}");
    let line = records("event", 0..1)[0].clone() + "\n";
    let (code, said) = exit(&["append"], &server.url(), &line);
    assert!(code == Some(73) && said.contains("maxmemory"), "{code:?} {said}");
    assert!(lines(&store).await == records("event", 0..written), "whole batches and no more");
    server.cli(&["config", "set", "maxmemory", "0"]);
    append(&store, Kind::Event, &records("event", written..written + 500)).await.unwrap();
    assert!(lines(&store).await == records("event", 0..written + 500));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replica_can_be_read_and_refuses_to_be_written() {
    let master = Server::start(Aof::Off, &["--repl-diskless-sync-delay", "0"]);
    write(&master.store(), 0).await.unwrap();
    let replica = Server::start(Aof::Off, &["--replicaof", &format!("127.0.0.1 {}", master.port)]);
    let until = Instant::now() + Duration::from_secs(20);
    while replica.cli(&["exists", EVENTS]) != "1" {
        assert!(Instant::now() < until, "{}", replica.log());
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let store = replica.store();
    assert_eq!(lines(&store).await, records("event", 0..1));
    assert_eq!(write(&store, 1).await, Err(StoreErrorKind::Denied));
    let line = records("event", 0..1)[0].clone() + "\n";
    let (code, said) = exit(&["append"], &replica.url(), &line);
    assert!(code == Some(77) && said.contains("read-only replica"), "{code:?} {said}");
}

/// The numbers of the connections that a server has, other than the one that asks.
fn connections(server: &Server) -> Vec<String> {
    let list = server.cli(&["client", "list"]);
    let others = list.lines().filter(|line| !line.contains("cmd=client"));
    others.map(|line| line.split_whitespace().next().unwrap_or_default().to_owned()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_master_that_becomes_a_replica_is_unavailable_and_its_connection_is_left() {
    let server = Server::start(Aof::Off, &[]);
    let store = server.store();
    write(&store, 0).await.unwrap();
    let before = connections(&server);
    assert_eq!(before.len(), 1, "{before:?}");
    server.cli(&["replicaof", "127.0.0.1", &free_port().to_string()]);
    for count in [1, 3] {
        let error = append(&store, Kind::Event, &records("event", 1..1 + count)).await.unwrap_err();
        assert_eq!(error.kind(), StoreErrorKind::Unavailable, "{}", error.one_line());
        assert!(!error.one_line().contains("not known"), "{}", error.one_line());
    }
    server.cli(&["replicaof", "no", "one"]);
    write(&store, 1).await.unwrap();
    let after = connections(&server);
    assert!(!after.contains(&before[0]), "{before:?} {after:?}");
    assert_eq!(lines(&store).await, records("event", 0..2));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_password_is_denied_and_never_shown() {
    let server = Server::start(Aof::Off, &["--requirepass", "correct"]);
    write(&server.store(), 0).await.unwrap();
    let plain = format!("redis://127.0.0.1:{}", server.port);
    let wrong = format!("redis://:s3cret@127.0.0.1:{}", server.port);
    for url in [&plain, &wrong] {
        let store = RedisStore::new(RedisConfig::new(url.clone())).unwrap();
        let error = store.snapshot().await.map(drop).unwrap_err();
        assert_eq!(error.kind(), StoreErrorKind::Denied, "{}", error.one_line());
        let shown = format!("{error:?} {} {store:?} {:?}", error.one_line(), store.describe());
        assert!(!shown.contains("s3cret"), "{shown}");
        let (code, said) = exit(&["scan"], url, "");
        assert!(code == Some(77) && !said.contains("s3cret"), "{code:?} {said}");
        assert!(said.matches("NOAUTH").count() < 2, "{said}");
    }
    let mut command = std::process::Command::new(papyra());
    command
        .args(["persistence", "scan", "--store", &plain])
        .env("PAPYRA_REDIS_PASSWORD", "correct");
    assert_eq!(command::run(&mut command).code, Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_of_the_wrong_type_is_said_to_be_one() {
    let server = Server::start(Aof::Off, &[]);
    server.cli(&["rpush", EVENTS, "a"]);
    let store = server.store();
    assert_eq!(write(&store, 0).await, Err(StoreErrorKind::Corrupt));
    assert_eq!(look(&store).await, Err(StoreErrorKind::Corrupt));
    let (code, said) = exit(&["scan"], &server.url(), "");
    assert!(code == Some(1) && said.contains("other than a stream"), "{code:?} {said}");
    assert_eq!(server.cli(&["lrange", EVENTS, "0", "-1"]), "a");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_vanishes_is_not_found_and_can_be_made_again() {
    let server = Server::start(Aof::Off, &[]);
    let store = server.store();
    write(&store, 0).await.unwrap();
    store.ensure_group(Kind::Event, "g", "0").await.unwrap();
    let snapshot = store.snapshot().await.unwrap();
    server.cli(&["xgroup", "destroy", EVENTS, "g"]);
    let fetch = async || {
        let fetched = store.fetch(Kind::Event, "g", "c", Source::Fresh, 1, Wait::Millis(100)).await;
        fetched.map(|delivered| delivered.frames.len()).map_err(|error| error.kind())
    };
    assert_eq!(fetch().await, Err(StoreErrorKind::NotFound));
    store.ensure_group(Kind::Event, "g", "0").await.unwrap();
    assert_eq!(fetch().await, Ok(1));

    let waiting = {
        let store = store.clone();
        tokio::spawn(async move {
            store.fetch(Kind::Event, "g", "c", Source::Fresh, 1, Wait::Millis(1_500)).await
        })
    };
    tokio::time::sleep(Duration::from_millis(300)).await;
    server.cli(&["flushall"]);
    // Told at once, or nothing came in time; never stuck.
    let waited = tokio::time::timeout(Duration::from_secs(8), waiting).await.unwrap().unwrap();
    assert!(
        waited.is_ok_and(|d| d.frames.is_empty()) || fetch().await == Err(StoreErrorKind::NotFound)
    );
    assert_eq!(look(&store).await, Err(StoreErrorKind::NotFound));
    let segment = &snapshot.segments()[0];
    let chunk = snapshot.read(&segment.name, segment.start, 100).await.unwrap();
    assert!(chunk.last && chunk.frames.is_empty(), "the old view is empty and not broken");
    write(&store, 1).await.unwrap();
    assert_eq!(lines(&store).await, records("event", 1..2));
}

#[test]
fn the_command_says_what_is_wrong_by_its_exit_code() {
    let down = format!("redis://127.0.0.1:{}", free_port());
    let (code, said) = exit(&["scan"], &down, "");
    assert!(code == Some(69) && said.contains("can be reached"), "{code:?} {said}");
    let server = Server::start(Aof::Off, &[]);
    let (code, said) = exit(&["scan"], &server.url(), "");
    assert!(code == Some(66) && said.contains("papyra:local:events"), "{code:?} {said}");
    let url = |parameters: &str| format!("{}?{parameters}", server.url());
    for wrong in ["system=x", "max_read=0", "max_read=x", "approx_trim=1", "timeout=soon"] {
        assert_eq!(exit(&["scan"], &url(wrong), "").0, Some(64), "{wrong}");
    }
    let torn = "{\"kind\": \"ev";
    server.cli(&["xadd", "papyra:orders:events", "*", "data", torn]);
    let sound = records("event", 0..3).join("\n") + "\n";
    let orders = url("system_id=orders");
    assert_eq!(exit(&["append"], &orders, &sound).0, Some(0));
    assert_eq!(exit(&["scan"], &orders, "").0, Some(2));
    let (code, said) = exit(&["recover", "--mode", "quarantine"], &orders, "");
    assert_eq!(code, Some(0), "{said}");
    assert_eq!(exit(&["scan"], &orders, "").0, Some(0));
    let kept = "papyra:orders:quarantine:papyra_orders_events";
    assert_eq!(server.cli(&["xlen", kept]), "1");
    // A directory and a policy of syncing are for files.
    let (code, said) =
        exit(&["recover", "--mode", "quarantine", "--quarantine-dir", "q"], &orders, "");
    assert!(code == Some(64) && said.contains("quarantine_prefix"), "{code:?} {said}");
    let (code, said) = exit(&["append", "--sync", "never"], &orders, &sound);
    assert!(
        code == Some(64) && said.contains("--sync does not go with a redis"),
        "{code:?} {said}"
    );
}
