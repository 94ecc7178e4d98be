//! The contract of [`Store`] as a suite that any store can be put through.
//!
//! Give [`run`] a function that makes empty stores. Checks of things that a store cannot do (a volatile
//! one cannot be torn, some cannot rewrite) are listed as not applicable, never skipped in silence.
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
mod damage;
mod model;
mod reads;
mod rewrites;

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;

use crate::store::{Store, StoreError};

/// One empty store, with operations that only its maker can offer.
#[async_trait]
pub trait Fixture: Send + Sync {
    /// The store. Always the same one.
    fn store(&self) -> Arc<dyn Store>;

    /// Puts raw bytes at the end of the store, past its interface, as a crash or another program
    /// might. Returns false if that is not possible; the checks that need it then do not apply.
    async fn inject(&self, bytes: &[u8]) -> bool {
        let _ = bytes;
        false
    }

    /// Returns true if a snapshot still returns entries that a rewrite has removed. A backend that removes
    /// entries in place cannot do that.
    fn snapshots_outlive_rewrites(&self) -> bool {
        true
    }

    /// Returns true if entries that are appended while a rewrite is committed are kept. A store without
    /// locks cannot do that, and must document that only one process may write.
    fn appends_outlive_commits(&self) -> bool {
        true
    }

    /// Returns the bytes that a rewrite has quarantined under these names, put together; `None` if they
    /// cannot be read here.
    async fn quarantine(&self, names: &[String]) -> Option<Vec<u8>> {
        let _ = names;
        None
    }

    /// Lists files and keys beside the store that do not belong to it, such as temporaries and quarantine;
    /// `None` if they cannot be listed.
    async fn debris(&self) -> Option<Vec<String>> {
        None
    }

    /// Opens the same place afresh, as another process finds it, or as the next one does after a crash at
    /// this moment: a fixture that can lose what is not durable loses it here, and only in the store that
    /// it returns. `None` if the place cannot be opened a second time.
    async fn reopen(&self) -> Option<Arc<dyn Store>> {
        None
    }

    /// Makes the next append fail, as a full disk or a lost connection does, and the ones after it work
    /// again. Returns false if that is not possible; the checks that need it then do not apply.
    async fn fail_next_append(&self) -> bool {
        false
    }
}

/// The outcome of one check.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Outcome {
    /// The store keeps the contract.
    Passed,
    /// This store or fixture cannot do what the check needs, for this reason.
    NotApplicable(String),
    /// The store breaks the contract, in this way.
    Failed(String),
}

/// One part of the contract, as a sentence, and its outcome.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Check {
    /// The sentence that must be true.
    pub name: &'static str,
    /// The outcome of the check.
    pub outcome: Outcome,
}

/// All checks, in the order in which they ran.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Summary {
    /// One entry for each check of the suite.
    pub checks: Vec<Check>,
}

impl Summary {
    /// The number of checks that passed.
    #[must_use]
    pub fn passed(&self) -> usize {
        self.checks.iter().filter(|check| check.outcome == Outcome::Passed).count()
    }

    /// The names of the checks that do not apply.
    pub fn not_applicable(&self) -> impl Iterator<Item = &'static str> {
        let named = |check: &Check| match check.outcome {
            Outcome::NotApplicable(_) => Some(check.name),
            _ => None,
        };
        self.checks.iter().filter_map(named)
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for check in &self.checks {
            match &check.outcome {
                Outcome::Passed => writeln!(f, "passed          {}", check.name)?,
                Outcome::NotApplicable(why) => {
                    writeln!(f, "not applicable  {}: {why}", check.name)?;
                }
                Outcome::Failed(how) => writeln!(f, "FAILED          {}: {how}", check.name)?,
            }
        }
        Ok(())
    }
}

/// At least one check has failed.
#[derive(Debug, thiserror::Error)]
#[error("the store breaks its contract:\n{summary}")]
pub struct Failure {
    /// All checks, also those that passed.
    pub summary: Summary,
}

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
type Run = for<'a> fn(&'a dyn Fixture) -> Running<'a>;

const CHECKS: &[(&str, Run)] = &[
    ("the description is constant and complete", |f| Box::pin(reads::description(f))),
    ("a store without entries is empty or not found", |f| Box::pin(reads::nothing(f))),
    ("lines come back whole and in order", |f| Box::pin(appends::order(f))),
    ("lines of several kinds keep the order of their kind", |f| Box::pin(appends::kinds(f))),
    ("an empty batch changes nothing", |f| Box::pin(appends::empty(f))),
    ("a large batch comes back whole", |f| Box::pin(appends::large(f))),
    ("concurrent batches do not interleave", |f| Box::pin(appends::concurrent(f))),
    ("a snapshot does not see later appends", |f| Box::pin(appends::stable(f))),
    ("reading works from every entry with every size", |f| Box::pin(reads::forward(f))),
    ("reading back works from every entry with every size", |f| Box::pin(reads::backward(f))),
    ("positions outside the snapshot are clamped", |f| Box::pin(reads::hostile_positions(f))),
    ("unknown segments are not found", |f| Box::pin(reads::unknown_segments(f))),
    ("a rewrite removes exactly the ranges", |f| Box::pin(rewrites::exact(f))),
    ("everything can be removed", |f| Box::pin(rewrites::everything(f))),
    ("a rewrite of nothing changes nothing", |f| Box::pin(rewrites::nothing(f))),
    ("a rewrite keeps what is appended meanwhile", |f| Box::pin(rewrites::meanwhile(f))),
    ("a rewrite keeps what is appended while it is committed", |f| Box::pin(rewrites::racing(f))),
    ("a rewrite of an outdated snapshot does no harm", |f| Box::pin(rewrites::outdated(f))),
    ("a snapshot outlives a rewrite", |f| Box::pin(rewrites::stable(f))),
    ("an abandoned rewrite leaves nothing behind", |f| Box::pin(rewrites::abandoned(f))),
    ("only one rewrite is open at a time", |f| Box::pin(rewrites::exclusive(f))),
    ("ranges that are out of order or outside are refused", |f| Box::pin(rewrites::bad_ranges(f))),
    ("the quarantine holds what was removed", |f| Box::pin(rewrites::quarantine(f))),
    ("a torn tail never swallows the next line", |f| Box::pin(damage::isolated(f))),
    ("a torn tail goes with the line end that isolates it", |f| Box::pin(damage::removed(f))),
    ("a missing line end is added", |f| Box::pin(damage::terminated(f))),
    ("a missing line end is not added twice", |f| Box::pin(damage::terminated_once(f))),
];

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
    let mut summary = Summary { checks: Vec::with_capacity(CHECKS.len()) };
    for (name, check) in CHECKS {
        let result = match make().await {
            Ok(fixture) => tokio::time::timeout(PATIENCE, check(&*fixture))
                .await
                .unwrap_or_else(|_| model::flaw(format!("it did not end within {PATIENCE:?}"))),
            Err(error) => Err(error.into()),
        };
        let outcome = match result {
            Ok(()) => Outcome::Passed,
            Err(Stop::NotApplicable(why)) => Outcome::NotApplicable(why),
            Err(Stop::Flaw(how)) => Outcome::Failed(how),
        };
        summary.checks.push(Check { name, outcome });
    }
    if summary.checks.iter().any(|check| matches!(check.outcome, Outcome::Failed(_))) {
        return Err(Failure { summary });
    }
    Ok(summary)
}
