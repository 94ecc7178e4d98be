//! Settings, and the builder of every store in files.

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::faults::Faults;

/// When an append counts as done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Durability {
    /// After `fdatasync`. Concurrent appends share one. An acknowledged batch survives a power cut.
    #[default]
    Always,
    /// After the write; an `fdatasync` follows within this duration, and sooner when more than 32 MiB
    /// wait for it. An acknowledged batch survives the death of the process at once, and a power
    /// cut once that `fdatasync` is done.
    Interval(Duration),
    /// After the write. An acknowledged batch survives the death of the process; the system decides
    /// when it reaches the disk, unless you call [`FileStore::sync`](crate::store::FileStore::sync).
    Never,
}

/// Builds a store in files. `Kind` holds the settings that only one kind of store has.
#[derive(Clone, Debug)]
#[must_use]
pub struct DiskBuilder<Kind> {
    pub(in crate::store) kind: Kind,
    pub(in crate::store) settings: Settings,
}

#[derive(Clone, Debug)]
pub(in crate::store) struct Settings {
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
}

impl Settings {
    /// The name by which the engine knows the segment that is appended to.
    pub fn file_name(&self) -> String {
        name_of(&self.path)
    }
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

    /// Sets when an append counts as done. Default: [`Durability::Always`].
    pub fn durability(mut self, durability: Durability) -> Self {
        self.settings.durability = durability;
        self
    }

    /// Sets the directory in which a rewrite keeps what it quarantines. The first quarantine file
    /// creates it; it may be on another file system. Without one, such a rewrite is `Unsupported`.
    pub fn quarantine_dir(mut self, dir: impl Into<PathBuf>) -> Self {
        let dir = dir.into();
        self.settings.quarantine_dir = Some(std::path::absolute(&dir).unwrap_or(dir));
        self
    }

    /// Sets whether the first append creates a missing journal. Default: true.
    pub fn create(mut self, create: bool) -> Self {
        self.settings.create = create;
        self
    }

    /// Sets whether the first append also creates missing parent directories. Default: false.
    pub fn create_parents(mut self, create: bool) -> Self {
        self.settings.create_parents = create;
        self
    }

    /// Sets how long to wait for another process that holds the journal's lock, before the operation
    /// fails with `Locked`. Default: 10 seconds.
    pub fn lock_wait(mut self, wait: Duration) -> Self {
        // The end of a longer wait could not be computed.
        self.settings.lock_wait = wait.min(Duration::from_secs(u32::MAX.into()));
        self
    }

    #[cfg(test)]
    pub(in crate::store) fn faults(mut self, faults: Faults) -> Self {
        self.settings.faults = faults;
        self
    }
}

pub(in crate::store) fn name_of(path: &Path) -> String {
    path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned()
}
