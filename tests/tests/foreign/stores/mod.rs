//! The file stores of other runtimes, each called as a store of ours: through the one suite of all stores.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests fail by panicking")]

mod embedded;
mod wasi;

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::Path;
use std::sync::Arc;

use async_trait::async_trait;
use papyra_persistence::conformance::{self, Fixture};
use papyra_persistence::store::{Store, StoreError};
use papyra_tests::command::names;
use papyra_tests::survival::JOURNAL;

/// A store in files, and what more it lets a fixture do.
trait Opened: Store {
    /// The same files as another process finds them, from a store with locks.
    fn reopened(&self) -> Option<Arc<dyn Store>> {
        None
    }

    /// Makes the next append fail half-way.
    fn fail_next_append(&self) -> bool {
        false
    }
}

/// A directory with one journal, and nothing else.
struct Files<S> {
    dir: tempfile::TempDir,
    store: Arc<S>,
}

#[async_trait]
impl<S: Opened> Fixture for Files<S> {
    fn store(&self) -> Arc<dyn Store> {
        self.store.clone()
    }

    async fn inject(&self, bytes: &[u8]) -> bool {
        let path = self.dir.path().join(JOURNAL);
        OpenOptions::new().append(true).open(path).unwrap().write_all(bytes).unwrap();
        true
    }

    fn appends_outlive_commits(&self) -> bool {
        self.store.reopened().is_some()
    }

    async fn quarantine(&self, names: &[String]) -> Option<Vec<u8>> {
        // Those that are relative are so to the directory.
        let read = |name: &String| fs::read(self.dir.path().join(name)).unwrap();
        Some(names.iter().flat_map(read).collect())
    }

    async fn debris(&self) -> Option<Vec<String>> {
        let mut debris = names(self.dir.path());
        if let Some(folder) = debris.iter().position(|name| name == "quarantine") {
            debris.remove(folder);
            debris.extend(names(&self.dir.path().join("quarantine")));
        }
        Some(debris.into_iter().filter(|name| !is_journal(name)).collect())
    }

    async fn reopen(&self) -> Option<Arc<dyn Store>> {
        self.store.reopened()
    }

    async fn fail_next_append(&self) -> bool {
        self.store.fail_next_append()
    }
}

fn is_journal(name: &str) -> bool {
    let number = name.strip_prefix(JOURNAL).and_then(|rest| rest.strip_prefix("."));
    name == JOURNAL || number.is_some_and(|number| number.parse::<u32>().is_ok())
}

/// Puts a store through the suite. Of the rules for files exactly `missing` may not apply.
async fn pass<Make>(make: Make, missing: &[&str])
where
    Make: AsyncFn() -> Result<Box<dyn Fixture>, StoreError>,
{
    let summary = conformance::run(make).await.unwrap_or_else(|failure| panic!("{failure}"));
    let of_files = ["append-", "rewrite-", "read-", "snapshot-", "quarantine-", "torn-", "index-"];
    let left_out: Vec<_> = summary
        .not_applicable()
        .filter(|rule| of_files.iter().any(|of| rule.starts_with(of)))
        .collect();
    assert_eq!(left_out, missing, "{summary}");
}

/// The journal in a directory.
fn journal(dir: &Path) -> std::path::PathBuf {
    dir.join(JOURNAL)
}
