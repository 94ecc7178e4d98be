//! One NDJSON file.
//!
//! # Guarantees
//!
//! * **A batch is appended whole or not at all**, and never interleaves with that of another task or
//!   process that uses this store. A write that fails half-way is cut off again.
//! * **An append returns when its [`Durability`](super::Durability) is met.** With `Always` that is after an
//!   `fdatasync` that covers it; many concurrent appends share one.
//! * **A torn line stays alone.** If the file does not end with a line end, the next append puts one
//!   there first, in the same write; the torn line is left for recovery.
//! * **A rewrite is atomic and loses nothing.** The new content is a new file that takes the old
//!   one's name, synced before and after; it holds all that other writers append meanwhile. Mode,
//!   owner, group and extended attributes stay. If the owner cannot be kept, nothing is rewritten.
//! * **After `kill -9` at any moment nothing has to be cleaned up.** Locks vanish with their process, and
//!   the next rewrite replaces a temporary that was left behind.
//! * **After a failed `fdatasync`** the batches concerned are taken back and fail, and no other is
//!   acknowledged before the file has been opened afresh and synced. Batches that `Interval`
//!   had already acknowledged are kept in memory until they are synced, and are written again.
//!
//! # Limits
//!
//! Locks are advisory (`flock`): a program that appends without them is tolerated, and its lines are
//! kept, except those that it writes during the last milliseconds of a rewrite. Afterwards it must
//! open the file again: what it writes to one that it has kept open is lost. A disk that lies
//! about `fdatasync` cannot be seen through. A process killed between its write and its reply has
//! written a batch without acknowledging it. A hard link to the file keeps the old content
//! when the file is rewritten.

#[cfg(test)]
mod tests;

use std::path::PathBuf;

pub use papyra_file_store::OneFile;

use super::disk::settings::DiskBuilder;
use super::disk::store::DiskStore;

/// A journal in one file, for any number of tasks and processes at once. See the
/// [module](self) for its guarantees.
///
/// Cloning is cheap; clones share one file descriptor and one queue. Operations need a tokio runtime.
///
/// ```
/// use std::time::Duration;
/// use papyra_persistence::store::{Durability, FileStore};
///
/// let store = FileStore::builder("/var/lib/app/events.ndjson")
///     .durability(Durability::Interval(Duration::from_millis(200)))
///     .quarantine_dir("/var/lib/app/quarantine")
///     .build();
/// ```
pub type FileStore = DiskStore<OneFile>;

/// Builds a [`FileStore`]; see [`FileStore::builder`]. One file has no settings of its own.
pub type FileStoreBuilder = DiskBuilder<()>;

impl DiskBuilder<()> {
    /// Builds the store. The disk is not touched before the first operation.
    #[must_use]
    pub fn build(self) -> FileStore {
        DiskStore::new(OneFile::new(self.settings), self.profile)
    }
}

impl FileStore {
    /// The store at this path, with default settings. Touches nothing; the first append creates the
    /// file.
    #[must_use]
    pub fn open(path: impl Into<PathBuf>) -> Self {
        Self::builder(path).build()
    }

    /// Returns a builder of a store at this path.
    pub fn builder(path: impl Into<PathBuf>) -> FileStoreBuilder {
        DiskBuilder::new(path.into(), ())
    }
}
