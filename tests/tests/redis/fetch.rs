//! Consumer groups, as the store offers them.

use std::time::{Duration, Instant};

use papyra_persistence::store::groups::{Delivered, PendingFilter, Source, Wait};
use papyra_persistence::store::{
    ConsumerGroups, Kind, Payload, RedisConfig, RedisStore, StoreErrorKind,
};
use papyra_tests::redis::{Aof, Cluster, Server, append, records};

const EVENTS: &str = "papyra:local:events";
const ALL: Source = Source::Fresh;

fn texts(delivered: &Delivered) -> Vec<String> {
    let Payload::Raw(data) = &delivered.data else { panic!("raw bytes") };
    let mut from = 0;
    let mut texts = Vec::new();
    for frame in &delivered.frames {
        texts.push(String::from_utf8_lossy(&data[from..frame.end as usize]).into_owned());
        from = frame.end as usize;
    }
    texts
}

fn ids(delivered: &Delivered) -> Vec<String> {
    delivered.frames.iter().map(|frame| frame.id.clone()).collect()
}

fn counts(delivered: &Delivered) -> Vec<u64> {
    delivered.frames.iter().map(|frame| frame.deliveries).collect()
}

fn own() -> Source {
    Source::OwnPending("0".to_owned())
}

const EVERY: PendingFilter = PendingFilter {
    start: String::new(),
    end: String::new(),
    count: 10_000,
    min_idle_ms: 0,
    consumer: None,
};

fn filter() -> PendingFilter {
    PendingFilter { start: "-".to_owned(), end: "+".to_owned(), ..EVERY }
}

/// Everything that groups do, on one server or on several.
async fn groups_work(store: &RedisStore) {
    let kind = Kind::Event;
    append(store, kind, &records("event", 0..6)).await.unwrap();
    assert!(store.ensure_group(kind, "g", "0").await.unwrap());
    assert!(!store.ensure_group(kind, "g", "$").await.unwrap(), "a group is made once");

    let first = store.fetch(kind, "g", "a", ALL, 2, Wait::None).await.unwrap();
    assert_eq!((texts(&first), counts(&first)), (records("event", 0..2), vec![1, 1]));
    let second = store.fetch(kind, "g", "b", ALL, 3, Wait::None).await.unwrap();
    assert_eq!(texts(&second), records("event", 2..5));
    let again = store.fetch(kind, "g", "a", own(), 10, Wait::None).await.unwrap();
    assert_eq!((texts(&again), counts(&again)), (records("event", 0..2), vec![2, 2]));
    let after = Source::OwnPending(ids(&first)[0].clone());
    let after = store.fetch(kind, "g", "a", after, 10, Wait::None).await.unwrap();
    assert_eq!((texts(&after), counts(&after)), (records("event", 1..2), vec![3]));

    let summary = store.summarize_pending(kind, "g").await.unwrap();
    assert_eq!(
        (summary.count, summary.min, summary.max),
        (5, Some(ids(&first)[0].clone()), ids(&second).pop())
    );
    let consumers: Vec<_> = summary.consumers.iter().map(|c| (&*c.consumer, c.count)).collect();
    assert_eq!(consumers, [("a", 2), ("b", 3)]);
    let listed = store.list_pending(kind, "g", &filter()).await.unwrap();
    let deliveries: Vec<_> = listed.iter().map(|entry| entry.deliveries).collect();
    assert_eq!(deliveries, [2, 3, 1, 1, 1]);
    let of_b = PendingFilter { consumer: Some("b".to_owned()), count: 2, ..filter() };
    assert_eq!(store.list_pending(kind, "g", &of_b).await.unwrap().len(), 2);

    assert_eq!(store.ack(kind, "g", &ids(&first)).await.unwrap(), 2);
    assert_eq!(store.ack(kind, "g", &ids(&first)).await.unwrap(), 0);
    assert_eq!(store.ack(kind, "nobody", &ids(&second)).await.unwrap(), 0);

    // B has crashed; A takes over.
    let not_yet = store.claim(kind, "g", "a", 60_000, &ids(&second)).await.unwrap();
    assert!(not_yet.frames.is_empty() && not_yet.deleted.is_empty());
    let mut wanted = ids(&second);
    wanted.reverse();
    wanted.push("1-1".to_owned());
    let claimed = store.claim(kind, "g", "a", 0, &wanted[1..]).await.unwrap();
    assert_eq!((texts(&claimed), counts(&claimed)), (records("event", 2..4), vec![2, 2]));
    assert_eq!(claimed.deleted, ["1-1"]);
    let walked = store.auto_claim(kind, "g", "c", 0, "0-0", 2).await.unwrap();
    assert_eq!(
        (texts(&walked.entries), counts(&walked.entries)),
        (records("event", 2..4), vec![3, 3])
    );
    assert_eq!(walked.next, ids(&second)[2]);
    let rest = store.auto_claim(kind, "g", "c", 0, &walked.next, 2).await.unwrap();
    assert_eq!((texts(&rest.entries), &*rest.next), (records("event", 4..5), "0-0"));

    store.quarantine(kind, "g", &ids(&second)[0], "poison").await.unwrap();
    assert_eq!(store.summarize_pending(kind, "g").await.unwrap().count, 2);

    let groups = store.list_groups(kind).await.unwrap();
    assert_eq!(
        (groups.len(), &*groups[0].name, groups[0].pending, groups[0].lag),
        (1, "g", 2, Some(1))
    );
    assert_eq!(groups[0].last_delivered, ids(&second)[2]);
    store.set_id(kind, "g", "0").await.unwrap();
    let all = store.fetch(kind, "g", "d", ALL, 10, Wait::None).await.unwrap();
    assert_eq!(texts(&all).len(), 6);
    assert!(store.list_groups(Kind::Audit).await.unwrap().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn groups_work_on_one_server() {
    let server = Server::start(Aof::Off, &[]);
    groups_work(&server.store()).await;
    let kept = server.cli(&["xrange", "papyra:local:quarantine:papyra_local_events", "-", "+"]);
    let fields: Vec<&str> = kept.lines().collect();
    assert_eq!((fields[1], fields[2], fields[3]), ("source", EVENTS, "id"));
    assert_eq!((fields[0], &fields[5..7]), (fields[4], &["reason", "poison"][..]));
    assert_eq!(&fields[7..10], ["kind", "event", "data"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn groups_work_on_a_cluster() {
    let cluster = Cluster::start();
    groups_work(&cluster.store("local")).await;
    let kept = cluster.cli(&["xrange", "papyra:local:quarantine:papyra_local_events", "-", "+"]);
    assert!(kept.contains("reason\npoison\nkind\nevent\ndata"), "{kept}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_there_is_not_found() {
    let server = Server::start(Aof::Off, &[]);
    let store = server.store();
    let (kind, name) = (Kind::Event, "g");
    for round in ["no stream", "no group"] {
        let errors = [
            store.fetch(kind, name, "c", ALL, 1, Wait::None).await.map(drop),
            store.fetch(kind, name, "c", ALL, 1, Wait::Millis(50)).await.map(drop),
            store.fetch(kind, name, "c", own(), 1, Wait::None).await.map(drop),
            store.summarize_pending(kind, name).await.map(drop),
            store.list_pending(kind, name, &filter()).await.map(drop),
            store.claim(kind, name, "c", 0, &["1-1".to_owned()]).await.map(drop),
            store.auto_claim(kind, name, "c", 0, "0-0", 1).await.map(drop),
            store.set_id(kind, name, "0").await,
        ];
        for (index, error) in errors.into_iter().enumerate() {
            let error = error.unwrap_err();
            assert_eq!(
                error.kind(),
                StoreErrorKind::NotFound,
                "{round} {index}: {}",
                error.one_line()
            );
        }
        append(&store, kind, &records("event", 0..1)).await.unwrap();
    }
    let error = store.claim(kind, name, "c", 0, &["x".to_owned()]).await.unwrap_err();
    assert_eq!(error.kind(), StoreErrorKind::Failed);
}

/// redis-rs gives up on a reply after 500 ms unless told otherwise; Redis then delivers to nobody.
#[tokio::test(flavor = "multi_thread")]
async fn a_long_wait_strands_nothing_and_holds_up_nobody() {
    let server = Server::start(Aof::Off, &[]);
    let mut config = RedisConfig::new(server.url());
    // Also less than the wait: that comes on top.
    config.timeout = Duration::from_secs(1);
    let store = RedisStore::new(config).unwrap();
    store.ensure_group(Kind::Event, "g", "0").await.unwrap();
    let start = Instant::now();
    let waiting = {
        let store = store.clone();
        tokio::spawn(async move {
            store.fetch(Kind::Event, "g", "c", ALL, 1, Wait::Millis(4_000)).await
        })
    };
    let mut other = Duration::ZERO;
    while start.elapsed() < Duration::from_secs(2) {
        let asked = Instant::now();
        append(&store, Kind::Audit, &records("audit", 0..1)).await.unwrap();
        other = other.max(asked.elapsed());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert!(!waiting.is_finished(), "it waits");
    append(&store, Kind::Event, &records("event", 0..1)).await.unwrap();
    let delivered = waiting.await.unwrap().unwrap();
    assert_eq!(texts(&delivered), records("event", 0..1));
    assert!(start.elapsed() < Duration::from_millis(3_900), "it ends when something comes");
    assert!(other < Duration::from_millis(1_000), "appends took {other:?} meanwhile");
    assert_eq!(store.ack(Kind::Event, "g", &ids(&delivered)).await.unwrap(), 1);

    let start = Instant::now();
    let none = store.fetch(Kind::Event, "g", "c", ALL, 1, Wait::Millis(2_000)).await.unwrap();
    assert!(none.frames.is_empty() && start.elapsed() >= Duration::from_millis(1_950));
    assert_eq!(store.summarize_pending(Kind::Event, "g").await.unwrap().count, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wait_that_is_dropped_takes_nothing_from_others() {
    let server = Server::start(Aof::Off, &[]);
    let store = server.store();
    store.ensure_group(Kind::Event, "g", "0").await.unwrap();
    let forever = store.fetch(Kind::Event, "g", "gone", ALL, 1, Wait::Forever);
    assert!(tokio::time::timeout(Duration::from_millis(300), forever).await.is_err());
    tokio::time::sleep(Duration::from_millis(200)).await;
    append(&store, Kind::Event, &records("event", 0..1)).await.unwrap();
    let there = store.fetch(Kind::Event, "g", "here", ALL, 1, Wait::Millis(2_000)).await.unwrap();
    assert_eq!(texts(&there), records("event", 0..1));
}

#[tokio::test(flavor = "multi_thread")]
async fn many_wait_at_once() {
    let server = Server::start(Aof::Off, &[]);
    let store = server.store();
    store.ensure_group(Kind::Event, "g", "0").await.unwrap();
    let mut waiting = tokio::task::JoinSet::new();
    for consumer in 0..20 {
        let store = store.clone();
        waiting.spawn(async move {
            let name = format!("c{consumer}");
            store.fetch(Kind::Event, "g", &name, ALL, 1, Wait::Millis(10_000)).await
        });
    }
    for n in 0..20 {
        append(&store, Kind::Event, &records("event", n..n + 1)).await.unwrap();
    }
    let mut got = Vec::new();
    while let Some(delivered) = waiting.join_next().await {
        got.extend(texts(&delivered.unwrap().unwrap()));
    }
    got.sort();
    let mut expected = records("event", 0..20);
    expected.sort();
    assert_eq!(got, expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn pending_entries_that_were_removed_are_named() {
    let server = Server::start(Aof::Off, &[]);
    let store = server.store();
    append(&store, Kind::Event, &records("event", 0..3)).await.unwrap();
    store.ensure_group(Kind::Event, "g", "0").await.unwrap();
    let all = ids(&store.fetch(Kind::Event, "g", "a", ALL, 3, Wait::None).await.unwrap());
    server.cli(&["xdel", EVENTS, &all[1]]);
    let own = store.fetch(Kind::Event, "g", "a", own(), 10, Wait::None).await.unwrap();
    assert_eq!(
        (ids(&own), &own.deleted),
        (vec![all[0].clone(), all[2].clone()], &vec![all[1].clone()])
    );
    let claimed = store.auto_claim(Kind::Event, "g", "b", 0, "0-0", 10).await.unwrap();
    assert_eq!(claimed.entries.deleted, [all[1].clone()]);
    assert_eq!(claimed.entries.frames.len(), 2);
    // What no longer exists is only acknowledged.
    store.quarantine(Kind::Event, "g", &all[1], "gone").await.unwrap();
}

/// A user who may do everything but ask so.
fn without(server: &Server, command: &str) -> RedisStore {
    server.cli(&["acl", "setuser", "u", "reset", "on", ">p", "~*", "&*", "+@all", command]);
    let url = format!("redis://u:p@127.0.0.1:{}/0", server.port);
    RedisStore::new(RedisConfig::new(url)).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_claimed_is_handed_out_when_nothing_more_can_be_learnt_of_it() {
    let server = Server::start(Aof::Off, &[]);
    let (kind, store) = (Kind::Event, server.store());
    append(&store, kind, &records("event", 0..2)).await.unwrap();
    store.ensure_group(kind, "g", "0").await.unwrap();
    let fetched = store.fetch(kind, "g", "a", ALL, 2, Wait::None).await.unwrap();

    let walked = without(&server, "-xpending").auto_claim(kind, "g", "b", 0, "0-0", 10).await;
    let walked = walked.unwrap().entries;
    assert_eq!((texts(&walked), counts(&walked)), (records("event", 0..2), vec![0, 0]));

    let mut wanted = ids(&fetched);
    wanted.push("1-1".to_owned());
    let claimed = without(&server, "-xrange").claim(kind, "g", "c", 0, &wanted).await.unwrap();
    assert_eq!((texts(&claimed), counts(&claimed)), (records("event", 0..2), vec![3, 3]));
    assert!(claimed.deleted.is_empty());
}
