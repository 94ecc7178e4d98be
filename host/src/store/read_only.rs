//! A store that can only be read.

use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;

use super::{
    Chunk, ConsumerGroups, Description, Position, Rewrite, RewriteOptions, Run, Segment, Snapshot,
    Store, StoreError, StoreErrorKind, Written,
};

/// Another store, without any way to change it: appends and rewrites are `Unsupported`, whatever the
/// engine asks for. The index of startup checks stays in memory.
///
/// Consumer groups are not reachable through it either: even looking at a stream through a group
/// changes the group. Their figures can be had from the store itself.
pub struct ReadOnlyStore {
    inner: Arc<dyn Store>,
    index: Mutex<Option<String>>,
}

impl ReadOnlyStore {
    /// Shields `inner`.
    #[must_use]
    pub fn new(inner: Arc<dyn Store>) -> Self {
        Self { inner, index: Mutex::default() }
    }
}

#[async_trait]
impl Store for ReadOnlyStore {
    fn describe(&self) -> Description {
        self.inner.describe()
    }

    async fn append(&self, _lines: String, _runs: &[Run]) -> Result<(), StoreError> {
        Err(refusal().wrote(Written::None))
    }

    async fn snapshot(&self) -> Result<Arc<dyn Snapshot>, StoreError> {
        Ok(Arc::new(ReadOnlySnapshot(self.inner.snapshot().await?)))
    }

    fn can_create(&self) -> Result<(), StoreError> {
        self.inner.can_create()
    }

    async fn warnings(&self) -> Vec<String> {
        self.inner.warnings().await
    }

    fn reader(&self) -> Option<Arc<dyn Store>> {
        self.inner.reader().map(|inner| Arc::new(Self::new(inner)) as Arc<dyn Store>)
    }

    fn groups(&self) -> Option<&dyn ConsumerGroups> {
        None
    }

    async fn load_index(&self) -> Result<String, StoreError> {
        let own = self.index.lock().unwrap_or_else(PoisonError::into_inner).clone();
        match own {
            Some(text) => Ok(text),
            None => self.inner.load_index().await,
        }
    }

    async fn save_index(&self, text: String) -> Result<(), StoreError> {
        *self.index.lock().unwrap_or_else(PoisonError::into_inner) = Some(text);
        Ok(())
    }
}

struct ReadOnlySnapshot(Arc<dyn Snapshot>);

#[async_trait]
impl Snapshot for ReadOnlySnapshot {
    fn segments(&self) -> &[Segment] {
        self.0.segments()
    }

    async fn read(&self, segment: &str, at: Position, max: u32) -> Result<Chunk, StoreError> {
        self.0.read(segment, at, max).await
    }

    async fn read_back(
        &self,
        segment: &str,
        before: Position,
        max: u32,
    ) -> Result<Chunk, StoreError> {
        self.0.read_back(segment, before, max).await
    }

    async fn rewrite(
        &self,
        _segment: &str,
        _options: RewriteOptions,
    ) -> Result<Box<dyn Rewrite>, StoreError> {
        Err(refusal())
    }
}

fn refusal() -> StoreError {
    StoreError::new(StoreErrorKind::Unsupported, "the store is read-only")
}
