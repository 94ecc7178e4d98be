//! Checks of reading backward.

use super::model::{
    append, consistent, ensure, entries_back, events, key, largest, members, payload,
};
use super::reads::SIZES;
use super::{Fixture, Stop, Test, test};

pub const TESTS: &[Test] = &[
    test("read-back-last", "Reading back ends only where nothing lies before.", |f| {
        Box::pin(last(f))
    }),
    test(
        "read-back-whole",
        "Reading back from any entry in pieces of any size gives every byte once, in order.",
        |f| Box::pin(whole(f)),
    ),
];

async fn last(fixture: &dyn Fixture) -> Result<(), Stop> {
    let store = fixture.store();
    append(&*store, &events(0..12)).await?;
    let snapshot = store.snapshot().await?;
    for segment in members(&*snapshot) {
        for size in SIZES {
            let mut before = segment.end;
            loop {
                let chunk = snapshot.read_back(&segment.name, before, size).await?;
                consistent(&chunk)?;
                if chunk.last {
                    let more = snapshot.read_back(&segment.name, chunk.start, size).await?;
                    ensure(payload(&more).is_empty(), || {
                        format!("in pieces of {size} bytes more lies before {:?}", key(chunk.start))
                    })?;
                    break;
                }
                ensure(key(chunk.start) < key(before), || "it does not get any further".into())?;
                before = chunk.start;
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
        for index in 0..=all.len() {
            let before = all.get(index).map_or(segment.end, |entry| entry.start);
            let found = entries_back(&*store, &*snapshot, &segment, before, size).await?;
            ensure(found.as_slice() == all.get(..index).unwrap_or_default(), || {
                format!("before entry {index} in pieces of {size} bytes: {} entries", found.len())
            })?;
        }
    }
    Ok(())
}
