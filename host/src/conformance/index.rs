//! Checks of the index that a store keeps beside its entries.

use super::model::{append, ensure, events, lines, not_applicable, same};
use super::{Fixture, Stop, Test, test};
use crate::store::{Store, StoreErrorKind};

pub const TESTS: &[Test] = &[
    test("index-none", "A store without an index returns an empty text.", |f| Box::pin(none(f))),
    test("index-kept", "The index that was saved last comes back as it was.", |f| {
        Box::pin(kept(f))
    }),
    test("index-apart", "The index lies beside the entries, and changes none.", |f| {
        Box::pin(apart(f))
    }),
    test("index-durable", "Another process finds the last index, or the one before.", |f| {
        Box::pin(durable(f))
    }),
];

/// Saves a text, if the store can keep one.
async fn save(store: &dyn Store, text: &str) -> Result<(), Stop> {
    match store.save_index(text.to_owned()).await {
        Err(error) if error.kind() == StoreErrorKind::Unsupported => {
            not_applicable(error.one_line())
        }
        other => Ok(other?),
    }
}

async fn none(fixture: &dyn Fixture) -> Result<(), Stop> {
    let store = fixture.store();
    let before = store.load_index().await?;
    append(&*store, &events(0..3)).await?;
    let after = store.load_index().await?;
    ensure(before.is_empty() && after.is_empty(), || format!("it is {before:?}, then {after:?}"))
}

async fn kept(fixture: &dyn Fixture) -> Result<(), Stop> {
    let store = fixture.store();
    append(&*store, &events(0..3)).await?;
    let long = "0123456789abcdef".repeat(20_000);
    for text in ["{\"version\": 1}", &*long, " two\n lines, and ü \n", "{}"] {
        save(&*store, text).await?;
        append(&*store, &events(3..5)).await?;
        let found = store.load_index().await?;
        ensure(found == text, || {
            format!("of {} bytes {} came back, or others", text.len(), found.len())
        })?;
    }
    Ok(())
}

async fn apart(fixture: &dyn Fixture) -> Result<(), Stop> {
    let store = fixture.store();
    append(&*store, &events(0..5)).await?;
    let before = store.snapshot().await?.segments().len();
    save(&*store, "{\"version\": 1}").await?;
    let after = store.snapshot().await?.segments().len();
    ensure(before == after, || format!("{before} segments became {after}"))?;
    same("the store", &lines(&*store).await?, &events(0..5))
}

async fn durable(fixture: &dyn Fixture) -> Result<(), Stop> {
    let store = fixture.store();
    append(&*store, &events(0..3)).await?;
    let texts = ["{\"version\": 1, \"n\": 1}", "{\"version\": 1, \"n\": 2}"];
    for text in texts {
        save(&*store, text).await?;
        let Some(other) = fixture.reopen().await else {
            return not_applicable("the fixture cannot open the store a second time");
        };
        let found = other.load_index().await?;
        ensure(found.is_empty() || texts.contains(&&*found), || format!("it finds {found:?}"))?;
    }
    Ok(())
}
