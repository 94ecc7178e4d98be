//! What compaction may remove from a stream, with consumer groups looking on.

use std::sync::Arc;

use papyra_persistence::journal::{CompactOptions, KindLimits};
use papyra_persistence::store::groups::{Source, Wait};
use papyra_persistence::store::{
    ConsumerGroups, Edit, FileStore, Kind, Position, Purpose, RedisConfig, RedisStore,
    RewriteOptions, Rewritten, Segment, Store,
};
use papyra_persistence::{Engine, Journal, Limits, Retention, Selection};
use papyra_tests::command;
use papyra_tests::random::Random;
use papyra_tests::redis::{Aof, Server, append, lines, records};

const EVENTS: &str = "papyra:local:events";
const SPARE: RewriteOptions =
    RewriteOptions { purpose: Purpose::Compact, keep_quarantine: false, force: false };
const FORCE: RewriteOptions = RewriteOptions { force: true, ..SPARE };
const KEEP: RewriteOptions = RewriteOptions { keep_quarantine: true, ..SPARE };

fn exactly(server: &Server) -> RedisStore {
    let mut config = RedisConfig::new(server.url());
    config.approx_trim = false;
    RedisStore::new(config).unwrap()
}

async fn events(store: &RedisStore) -> Segment {
    store.snapshot().await.unwrap().segments()[0].clone()
}

/// The positions of all events.
fn positions(server: &Server) -> Vec<Position> {
    let text = server.cli(&["xrange", EVENTS, "-", "+"]);
    let ids = text.lines().step_by(5).map(|id| id.split_once('-').unwrap());
    ids.map(|(a, b)| Position { major: a.parse().unwrap(), minor: b.parse().unwrap() }).collect()
}

async fn remove(
    store: &RedisStore,
    options: RewriteOptions,
    ranges: &[(Position, Position)],
) -> Rewritten {
    let snapshot = store.snapshot().await.unwrap();
    let mut rewrite = snapshot.rewrite(EVENTS, options).await.unwrap();
    let ranges: Vec<Edit> = ranges.iter().map(|(start, end)| Edit::removal(*start, *end)).collect();
    rewrite.edit(&ranges).await.unwrap();
    rewrite.commit().await.unwrap()
}

/// A journal of 20 events and three groups: one has done everything, one is stalled with 6 to 9
/// pending, and one has been given nothing since 12.
async fn three_groups(server: &Server, store: &RedisStore) -> Vec<Position> {
    append(store, Kind::Event, &records("event", 0..20)).await.unwrap();
    for (group, given, acknowledged) in [("done", 20, 20), ("stalled", 10, 6), ("slow", 12, 12)] {
        store.ensure_group(Kind::Event, group, "0").await.unwrap();
        let given =
            store.fetch(Kind::Event, group, "c", Source::Fresh, given, Wait::None).await.unwrap();
        let ids: Vec<String> =
            given.frames.iter().take(acknowledged).map(|f| f.id.clone()).collect();
        store.ack(Kind::Event, group, &ids).await.unwrap();
    }
    positions(server)
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_goes_that_a_group_has_yet_to_see_unless_forced() {
    for (what, ends) in [("in one stretch", vec![15]), ("one by one", (1..=15).collect())] {
        for options in [SPARE, KEEP] {
            let server = Server::start(Aof::Off, &[]);
            let store = exactly(&server);
            let at = three_groups(&server, &store).await;
            assert_eq!(events(&store).await.pinned, Some(at[6]));
            let starts = [0].into_iter().chain(ends.iter().copied());
            let ranges: Vec<_> = starts.zip(&ends).map(|(a, b)| (at[a], at[*b])).collect();
            let done = remove(&store, options, &ranges).await;
            assert_eq!(done.removed_entries, Some(6), "{what}");
            assert_eq!(lines(&store).await, records("event", 6..20), "{what}");

            // The stalled one gets on; the slow one is next.
            let id = |n: usize| format!("{}-{}", at[n].major, at[n].minor);
            let ids: Vec<String> = (6..10).map(id).collect();
            store.ack(Kind::Event, "stalled", &ids).await.unwrap();
            remove(&store, options, &ranges).await;
            assert_eq!(
                lines(&store).await,
                records("event", 10..20),
                "{what}: 10 is not given yet"
            );

            let done = remove(&store, FORCE, &ranges).await;
            assert_eq!(done.removed_entries, Some(5), "{what}");
            assert_eq!(lines(&store).await, records("event", 15..20), "{what}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_given_after_the_plan_was_made_is_spared_as_well() {
    let server = Server::start(Aof::Off, &[]);
    let store = exactly(&server);
    append(&store, Kind::Event, &records("event", 0..10)).await.unwrap();
    let at = positions(&server);
    let snapshot = store.snapshot().await.unwrap();
    assert_eq!(snapshot.segments()[0].pinned, None);
    let mut rewrite = snapshot.rewrite(EVENTS, SPARE).await.unwrap();
    rewrite.edit(&[Edit::removal(at[0], at[8])]).await.unwrap();
    // A group that begins in the middle of what is to go.
    let id = format!("{}-{}", at[2].major, at[2].minor);
    store.ensure_group(Kind::Event, "late", &id).await.unwrap();
    let done = rewrite.commit().await.unwrap();
    assert_eq!(done.removed_entries, Some(3));
    assert_eq!(lines(&store).await, records("event", 3..10));
}

#[tokio::test(flavor = "multi_thread")]
async fn holes_are_kept_and_only_what_was_named_goes() {
    let server = Server::start(Aof::Off, &[]);
    let store = exactly(&server);
    append(&store, Kind::Event, &records("event", 0..1_000)).await.unwrap();
    let at = positions(&server);
    // A long beginning in two parts that touch, then every third, then a long part.
    let mut ranges = vec![(at[0], at[100]), (at[100], at[300])];
    ranges.extend((300..600).step_by(3).map(|n| (at[n + 1], at[n + 2])));
    ranges.push((at[650], at[950]));
    let done = remove(&store, SPARE, &ranges).await;
    assert_eq!(done.removed_entries, Some(300 + 100 + 300));
    let all = records("event", 0..1_000);
    let stays = |n: usize| n >= 300 && (n >= 600 || n % 3 != 1) && !(650..950).contains(&n);
    let expected: Vec<_> = (0..1_000).filter(|n| stays(*n)).map(|n| all[n].clone()).collect();
    assert_eq!(lines(&store).await, expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_beginning_that_is_kept_is_never_trimmed() {
    let server = Server::start(Aof::Off, &[]);
    for store in [exactly(&server), server.store()] {
        server.cli(&["flushall"]);
        append(&store, Kind::Event, &records("event", 0..500)).await.unwrap();
        let at = positions(&server);
        remove(&store, SPARE, &[(at[1], at[400])]).await;
        let expected = [records("event", 0..1), records("event", 400..500)].concat();
        assert_eq!(lines(&store).await, expected);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn approximate_trimming_keeps_too_much_and_never_too_little_and_says_what_went() {
    let server = Server::start(Aof::Off, &[]);
    let store = server.store();
    append(&store, Kind::Event, &records("event", 0..1_050)).await.unwrap();
    let at = positions(&server);
    let done = remove(&store, SPARE, &[(at[0], at[1_030])]).await;
    let left = lines(&store).await;
    assert!(left.ends_with(&records("event", 1_030..1_050)), "what is kept is there");
    assert!((20..=120).contains(&left.len()), "{} left", left.len());
    assert_eq!(done.removed_entries, Some(1_050 - left.len() as u64));
    assert!(done.bytes_after < done.bytes_before, "{done:?}");
}

fn policy(limits: Limits) -> Retention {
    Retention { journal: limits, per_kind: Vec::new() }
}

/// Limits, and how many of 20 events they keep.
fn every_limit() -> Vec<(&'static str, u64, Retention)> {
    let none = Limits::default();
    let two = Limits { max_records: Some(2), ..none };
    let per_kind = vec![KindLimits { kind: Kind::Event, limits: two }];
    vec![
        ("records", 2, policy(two)),
        ("no records", 0, policy(Limits { max_records: Some(0), ..none })),
        ("bytes", 2, policy(Limits { max_total_bytes: Some(120), ..none })),
        ("age", 0, policy(Limits { max_age_seconds: Some(1.0), ..none })),
        ("kind", 2, Retention { journal: none, per_kind }),
    ]
}

const COMPACT: CompactOptions = CompactOptions {
    dry_run: false,
    force: false,
    keep_quarantine: false,
    as_of: None,
    record_audit: false,
    allow_expire_all: true,
    full: false,
};

#[tokio::test(flavor = "multi_thread")]
async fn with_every_limit_a_stalled_group_loses_nothing_until_forced() {
    let engine = Engine::new().unwrap();
    // Trimming by whole nodes of four leaves up to three entries more.
    for (approximately, more) in [(false, 0), (true, 3)] {
        for (what, kept, policy) in every_limit() {
            let server = Server::start(Aof::Off, &["--stream-node-max-entries", "4"]);
            let mut config = RedisConfig::new(server.url());
            config.approx_trim = approximately;
            let store = RedisStore::new(config).unwrap();
            let at = three_groups(&server, &store).await;
            let journal = Journal::new(&engine, store.clone()).with_retention(policy);

            let planned =
                journal.compact(CompactOptions { dry_run: true, ..COMPACT }).await.unwrap();
            assert_eq!((planned.records_after, planned.pinned_kept), (14, 14 - kept), "{what}");
            assert_eq!(lines(&store).await, records("event", 0..20), "{what}: a dry run");

            let done = journal.compact(COMPACT).await.unwrap();
            let left = lines(&store).await.len() as u32;
            assert_eq!(lines(&store).await, records("event", 20 - left..20), "{what}");
            assert!((14..=14 + more).contains(&left), "{what}: {left}");
            assert_eq!((done.records_before, done.records_after), (20, left.into()), "{what}");
            // 6 to 9 are pending, 10 and on were not given to one of the groups.
            assert_eq!((done.pinned_kept, done.pinned_removed), (14 - kept, 0), "{what}: {done:?}");
            let pending = server.cli(&["xpending", EVENTS, "stalled", "-", "+", "99"]);
            assert_eq!(pending.lines().step_by(4).count(), 4, "{what}: {pending}");
            for at in &at[6..10] {
                let id = format!("{}-{}", at.major, at.minor);
                assert_ne!(server.cli(&["xrange", EVENTS, &id, &id]), "", "{what}: {id} is there");
            }

            let done = journal.compact(CompactOptions { force: true, ..COMPACT }).await.unwrap();
            let left = lines(&store).await.len() as u64;
            assert_eq!(left, kept, "{what}: with groups force is exact: {done:?}");
            assert_eq!((done.pinned_removed, done.records_after), (14 - left, left), "{what}");
            let losses: Vec<_> =
                store.losses().into_iter().map(|loss| (loss.group, loss.entries)).collect();
            let expected = [("slow".to_owned(), 8 - left), ("stalled".to_owned(), 14 - left)];
            assert_eq!(losses, expected, "{what}: nothing that the third needed");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_command_says_what_each_group_has_lost() {
    let server = Server::start(Aof::Off, &[]);
    let store = server.store();
    three_groups(&server, &store).await;
    let compact = |more: &[&str]| {
        let mut command = std::process::Command::new(command::papyra());
        command.args(["persistence", "compact", "--max-records", "5", "--store", &server.url()]);
        command::run(command.args(more))
    };
    let gentle = compact(&["--json"]).document();
    assert_eq!(
        (&gentle["pinned_kept"], &gentle["groups_lost"]),
        (&9.into(), &serde_json::json!([]))
    );
    let forced = compact(&["--force"]);
    assert_eq!(forced.code, Some(0));
    assert!(forced.stdout.contains("slow (event) has lost 3 entries"), "{}", forced.stdout);
    assert!(forced.stdout.contains("stalled (event) has lost 9 entries"), "{}", forced.stdout);
    assert!(!forced.stdout.contains("done (event)"), "{}", forced.stdout);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_records_are_kept_as_in_a_file() {
    let server = Server::start(Aof::Off, &[]);
    let engine = Engine::new().unwrap();
    let dir = tempfile::tempdir().unwrap();
    let limits = |limits| policy(limits);
    let none = Limits::default();
    let policies = [
        limits(Limits { max_records: Some(333), ..none }),
        limits(Limits { max_total_bytes: Some(12_345), ..none }),
        limits(Limits { max_age_seconds: Some(400.5), ..none }),
        limits(Limits {
            max_records: Some(700),
            max_total_bytes: Some(40_000),
            max_age_seconds: Some(600.0),
        }),
        Retention {
            journal: Limits { max_records: Some(600), ..none },
            per_kind: vec![
                KindLimits { kind: Kind::Audit, limits: Limits { max_records: Some(10), ..none } },
                KindLimits {
                    kind: Kind::Metric,
                    limits: Limits { max_total_bytes: Some(2_000), ..none },
                },
            ],
        },
    ];
    for (round, policy) in policies.into_iter().enumerate() {
        server.cli(&["flushall"]);
        let store = exactly(&server);
        let file = FileStore::open(dir.path().join(format!("{round}.ndjson")));
        let stores: [Arc<dyn Store>; 2] = [Arc::new(store), Arc::new(file)];
        let mut kept = Vec::new();
        for store in stores {
            let mut random = Random::new(42);
            let journal = Journal::with_store(&engine, store).with_retention(policy.clone());
            let mut next = 0;
            while next < 1_000 {
                // Timestamps in no order, kinds mixed within batches.
                let batch: String = (0..1 + random.below(20))
                    .map(|_| {
                        let kind = ["event", "audit", "dead_letter", "metric"][random.below(4)];
                        let time = 1_763_700_000 - random.below(1_000);
                        next += 1;
                        format!("{{\"kind\": \"{kind}\", \"timestamp\": {time}, \"n\": {next}}}\n")
                    })
                    .collect();
                journal.append_lines(&batch).await.unwrap();
            }
            let options = CompactOptions { as_of: Some(1_763_700_000.0), ..COMPACT };
            let done = journal.compact(options).await.unwrap();
            let everything = Retention::default();
            let mut pages = journal.clone().with_retention(everything).query(Selection::default());
            let mut text = String::new();
            while let Some(page) = pages.next().await.unwrap() {
                text.push_str(&page.records);
            }
            kept.push((done.records_before, done.records_after, text));
        }
        let (redis, file) = (&kept[0], &kept[1]);
        assert!(redis == file, "policy {round}: {} and {} records", redis.1, file.1);
    }
}
