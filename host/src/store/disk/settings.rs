//! The builder of every store in files.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

pub use papyra_file_store::Durability;
use papyra_file_store::Settings;

use super::os::OsDisk;
use crate::store::Profile;

/// Builds a store in files. `Kind` holds the settings that only one kind of store has.
#[derive(Clone, Debug)]
#[must_use]
pub struct DiskBuilder<Kind> {
    pub(in crate::store) kind: Kind,
    pub(in crate::store) settings: Settings,
    pub(in crate::store) profile: Option<Profile>,
}

impl<Kind> DiskBuilder<Kind> {
    pub(in crate::store) fn new(path: PathBuf, kind: Kind) -> Self {
        let location = path.display().to_string();
        // Later changes of the working directory must not move the journal.
        let path = std::path::absolute(&path).unwrap_or(path);
        let settings = Settings::new(Arc::new(OsDisk::default()), location, path);
        Self { kind, settings, profile: None }
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

    /// Says what records look like that another program writes to the file; see
    /// [`ProfileOptions`](crate::store::ProfileOptions). Default: as Papyra writes them.
    pub fn profile(mut self, profile: Option<Profile>) -> Self {
        self.profile = profile;
        self
    }

    #[cfg(test)]
    pub(in crate::store) fn faults(mut self, faults: super::faults::Faults) -> Self {
        self.settings.disk = Arc::new(faults);
        self
    }
}
