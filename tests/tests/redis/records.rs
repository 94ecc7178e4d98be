//! What lies in the streams: records of ours, of Papyra, and of others.

use papyra_persistence::journal::{RecoverOptions, RecoveryMode, ScanOptions};
use papyra_persistence::store::{Kind, RedisConfig, RedisStore, Run, Store, StoreErrorKind};
use papyra_persistence::{Engine, Journal};
use papyra_tests::redis::{Aof, Server, append, lines, records};

const EVENTS: &str = "papyra:local:events";
const QUARANTINE: &str = "papyra:local:quarantine:papyra_local_events";
const SCAN: ScanOptions = ScanOptions { max_findings: 100, sample: None };

fn quarantine() -> RecoverOptions {
    RecoverOptions {
        mode: RecoveryMode::Quarantine,
        record_audit: false,
        ..RecoverOptions::default()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn records_lie_where_papyra_looks_for_them() {
    let server = Server::start(Aof::Off, &[]);
    let store = server.store();
    for (kind, name, key) in [
        (Kind::Event, "event", "events"),
        (Kind::Audit, "audit", "audits"),
        (Kind::DeadLetter, "dead_letter", "dead_letters"),
        (Kind::Metric, "metric", "metrics"),
    ] {
        let record = records(name, 0..1);
        append(&store, kind, &record).await.unwrap();
        let stored = server.cli(&["xrange", &format!("papyra:local:{key}"), "-", "+"]);
        let fields: Vec<&str> = stored.lines().skip(1).collect();
        assert_eq!(fields, ["kind", name, "data", &record[0]]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn entries_that_papyra_wrote_are_read_and_kept_byte_for_byte() {
    let server = Server::start(Aof::Off, &[]);
    let record = r#"{"kind": "event", "timestamp": 1738000000.5, "event_type": "ActorStarted", "x": "\u00fc"}"#;
    server.cli(&["xadd", EVENTS, "*", "data", record]);
    let store = server.store();
    append(&store, Kind::Event, &records("event", 1..2)).await.unwrap();
    let journal = Journal::new(&Engine::new().unwrap(), store.clone());
    let report = journal.scan(SCAN).await.unwrap();
    assert_eq!(
        (report.records, report.damaged, report.suspect),
        (2, 0, 0),
        "{:?}",
        report.findings
    );
    assert_eq!(lines(&store).await[0], record);
}

#[tokio::test(flavor = "multi_thread")]
async fn damage_is_found_with_its_id_and_set_aside_with_id_and_all_fields() {
    let server = Server::start(Aof::Off, &[]);
    let store = server.store();
    append(&store, Kind::Event, &records("event", 0..3)).await.unwrap();
    let bare = server.cli(&["xadd", EVENTS, "*", "other", "1", "more", "2"]);
    let torn = server.cli(&["xadd", EVENTS, "*", "data", "{\"kind\": \"ev", "extra", "field"]);
    append(&store, Kind::Event, &records("event", 3..5)).await.unwrap();
    let wrong = server.cli(&["xadd", EVENTS, "*", "data", &records("audit", 9..10)[0]]);
    server.cli(&["xgroup", "create", EVENTS, "workers", "0"]);
    server.cli(&["xreadgroup", "group", "workers", "w", "streams", EVENTS, ">"]);

    let journal = Journal::new(&Engine::new().unwrap(), store.clone());
    let report = journal.scan(SCAN).await.unwrap();
    assert_eq!((report.records, report.damaged, report.suspect), (6, 2, 1));
    for (name, id) in
        [("missing_data", &bare), ("malformed_json", &torn), ("kind_mismatch", &wrong)]
    {
        let found = report
            .findings
            .iter()
            .any(|finding| finding.anomaly == name && finding.id.as_ref() == Some(id));
        assert!(found, "{name} {id}: {:?}", report.findings);
    }

    let done = journal.recover(quarantine()).await.unwrap();
    assert_eq!((done.removed_entries, done.quarantine), (3, vec![QUARANTINE.to_owned()]));
    assert_eq!(lines(&store).await, records("event", 0..5));
    let kept = server.cli(&["xrange", QUARANTINE, "-", "+"]);
    for fields in [
        format!("{bare}\nsource\n{EVENTS}\nid\n{bare}\nother\n1\nmore\n2"),
        format!("{torn}\nsource\n{EVENTS}\nid\n{torn}\ndata\n{{\"kind\": \"ev\nextra\nfield"),
        format!("{wrong}\nsource\n{EVENTS}\nid\n{wrong}\ndata\n{}", records("audit", 9..10)[0]),
    ] {
        assert!(kept.contains(&fields), "{fields}\nis not in\n{kept}");
    }
    // Nobody waits for what is gone.
    let pending = server.cli(&["xpending", EVENTS, "workers"]);
    assert_eq!(pending.lines().next(), Some("5"), "{pending}");

    let report = journal.scan(SCAN).await.unwrap();
    assert_eq!((report.records, report.damaged, report.suspect), (5, 0, 0));
    assert!(!journal.recover(quarantine()).await.unwrap().changed, "twice is the same as once");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_older_entry_is_quarantined_after_a_newer_one() {
    let server = Server::start(Aof::Off, &[]);
    let store = server.store();
    append(&store, Kind::Event, &records("event", 0..1)).await.unwrap();
    server.cli(&["xadd", QUARANTINE, "99999999999999-0", "source", "x"]);
    let torn = server.cli(&["xadd", EVENTS, "*", "data", "{"]);
    let journal = Journal::new(&Engine::new().unwrap(), store);
    assert_eq!(journal.recover(quarantine()).await.unwrap().removed_entries, 1);
    let kept = server.cli(&["xrange", QUARANTINE, "-", "+"]);
    assert!(kept.contains(&format!("source\n{EVENTS}\nid\n{torn}\ndata\n{{")), "{kept}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_entry_with_more_fields_than_lua_can_pass_on_is_quarantined_packed() {
    let server = Server::start(Aof::Off, &[]);
    let fields: Vec<String> = (0..10_000).map(|part| format!("part-{part}")).collect();
    let mut wide = vec!["xadd", EVENTS, "*"];
    wide.extend(fields.iter().map(String::as_str));
    let id = server.cli(&wide);
    append(&server.store(), Kind::Event, &records("event", 0..1)).await.unwrap();
    let journal = Journal::new(&Engine::new().unwrap(), server.store());
    assert_eq!(journal.recover(quarantine()).await.unwrap().removed_entries, 1);
    let kept = server.cli(&["xrange", QUARANTINE, "-", "+"]);
    assert!(kept.contains(&format!("source\n{EVENTS}\nid\n{id}\npacked\n")), "{kept:.300}");
    let unpack = "local kept = redis.call('XRANGE', KEYS[1], '-', '+')[1][2]
        local parts = cmsgpack.unpack(kept[#kept])
        return {#parts, parts[1], parts[#parts]}";
    assert_eq!(server.cli(&["eval", unpack, "1", QUARANTINE]), "10000\npart-0\npart-9999");
    assert_eq!(lines(&server.store()).await, records("event", 0..1));
}

#[tokio::test(flavor = "multi_thread")]
async fn streams_are_never_deleted() {
    let server = Server::start(Aof::Off, &[]);
    let torn = server.cli(&["xadd", EVENTS, "*", "data", "{"]);
    let record = &records("event", 0..1)[0];
    let sound = server.cli(&["xadd", EVENTS, "*", "data", record]);
    assert!(torn < sound);
    let journal = Journal::new(&Engine::new().unwrap(), server.store());
    journal.recover(quarantine()).await.unwrap();
    server.cli(&["xdel", EVENTS, &sound]);
    assert_eq!(server.cli(&["type", EVENTS]), "stream");
    assert_eq!(journal.scan(SCAN).await.unwrap().records, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_of_several_kinds_is_written_whole_or_not_at_all() {
    let server = Server::start(Aof::Off, &[]);
    server.cli(&["set", "papyra:local:audits", "not a stream"]);
    let store = server.store();
    let batch: String = [records("event", 0..2), records("audit", 2..3), records("event", 3..5)]
        .concat()
        .join("\n")
        + "\n";
    let run = |kind, lines| Run { kind, lines };
    let runs = [run(Kind::Event, 2), run(Kind::Audit, 1), run(Kind::Event, 2)];
    let error = store.append(batch.clone(), &runs).await.unwrap_err();
    assert_eq!(error.kind(), StoreErrorKind::Corrupt, "{}", error.one_line());
    assert_eq!(server.cli(&["xlen", EVENTS]), "0");
    server.cli(&["del", "papyra:local:audits"]);
    store.append(batch, &runs).await.unwrap();
    assert_eq!(server.cli(&["xlen", EVENTS]), "4");
}

#[tokio::test(flavor = "multi_thread")]
async fn ids_of_different_streams_keep_the_order_of_writing() {
    let server = Server::start(Aof::Off, &[]);
    let store = server.store();
    let mut batch = String::new();
    let mut runs = Vec::new();
    // Within a batch, and from batch to batch, also within one millisecond.
    for n in 0..300 {
        let (kind, name) = [(Kind::Event, "event"), (Kind::Audit, "audit")][n as usize % 2];
        let record = records(name, n..n + 1);
        if n < 150 {
            append(&store, kind, &record).await.unwrap();
        } else {
            batch.push_str(&record[0]);
            batch.push('\n');
            runs.push(Run { kind, lines: 1 });
        }
    }
    store.append(batch, &runs).await.unwrap();
    let mut entries = Vec::new();
    for key in [EVENTS, "papyra:local:audits"] {
        let text = server.cli(&["xrange", key, "-", "+"]);
        let all: Vec<&str> = text.lines().collect();
        for entry in all.chunks(5) {
            let (ms, seq) = entry[0].split_once('-').unwrap();
            let number = entry[4].rsplit_once(": ").unwrap().1.trim_end_matches('}');
            let number = number.parse::<u32>().unwrap();
            entries.push((ms.parse::<u64>().unwrap(), seq.parse::<u64>().unwrap(), number));
        }
    }
    entries.sort_unstable();
    assert!(entries.is_sorted_by_key(|entry| entry.2) && entries.len() == 300, "{entries:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clock_that_went_back_does_not_stop_appends() {
    let server = Server::start(Aof::Off, &[]);
    server.cli(&["xadd", EVENTS, "99999999999999-7", "data", &records("event", 0..1)[0]]);
    let store = server.store();
    append(&store, Kind::Event, &records("event", 1..4)).await.unwrap();
    assert_eq!(lines(&store).await, records("event", 0..4));
}

#[tokio::test(flavor = "multi_thread")]
async fn scans_look_at_everything_unless_a_sample_is_asked_for() {
    let server = Server::start(Aof::Off, &[]);
    server.cli(&["xadd", EVENTS, "1-1", "data", "{"]);
    append(&server.store(), Kind::Event, &records("event", 0..5_000)).await.unwrap();
    let engine = Engine::new().unwrap();
    let report = Journal::new(&engine, server.store()).scan(SCAN).await.unwrap();
    assert_eq!((report.records, report.damaged, report.sampled), (5_000, 1, false));
    let mut config = RedisConfig::new(server.url());
    config.scan_sample_size = Some(1_000);
    config.max_read = 100;
    let store = RedisStore::new(config).unwrap();
    let report = Journal::new(&engine, store).scan(SCAN).await.unwrap();
    assert_eq!((report.records, report.damaged, report.sampled), (1_000, 0, true));
}

#[tokio::test(flavor = "multi_thread")]
async fn entries_of_very_different_lengths_come_in_bounded_pieces() {
    let server = Server::start(Aof::Off, &[]);
    let store = server.store();
    let long =
        |n: usize| format!(r#"{{"kind": "event", "timestamp": 1, "x": "{}"}}"#, "y".repeat(n));
    let mut all = records("event", 0..3_000);
    all.extend([10, 3_000_000, 200, 5_000_000, 1].map(long));
    all.extend(records("event", 3_000..4_000));
    for some in all.chunks(500) {
        append(&store, Kind::Event, some).await.unwrap();
    }
    // Longer than an entry may be.
    let mut command = redis::cmd("XADD");
    command.arg(EVENTS).arg("*").arg("data").arg("z".repeat(18 << 20));
    let mut connection = server.connection().await;
    let _: String = command.query_async(&mut connection).await.unwrap();
    assert!(lines(&store).await[..4_005] == all);
    let journal = Journal::new(&Engine::new().unwrap(), store);
    let report = journal.scan(SCAN).await.unwrap();
    assert_eq!((report.records, report.damaged), (4_005, 1), "{:?}", report.findings);
    assert_eq!(report.findings[0].anomaly, "oversized_entry");
}
