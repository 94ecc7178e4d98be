//! One NDJSON file.
//!
//! # What is promised
//!
//! * **A batch is appended whole or not at all**, and never interleaves with that of another task or
//!   process that uses this store. A write that fails half-way is cut off again.
//! * **An append returns when its [`Durability`] is met.** With `Always` that is after an
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

mod checkpoint;
mod config;
mod dirs;
mod faults;
mod interval;
mod queue;
mod rewrite;
mod snapshot;
mod sys;
#[cfg(test)]
mod tests;
mod unsynced;
mod writer;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use async_trait::async_trait;

use self::config::Config;
pub use self::config::{Durability, FileStoreBuilder};
use self::queue::Queue;
use super::{Description, Framing, Layout, Run, Snapshot, Store, StoreError, StoreErrorKind};

/// A journal in one file, for any number of tasks and processes at once. See the
/// [module](self) for what it promises.
///
/// Cloning is cheap; clones share one file descriptor and one queue. Operations need a tokio runtime.
///
/// ```
/// use std::time::Duration;
/// use papyra::store::{Durability, FileStore};
///
/// let store = FileStore::builder("/var/lib/app/events.ndjson")
///     .durability(Durability::Interval(Duration::from_millis(200)))
///     .evidence_dir("/var/lib/app/evidence")
///     .build();
/// ```
#[derive(Clone, Debug)]
pub struct FileStore {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    queue: Arc<Queue>,
}

impl Drop for Shared {
    fn drop(&mut self) {
        self.queue.timer.close();
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
        FileStoreBuilder::new(path.into())
    }

    fn from_config(config: Arc<Config>) -> Self {
        Self { shared: Arc::new(Shared { queue: Queue::new(config) }) }
    }

    fn config(&self) -> &Arc<Config> {
        &self.shared.queue.config
    }

    /// The file's absolute path, symlinks not resolved.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.config().path
    }

    /// Makes durable, now, everything that this store has acknowledged. With [`Durability::Always`]
    /// that is already so.
    ///
    /// # Errors
    ///
    /// The class of the I/O error. Appends then fail too, until syncing works again.
    pub async fn sync(&self) -> Result<(), StoreError> {
        let queue = Arc::clone(&self.shared.queue);
        sys::blocking(move || queue.sync()).await
    }
}

#[async_trait]
impl Store for FileStore {
    fn describe(&self) -> Description {
        Description {
            backend: "file".to_owned(),
            location: self.config().location.clone(),
            framing: Framing::Lines,
            layout: Layout::Sequence,
            volatile: false,
        }
    }

    async fn append(&self, lines: String, _runs: &[Run]) -> Result<(), StoreError> {
        if lines.is_empty() {
            return Ok(());
        }
        // Guest-controlled. Anything else would tear the next batch.
        if !lines.ends_with('\n') {
            return Err(StoreError::new(
                StoreErrorKind::Failed,
                "the batch does not end with a line end; nothing of it was written",
            ));
        }
        self.shared.queue.append(lines).await
    }

    async fn snapshot(&self) -> Result<Arc<dyn Snapshot>, StoreError> {
        let config = Arc::clone(self.config());
        let snapshot = sys::blocking(move || snapshot::FileSnapshot::take(config)).await?;
        Ok(Arc::new(snapshot))
    }

    async fn load_checkpoint(&self) -> Result<String, StoreError> {
        let config = Arc::clone(self.config());
        sys::blocking(move || Ok(checkpoint::load(&config))).await
    }

    async fn save_checkpoint(&self, text: String) -> Result<(), StoreError> {
        let config = Arc::clone(self.config());
        sys::blocking(move || checkpoint::save(&config, &text)).await
    }
}
