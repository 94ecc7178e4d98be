//! What an embedder holds: a store, the engine, and the operations on them.

mod error;
mod histogram;
mod index;
pub(crate) mod json;
mod logging;
mod maintain;
mod measured;
mod parallel;
mod read;
mod run;
mod session;
mod strict_json;
mod write;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

pub use self::error::JournalError;
pub use self::histogram::Histogram;
pub use self::measured::Measured;
pub use self::read::Pages;
pub(crate) use self::session::Session;
pub use self::strict_json::strict_json;
pub use crate::bindings::exports::papyra::persistence::journal::{
    AnomalyCount, Appended, CompactOptions, Compaction, Counters, Difference, Draft, FieldMatch,
    Finding, IndexOptions, IndexReport, InspectOptions, Inspection, KindCount, Loss, LossReason,
    Lost, Order, Page, RecoverOptions, Recovery, RecoveryMode, ScanOptions, ScanReport, Selection,
    Severity, StartupMode, StartupOptions, StartupOutcome, StartupReport, VerifyOptions,
    VerifyOutcome, VerifyReport,
};
pub use crate::bindings::papyra::persistence::types::{
    Failure, FailureCode, KindLimits, Limits, Retention,
};
pub use crate::engine::{Progress, ProgressFn};

use crate::engine::{Engine, Work};
use crate::store::{Description, ReadOnlyStore, Store};

/// A journal: one store, worked on by sandboxed instances of one engine.
///
/// Cheap to clone; clones share the writer and the counters. Every method can be dropped at any
/// `.await`, which cancels the operation and leaves the store consistent.
#[derive(Clone)]
pub struct Journal {
    engine: Engine,
    store: Arc<dyn Store>,
    retention: Retention,
    jobs: usize,
    progress: Option<ProgressFn>,
    indexed: bool,
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    writers: write::Writers,
    measured: Mutex<Measured>,
}

impl Journal {
    /// A journal in `store`, without retention limits.
    pub fn new(engine: &Engine, store: impl Store) -> Self {
        Self::with_store(engine, Arc::new(store))
    }

    /// The same for a store that is already shared.
    pub fn with_store(engine: &Engine, store: Arc<dyn Store>) -> Self {
        let jobs = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        Self {
            engine: engine.clone(),
            store,
            retention: Retention::default(),
            jobs,
            progress: None,
            indexed: true,
            shared: Arc::default(),
        }
    }

    /// The limits that reads and compaction apply.
    #[must_use]
    pub fn with_retention(mut self, retention: Retention) -> Self {
        self.retention = retention;
        self
    }

    /// How many instances large scans and compactions use at once; at least 1. Default: one per
    /// core.
    #[must_use]
    pub fn with_jobs(mut self, jobs: usize) -> Self {
        self.jobs = jobs.clamp(1, 256);
        self
    }

    /// Calls `progress` about once per MiB of scan, recovery and compaction, possibly from several
    /// threads; it can also cancel.
    #[must_use]
    pub fn with_progress(
        mut self,
        progress: impl Fn(Progress) -> std::ops::ControlFlow<()> + Send + Sync + 'static,
    ) -> Self {
        self.progress = Some(Arc::new(progress));
        self
    }

    /// Neither uses an index nor keeps one. [`drop_index`](Self::drop_index) removes what is there.
    #[must_use]
    pub fn without_index(mut self) -> Self {
        self.indexed = false;
        self
    }

    /// The same journal without any way to change it; see [`ReadOnlyStore`].
    #[must_use]
    pub fn read_only(mut self) -> Self {
        self.store = Arc::new(ReadOnlyStore::new(self.store));
        self
    }

    /// What the store is.
    pub fn describe(&self) -> Description {
        self.store.describe()
    }

    /// The limits that reads and compaction apply.
    pub fn retention(&self) -> &Retention {
        &self.retention
    }

    /// What this journal and its clones have counted in this process.
    pub fn metrics(&self) -> Counters {
        self.measuring().counters
    }

    /// The same with what is measured besides: latencies, sizes of batches, last successes.
    pub fn measured(&self) -> Measured {
        self.measuring().clone()
    }

    /// Sets everything that is counted and measured to zero, errors included.
    pub fn reset_metrics(&self) {
        *self.measuring() = Measured::default();
    }

    /// The number of records that the store has dropped by itself.
    pub(crate) fn dropped_records(&self) -> u64 {
        self.store.dropped_records()
    }

    /// Whether both are clones of one journal.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.shared, &other.shared)
    }

    fn measuring(&self) -> MutexGuard<'_, Measured> {
        self.shared.measured.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A fresh instance that works on this journal.
    pub(crate) async fn session(&self) -> Result<Session, JournalError> {
        Session::open(&self.engine, self.work()).await
    }

    fn work(&self) -> Work {
        let work = Work::new(self.store.clone(), self.progress.clone());
        Work { indexed: self.indexed, ..work }
    }

    pub(crate) fn count(&self, more: &Counters) {
        add(&mut self.measuring().counters, more);
    }
}

impl std::fmt::Debug for Journal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let location = self.describe().location;
        f.debug_struct("Journal").field("location", &location).finish_non_exhaustive()
    }
}

impl ScanReport {
    /// Returns whether the scan has found no anomaly.
    #[must_use]
    pub fn is_healthy(&self) -> bool {
        self.damaged + self.suspect + self.structural + self.findings_total == 0
    }
}

impl StartupReport {
    /// Returns whether a system may start on the store.
    #[must_use]
    pub fn may_start(&self) -> bool {
        self.outcome != StartupOutcome::Refused
    }
}

/// Adds `more` to `sum`, field by field; the pattern makes a forgotten counter a compile error.
fn add(sum: &mut Counters, more: &Counters) {
    let Counters {
        records_written,
        bytes_written,
        records_read,
        scans,
        anomalies_detected,
        recoveries,
        compactions,
        bytes_reclaimed,
        write_errors,
        read_errors,
        scan_errors,
        recovery_errors,
        compaction_errors,
    } = more;
    sum.records_written += records_written;
    sum.bytes_written += bytes_written;
    sum.records_read += records_read;
    sum.scans += scans;
    sum.anomalies_detected += anomalies_detected;
    sum.recoveries += recoveries;
    sum.compactions += compactions;
    sum.bytes_reclaimed += bytes_reclaimed;
    sum.write_errors += write_errors;
    sum.read_errors += read_errors;
    sum.scan_errors += scan_errors;
    sum.recovery_errors += recovery_errors;
    sum.compaction_errors += compaction_errors;
}

#[allow(clippy::derivable_impls, reason = "the type is generated and cannot derive it")]
impl Default for Counters {
    fn default() -> Self {
        Self {
            records_written: 0,
            bytes_written: 0,
            records_read: 0,
            scans: 0,
            anomalies_detected: 0,
            recoveries: 0,
            compactions: 0,
            bytes_reclaimed: 0,
            write_errors: 0,
            read_errors: 0,
            scan_errors: 0,
            recovery_errors: 0,
            compaction_errors: 0,
        }
    }
}

#[allow(clippy::derivable_impls, reason = "the type is generated and cannot derive it")]
impl Default for Limits {
    fn default() -> Self {
        Self { max_records: None, max_age_seconds: None, max_total_bytes: None }
    }
}

#[allow(clippy::derivable_impls, reason = "the type is generated and cannot derive it")]
impl Default for Retention {
    fn default() -> Self {
        Self { journal: Limits::default(), per_kind: Vec::new() }
    }
}

impl Default for Selection {
    /// Every record, oldest first.
    fn default() -> Self {
        Self {
            kinds: Vec::new(),
            since: None,
            until: None,
            matching: Vec::new(),
            limit: None,
            order: Order::OldestFirst,
            no_index: false,
            cursor: None,
        }
    }
}

impl Default for ScanOptions {
    /// Everything, with the first 100 findings listed.
    fn default() -> Self {
        Self { max_findings: 100, sample: None }
    }
}

impl Default for StartupOptions {
    /// Refuse any anomaly, and read only what came since the last clean check. A recovery would
    /// leave an audit record.
    fn default() -> Self {
        let (mode, recovery) = (StartupMode::Fail, RecoveryMode::Repair);
        Self { mode, recovery, full: false, record_audit: true }
    }
}

impl Default for RecoverOptions {
    /// Repair, for real, with an audit record, and with the first 100 findings listed.
    fn default() -> Self {
        let mode = RecoveryMode::Repair;
        Self { mode, dry_run: false, max_findings: 100, record_audit: true, allow_loss: false }
    }
}

impl Default for CompactOptions {
    /// Now, for real, with an audit record, without quarantine, and not beyond what consumer groups still need.
    fn default() -> Self {
        let (dry_run, force, keep_quarantine) = (false, false, false);
        let (as_of, record_audit, allow_expire_all, full) = (None, true, false, false);
        Self { dry_run, force, keep_quarantine, as_of, record_audit, allow_expire_all, full }
    }
}
