//! What one instance of the engine can reach.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use wasmtime::{StoreLimits, StoreLimitsBuilder};
use wasmtime_wasi::ResourceTable;
use wasmtime_wasi::clocks::{WasiClocksCtx, WasiClocksCtxView, WasiClocksView};

use super::Limits;
use crate::store::{Rewrite, Snapshot, Store};

/// How far an operation has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Progress {
    /// Bytes that the engine has looked at. Can exceed `bytes_total` by what is looked at twice.
    pub bytes_done: u64,
    /// Bytes in the store when the operation began.
    pub bytes_total: u64,
}

/// Called about once per MiB, possibly from several threads. Returning
/// [`Break`](std::ops::ControlFlow::Break) cancels the operation; the store is left as it was.
pub type ProgressFn = Arc<dyn Fn(Progress) -> std::ops::ControlFlow<()> + Send + Sync>;

/// What all instances that work on one operation share.
#[derive(Clone)]
pub(crate) struct Work {
    pub store: Arc<dyn Store>,
    /// The view that all instances of the operation must see; absent, each takes its own.
    pub snapshot: Option<Arc<dyn Snapshot>>,
    pub progress: Option<ProgressFn>,
    /// Whether the index is used and kept.
    pub indexed: bool,
    pub bytes_done: Arc<AtomicU64>,
    pub bytes_total: Arc<AtomicU64>,
}

impl Work {
    pub fn new(store: Arc<dyn Store>, progress: Option<ProgressFn>) -> Self {
        Self {
            store,
            snapshot: None,
            progress,
            indexed: true,
            bytes_done: Arc::default(),
            bytes_total: Arc::default(),
        }
    }

    /// The size of what the operation is about, in bytes.
    pub fn total(&self) -> u64 {
        self.bytes_total.load(Ordering::Relaxed)
    }

    /// Remembers the size of what the operation is about.
    pub fn expect(&self, snapshot: &dyn Snapshot) {
        let total = snapshot.segments().iter().fold(0_u64, |sum, s| sum.saturating_add(s.bytes));
        self.bytes_total.store(total, Ordering::Relaxed);
    }
}

/// The progress callback asked to stop.
#[derive(Debug, thiserror::Error)]
#[error("cancelled")]
pub(crate) struct Cancelled;

/// What the imports of one engine instance work on: one store, its snapshot and the rewrite that is
/// open. For embedders with a wasmtime [`Linker`](wasmtime::component::Linker) of their own; see
/// [`add_to_linker`](super::add_to_linker).
///
/// One context belongs to one instance. After a trap drop both: an open rewrite is then abandoned, and
/// the store is left as it was.
pub struct PapyraCtx {
    pub(super) work: Work,
    pub(super) snapshot: Option<Arc<dyn Snapshot>>,
    pub(super) rewrite: Option<Box<dyn Rewrite>>,
    pub(super) storage_timeout: Duration,
}

impl PapyraCtx {
    /// A context with default settings.
    pub fn new(store: impl Store + 'static) -> Self {
        Self::builder(store).build()
    }

    /// Starts a configuration.
    pub fn builder(store: impl Store + 'static) -> PapyraCtxBuilder {
        PapyraCtxBuilder {
            store: Arc::new(store),
            progress: None,
            storage_timeout: super::STORAGE_TIMEOUT,
        }
    }

    fn of(work: Work, storage_timeout: Duration) -> Self {
        Self { snapshot: work.snapshot.clone(), work, rewrite: None, storage_timeout }
    }

    /// Counts bytes that the engine was given, and lets the embedder cancel.
    pub fn advance(&self, bytes: usize) -> wasmtime::Result<()> {
        let Some(progress) = &self.work.progress else { return Ok(()) };
        let done = self.work.bytes_done.fetch_add(bytes as u64, Ordering::Relaxed) + bytes as u64;
        let total = self.work.bytes_total.load(Ordering::Relaxed);
        match progress(Progress { bytes_done: done, bytes_total: total }) {
            std::ops::ControlFlow::Continue(()) => Ok(()),
            std::ops::ControlFlow::Break(()) => Err(wasmtime::Error::from(Cancelled)),
        }
    }
}

/// Configures a [`PapyraCtx`].
pub struct PapyraCtxBuilder {
    store: Arc<dyn Store>,
    progress: Option<ProgressFn>,
    storage_timeout: Duration,
}

impl PapyraCtxBuilder {
    /// How long one call of the store may take before it counts as unavailable. Default 60 s. The
    /// steps of a rewrite are not limited.
    #[must_use]
    pub fn storage_timeout(mut self, timeout: Duration) -> Self {
        self.storage_timeout = timeout;
        self
    }

    /// Calls this about once per MiB that the engine has looked at. When it breaks, the call into the
    /// engine ends with an error, and the instance must be dropped.
    #[must_use]
    pub fn progress(
        mut self,
        progress: impl Fn(Progress) -> std::ops::ControlFlow<()> + Send + Sync + 'static,
    ) -> Self {
        self.progress = Some(Arc::new(progress));
        self
    }

    /// The context.
    #[must_use]
    pub fn build(self) -> PapyraCtx {
        PapyraCtx::of(Work::new(self.store, self.progress), self.storage_timeout)
    }
}

/// The data of a wasmtime store whose instance uses the imports of the engine.
pub trait PapyraView: Send {
    /// Its context.
    fn papyra(&mut self) -> &mut PapyraCtx;
}

/// The data of one instance's wasmtime store in [`Journal`](crate::Journal).
pub(crate) struct Context {
    papyra: PapyraCtx,
    pub limits: StoreLimits,
    clocks: WasiClocksCtx,
    table: ResourceTable,
}

impl Context {
    pub fn new(work: Work, limits: &Limits) -> Self {
        Self {
            papyra: PapyraCtx::of(work, limits.storage_timeout),
            limits: StoreLimitsBuilder::new()
                .memory_size(limits.memory)
                .trap_on_grow_failure(true)
                .build(),
            clocks: WasiClocksCtx::default(),
            table: ResourceTable::new(),
        }
    }
}

impl PapyraView for Context {
    fn papyra(&mut self) -> &mut PapyraCtx {
        &mut self.papyra
    }
}

impl WasiClocksView for Context {
    fn clocks(&mut self) -> WasiClocksCtxView<'_> {
        WasiClocksCtxView { ctx: &mut self.clocks, table: &mut self.table }
    }
}
