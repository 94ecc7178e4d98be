//! The contract of [`Store`](crate::store::Store) and
//! [`ConsumerGroups`](crate::store::ConsumerGroups) as a suite that any store can be put through.
//!
//! Give [`run`] a function that makes empty stores. Each check is of one [`Rule`], which a store that
//! fails breaks: the report has its name and its sentence. Checks of things that a store cannot do (a
//! volatile one cannot be torn, some cannot rewrite, most have no consumer groups) are listed as not
//! applicable, never skipped in silence. [`rules`] lists all rules.
//!
//! The more of [`Fixture`] you implement, the more is checked: `inject` for torn lines, `reopen` for
//! durability, `fail_next_append` for what a failed append says, `quarantine` and `debris` for rewrites.
//!
//! ```
//! use std::sync::Arc;
//! use papyra_persistence::conformance::{self, Fixture};
//! use papyra_persistence::store::{MemoryStore, Store};
//!
//! struct Memory(Arc<MemoryStore>);
//!
//! impl Fixture for Memory {
//!     fn store(&self) -> Arc<dyn Store> {
//!         self.0.clone()
//!     }
//! }
//!
//! # tokio::runtime::Builder::new_multi_thread().enable_all().build()?.block_on(async {
//! let summary = conformance::run(async || {
//!     Ok(Box::new(Memory(Arc::default())) as Box<dyn Fixture>)
//! })
//! .await?;
//! println!("{summary}");
//! # Ok::<(), conformance::Failure>(())
//! # })?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod appends;
#[cfg(test)]
mod broken;
mod claims;
mod descriptions;
mod failures;
mod fetches;
mod fixture;
mod frames;
mod groups;
mod index;
mod members;
mod model;
mod outcome;
mod quarantine;
mod reads;
mod reads_back;
mod rewrites;
mod segments;
mod snapshots;
mod switches;
mod tails;

use std::pin::Pin;
use std::time::Duration;

pub use self::fixture::Fixture;
pub use self::outcome::{Check, Failure, Outcome, Rule, Summary};
use crate::store::StoreError;

/// Why a check ends early.
enum Stop {
    NotApplicable(String),
    Flaw(String),
}

impl From<StoreError> for Stop {
    fn from(error: StoreError) -> Self {
        Stop::Flaw(format!("an operation failed: {}", error.one_line()))
    }
}

type Running<'a> = Pin<Box<dyn Future<Output = Result<(), Stop>> + Send + 'a>>;

/// A rule, and how it is checked.
struct Test {
    rule: Rule,
    run: for<'a> fn(&'a dyn Fixture) -> Running<'a>,
}

const fn test(
    name: &'static str,
    sentence: &'static str,
    run: for<'a> fn(&'a dyn Fixture) -> Running<'a>,
) -> Test {
    Test { rule: Rule { name, sentence }, run }
}

fn tests() -> impl Iterator<Item = &'static Test> {
    let parts = [
        descriptions::TESTS,
        segments::TESTS,
        snapshots::TESTS,
        reads::TESTS,
        frames::TESTS,
        reads_back::TESTS,
        appends::TESTS,
        failures::TESTS,
        rewrites::TESTS,
        switches::TESTS,
        quarantine::TESTS,
        tails::TESTS,
        index::TESTS,
        groups::TESTS,
        members::TESTS,
        fetches::TESTS,
        claims::TESTS,
    ];
    parts.into_iter().flatten()
}

/// All rules of the suite, in the order in which [`run`] checks them.
pub fn rules() -> impl Iterator<Item = Rule> {
    tests().map(|test| test.rule)
}

/// The maximum duration of one check: a store that hangs fails.
const PATIENCE: Duration = Duration::from_secs(120);

/// Puts a store through the suite. `make` is called once for each check and gives an empty store.
///
/// # Errors
///
/// [`Failure`] if any check fails, or if `make` does.
pub async fn run<Make>(make: Make) -> Result<Summary, Failure>
where
    Make: AsyncFn() -> Result<Box<dyn Fixture>, StoreError>,
{
    let mut summary = Summary { checks: Vec::new() };
    for test in tests() {
        let outcome = check(test, &make, PATIENCE).await;
        summary.checks.push(Check { rule: test.rule, outcome });
    }
    if summary.failed().next().is_some() {
        return Err(Failure { summary });
    }
    Ok(summary)
}

async fn check<Make>(test: &Test, make: &Make, patience: Duration) -> Outcome
where
    Make: AsyncFn() -> Result<Box<dyn Fixture>, StoreError>,
{
    let result = match make().await {
        Ok(fixture) => tokio::time::timeout(patience, (test.run)(&*fixture))
            .await
            .unwrap_or_else(|_| model::flaw(format!("it did not end within {patience:?}"))),
        Err(error) => Err(error.into()),
    };
    match result {
        Ok(()) => Outcome::Passed,
        Err(Stop::NotApplicable(why)) => Outcome::NotApplicable(why),
        Err(Stop::Flaw(how)) => Outcome::Failed(how),
    }
}
