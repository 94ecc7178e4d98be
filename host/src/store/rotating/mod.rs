//! NDJSON files of bounded number and size.
//!
//! The journal is appended to at `path`. When it would become larger than `max_bytes`, the file is
//! sealed as `path.1`, what was `path.1` becomes `path.2`, and so on; with `max_files` files there are,
//! the oldest is dropped first.
//!
//! # Guarantees
//!
//! All guarantees of [`file`](super::file) hold for each file, and
//!
//! * **Disk use is at most `max_files` × `max_bytes` plus one record**, the largest there is. A record
//!   that is larger than `max_bytes` has a file of its own, and older files go early where several such
//!   would exceed the bound.
//! * **A rotation loses nothing but what it is to drop, and doubles nothing**, whenever the process dies. The
//!   files move from the oldest end, never over one another, and the new file is published last. Death
//!   in between leaves a number without a file, or no file at `path`; either is as good as whole, and the
//!   next append or rotation goes on from there. Dropped records are counted ([`RotatingStore::dropped`]).
//! * **A batch that fits into one file is in one file**, so it is whole or not there at all. A larger one
//!   is cut between records. If one of its writes fails, all of them are taken back; a crash in the middle
//!   leaves the records before it. Records that had to be dropped to make room stay dropped.
//! * **A reader sees every record once**, whatever rotates meanwhile: it opens all files of one moment.
//! * **A rewrite finds its file again by inode**, whatever its name has become, and fails with `Locked`
//!   if the file was dropped or replaced. A sealed file of which nothing stays is removed.
//! * **With one file** the next record is written before the others go, so the newest acknowledged
//!   record is always there.
//!
//! Files beyond the set, such as `path.7` after `max_files` was lowered to 5, are reported and never
//! touched.
//!
//! # Limits
//!
//! With more than 16 files, or with [`Durability::Never`](super::Durability::Never), the order in which renames
//! survive a power cut is the file system's: those with a journal keep it.
//! The space of a dropped file comes back a moment after its name is gone: a thread of its own frees it,
//! 8 MiB at a time, at the latest before the next file goes, and not before the last reader, and the last
//! writer that has not appended since, lets go of it. With one file, two records that are both larger than
//! `max_bytes` lie side by side for a moment, and of an append that fails after its first record was
//! written, that record stays: what it has replaced is gone.

#[cfg(test)]
mod tests;

use std::path::PathBuf;

use papyra_file_store::MAX_FILES;
pub use papyra_file_store::{Dropped, Limits, Rotating};

use super::disk::settings::DiskBuilder;
use super::disk::store::DiskStore;

/// A journal in a bounded set of files, for any number of tasks and processes at once. See the
/// [module](self) for its guarantees.
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
pub type RotatingStore = DiskStore<Rotating>;

/// Builds a [`RotatingStore`]; see [`RotatingStore::builder`].
pub type RotatingStoreBuilder = DiskBuilder<Limits>;

impl DiskBuilder<Limits> {
    /// Sets the maximum size of a file; a single record may be larger. Default: 50,000,000. 0 counts
    /// as 1.
    pub fn max_bytes(mut self, bytes: u64) -> Self {
        self.kind.max_bytes = bytes.max(1);
        self
    }

    /// Sets the maximum number of files, with the one that is appended to. Default: 5. A number outside
    /// 1 to 1,000 counts as the nearer of these.
    pub fn max_files(mut self, files: u32) -> Self {
        self.kind.max_files = files.clamp(1, MAX_FILES);
        self
    }

    /// Builds the store. The disk is not touched before the first operation.
    #[must_use]
    pub fn build(self) -> RotatingStore {
        DiskStore::new(Rotating::new(self.settings, self.kind), self.profile)
    }
}

impl RotatingStore {
    /// The store at this path, with default settings. Touches nothing; the first append creates the
    /// file.
    #[must_use]
    pub fn open(path: impl Into<PathBuf>) -> Self {
        Self::builder(path).build()
    }

    /// Returns a builder of a store at this path.
    pub fn builder(path: impl Into<PathBuf>) -> RotatingStoreBuilder {
        DiskBuilder::new(path.into(), Limits { max_bytes: 50_000_000, max_files: 5 })
    }

    /// The amount that rotations by this store and its clones have dropped so far.
    #[must_use]
    pub fn dropped(&self) -> Dropped {
        self.files.dropped()
    }
}
