//! Checks of rewrites.

use std::sync::Arc;

use super::model::{Entry, append, ensure, events, flaw, largest, lines, same, snapshot_lines};
use super::{Fixture, Stop};
use crate::store::{
    Edit, Framing, Purpose, Rewrite, RewriteOptions, Segment, Snapshot, Store, StoreError,
    StoreErrorKind,
};

const PLAIN: RewriteOptions =
    RewriteOptions { purpose: Purpose::Recover, keep_quarantine: false, force: false };

/// Which entries go, by index.
type Choice = fn(usize) -> bool;

/// A store with one batch, and its segment.
struct Begun {
    store: Arc<dyn Store>,
    snapshot: Arc<dyn Snapshot>,
    segment: Segment,
    entries: Vec<Entry>,
    lines: Vec<String>,
}

impl Begun {
    async fn with(fixture: &dyn Fixture, numbers: std::ops::Range<u32>) -> Result<Self, Stop> {
        let store = fixture.store();
        append(&*store, &events(numbers)).await?;
        let snapshot = store.snapshot().await?;
        let (segment, entries) = largest(&*store, &*snapshot).await?;
        let lines = lines(&*store).await?;
        Ok(Self { store, snapshot, segment, entries, lines })
    }

    async fn rewrite(&self, options: RewriteOptions) -> Result<Box<dyn Rewrite>, Stop> {
        applicable(self.snapshot.rewrite(&self.segment.name, options).await)
    }

    fn ranges(&self, goes: impl Fn(usize) -> bool) -> Vec<Edit> {
        let chosen = self.entries.iter().enumerate().filter(|(index, _)| goes(*index));
        chosen.map(|(_, entry)| Edit::removal(entry.start, entry.end)).collect()
    }

    /// All lines but those of the segment for which `goes` is true.
    fn without(&self, goes: impl Fn(usize) -> bool) -> Vec<String> {
        let gone: Vec<String> = self
            .entries
            .iter()
            .enumerate()
            .filter(|(index, _)| goes(*index))
            .map(|(_, entry)| String::from_utf8_lossy(&entry.bytes).into_owned())
            .collect();
        self.lines.iter().filter(|line| !gone.contains(line)).cloned().collect()
    }
}

pub fn applicable(result: Result<Box<dyn Rewrite>, StoreError>) -> Result<Box<dyn Rewrite>, Stop> {
    match result {
        Err(error) if error.kind() == StoreErrorKind::Unsupported => {
            Err(Stop::NotApplicable(error.one_line()))
        }
        other => Ok(other?),
    }
}

pub async fn exact(fixture: &dyn Fixture) -> Result<(), Stop> {
    let choices: [(&str, Choice); 5] = [
        ("every other entry", |index| index.is_multiple_of(2)),
        ("the first", |index| index == 0),
        ("the oldest half", |index| index < 8),
        ("scattered ones", |index| index * 7 % 5 == 1),
        ("all but one", |index| index != 3),
    ];
    for ((what, goes), first) in choices.into_iter().zip((0..).step_by(16)) {
        // The lines that the round before has left stay in the store.
        let begun = Begun::with(fixture, first..first + 16).await?;
        let mut rewrite = begun.rewrite(PLAIN).await?;
        // Several calls, some of them empty.
        for ranges in begun.ranges(goes).chunks(3) {
            rewrite.edit(ranges).await?;
            rewrite.edit(&[]).await?;
        }
        let done = rewrite.commit().await?;
        same(what, &lines(&*begun.store).await?, &begun.without(goes))?;
        // A store that frames entries gives memory back in larger pieces than these.
        let shrunk = match begun.store.describe().framing {
            Framing::Lines => done.bytes_after < done.bytes_before,
            Framing::Entries => done.bytes_after <= done.bytes_before,
        };
        ensure(shrunk, || {
            format!("{what}: {} bytes became {}", done.bytes_before, done.bytes_after)
        })?;
        let gone = (0..begun.entries.len()).filter(|index| goes(*index)).count() as u64;
        ensure(done.removed_entries.is_none_or(|removed| removed == gone), || {
            format!("{what}: {:?} entries are said to have gone, not {gone}", done.removed_entries)
        })?;
    }
    Ok(())
}

pub async fn everything(fixture: &dyn Fixture) -> Result<(), Stop> {
    let begun = Begun::with(fixture, 0..9).await?;
    let mut rewrite = begun.rewrite(PLAIN).await?;
    rewrite.edit(&begun.ranges(|_| true)).await?;
    rewrite.commit().await?;
    same("after removing all", &lines(&*begun.store).await?, &begun.without(|_| true))?;
    let more = events(100..103);
    append(&*begun.store, &more).await?;
    let mut expected = begun.without(|_| true);
    expected.extend(more);
    same("and appending", &lines(&*begun.store).await?, &expected)
}

pub async fn nothing(fixture: &dyn Fixture) -> Result<(), Stop> {
    let begun = Begun::with(fixture, 0..9).await?;
    let done = begun.rewrite(PLAIN).await?.commit().await?;
    ensure(done.bytes_before == done.bytes_after, || format!("{done:?}"))?;
    same("after removing nothing", &lines(&*begun.store).await?, &begun.lines)
}

pub async fn meanwhile(fixture: &dyn Fixture) -> Result<(), Stop> {
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

pub async fn racing(fixture: &dyn Fixture) -> Result<(), Stop> {
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

/// The rewrite is refused or carried out; in both cases nothing beyond its ranges is removed.
pub async fn outdated(fixture: &dyn Fixture) -> Result<(), Stop> {
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

pub async fn stable(fixture: &dyn Fixture) -> Result<(), Stop> {
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

pub async fn abandoned(fixture: &dyn Fixture) -> Result<(), Stop> {
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

pub async fn exclusive(fixture: &dyn Fixture) -> Result<(), Stop> {
    let begun = Begun::with(fixture, 0..4).await?;
    let first = begun.rewrite(PLAIN).await?;
    match begun.snapshot.rewrite(&begun.segment.name, PLAIN).await {
        Err(error) if error.kind() == StoreErrorKind::Locked => {}
        Err(error) => return flaw(format!("not `Locked` but {}", error.one_line())),
        Ok(_) => return flaw("a second rewrite was begun"),
    }
    drop(first);
    begun.rewrite(PLAIN).await.map(drop)
}

pub async fn bad_ranges(fixture: &dyn Fixture) -> Result<(), Stop> {
    let begun = Begun::with(fixture, 0..6).await?;
    let all = begun.ranges(|_| true);
    let (Some(first), Some(second)) = (all.first().copied(), all.get(1).copied()) else {
        return flaw("two entries are missing");
    };
    let mut outside = first;
    outside.end.major = u64::MAX;
    outside.end.minor = u64::MAX;
    let backwards = Edit::removal(second.end, second.start);
    for (what, ranges) in [
        ("descending", vec![second, first]),
        ("overlapping", vec![first, first]),
        ("outside", vec![outside]),
        ("ending before its start", vec![backwards]),
    ] {
        let mut rewrite = begun.rewrite(PLAIN).await?;
        ensure(rewrite.edit(&ranges).await.is_err(), || format!("{what} was accepted"))?;
        drop(rewrite);
    }
    same("the store", &lines(&*begun.store).await?, &begun.lines)
}

pub async fn quarantine(fixture: &dyn Fixture) -> Result<(), Stop> {
    let begun = Begun::with(fixture, 0..12).await?;
    let goes = |index: usize| index.is_multiple_of(3);
    let mut rewrite = begun.rewrite(RewriteOptions { keep_quarantine: true, ..PLAIN }).await?;
    rewrite.edit(&begun.ranges(goes)).await?;
    let done = rewrite.commit().await?;
    same("the store", &lines(&*begun.store).await?, &begun.without(goes))?;
    ensure(!done.quarantine.is_empty(), || "the rewrite does not name its quarantine".to_owned())?;
    let Some(found) = fixture.quarantine(&done.quarantine).await else {
        return Err(Stop::NotApplicable("the fixture cannot read the quarantine".to_owned()));
    };
    let mut expected = Vec::new();
    for entry in begun.entries.iter().enumerate().filter(|(index, _)| goes(*index)) {
        expected.extend_from_slice(&entry.1.bytes);
        expected.push(b'\n');
    }
    ensure(found == expected, || format!("it is {:?}", String::from_utf8_lossy(&found)))
}
