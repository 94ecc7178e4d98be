//! Checks of what a snapshot holds, and for how long.

use std::sync::atomic::{AtomicBool, Ordering};

use super::model::{
    append, ensure, entries_back, events, lines, members, payload, same, snapshot_lines,
};
use super::{Fixture, Stop, Test, test};
use crate::store::StoreErrorKind;

pub const TESTS: &[Test] = &[
    test("store-empty", "A store without entries is empty, or not found.", |f| Box::pin(empty(f))),
    test("snapshot-appends", "A snapshot does not see later appends.", |f| Box::pin(appends(f))),
    test(
        "snapshot-whole",
        "A snapshot never ends inside a write that is still in progress.",
        |f| Box::pin(whole(f)),
    ),
    test("snapshot-harmless", "Taking a snapshot changes nothing in the store.", |f| {
        Box::pin(harmless(f))
    }),
];

async fn empty(fixture: &dyn Fixture) -> Result<(), Stop> {
    let found = lines(&*fixture.store()).await?;
    ensure(found.is_empty(), || format!("a new store has {} entries", found.len()))
}

async fn appends(fixture: &dyn Fixture) -> Result<(), Stop> {
    let store = fixture.store();
    let all = events(0..20);
    append(&*store, &all[..10]).await?;
    let snapshot = store.snapshot().await?;
    append(&*store, &all[10..]).await?;
    same("the snapshot", &snapshot_lines(&*store, &*snapshot).await?, &all[..10])?;
    let mut back = Vec::new();
    for segment in members(&*snapshot) {
        for entry in entries_back(&*store, &*snapshot, &segment, segment.end, 1 << 16).await? {
            back.push(String::from_utf8_lossy(&entry.bytes).into_owned());
        }
        let more = snapshot.read(&segment.name, segment.end, 1 << 16).await?;
        ensure(more.last && payload(&more).is_empty(), || "it goes on after its end".to_owned())?;
    }
    same("the snapshot, read back", &back, &all[..10])?;
    same("the store", &lines(&*store).await?, &all)
}

async fn whole(fixture: &dyn Fixture) -> Result<(), Stop> {
    let store = fixture.store();
    let all = events(0..150);
    let done = AtomicBool::new(false);
    let writer = async {
        for batch in all.chunks(5) {
            append(&*store, batch).await?;
            tokio::task::yield_now().await;
        }
        done.store(true, Ordering::Relaxed);
        Ok::<_, Stop>(())
    };
    let watcher = async {
        loop {
            let over = done.load(Ordering::Relaxed);
            let found = lines(&*store).await?;
            ensure(found.len().is_multiple_of(5), || {
                format!("{} lines are there, of batches of 5", found.len())
            })?;
            let expected = all.get(..found.len()).unwrap_or_default();
            same("while batches are written", &found, expected)?;
            if over {
                return Ok(());
            }
            tokio::task::yield_now().await;
        }
    };
    tokio::try_join!(writer, watcher).map(drop)
}

async fn harmless(fixture: &dyn Fixture) -> Result<(), Stop> {
    let store = fixture.store();
    let exists = async || match store.snapshot().await {
        Ok(_) => Ok(true),
        Err(error) if error.kind() == StoreErrorKind::NotFound => Ok(false),
        Err(error) => Err(Stop::from(error)),
    };
    let (before, after) = (exists().await?, exists().await?);
    ensure(before == after, || "the first one has made the store".to_owned())?;
    append(&*store, &events(0..5)).await?;
    let bytes = async || {
        let snapshot = store.snapshot().await?;
        Ok::<_, Stop>(snapshot.segments().iter().map(|segment| segment.bytes).sum::<u64>())
    };
    let mut expected = bytes().await?;
    let torn = b"{\"kind\": \"ev";
    if fixture.inject(torn).await {
        expected += torn.len() as u64;
    }
    let debris = fixture.debris().await;
    for _ in 0..3 {
        snapshot_lines(&*store, &*store.snapshot().await?).await?;
    }
    let (found, left) = (bytes().await?, fixture.debris().await);
    ensure(found == expected, || format!("{expected} bytes became {found}"))?;
    ensure(left == debris, || format!("{left:?} lies about"))
}
