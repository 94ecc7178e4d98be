//! NDJSON files of bounded number and size.
//!
//! The journal is appended to at `path`. When it would become larger than `max_bytes`, the file is
//! sealed as `path.1`, what was `path.1` becomes `path.2`, and so on; with `max_files` files there are,
//! the oldest is dropped first.
//!
//! # What is promised
//!
//! Everything that [`file`](super::file) promises of one file holds for each, and
//!
//! * **Disk use is at most `max_files` × `max_bytes` and one record**, the largest there is. A record
//!   that is larger than `max_bytes` has a file of its own, and older files go early where several such
//!   would exceed the bound.
//! * **A rotation loses and doubles nothing but what it is to drop**, whenever the process dies. The
//!   files move from the oldest end, never over one another, and the new file is published last. Death
//!   in between leaves a number without a file, or no file at `path`; either is as good as whole, and the
//!   next append or rotation goes on from there. What is dropped is counted ([`RotatingStore::dropped`]).
//! * **A batch that fits into one file is in one file**, so it is whole or not there at all. A larger one
//!   is cut between records. If one of its writes fails, all of them are taken back; a crash in the middle
//!   leaves the records before it. What had to be dropped to make room stays dropped.
//! * **A reader sees every record once**, whoever rotates meanwhile: it opens all files of one moment.
//! * **A rewrite finds its file again by inode**, whatever its name has become, and fails with `Locked`
//!   if the file was dropped or replaced. A sealed file of which nothing stays is removed.
//! * **With one file** the next record is written before the others go, so the newest acknowledged
//!   record is always there.
//!
//! Files beyond the set, such as `path.7` after `max_files` was lowered to 5, are reported and never
//! touched.
//!
//! # What is not
//!
//! The order in which renames survive a power cut is the file system's: those with a journal keep it.
//! The space of a dropped file comes back a moment after its name is gone: a thread of its own frees it,
//! 8 MiB at a time, at the latest before the next file goes, and not before the last reader, and the last
//! writer that has not appended since, lets go of it. With one file, two records that are both larger than
//! `max_bytes` lie side by side for a moment, and of an append that fails after its first record was
//! written, that record stays: what it has replaced is gone.

mod census;
mod names;
mod release;
mod rotate;
mod set;
mod snapshot;
#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use async_trait::async_trait;

pub use self::census::Dropped;
use self::names::MAX_FILES;
use self::set::Set;
use super::disk::Handle;
use super::disk::config::DiskBuilder;
use super::{Description, Run, Snapshot, Store, StoreError};

/// A journal in a bounded set of files, for any number of tasks and processes at once. See the
/// [module](self) for what it promises.
///
/// All processes that append should agree on the limits. Cloning is cheap; clones share one queue.
///
/// ```
/// use papyra_persistence::store::RotatingStore;
///
/// let store = RotatingStore::builder("/var/lib/app/events.ndjson")
///     .max_bytes(10_000_000)
///     .max_files(8)
///     .build();
/// ```
#[derive(Clone, Debug)]
pub struct RotatingStore {
    handle: Arc<Handle>,
    set: Arc<Set>,
}

/// What a [`RotatingStore`] is made of; see [`RotatingStore::builder`].
pub type RotatingStoreBuilder = DiskBuilder<Rotating>;

/// The settings that only a [`RotatingStore`] has.
#[derive(Clone, Copy, Debug)]
pub struct Rotating {
    max_bytes: u64,
    max_files: u32,
}

impl DiskBuilder<Rotating> {
    /// How large a file may become; a single record may be larger. 50,000,000 unless said otherwise; 0
    /// counts as 1.
    pub fn max_bytes(mut self, bytes: u64) -> Self {
        self.kind.max_bytes = bytes.max(1);
        self
    }

    /// How many files there may be, with the one that is appended to. 5 unless said otherwise; what is
    /// not between 1 and 1,000 counts as the nearer of these.
    pub fn max_files(mut self, files: u32) -> Self {
        self.kind.max_files = files.clamp(1, MAX_FILES);
        self
    }

    /// The store. The disk is not touched before the first operation.
    #[must_use]
    pub fn build(self) -> RotatingStore {
        let set = Arc::new(Set::new(self.kind.max_bytes, self.kind.max_files));
        let handle = Arc::new(Handle::new(self.config(set.clone())));
        RotatingStore { handle, set }
    }
}

impl RotatingStore {
    /// The store at this path, with default settings. Touches nothing; the first append creates the
    /// file.
    #[must_use]
    pub fn open(path: impl Into<PathBuf>) -> Self {
        Self::builder(path).build()
    }

    /// The store at this path, with settings.
    pub fn builder(path: impl Into<PathBuf>) -> RotatingStoreBuilder {
        DiskBuilder::new(path.into(), Rotating { max_bytes: 50_000_000, max_files: 5 })
    }

    /// The absolute path of the file that is appended to.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.handle.config().path
    }

    /// What rotations by this store and its clones have dropped so far.
    #[must_use]
    pub fn dropped(&self) -> Dropped {
        self.set.dropped()
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
impl Store for RotatingStore {
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
