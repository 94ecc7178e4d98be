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
