//! The import `storage`.
//!
//! Everything that arrives here is guest-controlled. Sizes are clamped here, positions and names are
//! checked by the store against its snapshot.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use super::clamp::{self, MAX_READ};
use crate::bindings::papyra::persistence::{storage, types};
use crate::engine::context::PapyraCtx;
use crate::store::{MAX_INDEX, Snapshot, StoreError, StoreErrorKind, Written};

pub(super) type Reply<T> = wasmtime::Result<Result<T, storage::StorageError>>;

impl types::Host for PapyraCtx {}

impl storage::Host for PapyraCtx {
    async fn describe(&mut self) -> wasmtime::Result<storage::Description> {
        Ok(self.work.store.describe())
    }

    async fn segments(&mut self) -> Reply<Vec<storage::Segment>> {
        let snapshot = match &self.work.snapshot {
            Some(shared) => Ok(shared.clone()),
            None => {
                let store = self.work.store.clone();
                bounded(self.storage_timeout, async { store.snapshot().await }).await
            }
        };
        Ok(snapshot.and_then(|snapshot| {
            let segments = clamp::segments(snapshot.segments())?;
            self.work.expect(&*snapshot);
            self.snapshot = Some(snapshot);
            Ok(segments)
        }))
    }

    async fn read(
        &mut self,
        segment: String,
        at: storage::Position,
        max_bytes: u32,
    ) -> Reply<storage::Chunk> {
        let limit = self.storage_timeout;
        let max_bytes = max_bytes.min(MAX_READ);
        let chunk = match self.snapshot() {
            Ok(view) => looked(limit, async { view.read(&segment, at, max_bytes).await }).await,
            Err(error) => Err(error),
        };
        self.counted(chunk.and_then(|chunk| clamp::beginning(chunk, max_bytes)))
    }

    async fn read_back(
        &mut self,
        segment: String,
        before: storage::Position,
        max_bytes: u32,
    ) -> Reply<storage::Chunk> {
        let limit = self.storage_timeout;
        let max_bytes = max_bytes.min(MAX_READ);
        let chunk = match self.snapshot() {
            Ok(view) => {
                looked(limit, async { view.read_back(&segment, before, max_bytes).await }).await
            }
            Err(error) => Err(error),
        };
        self.counted(chunk.and_then(|chunk| clamp::end(chunk, max_bytes)))
    }

    async fn append(
        &mut self,
        lines: String,
        runs: Vec<storage::Run>,
    ) -> wasmtime::Result<Result<(), storage::AppendError>> {
        let store = self.work.store.clone();
        let appended = in_time(self.storage_timeout, async { store.append(lines, &runs).await });
        Ok(appended.await.map_err(|error| storage::AppendError {
            written: error.written().unwrap_or(Written::Unknown),
            error: to_wit(&error),
        }))
    }

    async fn rewrite_begin(
        &mut self,
        segment: String,
        options: storage::RewriteOptions,
    ) -> Reply<()> {
        self.rewrite = None;
        let limit = self.storage_timeout;
        let begun = match self.snapshot() {
            Ok(view) => bounded(limit, async { view.rewrite(&segment, options).await }).await,
            Err(error) => Err(error),
        };
        Ok(begun.map(|rewrite| self.rewrite = Some(rewrite)))
    }

    async fn rewrite_edit(&mut self, edits: Vec<storage::Edit>) -> Reply<()> {
        // Copying is proportional to the file, so the timeout of a single call does not apply.
        let Some(rewrite) = &mut self.rewrite else { return Ok(Err(none_open())) };
        let edited = rewrite.edit(&edits).await.map_err(|error| to_wit(&error));
        if edited.is_err() {
            self.rewrite = None;
        }
        Ok(edited)
    }

    async fn rewrite_commit(&mut self) -> Reply<storage::Rewritten> {
        let Some(rewrite) = self.rewrite.take() else { return Ok(Err(none_open())) };
        let done = rewrite.commit().await;
        // What all instances were to see is not there any more.
        self.work.snapshot = None;
        Ok(done.map_err(|error| to_wit(&error)))
    }

    async fn rewrite_abort(&mut self) -> wasmtime::Result<()> {
        self.rewrite = None;
        Ok(())
    }

    async fn load_index(&mut self) -> Reply<String> {
        if !self.work.indexed {
            return Ok(Ok(String::new()));
        }
        let store = self.work.store.clone();
        let text = bounded(self.storage_timeout, async { store.load_index().await }).await;
        Ok(text.map(|text| if text.len() > MAX_INDEX { String::new() } else { text }))
    }

    async fn save_index(&mut self, text: String) -> Reply<()> {
        if text.len() > MAX_INDEX {
            return Ok(Err(storage::StorageError::Failed("the index is too long".into())));
        }
        // An index that is there must go when it no longer fits.
        if !self.work.indexed && !text.is_empty() {
            return Ok(Err(storage::StorageError::Unsupported(
                "no index is to be kept here".into(),
            )));
        }
        let store = self.work.store.clone();
        Ok(bounded(self.storage_timeout, async { store.save_index(text).await }).await)
    }
}

impl PapyraCtx {
    fn snapshot(&self) -> Result<Arc<dyn Snapshot>, storage::StorageError> {
        self.snapshot.clone().ok_or_else(|| {
            storage::StorageError::Failed("`segments` must be called before reading".into())
        })
    }

    fn counted(
        &self,
        chunk: Result<storage::Chunk, storage::StorageError>,
    ) -> Reply<storage::Chunk> {
        if let Ok(chunk) = &chunk {
            self.advance(chunk.data.len())?;
        }
        Ok(chunk)
    }
}

/// A slow store is an unavailable store.
pub(super) async fn bounded<T>(
    limit: Duration,
    call: impl Future<Output = Result<T, StoreError>> + Send,
) -> Result<T, storage::StorageError> {
    in_time(limit, call).await.map_err(|error| to_wit(&error))
}

async fn in_time<T>(
    limit: Duration,
    call: impl Future<Output = Result<T, StoreError>> + Send,
) -> Result<T, StoreError> {
    let result = tokio::time::timeout(limit, call).await;
    result.unwrap_or_else(|_| Err(StoreError::timed_out(limit)))
}

/// Other tasks get their turn before each look: reading what the page cache holds never waits, and an
/// operation that does nothing else could not even be dropped until it is over.
async fn looked<T>(
    limit: Duration,
    call: impl Future<Output = Result<T, StoreError>> + Send,
) -> Result<T, storage::StorageError> {
    tokio::task::yield_now().await;
    bounded(limit, call).await
}

fn none_open() -> storage::StorageError {
    storage::StorageError::Failed("no rewrite is open".into())
}

pub(super) fn to_wit(error: &StoreError) -> storage::StorageError {
    use storage::StorageError as Wit;
    let message = error.one_line();
    match error.kind() {
        StoreErrorKind::Unavailable => Wit::Unavailable(message),
        StoreErrorKind::Full => Wit::Full(message),
        StoreErrorKind::Locked => Wit::Locked(message),
        StoreErrorKind::Denied => Wit::Denied(message),
        StoreErrorKind::NotFound => Wit::NotFound(message),
        StoreErrorKind::Unsupported => Wit::Unsupported(message),
        StoreErrorKind::Corrupt => Wit::Corrupt(message),
        StoreErrorKind::Failed => Wit::Failed(message),
    }
}

impl From<StoreErrorKind> for types::FailureCode {
    fn from(kind: StoreErrorKind) -> Self {
        match kind {
            StoreErrorKind::Unavailable => Self::Unavailable,
            StoreErrorKind::Full => Self::Full,
            StoreErrorKind::Locked => Self::Locked,
            StoreErrorKind::Denied => Self::Denied,
            StoreErrorKind::NotFound => Self::NotFound,
            StoreErrorKind::Unsupported => Self::Unsupported,
            StoreErrorKind::Corrupt => Self::Corrupt,
            StoreErrorKind::Failed => Self::Failed,
        }
    }
}
