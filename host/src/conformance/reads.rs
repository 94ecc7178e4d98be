//! Checks of reading forward.

use super::model::{
    append, assemble, consistent, ensure, entries, events, flaw, key, largest, members, payload,
    raw,
};
use super::{Fixture, Stop, Test, test};
use crate::store::{Framing, Position, StoreErrorKind};

pub const TESTS: &[Test] = &[
    test("read-segment", "A name that is not in the snapshot is not found.", |f| {
        Box::pin(segment(f))
    }),
    test(
        "read-start",
        "A chunk starts at the position asked for, or at the next entry after it.",
        |f| Box::pin(start(f)),
    ),
    test(
        "read-progress",
        "A chunk that is empty is the last one, whatever size was asked for.",
        |f| Box::pin(progress(f)),
    ),
    test("read-last", "A chunk is the last one only if nothing follows.", |f| Box::pin(last(f))),
    test(
        "read-whole",
        "Reading from any entry in pieces of any size gives every byte once, in order.",
        |f| Box::pin(whole(f)),
    ),
    test("read-size", "A chunk has about as many bytes as were asked for, or fewer.", |f| {
        Box::pin(size(f))
    }),
    test("read-positions", "Positions outside the snapshot are clamped to it.", |f| {
        Box::pin(positions(f))
    }),
];

pub const SIZES: [u32; 7] = [0, 1, 2, 3, 64, 1000, u32::MAX];

async fn segment(fixture: &dyn Fixture) -> Result<(), Stop> {
    let store = fixture.store();
    append(&*store, &events(0..2)).await?;
    let snapshot = store.snapshot().await?;
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

async fn start(fixture: &dyn Fixture) -> Result<(), Stop> {
    let store = fixture.store();
    append(&*store, &events(0..6)).await?;
    append(&*store, &events(6..12)).await?;
    let snapshot = store.snapshot().await?;
    let (segment, all) = largest(&*store, &*snapshot).await?;
    let framed = store.describe().framing == Framing::Entries;
    for pair in all.windows(2) {
        let [one, next] = pair else { continue };
        let inside = Position { minor: one.start.minor + 1, ..one.start };
        // A byte is a position, and between two entries there is none.
        let expected = if framed { next.start } else { inside };
        for (at, expected) in [(one.start, one.start), (inside, expected)] {
            let found = snapshot.read(&segment.name, at, 100).await?.start;
            ensure(found == expected, || {
                format!("reading at {:?} starts at {:?}", key(at), key(found))
            })?;
        }
    }
    Ok(())
}

async fn progress(fixture: &dyn Fixture) -> Result<(), Stop> {
    let store = fixture.store();
    append(&*store, &events(0..3)).await?;
    let snapshot = store.snapshot().await?;
    let (segment, _) = largest(&*store, &*snapshot).await?;
    for size in SIZES {
        entries(&*store, &*snapshot, &segment, size).await?;
        let end = snapshot.read(&segment.name, segment.end, size).await?;
        consistent(&end)?;
    }
    Ok(())
}

async fn last(fixture: &dyn Fixture) -> Result<(), Stop> {
    let store = fixture.store();
    append(&*store, &events(0..12)).await?;
    let snapshot = store.snapshot().await?;
    for segment in members(&*snapshot) {
        for size in SIZES {
            let mut at = segment.start;
            loop {
                let chunk = snapshot.read(&segment.name, at, size).await?;
                consistent(&chunk)?;
                let next = super::model::after(&chunk, &segment);
                if chunk.last {
                    let more = snapshot.read(&segment.name, next, size).await?;
                    ensure(payload(&more).is_empty(), || {
                        format!("in pieces of {size} bytes more follows at {:?}", key(next))
                    })?;
                    break;
                }
                ensure(key(next) > key(at), || "it does not get any further".to_owned())?;
                at = next;
            }
        }
    }
    Ok(())
}

async fn whole(fixture: &dyn Fixture) -> Result<(), Stop> {
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

async fn size(fixture: &dyn Fixture) -> Result<(), Stop> {
    const ASKED: u32 = 4_000;
    let store = fixture.store();
    append(&*store, &events(0..1_000)).await?;
    let snapshot = store.snapshot().await?;
    let (segment, _) = largest(&*store, &*snapshot).await?;
    let forward = snapshot.read(&segment.name, segment.start, ASKED).await?;
    let back = snapshot.read_back(&segment.name, segment.end, ASKED).await?;
    for (chunk, how) in [(forward, "reading"), (back, "reading back")] {
        let length = payload(&chunk).len();
        ensure(length <= 2 * ASKED as usize, || format!("{how} {ASKED} bytes gives {length}"))?;
    }
    Ok(())
}

async fn positions(fixture: &dyn Fixture) -> Result<(), Stop> {
    let store = fixture.store();
    append(&*store, &events(0..5)).await?;
    let snapshot = store.snapshot().await?;
    append(&*store, &events(5..10)).await?;
    for segment in members(&*snapshot) {
        let whole = match store.describe().framing {
            Framing::Lines => raw(&*snapshot, &segment).await?,
            Framing::Entries => {
                let found = entries(&*store, &*snapshot, &segment, 1 << 20).await?;
                found.into_iter().flat_map(|entry| entry.bytes).collect()
            }
        };
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
            ensure(whole.ends_with(&payload(&chunk)), || {
                format!("reading back from {major}/{minor} gives what is not in the snapshot")
            })?;
            assemble(&*store, &segment, vec![chunk])?;
        }
        let start = Position { major: 0, minor: 0 };
        let chunk = snapshot.read_back(&segment.name, start, u32::MAX).await?;
        ensure(chunk.last && payload(&chunk).is_empty(), || {
            "there is something before 0".to_owned()
        })?;
    }
    Ok(())
}
