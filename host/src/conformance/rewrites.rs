//! Checks of what a rewrite removes and inserts.

use std::sync::Arc;

use super::model::{
    Entry, append, ensure, events, flaw, largest, lines, not_applicable, raw, same,
};
use super::{Fixture, Stop, Test, test};
use crate::store::{
    Edit, Framing, Position, Purpose, Rewrite, RewriteOptions, Segment, Snapshot, Store,
    StoreError, StoreErrorKind,
};

pub const TESTS: &[Test] = &[
    test("rewrite-exact", "A rewrite removes exactly what its edits say.", |f| Box::pin(exact(f))),
    test("rewrite-ranges", "A range over several entries removes all of them.", |f| {
        Box::pin(ranges(f))
    }),
    test(
        "rewrite-line-end",
        "An edit with a line end puts one in place of its range, and none elsewhere.",
        |f| Box::pin(line_ends(f)),
    ),
    test("rewrite-everything", "A segment can be emptied, and appended to again.", |f| {
        Box::pin(everything(f))
    }),
    test("rewrite-nothing", "A rewrite without edits changes nothing.", |f| Box::pin(nothing(f))),
    test(
        "rewrite-bad-edits",
        "Edits that are out of order or outside the snapshot are refused.",
        |f| Box::pin(bad_ranges(f)),
    ),
    test(
        "rewrite-sizes",
        "The sizes before and after are those around the switch, with later appends.",
        |f| Box::pin(sizes(f)),
    ),
    test("rewrite-removed", "The number of removed entries is right, or absent.", |f| {
        Box::pin(removed(f))
    }),
];

pub const PLAIN: RewriteOptions =
    RewriteOptions { purpose: Purpose::Recover, keep_quarantine: false, force: false };

/// Which entries go, by index.
type Choice = fn(usize) -> bool;

/// A store with some batches, and its largest segment.
pub struct Begun {
    pub store: Arc<dyn Store>,
    pub snapshot: Arc<dyn Snapshot>,
    pub segment: Segment,
    pub entries: Vec<Entry>,
    pub lines: Vec<String>,
}

impl Begun {
    pub async fn with(fixture: &dyn Fixture, numbers: std::ops::Range<u32>) -> Result<Self, Stop> {
        let store = fixture.store();
        for batch in events(numbers).chunks(5) {
            append(&*store, batch).await?;
        }
        let snapshot = store.snapshot().await?;
        let (segment, entries) = largest(&*store, &*snapshot).await?;
        let lines = lines(&*store).await?;
        Ok(Self { store, snapshot, segment, entries, lines })
    }

    pub async fn rewrite(&self, options: RewriteOptions) -> Result<Box<dyn Rewrite>, Stop> {
        applicable(self.snapshot.rewrite(&self.segment.name, options).await)
    }

    pub fn ranges(&self, goes: impl Fn(usize) -> bool) -> Vec<Edit> {
        let chosen = self.entries.iter().enumerate().filter(|(index, _)| goes(*index));
        chosen.map(|(_, entry)| Edit::removal(entry.start, entry.end)).collect()
    }

    /// All lines but those of the segment for which `goes` is true.
    pub fn without(&self, goes: impl Fn(usize) -> bool) -> Vec<String> {
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

async fn exact(fixture: &dyn Fixture) -> Result<(), Stop> {
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
        rewrite.commit().await?;
        same(what, &lines(&*begun.store).await?, &begun.without(goes))?;
    }
    Ok(())
}

async fn ranges(fixture: &dyn Fixture) -> Result<(), Stop> {
    let begun = Begun::with(fixture, 0..16).await?;
    let goes = |index: usize| (2..8).contains(&index) || (9..11).contains(&index);
    let (ranges, entries) = (begun.ranges(|_| true), &begun.entries);
    let joined = |from: usize, to: usize| match (ranges.get(from), entries.get(to)) {
        (Some(first), Some(next)) => Ok(Edit::removal(first.start, next.start)),
        _ => flaw("entries are missing"),
    };
    let mut rewrite = begun.rewrite(PLAIN).await?;
    rewrite.edit(&[joined(2, 8)?, joined(9, 11)?]).await?;
    rewrite.commit().await?;
    same("after joined ranges", &lines(&*begun.store).await?, &begun.without(goes))
}

async fn line_ends(fixture: &dyn Fixture) -> Result<(), Stop> {
    let begun = Begun::with(fixture, 0..10).await?;
    if begun.store.describe().framing == Framing::Entries {
        return not_applicable("entries have no line ends");
    }
    let old = raw(&*begun.snapshot, &begun.segment).await?;
    let (edits, expected) = mixed(&begun, &old)?;
    let mut rewrite = begun.rewrite(PLAIN).await?;
    for edit in &edits {
        rewrite.edit(&[*edit]).await?;
    }
    rewrite.commit().await?;
    let snapshot = begun.store.snapshot().await?;
    let now = snapshot.segments().iter().find(|segment| segment.name == begun.segment.name);
    let Some(now) = now else { return flaw("the segment has gone") };
    let found = raw(&*snapshot, now).await?;
    ensure(found == expected.kept, || {
        format!("the segment is {:?}", String::from_utf8_lossy(&found))
    })
}

/// The bytes that edits leave, and those that they replace.
pub struct Expected {
    pub kept: Vec<u8>,
    pub removed: Vec<u8>,
}

/// Edits of each sort: removals and insertions, at borders of lines and inside.
pub fn mixed(begun: &Begun, old: &[u8]) -> Result<(Vec<Edit>, Expected), Stop> {
    let [_, b, c, d, e, f, ..] = begun.entries.as_slice() else {
        return flaw("entries are missing");
    };
    let inside = |at: Position, by: u64| Position { minor: at.minor + by, ..at };
    let edits = vec![
        Edit::removal(b.start, inside(b.start, 9)),
        Edit { line_end: true, ..Edit::removal(c.start, c.end) },
        Edit::line_end(inside(d.start, 5)),
        Edit { line_end: true, ..Edit::removal(inside(e.start, 3), inside(e.start, 8)) },
        Edit::line_end(f.start),
    ];
    let mut expected = Expected { kept: Vec::new(), removed: Vec::new() };
    let mut from = 0;
    for edit in &edits {
        let (start, end) = (edit.start.minor as usize, edit.end.minor as usize);
        expected.kept.extend_from_slice(old.get(from..start).unwrap_or_default());
        expected.kept.extend(edit.line_end.then_some(b'\n'));
        expected.removed.extend_from_slice(old.get(start..end).unwrap_or_default());
        from = end;
    }
    expected.kept.extend_from_slice(old.get(from..).unwrap_or_default());
    Ok((edits, expected))
}

async fn everything(fixture: &dyn Fixture) -> Result<(), Stop> {
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

async fn nothing(fixture: &dyn Fixture) -> Result<(), Stop> {
    let begun = Begun::with(fixture, 0..9).await?;
    let done = begun.rewrite(PLAIN).await?.commit().await?;
    same("after removing nothing", &lines(&*begun.store).await?, &begun.lines)?;
    ensure(done.bytes_before == done.bytes_after, || format!("{done:?}"))
}

async fn bad_ranges(fixture: &dyn Fixture) -> Result<(), Stop> {
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
    let mut rewrite = begun.rewrite(PLAIN).await?;
    rewrite.edit(&[second]).await?;
    ensure(rewrite.edit(&[first]).await.is_err(), || {
        "a call that goes back behind the one before was accepted".to_owned()
    })?;
    drop(rewrite);
    same("the store", &lines(&*begun.store).await?, &begun.lines)
}

/// The size of the segment now, which a store that frames entries only estimates.
async fn size_now(begun: &Begun) -> Result<u64, Stop> {
    let snapshot = begun.store.snapshot().await?;
    let now = snapshot.segments().iter().find(|segment| segment.name == begun.segment.name);
    Ok(now.map_or(0, |now| now.end.minor - now.start.minor))
}

async fn sizes(fixture: &dyn Fixture) -> Result<(), Stop> {
    let begun = Begun::with(fixture, 0..10).await?;
    let mut rewrite = begun.rewrite(PLAIN).await?;
    rewrite.edit(&begun.ranges(|index| index < 4)).await?;
    append(&*begun.store, &events(10..14)).await?;
    let framed = begun.store.describe().framing == Framing::Entries;
    let before = if framed { 0 } else { size_now(&begun).await? };
    let done = rewrite.commit().await?;
    if framed {
        // It gives memory back in larger pieces than these.
        return ensure(done.bytes_after <= done.bytes_before, || format!("{done:?}"));
    }
    let after = size_now(&begun).await?;
    ensure((done.bytes_before, done.bytes_after) == (before, after), || {
        format!("{before} bytes became {after}, and it says {done:?}")
    })
}

async fn removed(fixture: &dyn Fixture) -> Result<(), Stop> {
    let begun = Begun::with(fixture, 0..10).await?;
    let mut rewrite = begun.rewrite(PLAIN).await?;
    rewrite.edit(&begun.ranges(|index| index % 2 == 1)).await?;
    let said = rewrite.commit().await?.removed_entries;
    let gone = (begun.lines.len() - lines(&*begun.store).await?.len()) as u64;
    ensure(said.is_none_or(|said| said == gone), || format!("{gone} are gone, not {said:?}"))
}
