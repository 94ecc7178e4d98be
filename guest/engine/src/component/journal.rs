//! The exported interface `journal`: convert, call, count.

use std::cell::Cell;

use super::Component;
use super::exports::papyra::persistence::journal::{self as wit, Guest};
use super::papyra::persistence::types;
use crate::append::{self, Draft};
use crate::failure::Outcome;
use crate::host::Host;
use crate::metrics::Counters;
use crate::scan::{self, ScanReport, write_result};
use crate::{audit, compact, inspect, query, recover, startup, survey};

thread_local! {
    static COUNTERS: Cell<Counters> = Cell::default();
}

/// Counts the outcome of an operation, and turns it into what crosses the sandbox.
fn finish<T, W: From<T>>(
    outcome: Outcome<T>,
    count: impl FnOnce(&mut Counters, Option<&T>),
) -> Result<W, types::Failure> {
    let mut counters = COUNTERS.get();
    count(&mut counters, outcome.as_ref().ok());
    COUNTERS.set(counters);
    Ok(outcome?.into())
}

fn count_append(counters: &mut Counters, appended: Option<&append::Appended>) {
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

fn count_compaction(counters: &mut Counters, compaction: Option<&compact::Compaction>) {
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
fn count_recovery(counters: &mut Counters, recovery: Option<&recover::Recovery>) {
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
    fn append(drafts: Vec<wit::Draft>) -> Result<wit::Appended, types::Failure> {
        let drafts: Vec<Draft> = drafts.into_iter().map(Draft::from).collect();
        finish(append::append(&mut H::default(), &drafts), count_append)
    }

    fn append_lines(lines: String) -> Result<wit::Appended, types::Failure> {
        finish(append::append_lines(&mut H::default(), lines), count_append)
    }

    fn query(
        selection: wit::Selection,
        retention: types::Retention,
    ) -> Result<wit::Page, types::Failure> {
        let policy = retention.try_into()?;
        let selection = selection.try_into()?;
        finish(query::query(&mut H::default(), &selection, &policy), |counters, page| match page {
            Some(page) => counters.records_read += u64::from(page.count),
            None => counters.read_errors += 1,
        })
    }

    fn scan(options: wit::ScanOptions) -> Result<wit::ScanReport, types::Failure> {
        finish(scan::scan(&mut H::default(), options.into()), count_scan)
    }

    fn partitions(maximum: u32) -> Result<Vec<wit::Partition>, types::Failure> {
        Ok(scan::partition(&mut H::default(), maximum)?.into_iter().map(Into::into).collect())
    }

    fn scan_partition(
        part: wit::Partition,
        options: wit::ScanOptions,
    ) -> Result<String, types::Failure> {
        let sight = scan::scan_partition(&mut H::default(), &part.into(), options.into())?;
        Ok(write_result(&sight)?)
    }

    fn scan_conclude(
        results: Vec<String>,
        options: wit::ScanOptions,
    ) -> Result<wit::ScanReport, types::Failure> {
        finish(scan::conclude(&mut H::default(), &results, options.into()), count_scan)
    }

    fn recover(options: wit::RecoverOptions) -> Result<wit::Recovery, types::Failure> {
        let record = options.record_audit;
        finish(audit::recover(&mut H::default(), options.into(), record), count_recovery)
    }

    fn compact(
        retention: types::Retention,
        options: wit::CompactOptions,
    ) -> Result<wit::Compaction, types::Failure> {
        let policy = retention.try_into()?;
        let record = options.record_audit;
        let done = audit::compact(&mut H::default(), None, &policy, options.into(), record);
        finish(done, count_compaction)
    }

    fn survey_partition(
        part: wit::Partition,
        retention: types::Retention,
        as_of: f64,
    ) -> Result<String, types::Failure> {
        let policy = retention.try_into()?;
        let survey = survey::survey_partition(&mut H::default(), &part.into(), &policy, as_of)?;
        Ok(write_result(&survey)?)
    }

    fn compact_surveyed(
        surveys: Vec<String>,
        retention: types::Retention,
        options: wit::CompactOptions,
    ) -> Result<wit::Compaction, types::Failure> {
        let policy = retention.try_into()?;
        let record = options.record_audit;
        let done =
            audit::compact(&mut H::default(), Some(&surveys), &policy, options.into(), record);
        finish(done, count_compaction)
    }

    fn inspect(
        options: wit::InspectOptions,
        retention: types::Retention,
    ) -> Result<wit::Inspection, types::Failure> {
        let policy = retention.try_into()?;
        let inspection = inspect::inspect(&mut H::default(), options.limit, &policy);
        finish(inspection, |counters, inspection| match inspection {
            Some(inspection) => counters.records_read += inspection.records,
            None => counters.read_errors += 1,
        })
    }

    fn startup_check(options: wit::StartupOptions) -> Result<wit::StartupReport, types::Failure> {
        let report = startup::startup_check(&mut H::default(), options.into());
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

    fn metrics() -> wit::Counters {
        COUNTERS.get().into()
    }

    fn reset_metrics() {
        COUNTERS.set(Counters::default());
    }
}
