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
    pub bytes_done: Arc<AtomicU64>,
    pub bytes_total: Arc<AtomicU64>,
}

impl Work {
    pub fn new(store: Arc<dyn Store>, progress: Option<ProgressFn>) -> Self {
        Self {
            store,
            snapshot: None,
            progress,
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

/// The data of one instance's wasmtime store.
pub(crate) struct Context {
    pub work: Work,
    pub snapshot: Option<Arc<dyn Snapshot>>,
    pub rewrite: Option<Box<dyn Rewrite>>,
    pub storage_timeout: Duration,
    pub limits: StoreLimits,
    clocks: WasiClocksCtx,
    table: ResourceTable,
}

impl Context {
    pub fn new(work: Work, limits: &Limits) -> Self {
        Self {
            snapshot: work.snapshot.clone(),
            work,
            rewrite: None,
            storage_timeout: limits.storage_timeout,
            limits: StoreLimitsBuilder::new()
                .memory_size(limits.memory)
                .trap_on_grow_failure(true)
                .build(),
            clocks: WasiClocksCtx::default(),
            table: ResourceTable::new(),
        }
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

impl WasiClocksView for Context {
    fn clocks(&mut self) -> WasiClocksCtxView<'_> {
        WasiClocksCtxView { ctx: &mut self.clocks, table: &mut self.table }
    }
}
