//! TLS, Cluster and Sentinel, each with real servers.

use std::time::{Duration, Instant};

use papyra_persistence::journal::{RecoverOptions, RecoveryMode, ScanOptions};
use papyra_persistence::store::{Kind, RedisConfig, RedisStore, Run, Store, StoreErrorKind};
use papyra_persistence::{Engine, Journal};
use papyra_tests::redis::{Certificates, Cluster, Watched, append, lines, records};

const SCAN: ScanOptions = ScanOptions { max_findings: 100, sample: None };

#[tokio::test(flavor = "multi_thread")]
async fn tls_is_spoken_with_servers_whose_certificate_is_trusted() {
    let certificates = Certificates::make();
    for ask_clients in [false, true] {
        let server = certificates.server(ask_clients);
        let mut config = RedisConfig::new(format!("rediss://127.0.0.1:{}", server.port));
        let stranger = RedisStore::new(config.clone()).unwrap();
        let error = stranger.snapshot().await.map(drop).unwrap_err();
        assert_eq!(error.kind(), StoreErrorKind::Denied, "{}", error.one_line());

        config.ca = Some(certificates.path("ca.crt"));
        if ask_clients {
            let nameless = RedisStore::new(config.clone()).unwrap();
            assert!(nameless.snapshot().await.is_err(), "the server asks for a certificate");
            config.cert = Some(certificates.path("server.crt"));
            config.key = Some(certificates.path("server.key"));
        }
        let store = RedisStore::new(config).unwrap();
        append(&store, Kind::Event, &records("event", 0..100)).await.unwrap();
        assert_eq!(lines(&store).await, records("event", 0..100));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn on_a_cluster_kinds_lie_on_several_nodes_and_are_one_journal() {
    let cluster = Cluster::start();
    let store = cluster.store("local");
    let kinds = [(Kind::Event, "event"), (Kind::Audit, "audit"), (Kind::Metric, "metric")];
    let mut batch = String::new();
    let mut runs = Vec::new();
    for (kind, name) in kinds {
        batch += &(records(name, 0..50).join("\n") + "\n");
        runs.push(Run { kind, lines: 50 });
    }
    store.append(batch.clone(), &runs).await.unwrap();
    let node = |key: &str| cluster.owner(key).port;
    let nodes = ["events", "audits", "metrics"].map(|end| node(&format!("papyra:local:{end}")));
    assert!(nodes.iter().any(|port| *port != nodes[0]), "the keys lie on one node: {nodes:?}");

    let torn = cluster.cli(&["xadd", "papyra:local:audits", "*", "data", "{", "more", "1"]);
    // An entry of other origin has the same id in the quarantine, and is no copy.
    let quarantine = "papyra:local:quarantine:papyra_local_audits";
    cluster.cli(&["xadd", quarantine, torn.trim(), "source", "elsewhere", "id", "1-0"]);
    let journal = Journal::new(&Engine::new().unwrap(), store.clone());
    let report = journal.scan(SCAN).await.unwrap();
    assert_eq!((report.records, report.damaged), (150, 1));
    let mode = RecoveryMode::Quarantine;
    let options = RecoverOptions { mode, record_audit: false, ..RecoverOptions::default() };
    assert_eq!(journal.recover(options).await.unwrap().removed_entries, 1);
    assert_eq!(journal.scan(SCAN).await.unwrap().damaged, 0);
    let kept = cluster.cli(&["xrange", quarantine, "-", "+"]);
    assert!(kept.ends_with(&format!("id\n{torn}\ndata\n{{\nmore\n1")), "{kept}");

    // Kinds before the one that fails are taken back.
    cluster.cli(&["del", "papyra:local:metrics"]);
    cluster.cli(&["set", "papyra:local:metrics", "x"]);
    let error = store.append(batch, &runs).await.unwrap_err();
    assert_eq!(error.kind(), StoreErrorKind::Corrupt, "{}", error.one_line());
    assert_eq!(cluster.cli(&["xlen", "papyra:local:events"]), "50");
    assert_eq!(cluster.cli(&["xlen", "papyra:local:audits"]), "50");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_append_to_a_cluster_that_is_dropped_leaves_no_half_of_a_batch() {
    let cluster = Cluster::start();
    let store = cluster.store("local");
    let batch = format!("{}\n{}\n", records("event", 0..1)[0], records("audit", 0..1)[0]);
    let runs = [Kind::Event, Kind::Audit].map(|kind| Run { kind, lines: 1 });
    store.append(batch.clone(), &runs).await.unwrap();
    for micros in (0..1_500).step_by(10) {
        let append = store.append(batch.clone(), &runs);
        let _ = tokio::time::timeout(Duration::from_micros(micros), append).await;
    }
    let count = |kind: &str| cluster.cli(&["xlen", &format!("papyra:local:{kind}")]);
    // What was dropped may still be on its way.
    let deadline = Instant::now() + Duration::from_secs(20);
    while count("events") != count("audits") && Instant::now() < deadline {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(count("events"), count("audits"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slot_that_moves_is_followed() {
    let cluster = Cluster::start();
    let store = cluster.store("local");
    let key = "papyra:local:events";
    append(&store, Kind::Event, &records("event", 0..10)).await.unwrap();
    for n in 10..13 {
        let before = cluster.owner(key).port;
        cluster.move_slot(key);
        assert_ne!(cluster.owner(key).port, before);
        append(&store, Kind::Event, &records("event", n..n + 1)).await.unwrap();
    }
    assert_eq!(lines(&store).await, records("event", 0..13), "all of them once");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_hangs_does_not_hold_up_what_lies_on_others() {
    let cluster = Cluster::start();
    for node in &cluster.nodes {
        node.cli(&["config", "set", "cluster-require-full-coverage", "no"]);
    }
    let store = cluster.store("local");
    append(&store, Kind::Event, &records("event", 0..1)).await.unwrap();
    let owner = cluster.owner("papyra:local:events").port;
    let other = cluster.nodes.iter().find(|node| node.port != owner).unwrap();
    // So long that the connection is tried before it is used.
    tokio::time::sleep(Duration::from_millis(600)).await;
    other.pause();
    append(&store, Kind::Event, &records("event", 1..2)).await.unwrap();
    other.resume();
    assert_eq!(cluster.cli(&["xlen", "papyra:local:events"]), "2");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cluster_that_has_lost_a_node_is_unavailable_in_time() {
    let mut cluster = Cluster::start();
    let store = cluster.store("local");
    append(&store, Kind::Event, &records("event", 0..1)).await.unwrap();
    let port = cluster.owner("papyra:local:events").port;
    cluster.nodes.iter_mut().find(|node| node.port == port).unwrap().kill();
    let start = Instant::now();
    let error = append(&store, Kind::Event, &records("event", 1..2)).await.unwrap_err();
    assert_eq!(error.kind(), StoreErrorKind::Unavailable, "{}", error.one_line());
    assert!(start.elapsed() < Duration::from_secs(20), "{:?}", start.elapsed());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failover_is_followed() {
    let mut watched = Watched::start();
    let mut config = RedisConfig::new(watched.url());
    config.timeout = Duration::from_secs(3);
    let store = RedisStore::new(config).unwrap();
    append(&store, Kind::Event, &records("event", 0..10)).await.unwrap();
    let until = Instant::now() + Duration::from_secs(10);
    while watched.replica.cli(&["xlen", "papyra:local:events"]) != "10" {
        assert!(Instant::now() < until, "the replica does not follow");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    watched.master.kill();
    let error = append(&store, Kind::Event, &records("event", 10..11)).await.unwrap_err();
    assert_eq!(error.kind(), StoreErrorKind::Unavailable, "{}", error.one_line());
    watched.wait_for_failover();
    let until = Instant::now() + Duration::from_secs(30);
    while let Err(error) = append(&store, Kind::Event, &records("event", 11..12)).await {
        assert_eq!(error.kind(), StoreErrorKind::Unavailable, "{}", error.one_line());
        assert!(Instant::now() < until, "the new master is not found: {}", error.one_line());
    }
    let expected = [records("event", 0..10), records("event", 11..12)].concat();
    assert_eq!(lines(&store).await, expected);
}
