//! How much of a batch is written when an append fails.

use std::time::Duration;

use papyra_persistence::store::{
    Kind, RedisConfig, RedisStore, Run, Store, StoreError, StoreErrorKind, Written,
};
use papyra_tests::redis::{Aof, Server, append, free_port, lines, records};

fn store(url: String, millis: u64) -> RedisStore {
    let mut config = RedisConfig::new(url);
    config.timeout = Duration::from_millis(millis);
    RedisStore::new(config).unwrap()
}

async fn fails(store: &RedisStore) -> StoreError {
    append(store, Kind::Event, &records("event", 7..9)).await.unwrap_err()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_never_reached_a_server_is_not_written() {
    let nobody = store(format!("redis://127.0.0.1:{}", free_port()), 5_000);
    let error = fails(&nobody).await;
    assert_eq!((error.kind(), error.written()), (StoreErrorKind::Unavailable, Some(Written::None)));

    let server = Server::start(Aof::Off, &["--requirepass", "right"]);
    let error = fails(&store(format!("redis://:wrong@127.0.0.1:{}", server.port), 5_000)).await;
    assert_eq!((error.kind(), error.written()), (StoreErrorKind::Denied, Some(Written::None)));

    // It has not answered the question that comes before what must not be repeated.
    let store = store(server.url(), 700);
    append(&store, Kind::Event, &records("event", 0..1)).await.unwrap();
    tokio::time::sleep(Duration::from_millis(600)).await;
    server.pause();
    let error = fails(&store).await;
    server.resume();
    assert_eq!((error.kind(), error.written()), (StoreErrorKind::Unavailable, Some(Written::None)));
    assert!(!error.one_line().contains("not known"), "{}", error.one_line());
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert_eq!(server.cli(&["xlen", "papyra:local:events"]), "1");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_server_refuses_is_not_written() {
    let server = Server::start(Aof::Off, &[]);
    let store = store(server.url(), 5_000);
    append(&store, Kind::Event, &records("event", 0..1)).await.unwrap();
    server.cli(&["config", "set", "maxmemory", "1"]);
    let error = fails(&store).await;
    assert_eq!((error.kind(), error.written()), (StoreErrorKind::Full, Some(Written::None)));
    server.cli(&["config", "set", "maxmemory", "0"]);

    // Redis goes on after the refusal of one command of a transaction.
    server.cli(&["set", "papyra:local:metrics", "x"]);
    let batch = [records("event", 0..2), records("metric", 0..2)].concat().join("\n") + "\n";
    let runs = [Kind::Event, Kind::Metric].map(|kind| Run { kind, lines: 2 });
    let error = store.append(batch.clone(), &runs).await.unwrap_err();
    assert_eq!((error.kind(), error.written()), (StoreErrorKind::Corrupt, Some(Written::None)));
    assert_eq!(lines_of(&server), "1");

    // Nor may it be taken back.
    server.cli(&["acl", "setuser", "w", "on", ">pw", "~*", "+@all", "-xdel"]);
    let store = self::store(format!("redis://w:pw@127.0.0.1:{}", server.port), 5_000);
    let error = store.append(batch, &runs).await.unwrap_err();
    assert_eq!((error.kind(), error.written()), (StoreErrorKind::Corrupt, Some(Written::Some)));
    assert_eq!(lines_of(&server), "3");
}

fn lines_of(server: &Server) -> String {
    server.cli(&["xlen", "papyra:local:events"])
}

#[tokio::test(flavor = "multi_thread")]
async fn of_what_was_sent_and_not_answered_nothing_is_known() {
    // No answer in time: the server does it later.
    let server = Server::start(Aof::Off, &[]);
    let patient = store(server.url(), 700);
    append(&patient, Kind::Event, &records("event", 0..1)).await.unwrap();
    server.pause();
    let error = fails(&patient).await;
    server.resume();
    assert_eq!(error.written(), Some(Written::Unknown), "{}", error.one_line());
    assert!(error.one_line().contains("not known"), "{}", error.one_line());

    // The connection ends while the answer is waited for.
    let mut server = Server::start(Aof::Off, &[]);
    let store = store(server.url(), 10_000);
    append(&store, Kind::Event, &records("event", 0..1)).await.unwrap();
    server.pause();
    let appending = {
        let store = store.clone();
        tokio::spawn(async move { fails(&store).await })
    };
    tokio::time::sleep(Duration::from_millis(200)).await;
    server.kill();
    let error = appending.await.unwrap();
    assert_eq!(error.written(), Some(Written::Unknown), "{}", error.one_line());
    server.restart();
    assert!(lines(&store).await.is_empty());
}
