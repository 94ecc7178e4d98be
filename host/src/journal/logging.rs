//! One event per operation for `tracing`, with its outcome and figures, and never a record.
//!
//! Maintenance is logged as `INFO`, appends and reads as `DEBUG`, failures as `WARN`.

use std::time::Duration;

use super::{
    Appended, Compaction, Inspection, JournalError, Page, Recovery, ScanReport, StartupReport,
};

/// A report that can be logged.
pub(super) trait Figures {
    fn log(&self, operation: &'static str, store: &str, elapsed: Duration);
}

pub(super) fn log_outcome<T: Figures>(
    operation: &'static str,
    store: &str,
    elapsed: Duration,
    result: &Result<T, JournalError>,
) {
    match result {
        Ok(report) => report.log(operation, store, elapsed),
        Err(error) => log_failure(operation, store, elapsed, error),
    }
}

pub(super) fn log_failure(
    operation: &'static str,
    store: &str,
    elapsed: Duration,
    error: &JournalError,
) {
    let cause = std::error::Error::source(error).map(tracing::field::display);
    tracing::warn!(operation, store, ?elapsed, %error, cause, "failed");
}

impl Figures for Appended {
    fn log(&self, operation: &'static str, store: &str, elapsed: Duration) {
        let Self { records, bytes } = *self;
        tracing::debug!(operation, store, ?elapsed, records, bytes, "done");
    }
}

impl Figures for Page {
    fn log(&self, operation: &'static str, store: &str, elapsed: Duration) {
        let (records, damaged, bytes) = (self.count, self.damaged, self.records.len());
        tracing::debug!(operation, store, ?elapsed, records, damaged, bytes, "done");
    }
}

impl Figures for Inspection {
    fn log(&self, operation: &'static str, store: &str, elapsed: Duration) {
        let Self { records, bytes, damaged, .. } = *self;
        tracing::debug!(operation, store, ?elapsed, records, bytes, damaged, "done");
    }
}

impl Figures for ScanReport {
    fn log(&self, operation: &'static str, store: &str, elapsed: Duration) {
        let Self { records, bytes, damaged, suspect, structural, sampled, .. } = *self;
        tracing::info!(
            operation,
            store,
            ?elapsed,
            records,
            bytes,
            damaged,
            suspect,
            structural,
            sampled,
            "done"
        );
    }
}

impl Figures for Recovery {
    fn log(&self, operation: &'static str, store: &str, elapsed: Duration) {
        let Self { mode, dry_run, changed, removed_entries, removed_bytes, .. } = *self;
        let Self { terminated, remaining, bytes_before, bytes_after, .. } = *self;
        let note = self.note.as_str();
        tracing::info!(
            operation,
            store,
            ?elapsed,
            ?mode,
            dry_run,
            changed,
            removed_entries,
            removed_bytes,
            terminated,
            remaining,
            bytes_before,
            bytes_after,
            note,
            "done"
        );
    }
}

impl Figures for Compaction {
    fn log(&self, operation: &'static str, store: &str, elapsed: Duration) {
        let Self { dry_run, changed, records_before, records_after, .. } = *self;
        let Self { bytes_before, bytes_after, damaged_removed, damaged_kept, .. } = *self;
        let note = self.note.as_str();
        tracing::info!(
            operation,
            store,
            ?elapsed,
            dry_run,
            changed,
            records_before,
            records_after,
            bytes_before,
            bytes_after,
            damaged_removed,
            damaged_kept,
            note,
            "done"
        );
    }
}

impl Figures for StartupReport {
    fn log(&self, operation: &'static str, store: &str, elapsed: Duration) {
        let outcome = self.outcome;
        let scan = self.scan.as_ref();
        let (records, damaged) = (scan.map(|scan| scan.records), scan.map(|scan| scan.damaged));
        let removed = self.recovery.as_ref().map(|recovery| recovery.removed_entries);
        tracing::info!(operation, store, ?elapsed, ?outcome, records, damaged, removed, "done");
    }
}
