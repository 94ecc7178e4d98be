//! Checks of appends that fail, for which the fixture has to let one fail.

use super::model::{append, ensure, events, flaw, lines, not_applicable};
use super::{Fixture, Stop, Test, test};
use crate::store::{Kind, Run, StoreError, Written};

pub const TESTS: &[Test] = &[
    test(
        "append-written",
        "A failed append says how much of the batch is visible, and that is so.",
        |f| Box::pin(written(f)),
    ),
    test(
        "append-after-failure",
        "After a failed append the next one works, and joins nothing that was left behind.",
        |f| Box::pin(after(f)),
    ),
];

/// Appends 3 lines, then lets an append of 3 more fail.
async fn fail(fixture: &dyn Fixture) -> Result<StoreError, Stop> {
    let store = fixture.store();
    append(&*store, &events(0..3)).await?;
    if !fixture.fail_next_append().await {
        return not_applicable("the fixture cannot let an append fail");
    }
    let batch = events(3..6).join("\n") + "\n";
    match store.append(batch, &[Run { kind: Kind::Event, lines: 3 }]).await {
        Ok(()) => flaw("the append that was to fail has succeeded"),
        Err(error) => Ok(error),
    }
}

async fn written(fixture: &dyn Fixture) -> Result<(), Stop> {
    let said = fail(fixture).await?.written();
    let found = lines(&*fixture.store()).await?;
    let prefix = events(0..6).starts_with(&found);
    let right = match said.unwrap_or(Written::Unknown) {
        Written::None => prefix && found.len() == 3,
        Written::All => prefix && found.len() == 6,
        Written::Some => prefix && (4..6).contains(&found.len()),
        Written::Unknown => found.starts_with(&events(0..3)),
    };
    ensure(right, || format!("it says {said:?}, and the store holds {found:?}"))
}

async fn after(fixture: &dyn Fixture) -> Result<(), Stop> {
    fail(fixture).await?;
    let store = fixture.store();
    append(&*store, &events(6..8)).await?;
    append(&*store, &events(8..9)).await?;
    let found = lines(&*store).await?;
    ensure(found.starts_with(&events(0..3)) && found.ends_with(&events(6..9)), || {
        format!("the store holds {found:?}")
    })
}
