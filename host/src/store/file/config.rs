use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use super::FileStore;
use super::faults::Faults;

/// When an append counts as done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Durability {
    /// After `fdatasync`. Concurrent appends share one. An acknowledged batch survives a power cut.
    #[default]
    Always,
    /// After the write; an `fdatasync` follows within this time, and sooner when more than 32 MiB
    /// wait for it. An acknowledged batch survives the death of the process at once, and a power
    /// cut once that `fdatasync` is done.
    Interval(Duration),
    /// After the write. An acknowledged batch survives the death of the process; when it reaches the
    /// disk is up to the system, unless you call [`FileStore::sync`].
    Never,
}

/// What a [`FileStore`] is made of; see [`FileStore::builder`].
#[derive(Clone, Debug)]
#[must_use]
pub struct FileStoreBuilder {
    config: Config,
}

impl FileStoreBuilder {
    pub(super) fn new(path: PathBuf) -> Self {
        let config = Config {
            location: path.display().to_string(),
            // Later changes of the working directory must not move the journal.
            path: std::path::absolute(&path).unwrap_or(path),
            durability: Durability::default(),
            evidence_dir: None,
            create: true,
            create_parents: false,
            lock_wait: Duration::from_secs(10),
            faults: Faults::default(),
        };
        Self { config }
    }

    /// When an append counts as done. [`Durability::Always`] unless said otherwise.
    pub fn durability(mut self, durability: Durability) -> Self {
        self.config.durability = durability;
        self
    }

    /// Where a rewrite puts what it removes, when it is asked to keep evidence. The directory is
    /// created when the first evidence is written; it may be on another file system. Without one,
    /// such a rewrite is `Unsupported`.
    pub fn evidence_dir(mut self, dir: impl Into<PathBuf>) -> Self {
        let dir = dir.into();
        self.config.evidence_dir = Some(std::path::absolute(&dir).unwrap_or(dir));
        self
    }

    /// Whether the first append creates a missing file. It does unless said otherwise.
    pub fn create(mut self, create: bool) -> Self {
        self.config.create = create;
        self
    }

    /// Whether the first append also creates missing parent directories. It does not unless asked.
    pub fn create_parents(mut self, create: bool) -> Self {
        self.config.create_parents = create;
        self
    }

    /// How long to wait for another process that holds the file's lock, before giving up with
    /// `Locked`. 10 seconds unless said otherwise.
    pub fn lock_wait(mut self, wait: Duration) -> Self {
        self.config.lock_wait = wait;
        self
    }

    #[cfg(test)]
    pub(super) fn faults(mut self, faults: Faults) -> Self {
        self.config.faults = faults;
        self
    }

    /// The store. The disk is not touched before the first operation.
    #[must_use]
    pub fn build(self) -> FileStore {
        FileStore::from_config(Arc::new(self.config))
    }
}

#[derive(Clone, Debug)]
pub(super) struct Config {
    /// The path as it was given, for people.
    pub location: String,
    pub path: PathBuf,
    pub durability: Durability,
    pub evidence_dir: Option<PathBuf>,
    pub create: bool,
    pub create_parents: bool,
    pub lock_wait: Duration,
    pub faults: Faults,
}

impl Config {
    /// The journal's name, by which the engine knows its only segment.
    pub fn file_name(&self) -> String {
        name_of(&self.path)
    }
}

pub(super) fn name_of(path: &Path) -> String {
    match path.file_name() {
        Some(name) => name.to_string_lossy().into_owned(),
        None => path.to_string_lossy().into_owned(),
    }
}
