//! Checks with a torn line at the end, which the fixture has to put there.

use super::model::{append, ensure, events, flaw, largest, lines, payload, raw, same};
use super::rewrites::{PLAIN, applicable};
use super::{Fixture, Stop, Test, test};
use crate::store::{Edit, Position, Rewrite, Snapshot};

pub const TESTS: &[Test] = &[
    test(
        "tail-bytes",
        "Bytes that are no text, NULs and byte order marks are read as they are.",
        |f| Box::pin(bytes(f)),
    ),
    test(
        "tail-isolated",
        "A torn line at the end is never merged with the next one, and gets one line end.",
        |f| Box::pin(isolated(f)),
    ),
    test(
        "tail-removed",
        "A torn line that is removed goes with the line end that has isolated it meanwhile.",
        |f| Box::pin(removed(f)),
    ),
    test("tail-terminated", "A missing line end at the end can be inserted.", |f| {
        Box::pin(terminated(f))
    }),
    test(
        "tail-terminated-once",
        "A line end that is inserted takes the place of the one that has isolated the line.",
        |f| Box::pin(terminated_once(f)),
    ),
];

/// No text; and where it is, hosts in JavaScript drop the byte order mark at its beginning.
const BYTES: &[u8] = b"\xef\xbb\xbf\0\xff\xc3(\xef\xbb\xbf{}\n\xef\xbb\xbf{}\n";

const TORN: &str = r#"{"kind": "ev"#;

async fn tear(fixture: &dyn Fixture, tail: impl AsRef<[u8]>) -> Result<(), Stop> {
    append(&*fixture.store(), &events(0..3)).await?;
    if fixture.inject(tail.as_ref()).await {
        return Ok(());
    }
    Err(Stop::NotApplicable("the fixture cannot inject raw bytes".to_owned()))
}

async fn bytes(fixture: &dyn Fixture) -> Result<(), Stop> {
    tear(fixture, BYTES).await?;
    let store = fixture.store();
    let snapshot = store.snapshot().await?;
    let (segment, _) = largest(&*store, &*snapshot).await?;
    let before = events(0..3).concat().len() as u64 + 3;
    // From each byte on, so that each of them begins a chunk, and back from each.
    for (at, minor) in (before..).take(BYTES.len() + 1).enumerate() {
        let place = Position { minor, ..segment.start };
        let rest = snapshot.read(&segment.name, place, 1 << 16).await?;
        let (expected, found) = (BYTES.get(at..).unwrap_or_default(), payload(&rest));
        let begins = expected.starts_with(&found) && found.is_empty() == expected.is_empty();
        ensure(begins, || format!("{expected:?} is read as {found:?}"))?;
        let back = snapshot.read_back(&segment.name, place, 1 << 16).await?;
        let (expected, found) = (BYTES.get(..at).unwrap_or_default(), payload(&back));
        let ends = expected.ends_with(&found) || found.ends_with(expected);
        ensure(ends, || format!("{expected:?} is read back as {found:?}"))?;
    }
    same_bytes(&raw(&*snapshot, &segment).await?)
}

fn same_bytes(found: &[u8]) -> Result<(), Stop> {
    let expected: Vec<u8> = events(0..3)
        .iter()
        .flat_map(|line| [line.as_bytes(), b"\n"].concat())
        .chain(BYTES.iter().copied())
        .collect();
    ensure(found == expected, || format!("{expected:?} is read as {found:?}"))
}

/// A rewrite of the segment with the tail, the snapshot it is of, and the tail's range.
async fn begin(fixture: &dyn Fixture) -> Result<(Box<dyn Rewrite>, Edit), Stop> {
    let store = fixture.store();
    let snapshot: std::sync::Arc<dyn Snapshot> = store.snapshot().await?;
    let (segment, entries) = largest(&*store, &*snapshot).await?;
    let Some(tail) = entries.last() else { return flaw("there is no tail") };
    let range = Edit::removal(tail.start, tail.end);
    Ok((applicable(snapshot.rewrite(&segment.name, PLAIN).await)?, range))
}

fn expected(tail: Option<&str>, more: std::ops::Range<u32>) -> Vec<String> {
    let mut lines = events(0..3);
    lines.extend(tail.map(str::to_owned));
    lines.extend(events(more));
    lines
}

async fn isolated(fixture: &dyn Fixture) -> Result<(), Stop> {
    tear(fixture, TORN).await?;
    let store = fixture.store();
    append(&*store, &events(3..5)).await?;
    append(&*store, &events(5..6)).await?;
    same("after appending", &lines(&*store).await?, &expected(Some(TORN), 3..6))
}

async fn removed(fixture: &dyn Fixture) -> Result<(), Stop> {
    tear(fixture, TORN).await?;
    let store = fixture.store();
    let (mut rewrite, tail) = begin(fixture).await?;
    append(&*store, &events(3..5)).await?;
    rewrite.edit(&[tail]).await?;
    rewrite.commit().await?;
    same("after removing the tail", &lines(&*store).await?, &expected(None, 3..5))
}

async fn terminated(fixture: &dyn Fixture) -> Result<(), Stop> {
    let whole = events(7..8).concat();
    tear(fixture, &whole).await?;
    let store = fixture.store();
    let (mut rewrite, tail) = begin(fixture).await?;
    rewrite.edit(&[Edit::line_end(tail.end)]).await?;
    let done = rewrite.commit().await?;
    if done.bytes_after != done.bytes_before + 1 {
        return flaw(format!("{} bytes became {}", done.bytes_before, done.bytes_after));
    }
    append(&*store, &events(3..5)).await?;
    same("after the line end", &lines(&*store).await?, &expected(Some(&whole), 3..5))
}

async fn terminated_once(fixture: &dyn Fixture) -> Result<(), Stop> {
    let whole = events(7..8).concat();
    tear(fixture, &whole).await?;
    let store = fixture.store();
    let (mut rewrite, tail) = begin(fixture).await?;
    append(&*store, &events(3..5)).await?;
    rewrite.edit(&[Edit::line_end(tail.end)]).await?;
    rewrite.commit().await?;
    same("after the line end", &lines(&*store).await?, &expected(Some(&whole), 3..5))
}
