//! What a store in files holds.

use std::sync::Arc;

use super::checkpoint;
use super::config::Config;
use super::queue::Queue;
use super::sys;
use crate::store::{Description, Framing, Layout, Snapshot, StoreError, StoreErrorKind};

/// The write side and the settings of one store. What still waits for a sync is synced when it is
/// dropped.
#[derive(Debug)]
pub(in crate::store) struct Handle {
    queue: Arc<Queue>,
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.queue.timer.close();
    }
}

impl Handle {
    pub fn new(config: Arc<Config>) -> Self {
        Self { queue: Queue::new(config) }
    }

    pub fn config(&self) -> &Arc<Config> {
        &self.queue.config
    }

    /// The directory is there, or will be made.
    pub fn can_create(&self) -> Result<(), StoreError> {
        let config = self.config();
        let dir = sys::parent(&config.path);
        if config.create_parents || dir.is_dir() {
            return Ok(());
        }
        let (path, dir) = (config.path.display(), dir.display());
        let message = format!(
            "there is no journal at {path}, and no directory {dir} to make it in; make that, or mount \
             what it is on"
        );
        Err(StoreError::new(StoreErrorKind::NotFound, message))
    }

    pub fn describe(&self) -> Description {
        Description {
            backend: self.config().shape.backend().to_owned(),
            location: self.config().location.clone(),
            framing: Framing::Lines,
            layout: Layout::Sequence,
            volatile: false,
        }
    }

    pub async fn append(&self, lines: String) -> Result<(), StoreError> {
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
        self.queue.append(lines).await
    }

    pub async fn snapshot(&self) -> Result<Arc<dyn Snapshot>, StoreError> {
        let config = Arc::clone(self.config());
        let snapshot = sys::blocking(move || Arc::clone(&config.shape).snapshot(config)).await?;
        Ok(Arc::new(snapshot))
    }

    pub async fn sync(&self) -> Result<(), StoreError> {
        let queue = Arc::clone(&self.queue);
        sys::blocking(move || queue.sync()).await
    }

    pub async fn load_checkpoint(&self) -> Result<String, StoreError> {
        let config = Arc::clone(self.config());
        sys::blocking(move || Ok(checkpoint::load(&config))).await
    }

    pub async fn save_checkpoint(&self, text: String) -> Result<(), StoreError> {
        let config = Arc::clone(self.config());
        sys::blocking(move || checkpoint::save(&config, &text)).await
    }

    /// What nothing has synced yet; for tests.
    #[cfg(test)]
    pub fn unsynced(&self) -> u64 {
        sys::locked(&self.queue.writer).unsynced.bytes()
    }
}
