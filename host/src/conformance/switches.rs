//! Checks of when a rewrite takes effect, and beside what else.

use std::sync::atomic::{AtomicBool, Ordering};

use super::groups::Group;
use super::model::{append, ensure, events, flaw, lines, not_applicable, same, snapshot_lines};
use super::rewrites::{Begun, PLAIN, applicable};
use super::{Fixture, Stop, Test, test};
use crate::store::{Purpose, RewriteOptions, StoreErrorKind};

pub const TESTS: &[Test] = &[
    test("rewrite-invisible", "Before its commit a rewrite has no effect that can be seen.", |f| {
        Box::pin(invisible(f))
    }),
    test(
        "rewrite-abort",
        "A rewrite that is abandoned leaves nothing behind, and the next one may begin.",
        |f| Box::pin(abandoned(f)),
    ),
    test("rewrite-exclusive", "While a rewrite is open, a second one is locked.", |f| {
        Box::pin(exclusive(f))
    }),
    test(
        "rewrite-outdated",
        "A rewrite of a snapshot from before another rewrite is locked, or does what it says.",
        |f| Box::pin(outdated(f)),
    ),
    test("rewrite-appends", "A rewrite keeps what was appended since its snapshot.", |f| {
        Box::pin(meanwhile(f))
    }),
    test("rewrite-racing", "A rewrite keeps what is appended during its commit.", |f| {
        Box::pin(racing(f))
    }),
    test(
        "rewrite-atomic",
        "At every moment of a commit, the old or the new content is there, whole.",
        |f| Box::pin(atomic(f)),
    ),
    test("rewrite-durable", "After a commit, another process finds the new content.", |f| {
        Box::pin(durable(f))
    }),
    test("snapshot-rewrites", "A snapshot outlives a rewrite.", |f| Box::pin(stable(f))),
    test("rewrite-pinned", "What consumer groups still need goes only with force.", |f| {
        Box::pin(pinned(f))
    }),
];

async fn invisible(fixture: &dyn Fixture) -> Result<(), Stop> {
    let begun = Begun::with(fixture, 0..10).await?;
    let mut rewrite = begun.rewrite(PLAIN).await?;
    same("after its beginning", &lines(&*begun.store).await?, &begun.lines)?;
    for edit in begun.ranges(|index| index % 3 == 0) {
        rewrite.edit(&[edit]).await?;
        same("after an edit", &lines(&*begun.store).await?, &begun.lines)?;
    }
    drop(rewrite);
    Ok(())
}

async fn abandoned(fixture: &dyn Fixture) -> Result<(), Stop> {
    let begun = Begun::with(fixture, 0..10).await?;
    let debris = fixture.debris().await;
    let kept = RewriteOptions { keep_quarantine: true, ..PLAIN };
    let options = match begun.snapshot.rewrite(&begun.segment.name, kept).await {
        Err(error) if error.kind() == StoreErrorKind::Unsupported => PLAIN,
        other => other.map(|_| kept)?,
    };
    let mut rewrite = begun.rewrite(options).await?;
    rewrite.edit(&begun.ranges(|index| index < 5)).await?;
    drop(rewrite);
    same("the store", &lines(&*begun.store).await?, &begun.lines)?;
    let now = fixture.debris().await;
    ensure(now == debris, || format!("{now:?} lies about"))?;
    // And the next one is free to go.
    let mut rewrite = begun.rewrite(PLAIN).await?;
    rewrite.edit(&begun.ranges(|index| index < 5)).await?;
    rewrite.commit().await?;
    same("after the next", &lines(&*begun.store).await?, &begun.without(|index| index < 5))
}

async fn exclusive(fixture: &dyn Fixture) -> Result<(), Stop> {
    let begun = Begun::with(fixture, 0..4).await?;
    let first = begun.rewrite(PLAIN).await?;
    match begun.snapshot.rewrite(&begun.segment.name, PLAIN).await {
        Err(error) if error.kind() == StoreErrorKind::Locked => {}
        Err(error) => return flaw(format!("not `Locked` but {}", error.one_line())),
        Ok(_) => return flaw("a second rewrite was begun"),
    }
    drop(first);
    Ok(())
}

/// The rewrite is refused or carried out; in both cases nothing beyond its ranges is removed.
async fn outdated(fixture: &dyn Fixture) -> Result<(), Stop> {
    let begun = Begun::with(fixture, 0..10).await?;
    let mut first =
        applicable(begun.store.snapshot().await?.rewrite(&begun.segment.name, PLAIN).await)?;
    first.edit(&begun.ranges(|index| index == 0)).await?;
    first.commit().await?;
    let second = async {
        let mut second = begun.snapshot.rewrite(&begun.segment.name, PLAIN).await?;
        second.edit(&begun.ranges(|index| index == 4)).await?;
        second.commit().await
    };
    let expected = match second.await {
        Ok(_) => begun.without(|index| index == 0 || index == 4),
        Err(_) => begun.without(|index| index == 0),
    };
    same("after a rewrite of an outdated snapshot", &lines(&*begun.store).await?, &expected)
}

async fn meanwhile(fixture: &dyn Fixture) -> Result<(), Stop> {
    let begun = Begun::with(fixture, 0..10).await?;
    let mut rewrite = begun.rewrite(PLAIN).await?;
    append(&*begun.store, &events(10..20)).await?;
    rewrite.edit(&begun.ranges(|index| index < 5)).await?;
    append(&*begun.store, &events(20..30)).await?;
    rewrite.commit().await?;
    append(&*begun.store, &events(30..40)).await?;
    let mut expected = begun.without(|index| index < 5);
    expected.extend(events(10..40));
    same("with appends before, during and after", &lines(&*begun.store).await?, &expected)
}

async fn racing(fixture: &dyn Fixture) -> Result<(), Stop> {
    if !fixture.appends_outlive_commits() {
        return Err(Stop::NotApplicable("only one may write".to_owned()));
    }
    let begun = Begun::with(fixture, 0..10).await?;
    let mut rewrite = begun.rewrite(PLAIN).await?;
    rewrite.edit(&begun.ranges(|index| index < 5)).await?;
    let later = async {
        for number in 10..60 {
            append(&*begun.store, &events(number..number + 1)).await?;
            tokio::task::yield_now().await;
        }
        Ok::<_, Stop>(())
    };
    let (done, appended) = tokio::join!(rewrite.commit(), later);
    done?;
    appended?;
    let mut expected = begun.without(|index| index < 5);
    expected.extend(events(10..60));
    same("with appends during the switch", &lines(&*begun.store).await?, &expected)
}

async fn atomic(fixture: &dyn Fixture) -> Result<(), Stop> {
    let begun = Begun::with(fixture, 0..16).await?;
    let goes = |index: usize| index.is_multiple_of(2);
    let (old, new) = (begun.lines.clone(), begun.without(goes));
    let mut rewrite = begun.rewrite(PLAIN).await?;
    rewrite.edit(&begun.ranges(goes)).await?;
    let done = AtomicBool::new(false);
    let commit = async {
        let result = rewrite.commit().await;
        done.store(true, Ordering::Relaxed);
        result.map_err(Stop::from)
    };
    let watcher = async {
        while !done.load(Ordering::Relaxed) {
            if fixture.snapshots_outlive_rewrites() {
                let found = lines(&*begun.store).await?;
                ensure(found == old || found == new, || {
                    format!("for a moment, {} entries are there", found.len())
                })?;
            } else {
                // Entries are removed under the snapshot; only their number is of one moment.
                let snapshot = begun.store.snapshot().await?;
                let count: u64 = snapshot.segments().iter().filter_map(|one| one.entries).sum();
                let right = count == old.len() as u64 || count == new.len() as u64;
                ensure(right, || format!("for a moment, {count} entries are there"))?;
            }
            tokio::task::yield_now().await;
        }
        Ok(())
    };
    tokio::try_join!(commit, watcher)?;
    same("after the commit", &lines(&*begun.store).await?, &new)
}

async fn durable(fixture: &dyn Fixture) -> Result<(), Stop> {
    let begun = Begun::with(fixture, 0..10).await?;
    let goes = |index: usize| index < 5;
    let mut rewrite = begun.rewrite(PLAIN).await?;
    rewrite.edit(&begun.ranges(goes)).await?;
    rewrite.commit().await?;
    let Some(other) = fixture.reopen().await else {
        return not_applicable("the fixture cannot open the store a second time");
    };
    same("another process", &lines(&*other).await?, &begun.without(goes))
}

async fn pinned(fixture: &dyn Fixture) -> Result<(), Stop> {
    let store = fixture.store();
    let group = Group::begin(&store, "g", 8).await?;
    let ids = group.fetch("one", 5).await?;
    group.ack(ids.get(..2).unwrap_or_default()).await?;
    let needed = events(2..8);
    for force in [false, true] {
        let snapshot = store.snapshot().await?;
        let (segment, entries) = super::model::largest(&*store, &*snapshot).await?;
        let options = RewriteOptions { purpose: Purpose::Compact, keep_quarantine: false, force };
        let mut rewrite = applicable(snapshot.rewrite(&segment.name, options).await)?;
        for entry in &entries {
            rewrite.edit(&[crate::store::Edit::removal(entry.start, entry.end)]).await?;
        }
        rewrite.commit().await?;
        let found = lines(&*store).await?;
        match force {
            false => ensure(found.ends_with(&needed), || {
                format!("without force, {} entries of {} are left", found.len(), needed.len())
            })?,
            // A store may remove less than planned, but not nothing.
            true => ensure(found.len() < needed.len(), || {
                "with force, everything is still there".to_owned()
            })?,
        }
    }
    Ok(())
}

async fn stable(fixture: &dyn Fixture) -> Result<(), Stop> {
    if !fixture.snapshots_outlive_rewrites() {
        let why = "entries are removed in place".to_owned();
        return Err(Stop::NotApplicable(why));
    }
    let begun = Begun::with(fixture, 0..10).await?;
    let mut rewrite = begun.rewrite(PLAIN).await?;
    rewrite.edit(&begun.ranges(|index| index < 9)).await?;
    rewrite.commit().await?;
    let old = snapshot_lines(&*begun.store, &*begun.snapshot).await?;
    same("the old snapshot", &old, &begun.lines)
}
