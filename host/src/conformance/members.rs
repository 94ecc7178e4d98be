//! Checks of what groups say about themselves and their consumers, and of the quarantine of an entry.

use super::fetches::remove;
use super::groups::{Group, count, supported};
use super::model::{ensure, events, flaw, lines};
use super::{Fixture, Stop, Test, test};
use crate::store::Kind;

pub const TESTS: &[Test] = &[
    test(
        "group-list",
        "Groups are listed with their consumers, pending entries, position and lag.",
        |f| Box::pin(groups(f)),
    ),
    test("consumer-list", "Consumers are listed, each with its own pending entries.", |f| {
        Box::pin(consumers(f))
    }),
    test(
        "pending-summary",
        "The summary counts all pending entries, and those of each consumer.",
        |f| Box::pin(summary(f)),
    ),
    test(
        "consumer-delete",
        "A consumer is deleted with its pending entries, which are counted.",
        |f| Box::pin(deleted(f)),
    ),
    test(
        "group-quarantine",
        "An entry is copied to the quarantine, then acknowledged; it stays in its stream.",
        |f| Box::pin(quarantine(f)),
    ),
];

/// A group of 6 entries, of which `one` has 2 and `two` has 1.
async fn shared(fixture: &dyn Fixture) -> Result<(Group, Vec<String>), Stop> {
    let group = Group::begin(&fixture.store(), "g", 6).await?;
    let mut all = group.fetch("one", 2).await?;
    all.extend(group.fetch("two", 1).await?);
    count("fetched", all.len(), 3)?;
    Ok((group, all))
}

async fn groups(fixture: &dyn Fixture) -> Result<(), Stop> {
    let (group, all) = shared(fixture).await?;
    let found = supported(group.groups()?.list_groups(Kind::Event).await)?;
    let [one] = found.as_slice() else { return flaw(format!("they are {found:?}")) };
    let right = one.name == "g" && one.consumers == 2 && one.pending == 3;
    let position = Some(&one.last_delivered) == all.last();
    ensure(right && position && one.lag.is_none_or(|lag| lag == 3), || format!("it is {one:?}"))
}

async fn consumers(fixture: &dyn Fixture) -> Result<(), Stop> {
    let (group, _) = shared(fixture).await?;
    let found = supported(group.groups()?.list_consumers(Kind::Event, "g").await)?;
    let mut found: Vec<_> = found.into_iter().map(|one| (one.name, one.pending)).collect();
    found.sort();
    let right = found == [("one".to_owned(), 2), ("two".to_owned(), 1)];
    ensure(right, || format!("they are {found:?}"))
}

async fn summary(fixture: &dyn Fixture) -> Result<(), Stop> {
    let (group, all) = shared(fixture).await?;
    let found = group.groups()?.summarize_pending(Kind::Event, "g").await?;
    let mut of: Vec<_> = found.consumers.iter().map(|one| (&*one.consumer, one.count)).collect();
    of.sort_unstable();
    let ends = found.min.as_ref() == all.first() && found.max.as_ref() == all.last();
    let right = found.count == 3 && ends && of == [("one", 2), ("two", 1)];
    ensure(right, || format!("it is {found:?}"))
}

async fn deleted(fixture: &dyn Fixture) -> Result<(), Stop> {
    let (group, _) = shared(fixture).await?;
    let groups = group.groups()?;
    let gone = supported(groups.delete_consumer(Kind::Event, "g", "one").await)?;
    count("entries of the consumer", gone as usize, 2)?;
    count("pending afterwards", group.pending().await? as usize, 1)?;
    let gone = groups.delete_consumer(Kind::Event, "g", "nobody").await?;
    count("entries of an unknown consumer", gone as usize, 0)
}

async fn quarantine(fixture: &dyn Fixture) -> Result<(), Stop> {
    let store = fixture.store();
    let (group, all) = shared(fixture).await?;
    let (Some(first), Some(second)) = (all.first(), all.get(1)) else {
        return flaw("entries are missing");
    };
    let groups = group.groups()?;
    supported(groups.quarantine(Kind::Event, "g", first, "a test").await)?;
    count("pending afterwards", group.pending().await? as usize, 2)?;
    count("entries afterwards", lines(&*store).await?.len(), 6)?;
    if let Some(names) = fixture.debris().await
        && let Some(copy) = fixture.quarantine(&names).await
    {
        let line = events(0..1).concat();
        let found = copy.windows(line.len()).any(|bytes| bytes == line.as_bytes());
        ensure(found, || "there is no copy of it".to_owned())?;
    }
    // One that is gone is only acknowledged.
    if remove(&store, 1).await?.is_some() {
        groups.quarantine(Kind::Event, "g", second, "a test").await?;
        count("pending after one that is gone", group.pending().await? as usize, 1)?;
    }
    Ok(())
}
