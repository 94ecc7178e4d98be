//! Checks of snapshots and of reading in both directions.

use super::model::{
    append, assemble, consistent, ensure, entries, events, flaw, largest, lines, members, payload,
};
use super::{Fixture, Stop};
use crate::store::{Position, Role, StoreErrorKind};

const SIZES: [u32; 7] = [0, 1, 2, 3, 64, 1000, u32::MAX];

pub async fn description(fixture: &dyn Fixture) -> Result<(), Stop> {
    let store = fixture.store();
    let first = store.describe();
    append(&*store, &events(0..1)).await?;
    ensure(first == store.describe(), || "it changes".to_owned())?;
    ensure(!first.backend.is_empty() && !first.location.is_empty(), || "a name is empty".to_owned())
}

pub async fn nothing(fixture: &dyn Fixture) -> Result<(), Stop> {
    let found = lines(&*fixture.store()).await?;
    ensure(found.is_empty(), || format!("{} entries in a new store", found.len()))
}

pub async fn forward(fixture: &dyn Fixture) -> Result<(), Stop> {
    let store = fixture.store();
    append(&*store, &events(0..12)).await?;
    let snapshot = store.snapshot().await?;
    let (segment, all) = largest(&*store, &*snapshot).await?;
    for size in SIZES {
        for (index, entry) in all.iter().enumerate() {
            let mut from = segment.clone();
            from.start = entry.start;
            let found = entries(&*store, &*snapshot, &from, size).await?;
            ensure(found.as_slice() == all.get(index..).unwrap_or_default(), || {
                format!("from entry {index} in pieces of {size} bytes: {} entries", found.len())
            })?;
        }
    }
    let end = snapshot.read(&segment.name, segment.end, 100).await?;
    ensure(end.last && payload(&end).is_empty(), || "there is something at the end".to_owned())
}

pub async fn backward(fixture: &dyn Fixture) -> Result<(), Stop> {
    let store = fixture.store();
    append(&*store, &events(0..12)).await?;
    let snapshot = store.snapshot().await?;
    let (segment, all) = largest(&*store, &*snapshot).await?;
    for size in SIZES {
        for index in 0..=all.len() {
            let mut before = all.get(index).map_or(segment.end, |entry| entry.start);
            let stop = before;
            let mut chunks = Vec::new();
            loop {
                let chunk = snapshot.read_back(&segment.name, before, size).await?;
                consistent(&chunk)?;
                let goes_on =
                    (chunk.start.major, chunk.start.minor) <= (before.major, before.minor);
                ensure(goes_on, || "a chunk starts after its end".to_owned())?;
                before = chunk.start;
                let last = chunk.last;
                chunks.insert(0, chunk);
                if last {
                    break;
                }
            }
            let mut up_to = segment.clone();
            up_to.end = stop;
            let found = assemble(&*store, &up_to, chunks)?;
            ensure(found.as_slice() == all.get(..index).unwrap_or_default(), || {
                format!("before entry {index} in pieces of {size} bytes: {} entries", found.len())
            })?;
        }
    }
    Ok(())
}

pub async fn hostile_positions(fixture: &dyn Fixture) -> Result<(), Stop> {
    let store = fixture.store();
    append(&*store, &events(0..5)).await?;
    let snapshot = store.snapshot().await?;
    append(&*store, &events(5..10)).await?;
    for segment in members(&*snapshot) {
        let whole = entries(&*store, &*snapshot, &segment, 1 << 20).await?;
        let past = segment.end.minor.saturating_add(1);
        for (major, minor) in [
            (segment.end.major, past),
            (segment.end.major, u64::MAX),
            (u64::MAX, 0),
            (u64::MAX, u64::MAX),
        ] {
            let outside = Position { major, minor };
            let chunk = snapshot.read(&segment.name, outside, u32::MAX).await?;
            ensure(chunk.last && payload(&chunk).is_empty(), || {
                format!("reading from {major}/{minor} gives something")
            })?;
            // Empty, or clamped to the end; never what was appended later.
            let chunk = snapshot.read_back(&segment.name, outside, u32::MAX).await?;
            consistent(&chunk)?;
            let found = assemble(&*store, &segment, vec![chunk])?;
            ensure(found.is_empty() || whole.ends_with(&found), || {
                format!("reading back from {major}/{minor} gives what is not in the snapshot")
            })?;
        }
        let start = Position { major: 0, minor: 0 };
        let chunk = snapshot.read_back(&segment.name, start, u32::MAX).await?;
        ensure(chunk.last && payload(&chunk).is_empty(), || {
            "there is something before 0".to_owned()
        })?;
    }
    Ok(())
}

pub async fn unknown_segments(fixture: &dyn Fixture) -> Result<(), Stop> {
    let store = fixture.store();
    append(&*store, &events(0..2)).await?;
    let snapshot = store.snapshot().await?;
    let mut names: Vec<&str> = snapshot.segments().iter().map(|segment| &*segment.name).collect();
    names.sort_unstable();
    ensure(names.is_sorted_by(|a, b| a < b), || "two segments have one name".to_owned())?;
    let active = snapshot.segments().iter().any(|segment| segment.role == Role::Active);
    ensure(active, || "no segment is active".to_owned())?;
    let at = Position { major: 0, minor: 0 };
    for name in ["", "..", "../etc/passwd", "/etc/passwd", "no such segment", "a\0b"] {
        let results = [snapshot.read(name, at, 10).await, snapshot.read_back(name, at, 10).await];
        for result in results {
            match result {
                Err(error) if error.kind() == StoreErrorKind::NotFound => {}
                other => return flaw(format!("{name:?} gives {other:?}")),
            }
        }
    }
    Ok(())
}
