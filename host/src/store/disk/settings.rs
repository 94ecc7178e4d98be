//! Settings, and the builder that all stores in files have.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use super::faults::Faults;
use super::shape::Shape;

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
    /// disk is up to the system, unless you call [`FileStore::sync`](crate::store::FileStore::sync).
    Never,
}

/// What a store in files is made of. `Kind` holds the settings that only one of them has.
#[derive(Clone, Debug)]
#[must_use]
pub struct DiskBuilder<Kind> {
    pub(in crate::store) kind: Kind,
    settings: Settings,
}

#[derive(Clone, Debug)]
struct Settings {
    location: String,
    path: PathBuf,
    durability: Durability,
    quarantine_dir: Option<PathBuf>,
    create: bool,
    create_parents: bool,
    lock_wait: Duration,
    faults: Faults,
}

impl<Kind> DiskBuilder<Kind> {
    pub(in crate::store) fn new(path: PathBuf, kind: Kind) -> Self {
        let settings = Settings {
            location: path.display().to_string(),
            // Later changes of the working directory must not move the journal.
            path: std::path::absolute(&path).unwrap_or(path),
            durability: Durability::default(),
            quarantine_dir: None,
            create: true,
            create_parents: false,
            lock_wait: Duration::from_secs(10),
            faults: Faults::default(),
        };
        Self { kind, settings }
    }

    /// When an append counts as done. [`Durability::Always`] unless said otherwise.
    pub fn durability(mut self, durability: Durability) -> Self {
        self.settings.durability = durability;
        self
    }

    /// Where a rewrite puts what it removes, when it is asked to keep quarantine. The directory is
    /// created when the first quarantine is written; it may be on another file system. Without one,
    /// such a rewrite is `Unsupported`.
    pub fn quarantine_dir(mut self, dir: impl Into<PathBuf>) -> Self {
        let dir = dir.into();
        self.settings.quarantine_dir = Some(std::path::absolute(&dir).unwrap_or(dir));
        self
    }

    /// Whether the first append creates a missing journal. It does unless said otherwise.
    pub fn create(mut self, create: bool) -> Self {
        self.settings.create = create;
        self
    }

    /// Whether the first append also creates missing parent directories. It does not unless asked.
    pub fn create_parents(mut self, create: bool) -> Self {
        self.settings.create_parents = create;
        self
    }

    /// How long to wait for another process that holds the journal's lock, before giving up with
    /// `Locked`. 10 seconds unless said otherwise.
    pub fn lock_wait(mut self, wait: Duration) -> Self {
        // Nobody waits that long, and the end of more could not be computed.
        self.settings.lock_wait = wait.min(Duration::from_secs(u32::MAX.into()));
        self
    }

    #[cfg(test)]
    pub(in crate::store) fn faults(mut self, faults: Faults) -> Self {
        self.settings.faults = faults;
        self
    }

    /// The settings of a store whose files lie as `shape` says.
    pub(in crate::store) fn config(self, shape: Arc<dyn Shape>) -> Arc<Config> {
        let settings = self.settings;
        Arc::new(Config {
            location: settings.location,
            path: settings.path,
            durability: settings.durability,
            quarantine_dir: settings.quarantine_dir,
            create: settings.create,
            create_parents: settings.create_parents,
            lock_wait: settings.lock_wait,
            faults: settings.faults,
            shape,
        })
    }
}

#[derive(Clone, Debug)]
pub(in crate::store) struct Config {
    /// The path as it was given, for people.
    pub location: String,
    /// The file that is appended to.
    pub path: PathBuf,
    pub durability: Durability,
    pub quarantine_dir: Option<PathBuf>,
    pub create: bool,
    pub create_parents: bool,
    pub lock_wait: Duration,
    pub faults: Faults,
    pub shape: Arc<dyn Shape>,
}

impl Config {
    /// The name by which the engine knows the segment that is appended to.
    pub fn file_name(&self) -> String {
        name_of(&self.path)
    }
}

pub(in crate::store) fn name_of(path: &Path) -> String {
    match path.file_name() {
        Some(name) => name.to_string_lossy().into_owned(),
        None => path.to_string_lossy().into_owned(),
    }
}
