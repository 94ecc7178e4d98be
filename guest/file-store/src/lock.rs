//! Locks, and how long to wait for them.

use std::io;
use std::ops::Deref;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use crate::active::ActiveFile;
use crate::dirs::warn_once;
use crate::disk::{DiskFile, Tried};
use crate::error::{Error, Kind, Result};
use crate::settings::{Deadline, Settings};

/// Something with a lock.
pub trait Lockable {
    /// The file that has it.
    fn file(&self) -> &dyn DiskFile;
}

impl Lockable for Arc<dyn DiskFile> {
    fn file(&self) -> &dyn DiskFile {
        &**self
    }
}

impl Lockable for &dyn DiskFile {
    fn file(&self) -> &dyn DiskFile {
        *self
    }
}

impl Lockable for Arc<ActiveFile> {
    fn file(&self) -> &dyn DiskFile {
        &***self
    }
}

/// An advisory lock that is held until this is dropped.
#[derive(Debug)]
pub struct Held<F: Lockable> {
    file: F,
    /// The file system has locks, so nobody else of ours is writing.
    alone: bool,
}

impl<F: Lockable> Held<F> {
    /// Takes over a file that is locked already.
    pub fn adopt(file: F) -> Self {
        Self { file, alone: true }
    }

    /// No other process of ours has it.
    pub fn is_alone(&self) -> bool {
        self.alone
    }
}

impl<F: Lockable> Deref for Held<F> {
    type Target = F;

    fn deref(&self) -> &F {
        &self.file
    }
}

impl<F: Lockable> Drop for Held<F> {
    fn drop(&mut self) {
        self.file.file().unlock();
    }
}

/// Says that no process is kept from writing at the same time.
pub(crate) fn warn_of_no_locks(path: &Path) {
    warn_once(
        path,
        "this file system has no locks: let only one process at a time write to the journal",
    );
}

/// Waits for the file's lock until the deadline. Where the file system has no locks, reading goes on without
/// one, and writing with a warning.
///
/// Waiting in the system itself could not be bounded, so this asks again and again: quickly at first,
/// because writers hold the lock for the time of one write.
pub(crate) fn lock<F: Lockable>(
    file: F,
    exclusive: bool,
    deadline: Deadline,
    settings: &Settings,
) -> Result<Held<F>> {
    let path = &settings.path;
    let mut pause = Duration::from_micros(50);
    loop {
        let tried = file.file().lock(exclusive);
        match tried.map_err(|cause| settings.cannot("lock", cause))? {
            Tried::Locked => return Ok(Held { file, alone: true }),
            Tried::Unsupported => {
                if exclusive {
                    warn_of_no_locks(path);
                }
                return Ok(Held { file, alone: false });
            }
            Tried::Busy => {}
        }
        if settings.is_over(deadline) {
            return Err(Error::new(
                Kind::Locked,
                format!(
                    "another process holds the lock of {}; `fuser -v` shows which, try again later",
                    path.display()
                ),
            ));
        }
        settings.disk.sleep(pause);
        pause = (pause * 3 / 2).min(Duration::from_micros(500));
    }
}

/// Fewer types to name.
pub type Opened = io::Result<Arc<dyn DiskFile>>;
