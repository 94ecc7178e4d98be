//! The suite over the stores of this crate.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "tests fail by panicking"
)]

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::sync::Arc;

use async_trait::async_trait;
use papyra_persistence::conformance::{self, Fixture, Outcome, Summary};
use papyra_persistence::store::{Durability, FileStore, MemoryStore, RotatingStore, Store};

use crate::support::TempDir;

struct File {
    dir: TempDir,
    store: FileStore,
    durability: Durability,
}

impl File {
    fn new(durability: Durability, quarantine: bool) -> Self {
        let dir = TempDir::new();
        let mut builder = FileStore::builder(dir.path("journal.ndjson")).durability(durability);
        if quarantine {
            builder = builder.quarantine_dir(dir.path("quarantine"));
        }
        Self { store: builder.build(), dir, durability }
    }
}

#[async_trait]
impl Fixture for File {
    fn store(&self) -> Arc<dyn Store> {
        Arc::new(self.store.clone())
    }

    async fn inject(&self, bytes: &[u8]) -> bool {
        let mut file = OpenOptions::new().append(true).open(self.store.path()).unwrap();
        file.write_all(bytes).unwrap();
        true
    }

    async fn quarantine(&self, names: &[String]) -> Option<Vec<u8>> {
        Some(names.iter().flat_map(|name| fs::read(name).unwrap()).collect())
    }

    async fn debris(&self) -> Option<Vec<String>> {
        Some(self.dir.files().into_iter().filter(|name| name != "journal.ndjson").collect())
    }

    async fn reopen(&self) -> Option<Arc<dyn Store>> {
        let builder = FileStore::builder(self.store.path()).durability(self.durability);
        Some(Arc::new(builder.build()))
    }
}

/// Files so small that nearly every check rotates, and so many that nothing is dropped.
struct Rotating {
    dir: TempDir,
    store: RotatingStore,
    durability: Durability,
}

impl Rotating {
    fn new(durability: Durability) -> Self {
        let dir = TempDir::new();
        Self { store: Self::open(&dir, durability), dir, durability }
    }

    fn open(dir: &TempDir, durability: Durability) -> RotatingStore {
        let builder = RotatingStore::builder(dir.path("journal.ndjson")).durability(durability);
        builder.quarantine_dir(dir.path("quarantine")).max_bytes(3_500).max_files(1000).build()
    }
}

#[async_trait]
impl Fixture for Rotating {
    fn store(&self) -> Arc<dyn Store> {
        Arc::new(self.store.clone())
    }

    async fn inject(&self, bytes: &[u8]) -> bool {
        let mut file = OpenOptions::new().append(true).open(self.store.path()).unwrap();
        file.write_all(bytes).unwrap();
        true
    }

    async fn quarantine(&self, names: &[String]) -> Option<Vec<u8>> {
        Some(names.iter().flat_map(|name| fs::read(name).unwrap()).collect())
    }

    async fn debris(&self) -> Option<Vec<String>> {
        let mine = |name: &String| {
            let rest = name.strip_prefix("journal.ndjson");
            let number = rest.and_then(|rest| rest.strip_prefix('.'));
            rest == Some("") || number.is_some_and(|number| number.parse::<u32>().is_ok())
        };
        Some(self.dir.files().into_iter().filter(|name| !mine(name)).collect())
    }

    async fn reopen(&self) -> Option<Arc<dyn Store>> {
        Some(Arc::new(Self::open(&self.dir, self.durability)))
    }
}

struct Memory(MemoryStore);

#[async_trait]
impl Fixture for Memory {
    fn store(&self) -> Arc<dyn Store> {
        Arc::new(self.0.clone())
    }
}

/// Why rules do not apply, each reason once.
fn reasons(summary: &Summary) -> Vec<String> {
    let reason = |check: &conformance::Check| match &check.outcome {
        Outcome::NotApplicable(why) => Some(why.clone()),
        _ => None,
    };
    let mut reasons: Vec<String> = summary.checks.iter().filter_map(reason).collect();
    reasons.sort();
    reasons.dedup();
    reasons
}

const OF_FILES: [&str; 3] = [
    "the engine frames lines",
    "the fixture cannot let an append fail",
    "the store has no consumer groups",
];

#[tokio::test(flavor = "multi_thread")]
async fn a_file_passes_with_every_durability() {
    let interval = Durability::Interval(std::time::Duration::from_millis(5));
    for durability in [Durability::Always, interval, Durability::Never] {
        let make = async || Ok(Box::new(File::new(durability, true)) as Box<dyn Fixture>);
        let summary = conformance::run(make).await.unwrap_or_else(|failure| panic!("{failure}"));
        assert_eq!(reasons(&summary), OF_FILES, "{summary}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rotating_set_passes_with_every_durability() {
    let interval = Durability::Interval(std::time::Duration::from_millis(5));
    for durability in [Durability::Always, interval, Durability::Never] {
        let make = async || Ok(Box::new(Rotating::new(durability)) as Box<dyn Fixture>);
        let summary = conformance::run(make).await.unwrap_or_else(|failure| panic!("{failure}"));
        assert_eq!(reasons(&summary), OF_FILES, "{summary}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_place_for_quarantine_only_that_does_not_apply() {
    let make = async || Ok(Box::new(File::new(Durability::Never, false)) as Box<dyn Fixture>);
    let summary = conformance::run(make).await.unwrap_or_else(|failure| panic!("{failure}"));
    let missing = summary.not_applicable().filter(|rule| rule.starts_with("quarantine-"));
    let missing: Vec<_> = missing.collect();
    assert_eq!(missing, ["quarantine-named", "quarantine-exact"], "{summary}");
    assert_eq!(reasons(&summary).len(), OF_FILES.len() + 1, "{summary}");
}

#[tokio::test(flavor = "multi_thread")]
async fn memory_passes_what_applies_to_it() {
    let make = async || Ok(Box::new(Memory(MemoryStore::new())) as Box<dyn Fixture>);
    let summary = conformance::run(make).await.unwrap_or_else(|failure| panic!("{failure}"));
    let reasons = reasons(&summary);
    assert_eq!(reasons.len(), 7, "{summary}");
    assert!(OF_FILES.iter().all(|of| reasons.iter().any(|reason| reason == of)), "{summary}");
}
