//! The store itself, for any set of files.

use std::path::Path;
use std::sync::Arc;

use async_trait::async_trait;

use papyra_file_store::{Durability, FileSet, Settings, can_create, index};

use super::blocking;
use super::queue::Queue;
use super::snapshot::DiskSnapshot;
use crate::store::{
    Description, Framing, Layout, Profile, Run, Snapshot, Store, StoreError, StoreErrorKind,
    Written,
};

/// A journal in files, for any number of tasks and processes at once. `Files` is the set of files:
/// see [`FileStore`](crate::store::FileStore) and [`RotatingStore`](crate::store::RotatingStore).
///
/// Cloning is cheap; clones share one file descriptor and one queue. Operations need a tokio runtime.
#[derive(Debug)]
pub struct DiskStore<Files> {
    pub(in crate::store) files: Arc<Files>,
    queue: Arc<SharedQueue>,
    profile: Option<Profile>,
}

/// The last clone to go syncs what still waits for it, and waits for that at most as long as
/// [`Timer::close`] does.
#[derive(Debug)]
struct SharedQueue(Arc<Queue>);

impl Drop for SharedQueue {
    fn drop(&mut self) {
        self.0.timer.close();
    }
}

impl<Files> Clone for DiskStore<Files> {
    fn clone(&self) -> Self {
        let (files, queue) = (Arc::clone(&self.files), Arc::clone(&self.queue));
        Self { files, queue, profile: self.profile.clone() }
    }
}

impl<Files> DiskStore<Files> {
    pub(in crate::store) fn new(files: Files, profile: Option<Profile>) -> Self
    where
        Files: FileSet + 'static,
    {
        let files = Arc::new(files);
        let queue = Arc::new(SharedQueue(Queue::new(files.clone())));
        Self { files, queue, profile }
    }

    fn settings(&self) -> &Settings {
        self.queue.0.files.settings()
    }

    /// The absolute path of the file that is appended to, symlinks not resolved.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.settings().path
    }

    /// Makes durable, now, everything that this store has acknowledged. With
    /// [`Durability::Always`](crate::store::Durability::Always) that is already so.
    ///
    /// # Errors
    ///
    /// The class of the I/O error. Appends then fail too, until syncing works again. With
    /// [`Durability::Never`](crate::store::Durability::Never) nothing is kept that could be written again: what was
    /// acknowledged since the last sync that has succeeded may be lost.
    pub async fn sync(&self) -> Result<(), StoreError> {
        let queue = Arc::clone(&self.queue.0);
        blocking(move || queue.sync()).await
    }

    /// The number of bytes that wait for a sync.
    #[cfg(test)]
    pub(in crate::store) fn unsynced(&self) -> u64 {
        super::locked(&self.queue.0.writer).unsynced()
    }
}

impl DiskStore<Arc<dyn FileSet>> {
    /// A store of files that are known by what they can do only.
    fn of(files: Arc<dyn FileSet>, profile: Option<Profile>) -> Self {
        let queue = Arc::new(SharedQueue(Queue::new(Arc::clone(&files))));
        Self { files: Arc::new(files), queue, profile }
    }
}

#[async_trait]
impl<Files: Send + Sync + 'static> Store for DiskStore<Files> {
    fn describe(&self) -> Description {
        Description {
            backend: self.queue.0.files.backend().to_owned(),
            location: self.settings().location.clone(),
            framing: Framing::Lines,
            layout: Layout::Sequence,
            volatile: false,
            profile: self.profile.clone(),
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
            )
            .wrote(Written::None));
        }
        self.queue.0.append(lines).await
    }

    async fn settle(&self) -> Result<(), StoreError> {
        match self.settings().durability {
            Durability::Interval(_) => self.sync().await,
            Durability::Always | Durability::Never => Ok(()),
        }
    }

    async fn snapshot(&self) -> Result<Arc<dyn Snapshot>, StoreError> {
        let files = Arc::clone(&self.queue.0.files);
        let view = blocking(move || Ok((files.view()?, files))).await;
        view.map(|(view, files)| Arc::new(DiskSnapshot::new(files, view)) as Arc<dyn Snapshot>)
    }

    fn can_create(&self) -> Result<(), StoreError> {
        Ok(can_create(self.settings())?)
    }

    fn dropped_records(&self) -> u64 {
        self.queue.0.files.dropped_records()
    }

    fn reader(&self) -> Option<Arc<dyn Store>> {
        let files = self.queue.0.files.reader()?;
        Some(Arc::new(DiskStore::of(files, self.profile.clone())))
    }

    async fn load_index(&self) -> Result<String, StoreError> {
        let files = Arc::clone(&self.queue.0.files);
        blocking(move || Ok(index::load(&*files))).await
    }

    async fn save_index(&self, text: String) -> Result<(), StoreError> {
        let files = Arc::clone(&self.queue.0.files);
        let saved = blocking(move || Ok(index::save(&*files, &text)?)).await;
        if saved.as_ref().is_err_and(|error| error.kind() == StoreErrorKind::Failed) {
            // Where a sync has failed, whoever appends must not trust the disk either.
            super::locked(&self.queue.0.writer).distrust();
        }
        saved
    }
}
