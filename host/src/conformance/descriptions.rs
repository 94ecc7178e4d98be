//! Checks of `Store::describe`.

use super::model::{append, ensure, events};
use super::{Fixture, Stop, Test, test};
use crate::store::{Framing, Layout, Role};

pub const TESTS: &[Test] = &[
    test("describe-constant", "The description is constant for the life of the store.", |f| {
        Box::pin(constant(f))
    }),
    test("describe-complete", "The description names the backend and the location.", |f| {
        Box::pin(std::future::ready(complete(f)))
    }),
    test("describe-secrets", "The location is without secrets.", |f| {
        Box::pin(std::future::ready(secrets(f)))
    }),
    test(
        "layout-parallel",
        "Only a store that frames entries is parallel, with at most 256 segments.",
        |f| Box::pin(parallel(f)),
    ),
];

async fn constant(fixture: &dyn Fixture) -> Result<(), Stop> {
    let store = fixture.store();
    let first = store.describe();
    append(&*store, &events(0..1)).await?;
    store.snapshot().await?;
    let second = store.describe();
    ensure(first == second, || format!("{first:?} became {second:?}"))
}

fn complete(fixture: &dyn Fixture) -> Result<(), Stop> {
    let found = fixture.store().describe();
    let named = |text: &str| !text.trim().is_empty();
    ensure(named(&found.backend) && named(&found.location), || format!("it is {found:?}"))
}

fn secrets(fixture: &dyn Fixture) -> Result<(), Stop> {
    let location = fixture.store().describe().location;
    let authority = location.split_once("://").map_or("", |(_, rest)| rest);
    let authority = authority.split(['/', '?']).next().unwrap_or_default();
    let user = authority.rsplit_once('@').map_or("", |(user, _)| user);
    let password = user.split_once(':').map_or("", |(_, password)| password);
    let hidden = password.chars().all(|c| !c.is_alphanumeric());
    ensure(hidden, || "it has a password in it".to_owned())
}

async fn parallel(fixture: &dyn Fixture) -> Result<(), Stop> {
    let store = fixture.store();
    append(&*store, &events(0..3)).await?;
    let description = store.describe();
    if description.layout == Layout::Sequence {
        return Ok(());
    }
    ensure(description.framing == Framing::Entries, || {
        "it is parallel and leaves the framing to the engine".to_owned()
    })?;
    let snapshot = store.snapshot().await?;
    let members = snapshot.segments().iter().filter(|segment| segment.role == Role::Active);
    let count = members.count();
    ensure(count <= 256, || format!("there are {count} segments"))
}
