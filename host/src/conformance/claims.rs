//! Checks of pending entries, one by one, and of taking them over.

use super::fetches::remove;
use super::groups::{Group, count, ids, of, supported, texts};
use super::model::{append, ensure, events, flaw, not_applicable, same};
use super::{Fixture, Stop, Test, test};
use crate::store::groups::{PendingEntry, PendingFilter};
use crate::store::{Kind, StoreError, StoreErrorKind};

pub const TESTS: &[Test] = &[
    test(
        "claims-unknown",
        "Claims in a group that does not exist are not found, and do not make it.",
        |f| Box::pin(unknown(f)),
    ),
    test("pending-order", "Pending entries are listed in ascending order of ids.", |f| {
        Box::pin(order(f))
    }),
    test(
        "pending-filter",
        "Pending entries are listed by range, consumer and idle time, and not more than asked.",
        |f| Box::pin(filter(f)),
    ),
    test("claim-idle", "Only entries that have been idle for long enough are taken over.", |f| {
        Box::pin(idle(f))
    }),
    test("claim-owner", "Entries that were taken over are pending with the new consumer.", |f| {
        Box::pin(owner(f))
    }),
    test(
        "claim-unknown-ids",
        "Ids that are not pending are left out; those of entries that are gone are deleted.",
        |f| Box::pin(unknown_ids(f)),
    ),
    test(
        "auto-claim-walk",
        "A walk takes over every idle entry once, in steps of the count, and ends.",
        |f| Box::pin(walk(f)),
    ),
];

const HOUR: u64 = 3_600_000;

fn all() -> PendingFilter {
    PendingFilter {
        start: "-".to_owned(),
        end: "+".to_owned(),
        count: 100,
        min_idle_ms: 0,
        consumer: None,
    }
}

async fn list(group: &Group, filter: &PendingFilter) -> Result<Vec<PendingEntry>, Stop> {
    supported(group.groups()?.list_pending(Kind::Event, group.name, filter).await)
}

fn of_entries(entries: &[PendingEntry]) -> Vec<String> {
    entries.iter().map(|entry| entry.id.clone()).collect()
}

/// A group of 7 entries: two consumers have two of them in turn, and one is fresh.
async fn shared(fixture: &dyn Fixture) -> Result<(Group, Vec<String>), Stop> {
    let group = Group::begin(&fixture.store(), "g", 7).await?;
    let mut handed = Vec::new();
    for consumer in ["one", "two", "one"] {
        handed.extend(group.fetch(consumer, 2).await?);
    }
    count("fetched", handed.len(), 6)?;
    Ok((group, handed))
}

async fn unknown(fixture: &dyn Fixture) -> Result<(), Stop> {
    let store = fixture.store();
    append(&*store, &events(0..3)).await?;
    let groups = of(&store)?;
    let (event, ids) = (Kind::Event, ["1-1".to_owned()]);
    let error = |result: Result<(), StoreError>| result.err().map(|error| error.kind());
    for (what, found) in [
        ("list-pending", error(groups.list_pending(event, "x", &all()).await.map(drop))),
        ("claim", error(groups.claim(event, "x", "one", 0, &ids).await.map(drop))),
        ("auto-claim", error(groups.auto_claim(event, "x", "one", 0, "0-0", 1).await.map(drop))),
    ] {
        if found == Some(StoreErrorKind::Unsupported) {
            return not_applicable("the store keeps no list of single pending entries");
        }
        ensure(found == Some(StoreErrorKind::NotFound), || format!("{what} gives {found:?}"))?;
    }
    count("groups afterwards", groups.list_groups(event).await?.len(), 0)
}

async fn order(fixture: &dyn Fixture) -> Result<(), Stop> {
    let (group, handed) = shared(fixture).await?;
    let found = list(&group, &all()).await?;
    ensure(of_entries(&found) == handed, || format!("they are {found:?}"))?;
    let consumers: Vec<&str> = found.iter().map(|entry| &*entry.consumer).collect();
    let expected = ["one", "one", "two", "two", "one", "one"];
    ensure(consumers == expected, || format!("they are of {consumers:?}"))
}

async fn filter(fixture: &dyn Fixture) -> Result<(), Stop> {
    let (group, handed) = shared(fixture).await?;
    let [a, b, c, d, e, f] = handed.as_slice() else { return flaw("entries are missing") };
    let of = |consumer: &str| Some(consumer.to_owned());
    let range = |start: &String, end: &String| (start.clone(), end.clone());
    let (open, (start, end)) = (all(), range(b, d));
    for (what, filter, expected) in [
        ("of one", PendingFilter { consumer: of("one"), ..all() }, vec![a, b, e, f]),
        ("of nobody", PendingFilter { consumer: of("nobody"), ..all() }, vec![]),
        ("the first three", PendingFilter { count: 3, ..all() }, vec![a, b, c]),
        ("a range", PendingFilter { start, end, ..all() }, vec![b, c, d]),
        ("idle for an hour", PendingFilter { min_idle_ms: HOUR, ..open }, vec![]),
    ] {
        let found = of_entries(&list(&group, &filter).await?);
        ensure(found.iter().eq(expected.iter().copied()), || {
            format!("{what}: {found:?} instead of {expected:?}")
        })?;
    }
    Ok(())
}

async fn idle(fixture: &dyn Fixture) -> Result<(), Stop> {
    let (group, handed) = shared(fixture).await?;
    let groups = group.groups()?;
    let claimed = supported(groups.claim(Kind::Event, "g", "three", HOUR, &handed).await)?;
    let walked = groups.auto_claim(Kind::Event, "g", "three", HOUR, "0-0", 100).await?;
    count("claimed", claimed.frames.len() + claimed.deleted.len(), 0)?;
    count("claimed on a walk", walked.entries.frames.len() + walked.entries.deleted.len(), 0)?;
    let found =
        list(&group, &PendingFilter { consumer: Some("three".to_owned()), ..all() }).await?;
    count("pending with the claimer", found.len(), 0)
}

async fn owner(fixture: &dyn Fixture) -> Result<(), Stop> {
    let (group, handed) = shared(fixture).await?;
    let some = handed.get(1..3).unwrap_or_default();
    let claimed = group.groups()?.claim(Kind::Event, "g", "three", 0, some).await;
    let claimed = supported(claimed)?;
    ensure(ids(&claimed) == some, || format!("{:?} were taken over", ids(&claimed)))?;
    same("the entries", &texts(&claimed)?, &events(1..3))?;
    let found = list(&group, &all()).await?;
    let consumers: Vec<&str> = found.iter().map(|entry| &*entry.consumer).collect();
    let expected = ["one", "three", "three", "two", "one", "one"];
    ensure(consumers == expected, || format!("they are of {consumers:?}"))
}

async fn unknown_ids(fixture: &dyn Fixture) -> Result<(), Stop> {
    let store = fixture.store();
    let (group, handed) = shared(fixture).await?;
    let groups = group.groups()?;
    let [first, second, third, ..] = handed.as_slice() else { return flaw("entries are missing") };
    group.ack(std::slice::from_ref(first)).await?;
    let asked = [first.clone(), third.clone()];
    let claimed = supported(groups.claim(Kind::Event, "g", "three", 0, &asked).await)?;
    ensure(ids(&claimed) == [third.clone()] && claimed.deleted.is_empty(), || {
        format!("{:?} were taken over, and {:?} deleted", ids(&claimed), claimed.deleted)
    })?;
    if remove(&store, 1).await?.is_some() {
        let claimed =
            groups.claim(Kind::Event, "g", "three", 0, std::slice::from_ref(second)).await?;
        ensure(claimed.frames.is_empty() && claimed.deleted == [second.clone()], || {
            format!("of one that is gone: {:?}, and {:?} deleted", ids(&claimed), claimed.deleted)
        })?;
    }
    Ok(())
}

async fn walk(fixture: &dyn Fixture) -> Result<(), Stop> {
    let (group, handed) = shared(fixture).await?;
    let (mut start, mut found) = ("0-0".to_owned(), Vec::new());
    for _ in 0..20 {
        let step = group.groups()?.auto_claim(Kind::Event, "g", "three", 0, &start, 2).await;
        let step = supported(step)?;
        ensure(step.entries.frames.len() <= 2, || "a step takes too many".to_owned())?;
        found.extend(ids(&step.entries));
        start = step.next;
        if start == "0-0" {
            return ensure(found == handed, || format!("{found:?} were taken over"));
        }
    }
    flaw("it does not end after 20 steps")
}
