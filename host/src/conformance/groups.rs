//! Checks of how consumer groups begin, move and end; and a group to check with.

use std::sync::Arc;

use super::model::{append, ensure, events, flaw, not_applicable};
use super::{Fixture, Stop, Test, test};
use crate::store::groups::{ConsumerGroups, Delivered, Source, Wait};
use crate::store::{Kind, Payload, Run, Store, StoreError, StoreErrorKind};

pub const TESTS: &[Test] = &[
    test(
        "group-ensure",
        "A group is created once, with its stream; one that exists is left as it is.",
        |f| Box::pin(ensured(f)),
    ),
    test(
        "group-start",
        "A group starts after the id it is told, with everything, or with what comes from now on.",
        |f| Box::pin(start(f)),
    ),
    test(
        "group-unknown",
        "A group that does not exist is not found, and asking for it does not make it.",
        |f| Box::pin(unknown(f)),
    ),
    test(
        "group-independent",
        "Every group gets every entry of its kind, whatever other groups do.",
        |f| Box::pin(independent(f)),
    ),
    test("group-set-id", "A group that is moved continues after the id.", |f| Box::pin(moved(f))),
    test(
        "group-delete",
        "A group is deleted with its position and pending entries; its stream stays.",
        |f| Box::pin(deleted(f)),
    ),
];

/// A consumer group for events.
pub struct Group {
    store: Arc<dyn Store>,
    pub name: &'static str,
    pub kind: Kind,
}

pub fn of(store: &Arc<dyn Store>) -> Result<&dyn ConsumerGroups, Stop> {
    match store.groups() {
        Some(groups) => Ok(groups),
        None => not_applicable("the store has no consumer groups"),
    }
}

/// Passes on what a store can do without, as not applicable.
pub fn supported<T>(result: Result<T, StoreError>) -> Result<T, Stop> {
    match result {
        Err(error) if error.kind() == StoreErrorKind::Unsupported => {
            not_applicable(error.one_line())
        }
        other => Ok(other?),
    }
}

impl Group {
    /// A group that starts with the first of this many events.
    pub async fn begin(
        store: &Arc<dyn Store>,
        name: &'static str,
        count: u32,
    ) -> Result<Self, Stop> {
        of(store)?;
        append(&**store, &events(0..count)).await?;
        Self::with(store, name, "0").await
    }

    pub async fn with(
        store: &Arc<dyn Store>,
        name: &'static str,
        start: &str,
    ) -> Result<Self, Stop> {
        let group = Self { store: Arc::clone(store), name, kind: Kind::Event };
        supported(group.groups()?.ensure_group(group.kind, name, start).await)?;
        Ok(group)
    }

    pub fn groups(&self) -> Result<&dyn ConsumerGroups, Stop> {
        of(&self.store)
    }

    pub async fn take(
        &self,
        consumer: &str,
        source: Source,
        count: u32,
        wait: Wait,
    ) -> Result<Delivered, Stop> {
        Ok(self.groups()?.fetch(self.kind, self.name, consumer, source, count, wait).await?)
    }

    /// The ids of fresh entries, without waiting.
    pub async fn fetch(&self, consumer: &str, count: u32) -> Result<Vec<String>, Stop> {
        Ok(ids(&self.take(consumer, Source::Fresh, count, Wait::None).await?))
    }

    /// The ids of the consumer's own pending entries after an id.
    pub async fn own(&self, consumer: &str, after: &str) -> Result<Vec<String>, Stop> {
        let source = Source::OwnPending(after.to_owned());
        Ok(ids(&self.take(consumer, source, 100, Wait::None).await?))
    }

    pub async fn ack(&self, ids: &[String]) -> Result<u64, Stop> {
        Ok(self.groups()?.ack(self.kind, self.name, ids).await?)
    }

    /// The number of pending entries.
    pub async fn pending(&self) -> Result<u64, Stop> {
        Ok(self.groups()?.summarize_pending(self.kind, self.name).await?.count)
    }
}

pub fn ids(found: &Delivered) -> Vec<String> {
    found.frames.iter().map(|frame| frame.id.clone()).collect()
}

/// The entries, as lines.
pub fn texts(found: &Delivered) -> Result<Vec<String>, Stop> {
    let data = match &found.data {
        Payload::Text(text) => text.as_bytes(),
        Payload::Raw(bytes) => bytes,
    };
    let (mut texts, mut from) = (Vec::new(), 0);
    for frame in &found.frames {
        let Some(bytes) = data.get(from..frame.end as usize) else {
            return flaw("a frame lies outside of its data");
        };
        texts.push(String::from_utf8_lossy(bytes).into_owned());
        from = frame.end as usize;
    }
    ensure(from == data.len(), || format!("frames end at {from} of {} bytes", data.len()))?;
    Ok(texts)
}

pub fn count(what: &str, found: usize, expected: usize) -> Result<(), Stop> {
    ensure(found == expected, || format!("{what}: {found} instead of {expected}"))
}

async fn ensured(fixture: &dyn Fixture) -> Result<(), Stop> {
    let store = fixture.store();
    let groups = of(&store)?;
    let created = supported(groups.ensure_group(Kind::Event, "g", "0").await)?;
    ensure(created, || "it is said to have been there".to_owned())?;
    append(&*store, &events(0..5)).await?;
    let group = Group { store: Arc::clone(&store), name: "g", kind: Kind::Event };
    count("fetched", group.fetch("one", 2).await?.len(), 2)?;
    let created = groups.ensure_group(Kind::Event, "g", "0").await?;
    ensure(!created, || "it is said to be new again".to_owned())?;
    count("left after the second call", group.fetch("one", 100).await?.len(), 3)?;
    count("pending after the second call", group.pending().await? as usize, 5)
}

async fn start(fixture: &dyn Fixture) -> Result<(), Stop> {
    let store = fixture.store();
    let all = Group::begin(&store, "all", 5).await?;
    let found = all.fetch("one", 100).await?;
    count("of a group from \"0\"", found.len(), 5)?;
    let new = Group::with(&store, "new", "$").await?;
    let Some(third) = found.get(2) else { return flaw("entries are missing") };
    let rest = Group::with(&store, "rest", third).await?;
    count("of a group from \"$\"", new.fetch("one", 100).await?.len(), 0)?;
    count("of a group from the third entry", rest.fetch("one", 100).await?.len(), 2)?;
    append(&*store, &events(5..7)).await?;
    count("of a group from \"$\", later", new.fetch("one", 100).await?.len(), 2)
}

async fn unknown(fixture: &dyn Fixture) -> Result<(), Stop> {
    let store = fixture.store();
    let groups = of(&store)?;
    append(&*store, &events(0..3)).await?;
    let event = Kind::Event;
    let error = |result: Result<(), StoreError>| result.err().map(|error| error.kind());
    for (what, found) in [
        (
            "fetch",
            error(groups.fetch(event, "x", "o", Source::Fresh, 1, Wait::None).await.map(drop)),
        ),
        ("summarize-pending", error(groups.summarize_pending(event, "x").await.map(drop))),
        ("list-consumers", error(groups.list_consumers(event, "x").await.map(drop))),
        ("delete-consumer", error(groups.delete_consumer(event, "x", "one").await.map(drop))),
        ("set-id", error(groups.set_id(event, "x", "0").await)),
    ] {
        ensure(found == Some(StoreErrorKind::NotFound), || format!("{what} gives {found:?}"))?;
    }
    let listed =
        groups.list_groups(event).await?.len() + groups.list_groups(Kind::Audit).await?.len();
    count("groups afterwards", listed, 0)
}

async fn independent(fixture: &dyn Fixture) -> Result<(), Stop> {
    let store = fixture.store();
    let a = Group::begin(&store, "a", 4).await?;
    let b = Group::with(&store, "b", "0").await?;
    let line = r#"{"kind": "metric", "timestamp": 1700000000}"#;
    store.append(format!("{line}\n"), &[Run { kind: Kind::Metric, lines: 1 }]).await?;
    let created = a.groups()?.ensure_group(Kind::Metric, "a", "0").await?;
    ensure(created, || "a group of another kind has the same name".to_owned())?;
    let of_a = a.fetch("one", 100).await?;
    count("entries for a", of_a.len(), 4)?;
    count("entries for b", b.fetch("one", 100).await?.len(), 4)?;
    a.ack(&of_a).await?;
    count("pending in b", b.pending().await? as usize, 4)?;
    let metrics = Group { kind: Kind::Metric, ..a };
    let found = metrics.take("one", Source::Fresh, 100, Wait::None).await?;
    let found = texts(&found)?;
    ensure(found == [line], || format!("of the other kind it gets {found:?}"))
}

async fn moved(fixture: &dyn Fixture) -> Result<(), Stop> {
    let store = fixture.store();
    let group = Group::begin(&store, "g", 5).await?;
    let all = group.fetch("one", 100).await?;
    let Some(third) = all.get(2) else { return flaw("entries are missing") };
    supported(group.groups()?.set_id(Kind::Event, "g", third).await)?;
    let found = group.fetch("one", 100).await?;
    ensure(Some(&*found) == all.get(3..), || format!("after {third} it gets {found:?}"))?;
    group.groups()?.set_id(Kind::Event, "g", "0").await?;
    count("after 0", group.fetch("one", 100).await?.len(), 5)
}

async fn deleted(fixture: &dyn Fixture) -> Result<(), Stop> {
    let store = fixture.store();
    let group = Group::begin(&store, "g", 5).await?;
    let groups = group.groups()?;
    count("fetched", group.fetch("one", 3).await?.len(), 3)?;
    let there = supported(groups.delete_group(Kind::Event, "g").await)?;
    ensure(there, || "it is said not to have been there".to_owned())?;
    count("groups afterwards", groups.list_groups(Kind::Event).await?.len(), 0)?;
    let there = groups.delete_group(Kind::Event, "g").await?;
    ensure(!there, || "it can be deleted twice".to_owned())?;
    count("entries", super::model::lines(&*store).await?.len(), 5)?;
    let again = Group::with(&store, "g", "0").await?;
    count("pending in a new group", again.pending().await? as usize, 0)?;
    count("entries for a new group", again.fetch("one", 100).await?.len(), 5)
}
