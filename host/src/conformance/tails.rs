//! Checks with a torn line at the end, which the fixture has to put there.

use super::model::{append, events, flaw, largest, lines, same};
use super::rewrites::{PLAIN, applicable};
use super::{Fixture, Stop, Test, test};
use crate::store::{Edit, Rewrite, Snapshot};

pub const TESTS: &[Test] = &[
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

const TORN: &str = r#"{"kind": "ev"#;

async fn tear(fixture: &dyn Fixture, tail: &str) -> Result<(), Stop> {
    append(&*fixture.store(), &events(0..3)).await?;
    if fixture.inject(tail.as_bytes()).await {
        return Ok(());
    }
    Err(Stop::NotApplicable("the fixture cannot inject raw bytes".to_owned()))
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
