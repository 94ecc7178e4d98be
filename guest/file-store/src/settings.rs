//! What is set for a journal.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use crate::disk::Disk;
use crate::error::{Error, Kind};
use crate::names::name_of;

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
    /// when it reaches the disk, unless you call `sync` of the store.
    Never,
}

/// What is set for a journal in files.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The disk that the files are on.
    pub disk: Arc<dyn Disk>,
    /// The path as it was given, for people.
    pub location: String,
    /// The file that is appended to: an absolute path, symbolic links not resolved.
    pub path: PathBuf,
    /// When an append counts as done.
    pub durability: Durability,
    /// Where a rewrite keeps what it quarantines.
    pub quarantine_dir: Option<PathBuf>,
    /// The first append makes a missing journal.
    pub create: bool,
    /// The first append also makes missing directories.
    pub create_parents: bool,
    /// How long to wait for another process that holds a lock.
    pub lock_wait: Duration,
}

impl Settings {
    /// The defaults for a journal at this path.
    pub fn new(disk: Arc<dyn Disk>, location: String, path: PathBuf) -> Self {
        Self {
            disk,
            location,
            path,
            durability: Durability::default(),
            quarantine_dir: None,
            create: true,
            create_parents: false,
            lock_wait: Duration::from_secs(10),
        }
    }

    /// The name by which the engine knows the file that is appended to.
    pub fn file_name(&self) -> String {
        name_of(&self.path)
    }

    /// The moment at which waiting for others that begins now comes to its end.
    pub fn deadline(&self) -> Deadline {
        self.deadline_in(self.lock_wait)
    }

    /// The moment at which waiting for so long that begins now comes to its end.
    pub(crate) fn deadline_in(&self, wait: Duration) -> Deadline {
        Deadline(self.disk.now().saturating_add(wait))
    }

    pub(crate) fn is_over(&self, deadline: Deadline) -> bool {
        self.disk.now() >= deadline.0
    }

    /// An I/O failure, with the path and what helps.
    pub fn failure(&self, doing: &str, path: &Path, cause: io::Error) -> Error {
        let place = path.display();
        if let Some(reason) = self.disk.explain(path, &cause) {
            let kind = reason.kind.unwrap_or(Kind::of(&cause));
            let message = format!("cannot {doing} {place}; {}", reason.advice);
            return Error::new(kind, message).caused_by(cause);
        }
        let advice = match cause.kind() {
            io::ErrorKind::PermissionDenied => {
                "; check the owner and mode of it and of its directory"
            }
            io::ErrorKind::ReadOnlyFilesystem => "; the file system is mounted read-only",
            io::ErrorKind::StorageFull => "; free some space and try again",
            io::ErrorKind::QuotaExceeded => "; the user's disk quota is used up",
            io::ErrorKind::FileTooLarge => {
                "; the limit on the size of files is reached (ulimit -f)"
            }
            _ => "",
        };
        Error::io(format!("cannot {doing} {place}{advice}"), cause)
    }

    /// An I/O failure of something done to the journal.
    pub fn cannot(&self, doing: &str, cause: io::Error) -> Error {
        self.failure(doing, &self.path, cause)
    }
}

/// The end of a wait, by [`Disk::now`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Deadline(Duration);
