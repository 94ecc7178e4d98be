//! Checks of handing out and acknowledging entries.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::groups::{Group, count, ids, of, supported, texts};
use super::model::{append, ensure, events, flaw, largest, not_applicable, same};
use super::{Fixture, Stop, Test, test};
use crate::store::groups::{Source, Wait};
use crate::store::{Edit, Kind, Purpose, RewriteOptions, Store, StoreErrorKind};

pub const TESTS: &[Test] = &[
    test(
        "fetch-order",
        "Entries are handed out in ascending order, whole, without gaps in between.",
        |f| Box::pin(order(f)),
    ),
    test("fetch-count", "No more entries are handed out than were asked for.", |f| {
        Box::pin(at_most(f))
    }),
    test("fetch-once", "A fresh entry is handed out to one consumer of the group, once.", |f| {
        Box::pin(once(f))
    }),
    test(
        "fetch-pending",
        "An entry that was handed out is pending until it is acknowledged.",
        |f| Box::pin(pending(f)),
    ),
    test(
        "fetch-own",
        "Own pending entries are those of the consumer after the id, and no fresh ones.",
        |f| Box::pin(own(f)),
    ),
    test(
        "fetch-wait",
        "Only a fetch of fresh entries waits, until one comes; having none is no error.",
        |f| Box::pin(wait(f)),
    ),
    test(
        "fetch-deliveries",
        "Deliveries are counted from 1, or are 0 if the backend cannot tell.",
        |f| Box::pin(deliveries(f)),
    ),
    test("fetch-deleted", "Pending entries that no longer exist are listed as deleted.", |f| {
        Box::pin(deleted(f))
    }),
    test("ack-count", "An acknowledgement returns how many of the ids were pending.", |f| {
        Box::pin(ack_count(f))
    }),
    test("ack-effect", "An acknowledgement is of these ids alone; without a group it is 0.", |f| {
        Box::pin(ack_effect(f))
    }),
];

/// Removes the entry of this number although groups need it; `None` if the store cannot.
pub async fn remove(store: &Arc<dyn Store>, index: usize) -> Result<Option<()>, Stop> {
    let snapshot = store.snapshot().await?;
    let (segment, entries) = largest(&**store, &*snapshot).await?;
    let options = RewriteOptions { purpose: Purpose::Compact, keep_quarantine: false, force: true };
    let mut rewrite = match snapshot.rewrite(&segment.name, options).await {
        Err(error) if error.kind() == StoreErrorKind::Unsupported => return Ok(None),
        begun => begun?,
    };
    let Some(entry) = entries.get(index) else { return flaw("entries are missing") };
    rewrite.edit(&[Edit::removal(entry.start, entry.end)]).await?;
    rewrite.commit().await?;
    Ok(Some(()))
}

fn number(id: &str) -> Option<(u64, u64)> {
    let (major, minor) = id.split_once('-')?;
    Some((major.parse().ok()?, minor.parse().ok()?))
}

async fn order(fixture: &dyn Fixture) -> Result<(), Stop> {
    let store = fixture.store();
    let group = Group::begin(&store, "g", 4).await?;
    append(&*store, &events(4..6)).await?;
    let found = group.take("one", Source::Fresh, 100, Wait::None).await?;
    let ascend = ids(&found).is_sorted_by(|a, b| number(a) < number(b) && number(a).is_some());
    ensure(ascend, || format!("the ids are {:?}", ids(&found)))?;
    same("the entries", &texts(&found)?, &events(0..6))
}

async fn at_most(fixture: &dyn Fixture) -> Result<(), Stop> {
    let group = Group::begin(&fixture.store(), "g", 6).await?;
    for asked in [1, 2] {
        let found = group.fetch("one", asked).await?.len();
        ensure(found <= asked as usize && found > 0, || format!("{found} instead of {asked}"))?;
    }
    Ok(())
}

async fn once(fixture: &dyn Fixture) -> Result<(), Stop> {
    let group = Group::begin(&fixture.store(), "g", 8).await?;
    let mut all = Vec::new();
    for consumer in ["one", "two", "one", "two", "three"] {
        all.extend(group.fetch(consumer, 2).await?);
    }
    let handed = all.len();
    all.sort_unstable();
    all.dedup();
    ensure(handed == 8 && all.len() == 8, || {
        format!("{handed} entries were handed out, {} different ones of 8", all.len())
    })
}

async fn pending(fixture: &dyn Fixture) -> Result<(), Stop> {
    let group = Group::begin(&fixture.store(), "g", 5).await?;
    let mut all = group.fetch("one", 3).await?;
    count("pending after a fetch", group.pending().await? as usize, all.len())?;
    all.extend(group.fetch("one", 2).await?);
    count("pending after the next", group.pending().await? as usize, all.len())?;
    let own = group.own("one", "0").await?;
    ensure(own == all, || format!("{own:?} are pending, not {all:?}"))
}

async fn own(fixture: &dyn Fixture) -> Result<(), Stop> {
    let group = Group::begin(&fixture.store(), "g", 6).await?;
    let one = group.fetch("one", 3).await?;
    let two = group.fetch("two", 2).await?;
    let [first, second, third] = one.as_slice() else { return flaw("entries are missing") };
    for (consumer, after, expected) in [
        ("one", "0", one.clone()),
        ("two", "0", two),
        ("one", first, vec![second.clone(), third.clone()]),
        ("three", "0", Vec::new()),
    ] {
        let found = group.own(consumer, after).await?;
        ensure(found == expected, || {
            format!("of {consumer} after {after}: {found:?}, not {expected:?}")
        })?;
    }
    Ok(())
}

async fn wait(fixture: &dyn Fixture) -> Result<(), Stop> {
    const LONG: Duration = Duration::from_secs(4);
    let store = fixture.store();
    let group = Group::begin(&store, "g", 1).await?;
    group.fetch("one", 1).await?;
    let long = Wait::Millis(LONG.as_millis() as u32);
    let begun = Instant::now();
    count("fresh entries", group.fetch("one", 1).await?.len(), 0)?;
    let source = Source::OwnPending("0".to_owned());
    count("pending of two", ids(&group.take("two", source, 1, long).await?).len(), 0)?;
    ensure(begun.elapsed() < LONG, || "a fetch has waited that must not".to_owned())?;
    let waiting = group.take("one", Source::Fresh, 1, long);
    let later = async {
        tokio::time::sleep(Duration::from_millis(50)).await;
        append(&*store, &events(1..2)).await
    };
    let (found, ()) = tokio::try_join!(waiting, later)?;
    same("what came while it waited", &texts(&found)?, &events(1..2))
}

async fn deliveries(fixture: &dyn Fixture) -> Result<(), Stop> {
    let group = Group::begin(&fixture.store(), "g", 2).await?;
    let found = group.take("one", Source::Fresh, 100, Wait::None).await?;
    let counts: Vec<u64> = found.frames.iter().map(|frame| frame.deliveries).collect();
    ensure(counts.iter().all(|count| *count <= 1), || format!("of fresh ones: {counts:?}"))?;
    let all = ids(&found);
    let claimed = group.groups()?.claim(Kind::Event, "g", "two", 0, &all).await;
    let claimed = match claimed {
        Err(error) if error.kind() == StoreErrorKind::Unsupported => return Ok(()),
        claimed => claimed?,
    };
    let counts: Vec<u64> = claimed.frames.iter().map(|frame| frame.deliveries).collect();
    ensure(counts.iter().all(|count| *count != 1), || format!("of claimed ones: {counts:?}"))
}

async fn deleted(fixture: &dyn Fixture) -> Result<(), Stop> {
    let store = fixture.store();
    let group = Group::begin(&store, "g", 3).await?;
    let all = group.fetch("one", 100).await?;
    let [first, second, third] = all.as_slice() else { return flaw("entries are missing") };
    if remove(&store, 1).await?.is_none() {
        return not_applicable("the store cannot be rewritten");
    }
    let found = group.take("one", Source::OwnPending("0".to_owned()), 100, Wait::None).await?;
    let left = ids(&found);
    ensure(left == [first.clone(), third.clone()] && found.deleted == [second.clone()], || {
        format!("{left:?} are there, and {:?} deleted", found.deleted)
    })
}

async fn ack_count(fixture: &dyn Fixture) -> Result<(), Stop> {
    let group = Group::begin(&fixture.store(), "g", 3).await?;
    let all = group.fetch("one", 100).await?;
    let [first, rest @ ..] = all.as_slice() else { return flaw("entries are missing") };
    let unknown = "18446744073709551615-1".to_owned();
    for (what, ids, expected) in [
        ("one pending and one unknown", vec![first.clone(), unknown], 1),
        ("one that was acknowledged", vec![first.clone()], 0),
        ("two pending", rest.to_vec(), 2),
        ("none", Vec::new(), 0),
    ] {
        count(what, group.ack(&ids).await? as usize, expected)?;
    }
    Ok(())
}

async fn ack_effect(fixture: &dyn Fixture) -> Result<(), Stop> {
    let store = fixture.store();
    let group = Group::begin(&store, "g", 3).await?;
    let all = group.fetch("one", 100).await?;
    let [first, second, third] = all.as_slice() else { return flaw("entries are missing") };
    group.ack(std::slice::from_ref(second)).await?;
    let left = group.own("one", "0").await?;
    ensure(left == [first.clone(), third.clone()], || format!("{left:?} are pending"))?;
    let found = supported(of(&store)?.ack(Kind::Event, "nobody", &all).await)?;
    count("in an unknown group", found as usize, 0)
}
