//! What compaction may remove from a stream, with consumer groups looking on.

use papyra::store::delivery::{Source, Wait};
use papyra::store::{
    Delivery, Kind, Position, Purpose, Range, RedisConfig, RedisStore, RewriteOptions, Rewritten,
    Segment, Store,
};
use papyra_tests::redis::{Aof, Server, append, lines, records};

const EVENTS: &str = "papyra:local:events";
const SPARE: RewriteOptions =
    RewriteOptions { purpose: Purpose::Compact, keep_evidence: false, force: false };
const FORCE: RewriteOptions = RewriteOptions { force: true, ..SPARE };
const KEEP: RewriteOptions = RewriteOptions { keep_evidence: true, ..SPARE };

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
    let ranges: Vec<Range> = ranges.iter().map(|(start, end)| Range { start: *start, end: *end }).collect();
    rewrite.remove(&ranges).await.unwrap();
    rewrite.commit(false).await.unwrap()
}

/// A journal of 20 events and three groups: one has done everything, one is stalled with 6 to 9
/// pending, and one has been given nothing since 12.
async fn three_groups(server: &Server) -> (RedisStore, Vec<Position>) {
    let store = exactly(server);
    append(&store, Kind::Event, &records("event", 0..20)).await.unwrap();
    for (group, given, acknowledged) in [("done", 20, 20), ("stalled", 10, 6), ("slow", 12, 12)] {
        store.ensure_group(Kind::Event, group, "0").await.unwrap();
        let given = store.fetch(Kind::Event, group, "c", Source::Fresh, given, Wait::None).await.unwrap();
        let ids: Vec<String> = given.frames.iter().take(acknowledged).map(|f| f.id.clone()).collect();
        store.ack(Kind::Event, group, &ids).await.unwrap();
    }
    let at = positions(server);
    (store, at)
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_goes_that_a_group_has_yet_to_see_unless_forced() {
    for (what, ends) in [("in one stretch", vec![15]), ("one by one", (1..=15).collect())] {
        for options in [SPARE, KEEP] {
            let server = Server::start(Aof::Off, &[]);
            let (store, at) = three_groups(&server).await;
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
            assert_eq!(lines(&store).await, records("event", 10..20), "{what}: 10 is not given yet");

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
    rewrite.remove(&[Range { start: at[0], end: at[8] }]).await.unwrap();
    // A group that begins in the middle of what is to go.
    let id = format!("{}-{}", at[2].major, at[2].minor);
    store.ensure_group(Kind::Event, "late", &id).await.unwrap();
    let done = rewrite.commit(false).await.unwrap();
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
