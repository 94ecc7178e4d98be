//! Checks of the quarantine of a rewrite.

use super::model::{ensure, flaw, lines, not_applicable, raw, same};
use super::rewrites::{Begun, PLAIN, mixed};
use super::{Fixture, Stop, Test, test};
use crate::store::{Edit, Framing, RewriteOptions, StoreErrorKind};

pub const TESTS: &[Test] = &[
    test(
        "quarantine-asked",
        "A rewrite keeps a quarantine if it is asked to, and none otherwise.",
        |f| Box::pin(asked(f)),
    ),
    test("quarantine-named", "A rewrite names what it has quarantined.", |f| Box::pin(named(f))),
    test(
        "quarantine-exact",
        "The quarantine gets the replaced bytes, in order, and nothing else.",
        |f| Box::pin(exact(f)),
    ),
];

const KEPT: RewriteOptions = RewriteOptions { keep_quarantine: true, ..PLAIN };

async fn asked(fixture: &dyn Fixture) -> Result<(), Stop> {
    let begun = Begun::with(fixture, 0..12).await?;
    let before = fixture.debris().await;
    let mut rewrite = begun.rewrite(PLAIN).await?;
    rewrite.edit(&begun.ranges(|index| index < 3)).await?;
    let done = rewrite.commit().await?;
    let after = fixture.debris().await;
    ensure(done.quarantine.is_empty() && before == after, || {
        format!("nobody has asked for {:?}", done.quarantine)
    })?;
    let snapshot = begun.store.snapshot().await?;
    let (segment, entries) = super::model::largest(&*begun.store, &*snapshot).await?;
    let mut rewrite = match snapshot.rewrite(&segment.name, KEPT).await {
        Err(error) if error.kind() == StoreErrorKind::Unsupported => return Ok(()),
        begun => begun?,
    };
    let Some(first) = entries.first() else { return flaw("entries are missing") };
    rewrite.edit(&[Edit::removal(first.start, first.end)]).await?;
    let done = rewrite.commit().await?;
    ensure(!done.quarantine.is_empty(), || "nothing is kept".to_owned())
}

async fn named(fixture: &dyn Fixture) -> Result<(), Stop> {
    let begun = Begun::with(fixture, 0..6).await?;
    let mut rewrite = begun.rewrite(KEPT).await?;
    rewrite.edit(&begun.ranges(|index| index == 2)).await?;
    let done = rewrite.commit().await?;
    ensure(!done.quarantine.is_empty(), || "it names nothing".to_owned())?;
    let found = fixture.quarantine(&done.quarantine).await;
    ensure(found.is_none_or(|bytes| !bytes.is_empty()), || {
        format!("there is nothing at {:?}", done.quarantine)
    })
}

async fn exact(fixture: &dyn Fixture) -> Result<(), Stop> {
    let begun = Begun::with(fixture, 0..12).await?;
    let goes = |index: usize| index.is_multiple_of(3);
    let lines_framed = begun.store.describe().framing == Framing::Lines;
    let (edits, removed) = if lines_framed {
        let old = raw(&*begun.snapshot, &begun.segment).await?;
        let (edits, expected) = mixed(&begun, &old)?;
        (edits, expected.removed)
    } else {
        let gone = begun.entries.iter().enumerate().filter(|(index, _)| goes(*index));
        let removed = gone.flat_map(|(_, entry)| [entry.bytes.as_slice(), b"\n"].concat());
        (begun.ranges(goes), removed.collect())
    };
    let mut rewrite = begun.rewrite(KEPT).await?;
    rewrite.edit(&edits).await?;
    let done = rewrite.commit().await?;
    if !lines_framed {
        same("the store", &lines(&*begun.store).await?, &begun.without(goes))?;
    }
    let Some(found) = fixture.quarantine(&done.quarantine).await else {
        return not_applicable("the fixture cannot read the quarantine");
    };
    ensure(found == removed, || format!("it is {:?}", String::from_utf8_lossy(&found)))
}
