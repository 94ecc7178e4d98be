//! Checks of the list of segments.

use std::sync::Arc;

use super::groups::Group;
use super::model::{
    append, append_kinds, ensure, entries, events, flaw, key, largest, members, raw,
};
use super::{Fixture, Stop, Test, test};
use crate::store::{Framing, Layout, Position, Role, Snapshot, Store};

pub const TESTS: &[Test] = &[
    test("segment-names", "Names of segments are unique.", |f| Box::pin(names(f))),
    test(
        "segment-roles",
        "In a sequence exactly one segment is active, the last one; in parallel all are.",
        |f| Box::pin(roles(f)),
    ),
    test(
        "segment-numbers",
        "Segments are listed oldest first, and their numbers count down to 0, the active one.",
        |f| Box::pin(numbers(f)),
    ),
    test(
        "segment-bounds",
        "A segment starts at its first entry and ends just after its last one.",
        |f| Box::pin(bounds(f)),
    ),
    test(
        "segment-bytes",
        "The size of a segment is that of its bytes, or 0 if the store does not know it.",
        |f| Box::pin(bytes(f)),
    ),
    test("segment-entries", "The number of entries is right, or absent.", |f| Box::pin(count(f))),
    test("segment-kind", "The kind of a segment is that of all its entries, or absent.", |f| {
        Box::pin(kind(f))
    }),
    test(
        "segment-pinned",
        "The first position that a group still needs is pinned, and no other.",
        |f| Box::pin(pinned(f)),
    ),
];

/// A store with enough in it to have several segments, if it ever has.
async fn filled(fixture: &dyn Fixture) -> Result<(Arc<dyn Store>, Arc<dyn Snapshot>), Stop> {
    let store = fixture.store();
    for batch in events(0..160).chunks(20) {
        append(&*store, batch).await?;
    }
    let snapshot = store.snapshot().await?;
    Ok((store, snapshot))
}

async fn names(fixture: &dyn Fixture) -> Result<(), Stop> {
    let (_, snapshot) = filled(fixture).await?;
    let mut names: Vec<&str> = snapshot.segments().iter().map(|segment| &*segment.name).collect();
    names.sort_unstable();
    ensure(names.is_sorted_by(|a, b| a < b), || format!("they are {names:?}"))
}

async fn roles(fixture: &dyn Fixture) -> Result<(), Stop> {
    let (store, snapshot) = filled(fixture).await?;
    let roles: Vec<Role> = members(&*snapshot).iter().map(|segment| segment.role).collect();
    let right = match (store.describe().layout, roles.split_last()) {
        (Layout::Parallel, _) => roles.iter().all(|role| *role == Role::Active),
        (_, Some((Role::Active, rest))) => rest.iter().all(|role| *role == Role::Sealed),
        _ => false,
    };
    ensure(right && !roles.is_empty(), || format!("they are {roles:?}"))
}

async fn numbers(fixture: &dyn Fixture) -> Result<(), Stop> {
    let (store, snapshot) = filled(fixture).await?;
    let numbers: Vec<u32> = members(&*snapshot).iter().map(|segment| segment.number).collect();
    let right = match store.describe().layout {
        Layout::Parallel => numbers.iter().all(|number| *number == 0),
        Layout::Sequence => numbers.is_sorted_by(|a, b| a > b) && numbers.last() == Some(&0),
    };
    ensure(right, || format!("they are {numbers:?}"))?;
    // The oldest entry lies in the segment that is listed first.
    let Some(first) = members(&*snapshot).into_iter().next() else {
        return flaw("there is no segment after an append");
    };
    let found = entries(&*store, &*snapshot, &first, 1 << 16).await?;
    let oldest = found.first().map(|entry| String::from_utf8_lossy(&entry.bytes).into_owned());
    ensure(oldest == events(0..1).pop(), || format!("the first entry is {oldest:?}"))
}

async fn bounds(fixture: &dyn Fixture) -> Result<(), Stop> {
    let (store, snapshot) = filled(fixture).await?;
    for segment in members(&*snapshot) {
        let (start, end) = (key(segment.start), key(segment.end));
        ensure(start <= end, || format!("{} ends at {end:?}, before {start:?}", segment.name))?;
        let first = snapshot.read(&segment.name, Position { major: 0, minor: 0 }, 1).await?;
        let empty = first.last && super::model::payload(&first).is_empty();
        ensure(empty || key(first.start) == start, || {
            format!("{} starts at {:?}, not at {start:?}", segment.name, key(first.start))
        })?;
        match store.describe().framing {
            Framing::Lines => {
                let length = raw(&*snapshot, &segment).await?.len() as u64;
                ensure(start.1 + length == end.1 && end.0 == 0, || {
                    format!("{} has {length} bytes and ends at {end:?}", segment.name)
                })?;
            }
            Framing::Entries => {
                let found = entries(&*store, &*snapshot, &segment, 1 << 16).await?;
                let inside = found.iter().all(|entry| (start..end).contains(&key(entry.start)));
                ensure(inside, || format!("{} has entries outside", segment.name))?;
            }
        }
    }
    Ok(())
}

async fn bytes(fixture: &dyn Fixture) -> Result<(), Stop> {
    let (store, snapshot) = filled(fixture).await?;
    if store.describe().framing == Framing::Entries {
        return super::model::not_applicable("a store that frames entries counts what it takes");
    }
    for segment in members(&*snapshot) {
        let length = raw(&*snapshot, &segment).await?.len() as u64;
        ensure(segment.bytes == 0 || segment.bytes == length, || {
            format!("{} has {length} bytes, not {}", segment.name, segment.bytes)
        })?;
    }
    Ok(())
}

async fn count(fixture: &dyn Fixture) -> Result<(), Stop> {
    let (store, snapshot) = filled(fixture).await?;
    for segment in members(&*snapshot) {
        let found = entries(&*store, &*snapshot, &segment, 1 << 16).await?.len() as u64;
        ensure(segment.entries.is_none_or(|entries| entries == found), || {
            format!("{} has {found} entries, not {:?}", segment.name, segment.entries)
        })?;
    }
    Ok(())
}

async fn kind(fixture: &dyn Fixture) -> Result<(), Stop> {
    let store = fixture.store();
    append_kinds(&*store, 0).await?;
    let snapshot = store.snapshot().await?;
    for segment in members(&*snapshot) {
        let Some(kind) = segment.kind else { continue };
        let word = format!(r#""kind": "{kind}""#);
        for entry in entries(&*store, &*snapshot, &segment, 1 << 16).await? {
            let line = String::from_utf8_lossy(&entry.bytes);
            ensure(line.contains(&word), || format!("{line} is not of the kind {kind}"))?;
        }
    }
    Ok(())
}

async fn pinned(fixture: &dyn Fixture) -> Result<(), Stop> {
    let store = fixture.store();
    let group = Group::begin(&store, "g", 8).await?;
    let now = async || {
        let snapshot = store.snapshot().await?;
        let (segment, entries) = largest(&*store, &*snapshot).await?;
        // Between two entries, the position is as good as that of the second.
        let before = |at| entries.iter().filter(|entry| key(entry.start) < key(at)).count();
        Ok::<_, Stop>(segment.pinned.map(before))
    };
    let found = now().await?;
    ensure(found == Some(0), || format!("with {found:?} entries before, none being read"))?;
    let ids = group.fetch("one", 5).await?;
    group.ack(ids.get(..2).unwrap_or_default()).await?;
    let found = now().await?;
    ensure(found == Some(2), || format!("with {found:?} entries before, two being acknowledged"))?;
    let rest = group.fetch("one", 100).await?;
    group.ack(&ids).await?;
    group.ack(&rest).await?;
    let found = now().await?;
    ensure(found.is_none(), || format!("with {found:?} entries before, all being acknowledged"))
}
