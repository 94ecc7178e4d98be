//! One NDJSON file.
//!
//! # What is promised
//!
//! * **A batch is appended whole or not at all**, and never interleaves with that of another task or
//!   process that uses this store. A write that fails half-way is cut off again.
//! * **An append returns when its [`Durability`](super::Durability) is met.** With `Always` that is after an
//!   `fdatasync` that covers it; many concurrent appends share one.
//! * **A torn line stays alone.** If the file does not end with a line end, the next append puts one
//!   there first, in the same write; the torn line is left for recovery.
//! * **A rewrite is atomic and loses nothing.** The new content is a new file that takes the old
//!   one's name, synced before and after; whatever other writers append meanwhile is in it. Mode,
//!   owner, group and extended attributes stay. If the owner cannot be kept, nothing is rewritten.
//! * **After `kill -9` at any moment nothing stands in the way.** Locks vanish with their process, and
//!   a temporary that was left behind is replaced by the next rewrite.
//! * **After a failed `fdatasync`** the batches concerned are taken back and fail, and no other is
//!   acknowledged before the file has been opened afresh and synced. What `Interval` had already
//!   acknowledged is kept in memory until it is synced, and is written again.
//!
//! # What is not
//!
//! Locks are advisory (`flock`): a program that appends without them is tolerated, and its lines are
//! kept, except those that it writes during the last milliseconds of a rewrite. Afterwards it must
//! open the file again: what it writes to one that it has kept open is lost. A disk that lies
//! about `fdatasync` cannot be seen through. A process killed between its write and its reply has
//! written a batch that nobody has been told about. A hard link to the file keeps the old content
//! when the file is rewritten.

mod shape;
#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use async_trait::async_trait;

use self::shape::SingleFile;
use super::disk::Handle;
use super::disk::config::DiskBuilder;
use super::{Description, Run, Snapshot, Store, StoreError};

/// A journal in one file, for any number of tasks and processes at once. See the
/// [module](self) for what it promises.
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
#[derive(Clone, Debug)]
pub struct FileStore {
    handle: Arc<Handle>,
}

/// What a [`FileStore`] is made of; see [`FileStore::builder`].
pub type FileStoreBuilder = DiskBuilder<OneFile>;

/// One file has no settings of its own.
#[derive(Clone, Copy, Debug)]
pub struct OneFile(());

impl DiskBuilder<OneFile> {
    /// The store. The disk is not touched before the first operation.
    #[must_use]
    pub fn build(self) -> FileStore {
        FileStore { handle: Arc::new(Handle::new(self.config(Arc::new(SingleFile)))) }
    }
}

impl FileStore {
    /// The store at this path, with default settings. Touches nothing; the first append creates the
    /// file.
    #[must_use]
    pub fn open(path: impl Into<PathBuf>) -> Self {
        Self::builder(path).build()
    }

    /// The store at this path, with settings.
    pub fn builder(path: impl Into<PathBuf>) -> FileStoreBuilder {
        DiskBuilder::new(path.into(), OneFile(()))
    }

    /// The file's absolute path, symlinks not resolved.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.handle.config().path
    }

    /// Makes durable, now, everything that this store has acknowledged. With
    /// [`Durability::Always`](super::Durability::Always) that is already so.
    ///
    /// # Errors
    ///
    /// The class of the I/O error. Appends then fail too, until syncing works again.
    pub async fn sync(&self) -> Result<(), StoreError> {
        self.handle.sync().await
    }
}

#[async_trait]
impl Store for FileStore {
    fn describe(&self) -> Description {
        self.handle.describe()
    }

    async fn append(&self, lines: String, _runs: &[Run]) -> Result<(), StoreError> {
        self.handle.append(lines).await
    }

    async fn snapshot(&self) -> Result<Arc<dyn Snapshot>, StoreError> {
        self.handle.snapshot().await
    }

    fn can_create(&self) -> Result<(), StoreError> {
        self.handle.can_create()
    }

    async fn load_checkpoint(&self) -> Result<String, StoreError> {
        self.handle.load_checkpoint().await
    }

    async fn save_checkpoint(&self, text: String) -> Result<(), StoreError> {
        self.handle.save_checkpoint(text).await
    }
}
