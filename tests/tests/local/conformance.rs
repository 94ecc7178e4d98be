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
use papyra_persistence::conformance::{self, Fixture};
use papyra_persistence::store::{Durability, FileStore, MemoryStore, RotatingStore, Store};

use crate::support::TempDir;

struct File {
    dir: TempDir,
    store: FileStore,
}

impl File {
    fn new(durability: Durability, quarantine: bool) -> Self {
        let dir = TempDir::new();
        let mut builder = FileStore::builder(dir.path("journal.ndjson")).durability(durability);
        if quarantine {
            builder = builder.quarantine_dir(dir.path("quarantine"));
        }
        Self { store: builder.build(), dir }
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
}

/// Files so small that nearly every check rotates, and so many that nothing is dropped.
struct Rotating {
    dir: TempDir,
    store: RotatingStore,
}

impl Rotating {
    fn new(durability: Durability) -> Self {
        let dir = TempDir::new();
        let builder = RotatingStore::builder(dir.path("journal.ndjson")).durability(durability);
        let builder =
            builder.quarantine_dir(dir.path("quarantine")).max_bytes(3_500).max_files(1000);
        Self { store: builder.build(), dir }
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
}

struct Memory(MemoryStore);

#[async_trait]
impl Fixture for Memory {
    fn store(&self) -> Arc<dyn Store> {
        Arc::new(self.0.clone())
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_passes_with_every_durability() {
    let interval = Durability::Interval(std::time::Duration::from_millis(5));
    for durability in [Durability::Always, interval, Durability::Never] {
        let make = async || Ok(Box::new(File::new(durability, true)) as Box<dyn Fixture>);
        let summary = conformance::run(make).await.unwrap_or_else(|failure| panic!("{failure}"));
        assert_eq!(summary.not_applicable().count(), 0, "{summary}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rotating_set_passes_with_every_durability() {
    let interval = Durability::Interval(std::time::Duration::from_millis(5));
    for durability in [Durability::Always, interval, Durability::Never] {
        let make = async || Ok(Box::new(Rotating::new(durability)) as Box<dyn Fixture>);
        let summary = conformance::run(make).await.unwrap_or_else(|failure| panic!("{failure}"));
        assert_eq!(summary.not_applicable().count(), 0, "{summary}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_place_for_quarantine_only_that_does_not_apply() {
    let make = async || Ok(Box::new(File::new(Durability::Never, false)) as Box<dyn Fixture>);
    let summary = conformance::run(make).await.unwrap_or_else(|failure| panic!("{failure}"));
    let missing: Vec<_> = summary.not_applicable().collect();
    assert_eq!(missing, ["the quarantine holds what was removed"], "{summary}");
}

#[tokio::test(flavor = "multi_thread")]
async fn memory_passes_what_applies_to_it() {
    let make = async || Ok(Box::new(Memory(MemoryStore::new())) as Box<dyn Fixture>);
    let summary = conformance::run(make).await.unwrap_or_else(|failure| panic!("{failure}"));
    assert_eq!(summary.passed(), 12, "{summary}");
    assert_eq!(summary.not_applicable().count(), 15, "{summary}");
}
