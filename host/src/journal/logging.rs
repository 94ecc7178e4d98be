//! One event per operation for `tracing`, with its outcome and figures, and never a record.
//!
//! Maintenance is logged as `INFO`, appends and reads as `DEBUG`, failures as `WARN`.

use std::time::Duration;

use super::{
    Appended, Compaction, IndexReport, Inspection, JournalError, Page, Recovery, ScanReport,
    StartupReport, VerifyReport,
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

/// Logs a report with these fields, and with values that are computed.
macro_rules! figures {
    ($type:ty, $level:ident, $this:ident, $($name:ident $(= $value:expr)?),+ $(,)?) => {
        impl Figures for $type {
            fn log(&self, operation: &'static str, store: &str, elapsed: Duration) {
                let $this = self;
                tracing::$level!(
                    operation, store, ?elapsed,
                    $($name = figures!(@ $this $name $($value)?),)+
                    "done"
                );
            }
        }
    };
    (@ $this:ident $name:ident) => { $this.$name };
    (@ $this:ident $name:ident $value:expr) => { $value };
}

figures! { Appended, debug, r, records, bytes }

figures! { Page, debug, r, records = r.count, damaged, bytes = r.records.len() }

figures! { Inspection, debug, r, records, bytes, damaged }

figures! { ScanReport, info, r, records, bytes, damaged, suspect, structural, sampled }

figures! { IndexReport, info, r, bytes, blocks, indexed_bytes, index_bytes }

figures! { VerifyReport, info, r, outcome = tracing::field::debug(r.outcome), bytes, blocks }

figures! { Recovery, info, r,
    mode = tracing::field::debug(r.mode), dry_run, changed, removed_entries, removed_bytes,
    terminated, remaining, bytes_before, bytes_after, note = r.note.as_str(),
}

figures! { Compaction, info, r,
    dry_run, changed, records_before, records_after, bytes_before, bytes_after, damaged_removed,
    damaged_kept, note = r.note.as_str(),
}

figures! { StartupReport, info, r,
    outcome = tracing::field::debug(r.outcome),
    records = r.scan.as_ref().map(|scan| scan.records),
    damaged = r.scan.as_ref().map(|scan| scan.damaged),
    removed = r.recovery.as_ref().map(|recovery| recovery.removed_entries),
}
