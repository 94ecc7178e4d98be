//! Sound stores, none of which may be said to break a rule.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use async_trait::async_trait;

use super::super::{Fixture, Summary, run};
use super::lines::Lines;
use super::streams::Streams;
use super::wrapper::{Broken, SOUND};
use crate::store::{Durability, FileStore, MemoryStore, RotatingStore, Store};

/// A directory that goes with the store in it.
struct Dir(PathBuf);

impl Dir {
    fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("papyra-conformance-{}-{number}", std::process::id());
        let dir = std::env::temp_dir().join(name);
        fs::create_dir_all(&dir).unwrap();
        Self(dir)
    }
}

impl Drop for Dir {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// A file, or files that rotate.
struct OnDisk {
    dir: Dir,
    open: fn(&Path) -> Arc<dyn Store>,
    store: Arc<dyn Store>,
}

impl OnDisk {
    fn new(open: fn(&Path) -> Arc<dyn Store>) -> Self {
        let dir = Dir::new();
        Self { open, store: open(&dir.0.join("journal")), dir }
    }
}

fn file(path: &Path) -> Arc<dyn Store> {
    let builder = FileStore::builder(path).durability(Durability::Never);
    Arc::new(builder.quarantine_dir(path.with_file_name("quarantine")).build())
}

fn rotating(path: &Path) -> Arc<dyn Store> {
    let builder = RotatingStore::builder(path).durability(Durability::Never);
    let builder = builder.quarantine_dir(path.with_file_name("quarantine"));
    Arc::new(builder.max_bytes(3_500).max_files(1_000).build())
}

#[async_trait]
impl Fixture for OnDisk {
    fn store(&self) -> Arc<dyn Store> {
        Arc::clone(&self.store)
    }

    async fn inject(&self, bytes: &[u8]) -> bool {
        let mut file = OpenOptions::new().append(true).open(self.dir.0.join("journal")).unwrap();
        file.write_all(bytes).unwrap();
        true
    }

    async fn quarantine(&self, names: &[String]) -> Option<Vec<u8>> {
        Some(names.iter().flat_map(|name| fs::read(name).unwrap()).collect())
    }

    async fn reopen(&self) -> Option<Arc<dyn Store>> {
        Some((self.open)(&self.dir.0.join("journal")))
    }
}

struct Memory(MemoryStore);

impl Fixture for Memory {
    fn store(&self) -> Arc<dyn Store> {
        Arc::new(self.0.clone())
    }
}

async fn pass(make: fn() -> Box<dyn Fixture>) -> Summary {
    run(async || Ok(make())).await.unwrap_or_else(|failure| panic!("{failure}"))
}

const OF_FRAMES: [&str; 2] = ["frame-missing", "frame-positions"];

fn is_of_groups(rule: &str) -> bool {
    let parts = ["group-", "consumer-", "pending-", "fetch-", "ack-", "claim", "auto-claim-"];
    parts.iter().any(|part| rule.starts_with(part)) || rule.ends_with("-pinned")
}

#[tokio::test(flavor = "multi_thread")]
async fn lines_in_memory_pass() {
    for make in [
        (|| Box::new(Lines::new(usize::MAX)) as _) as fn() -> Box<dyn Fixture>,
        || Box::new(Lines::new(2_000)),
        || Box::new(Lines::new(usize::MAX).in_reads_of(7)),
        || Box::new(Broken::new(Box::new(Lines::new(usize::MAX)), SOUND)),
    ] {
        let summary = pass(make).await;
        let mut missing = summary.not_applicable().filter(|rule| !is_of_groups(rule));
        assert!(missing.all(|rule| OF_FRAMES.contains(&rule)), "{summary}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn streams_in_memory_pass() {
    for make in [(|| Box::new(Streams::default()) as _) as fn() -> Box<dyn Fixture>, || {
        Box::new(Broken::new(Box::new(Streams::default()), SOUND))
    }] {
        let summary = pass(make).await;
        let mut missing = summary.not_applicable();
        let of_lines = ["segment-bytes", "rewrite-line-end"];
        let allowed = |rule: &str| rule.starts_with("tail-") || of_lines.contains(&rule);
        assert!(missing.all(allowed), "{summary}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn files_pass() {
    for make in [(|| Box::new(OnDisk::new(file)) as _) as fn() -> Box<dyn Fixture>, || {
        Box::new(OnDisk::new(rotating))
    }] {
        let summary = pass(make).await;
        let mut missing = summary.not_applicable().filter(|rule| !is_of_groups(rule));
        let of_faults = ["append-written", "append-after-failure"];
        let allowed = |rule: &str| OF_FRAMES.contains(&rule) || of_faults.contains(&rule);
        assert!(missing.all(allowed), "{summary}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn memory_passes() {
    let summary = pass(|| Box::new(Memory(MemoryStore::new()))).await;
    assert!(summary.passed() > 20, "{summary}");
}
