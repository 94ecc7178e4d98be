//! The exported interface `journal`: call and count.

use std::cell::Cell;

use super::Component;
use crate::bindings::exports::papyra::persistence::journal::{
    Counters, Guest, InspectOptions, Loss, Selection,
};
use crate::bindings::papyra::persistence::types::Retention;
use crate::failure::Outcome;
use crate::health::inspect::{self, Inspection};
use crate::health::recover::{RecoverOptions, Recovery};
use crate::health::scan::{self, ScanOptions, ScanReport};
use crate::health::startup::{self, StartupOptions, StartupReport};
use crate::host::Host;
use crate::index::make::{self, IndexOptions, IndexReport};
use crate::index::stretch::Pass;
use crate::index::verify::{self, VerifyOptions, VerifyReport};
use crate::operations;
use crate::read::query::{self, Page};
use crate::retention::compact::{self, CompactOptions, Compaction};
use crate::retention::survey;
use crate::walk::partition::{self, Partition, write_result};
use crate::write::append::{self, Accept, Appended, Draft};
use crate::write::audit;

const NOTHING: Counters = Counters {
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
};

thread_local! {
    static COUNTERS: Cell<Counters> = const { Cell::new(NOTHING) };
}

/// Counts the outcome of an operation.
fn finish<T>(outcome: Outcome<T>, count: impl FnOnce(&mut Counters, Option<&T>)) -> Outcome<T> {
    let mut counters = COUNTERS.get();
    count(&mut counters, outcome.as_ref().ok());
    COUNTERS.set(counters);
    outcome
}

fn count_append(counters: &mut Counters, appended: Option<&Appended>) {
    match appended {
        Some(appended) => {
            counters.records_written += appended.records;
            counters.bytes_written += appended.bytes;
        }
        None => counters.write_errors += 1,
    }
}

fn count_scan(counters: &mut Counters, report: Option<&ScanReport>) {
    counters.scans += 1;
    match report {
        Some(report) => counters.anomalies_detected += report.findings_total,
        None => counters.scan_errors += 1,
    }
}

fn count_compaction(counters: &mut Counters, compaction: Option<&Compaction>) {
    match compaction {
        Some(done) if done.dry_run => {}
        Some(done) => {
            counters.compactions += 1;
            counters.bytes_reclaimed += done.bytes_before.saturating_sub(done.bytes_after);
            count_audit(counters, &done.audit);
        }
        None => {
            counters.compactions += 1;
            counters.compaction_errors += 1;
        }
    }
}

/// An audit record is a record like any other.
fn count_audit(counters: &mut Counters, audit: &str) {
    if !audit.is_empty() {
        counters.records_written += 1;
        counters.bytes_written += audit.len() as u64;
    }
}

/// A recovery looks at every entry, but counts as a recovery only, not as a scan as well.
fn count_recovery(counters: &mut Counters, recovery: Option<&Recovery>) {
    match recovery {
        Some(done) if done.dry_run => {}
        Some(done) => {
            counters.recoveries += 1;
            count_audit(counters, &done.audit);
        }
        None => {
            counters.recoveries += 1;
            counters.recovery_errors += 1;
        }
    }
}

impl<H: Host + Default> Guest for Component<H> {
    fn append(drafts: Vec<Draft>) -> Outcome<Appended> {
        finish(append::append(&mut H::default(), &drafts), count_append)
    }

    fn append_lines(lines: String, lenient: bool) -> Outcome<Appended> {
        let accept = if lenient { Accept::Suspects } else { Accept::Sound };
        finish(append::append_lines(&mut H::default(), lines, accept), count_append)
    }

    fn record_loss(loss: Loss) -> Outcome<Appended> {
        finish(audit::of_loss(&mut H::default(), &loss), count_append)
    }

    fn query(selection: Selection, retention: Retention) -> Outcome<Page> {
        let policy = retention.try_into()?;
        let selection = selection.try_into()?;
        finish(query::query(&mut H::default(), &selection, &policy), |counters, page| match page {
            Some(page) => counters.records_read += u64::from(page.count),
            None => counters.read_errors += 1,
        })
    }

    fn scan(options: ScanOptions) -> Outcome<ScanReport> {
        finish(scan::scan(&mut H::default(), options), count_scan)
    }

    fn partitions(maximum: u32) -> Outcome<Vec<Partition>> {
        partition::partition(&mut H::default(), maximum)
    }

    fn scan_partition(partition: Partition, options: ScanOptions) -> Outcome<String> {
        write_result(&scan::scan_partition(&mut H::default(), &partition, options)?)
    }

    fn scan_conclude(results: Vec<String>, options: ScanOptions) -> Outcome<ScanReport> {
        finish(scan::conclude(&mut H::default(), &results, options), count_scan)
    }

    fn recover(options: RecoverOptions) -> Outcome<Recovery> {
        finish(operations::recover(&mut H::default(), options), count_recovery)
    }

    fn compact(retention: Retention, options: CompactOptions) -> Outcome<Compaction> {
        let policy = retention.try_into()?;
        finish(operations::compact(&mut H::default(), None, &policy, options), count_compaction)
    }

    fn survey_partitions(
        maximum: u32,
        retention: Retention,
        options: CompactOptions,
    ) -> Outcome<Vec<Partition>> {
        let policy = retention.try_into()?;
        compact::survey_partitions(&mut H::default(), maximum, &policy, options)
    }

    fn survey_partition(partition: Partition, retention: Retention, as_of: f64) -> Outcome<String> {
        let policy = retention.try_into()?;
        write_result(&survey::survey_partition(&mut H::default(), &partition, &policy, as_of)?)
    }

    fn compact_surveyed(
        surveys: Vec<String>,
        retention: Retention,
        options: CompactOptions,
    ) -> Outcome<Compaction> {
        let policy = retention.try_into()?;
        let done = operations::compact(&mut H::default(), Some(&surveys), &policy, options);
        finish(done, count_compaction)
    }

    fn inspect(options: InspectOptions, retention: Retention) -> Outcome<Inspection> {
        let policy = retention.try_into()?;
        let inspection = inspect::inspect(&mut H::default(), options.limit, &policy);
        finish(inspection, |counters, inspection| match inspection {
            Some(inspection) => counters.records_read += inspection.records,
            None => counters.read_errors += 1,
        })
    }

    fn startup_check(options: StartupOptions) -> Outcome<StartupReport> {
        let report = startup::startup_check(&mut H::default(), options);
        finish(report, |counters, report| match report {
            Some(report) => {
                if let Some(scan) = &report.scan {
                    count_scan(counters, Some(scan));
                }
                if let Some(recovery) = &report.recovery {
                    count_recovery(counters, Some(recovery));
                }
            }
            None => count_scan(counters, None),
        })
    }

    fn index(options: IndexOptions) -> Outcome<IndexReport> {
        make::index(&mut H::default(), options)
    }

    fn index_partitions(maximum: u32, options: IndexOptions) -> Outcome<Vec<Partition>> {
        make::partitions(&mut H::default(), maximum, options)
    }

    fn index_partition(partition: Partition, options: IndexOptions) -> Outcome<String> {
        write_result(&make::partition(&mut H::default(), &partition, options)?)
    }

    fn index_conclude(results: Vec<String>, options: IndexOptions) -> Outcome<IndexReport> {
        make::conclude(&mut H::default(), &results, options)
    }

    fn drop_index() -> Outcome<()> {
        make::drop_index(&mut H::default())
    }

    fn verify(options: VerifyOptions) -> Outcome<VerifyReport> {
        verify::verify(&mut H::default(), &options)
    }

    fn verify_partition(partition: Partition) -> Outcome<String> {
        write_result(&Pass::Verify.stretch(&mut H::default(), &partition)?)
    }

    fn verify_conclude(results: Vec<String>, options: VerifyOptions) -> Outcome<VerifyReport> {
        verify::conclude(&mut H::default(), &results, &options)
    }

    fn metrics() -> Counters {
        COUNTERS.get()
    }

    fn reset_metrics() {
        COUNTERS.set(NOTHING);
    }
}
