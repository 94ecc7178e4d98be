//! Checks of the frames of a store that frames entries.

use std::sync::Arc;

use super::model::{
    append, ensure, entries, entries_back, events, flaw, key, largest, members, not_applicable,
    payload,
};
use super::rewrites::PLAIN;
use super::{Fixture, Stop, Test, test};
use crate::store::{Chunk, Edit, Framing, Store, StoreErrorKind};

pub const TESTS: &[Test] = &[
    test(
        "read-frames",
        "Frames ascend and cover the data without line ends in between; lines have none.",
        |f| Box::pin(ascending(f)),
    ),
    test("frame-missing", "An entry that was appended has its payload.", |f| Box::pin(missing(f))),
    test("read-large", "An entry of any size comes whole, whatever size was asked for.", |f| {
        Box::pin(large(f))
    }),
    test(
        "frame-positions",
        "An entry keeps its position, no other ever gets it, and new entries get greater ones.",
        |f| Box::pin(positions(f)),
    ),
];

fn framed(store: &dyn Store) -> Result<(), Stop> {
    match store.describe().framing {
        Framing::Entries => Ok(()),
        Framing::Lines => not_applicable("the engine frames lines"),
    }
}

/// One chunk of several entries forward, and one backward.
async fn both(store: &dyn Store, max_bytes: u32) -> Result<Vec<Chunk>, Stop> {
    let snapshot = store.snapshot().await?;
    let (segment, _) = largest(store, &*snapshot).await?;
    Ok(vec![
        snapshot.read(&segment.name, segment.start, max_bytes).await?,
        snapshot.read_back(&segment.name, segment.end, max_bytes).await?,
    ])
}

async fn ascending(fixture: &dyn Fixture) -> Result<(), Stop> {
    let store = fixture.store();
    append(&*store, &events(0..12)).await?;
    for chunk in both(&*store, 400).await? {
        if store.describe().framing == Framing::Lines {
            ensure(chunk.frames.is_empty(), || "lines have frames".to_owned())?;
            continue;
        }
        let ascend = chunk.frames.is_sorted_by(|a, b| key(a.at) < key(b.at) && a.end <= b.end);
        ensure(ascend, || format!("they do not ascend: {:?}", chunk.frames))?;
        let data = payload(&chunk);
        let end = chunk.frames.last().map_or(0, |frame| frame.end as usize);
        ensure(end == data.len(), || format!("they end at {end} of {} bytes", data.len()))?;
        ensure(!data.contains(&b'\n'), || "there is a line end between entries".to_owned())?;
        let first = chunk.frames.first().map(|frame| frame.at);
        ensure(first == Some(chunk.start), || "the first is not at the start".to_owned())?;
    }
    Ok(())
}

async fn missing(fixture: &dyn Fixture) -> Result<(), Stop> {
    let store = fixture.store();
    framed(&*store)?;
    append(&*store, &events(0..6)).await?;
    for chunk in both(&*store, 400).await? {
        let missing = chunk.frames.iter().filter(|frame| frame.missing).count();
        ensure(missing == 0, || format!("{missing} entries are said to have none"))?;
    }
    Ok(())
}

async fn large(fixture: &dyn Fixture) -> Result<(), Stop> {
    let store = fixture.store();
    let mut all = events(0..4);
    let filler = "y".repeat(300_000);
    all.insert(2, format!(r#"{{"kind": "event", "timestamp": 1700000000, "x": "{filler}"}}"#));
    append(&*store, &all).await?;
    let snapshot = store.snapshot().await?;
    let (mut forward, mut back) = (Vec::new(), Vec::new());
    for segment in members(&*snapshot) {
        forward.extend(entries(&*store, &*snapshot, &segment, 4_000).await?);
        back.extend(entries_back(&*store, &*snapshot, &segment, segment.end, 4_000).await?);
    }
    for (found, how) in [(forward, "reading"), (back, "reading back")] {
        let lengths: Vec<usize> = found.iter().map(|entry| entry.bytes.len()).collect();
        let expected: Vec<usize> = all.iter().map(String::len).collect();
        ensure(lengths == expected, || {
            format!("{how} gives entries of {lengths:?} bytes, not {expected:?}")
        })?;
    }
    Ok(())
}

/// Positions and bytes of all entries.
async fn placed(store: &Arc<dyn Store>) -> Result<Vec<((u64, u64), Vec<u8>)>, Stop> {
    let snapshot = store.snapshot().await?;
    let (_, entries) = largest(&**store, &*snapshot).await?;
    Ok(entries.into_iter().map(|entry| (key(entry.start), entry.bytes)).collect())
}

async fn positions(fixture: &dyn Fixture) -> Result<(), Stop> {
    let store = fixture.store();
    framed(&*store)?;
    let mut before: Vec<((u64, u64), Vec<u8>)> = Vec::new();
    let mut greatest = None;
    for round in 0..3 {
        append(&*store, &events(round * 6..round * 6 + 6)).await?;
        let now = placed(&store).await?;
        let Some((new, old)) = now.len().checked_sub(6).map(|old| (&now[old..], &now[..old]))
        else {
            return flaw("entries are missing");
        };
        ensure(old == before, || "entries have moved".to_owned())?;
        let greater = new.iter().all(|(at, _)| Some(*at) > greatest);
        ensure(greater, || "a new entry has the position of an earlier one".to_owned())?;
        greatest = new.last().map(|(at, _)| *at);
        // The oldest and the newest entries go.
        let snapshot = store.snapshot().await?;
        let (segment, entries) = largest(&*store, &*snapshot).await?;
        let mut rewrite = match snapshot.rewrite(&segment.name, PLAIN).await {
            Err(error) if error.kind() == StoreErrorKind::Unsupported => {
                before = now;
                continue;
            }
            begun => begun?,
        };
        let ends = [entries.get(..2), entries.last_chunk::<2>().map(<[_; 2]>::as_slice)];
        for entry in ends.into_iter().flatten().flatten() {
            rewrite.edit(&[Edit::removal(entry.start, entry.end)]).await?;
        }
        rewrite.commit().await?;
        before = placed(&store).await?;
        let kept = now.get(2..now.len() - 2).unwrap_or_default();
        ensure(before == kept, || "entries that were kept have moved".to_owned())?;
    }
    Ok(())
}
