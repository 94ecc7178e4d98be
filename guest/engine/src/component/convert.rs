//! Between the types of `wit/` and those of the engine.

use super::exports::papyra::persistence::journal as wit;
use super::papyra::persistence::types;
use crate::append::{Appended, Draft};
use crate::compact::{CompactOptions, Compaction};
use crate::failure::{Code, Failure, Outcome};
use crate::inspect::Inspection;
use crate::json::Kind;
use crate::metrics::Counters;
use crate::query::{Order, Page, Selection};
use crate::recover::{Mode, RecoverOptions, Recovery};
use crate::retention::{Limits, Retention};
use crate::scan::{Partition, ScanOptions, ScanReport, anomaly_counts};
use crate::select::{FieldMatch, Filter};
use crate::startup::{StartupMode, StartupOptions, StartupOutcome, StartupReport};
use crate::tally::Kinds;

impl From<types::Kind> for Kind {
    fn from(kind: types::Kind) -> Self {
        match kind {
            types::Kind::Event => Self::Event,
            types::Kind::Audit => Self::Audit,
            types::Kind::DeadLetter => Self::DeadLetter,
            types::Kind::Metric => Self::Metric,
        }
    }
}

impl From<Kind> for types::Kind {
    fn from(kind: Kind) -> Self {
        match kind {
            Kind::Event => Self::Event,
            Kind::Audit => Self::Audit,
            Kind::DeadLetter => Self::DeadLetter,
            Kind::Metric => Self::Metric,
        }
    }
}

impl From<Failure> for types::Failure {
    fn from(failure: Failure) -> Self {
        let Failure { code, message, segment, line } = failure;
        let code = match code {
            Code::InvalidArgument => types::FailureCode::InvalidArgument,
            Code::InvalidRecord => types::FailureCode::InvalidRecord,
            Code::NotFound => types::FailureCode::NotFound,
            Code::Unavailable => types::FailureCode::Unavailable,
            Code::Full => types::FailureCode::Full,
            Code::Locked => types::FailureCode::Locked,
            Code::Denied => types::FailureCode::Denied,
            Code::Unsupported => types::FailureCode::Unsupported,
            Code::Corrupt => types::FailureCode::Corrupt,
            Code::Failed => types::FailureCode::Failed,
        };
        Self { code, message, segment, line }
    }
}

impl From<types::Limits> for Limits {
    fn from(limits: types::Limits) -> Self {
        let types::Limits { max_records, max_age_seconds, max_total_bytes } = limits;
        Self { max_records, max_age_seconds, max_total_bytes }
    }
}

impl TryFrom<types::Retention> for Retention {
    type Error = Failure;

    fn try_from(policy: types::Retention) -> Outcome<Self> {
        let per_kind: Vec<_> = policy
            .per_kind
            .into_iter()
            .map(|limited| (limited.kind.into(), limited.limits.into()))
            .collect();
        Self::new(policy.journal.into(), &per_kind)
    }
}

impl From<wit::Draft> for Draft {
    fn from(draft: wit::Draft) -> Self {
        let wit::Draft { kind, timestamp, fields } = draft;
        Self { kind: kind.into(), timestamp, fields }
    }
}

impl From<Appended> for wit::Appended {
    fn from(appended: Appended) -> Self {
        Self { records: appended.records, bytes: appended.bytes }
    }
}

impl TryFrom<wit::Selection> for Selection {
    type Error = Failure;

    fn try_from(selection: wit::Selection) -> Outcome<Self> {
        let wit::Selection { kinds, since, until, matching, limit, order, cursor } = selection;
        let kinds = kinds.into_iter().map(Kind::from).collect();
        let matching = matching
            .into_iter()
            .map(|wit::FieldMatch { field, value }| FieldMatch { field, value })
            .collect();
        let order = match order {
            wit::Order::OldestFirst => Order::OldestFirst,
            wit::Order::NewestFirst => Order::NewestFirst,
        };
        Ok(Self { filter: Filter::new(kinds, since, until, matching)?, limit, order, cursor })
    }
}

impl From<Page> for wit::Page {
    fn from(page: Page) -> Self {
        let Page { records, count, damaged, cursor, end } = page;
        Self { records, count, damaged, cursor, end }
    }
}

impl From<wit::Partition> for Partition {
    fn from(part: wit::Partition) -> Self {
        Self { segment: part.segment, start: part.start.into(), end: part.end.into() }
    }
}

impl From<Partition> for wit::Partition {
    fn from(part: Partition) -> Self {
        Self { segment: part.segment, start: part.start.into(), end: part.end.into() }
    }
}

impl From<wit::ScanOptions> for ScanOptions {
    fn from(options: wit::ScanOptions) -> Self {
        let wit::ScanOptions { max_findings, sample } = options;
        Self { max_findings, sample }
    }
}

fn kind_counts(kinds: &Kinds) -> Vec<wit::KindCount> {
    let counts = kinds.iter().map(|(kind, amount)| wit::KindCount {
        kind: kind.into(),
        records: amount.records,
        bytes: amount.bytes,
    });
    counts.collect()
}

impl From<ScanReport> for wit::ScanReport {
    fn from(report: ScanReport) -> Self {
        let findings = report.findings_ndjson();
        let tally = report.tally;
        Self {
            backend: report.backend,
            location: report.location,
            segments: report.segments,
            bytes: tally.bytes,
            entries: tally.entries,
            records: tally.records,
            kinds: kind_counts(&tally.kinds),
            damaged: tally.damaged,
            suspect: tally.suspect,
            structural: tally.structural,
            anomalies: anomaly_counts(&tally)
                .map(|(name, count)| wit::AnomalyCount { anomaly: name.to_owned(), count })
                .collect(),
            findings,
            findings_listed: report.findings.len() as u64,
            findings_total: report.findings_total,
            oldest: tally.span.oldest,
            newest: tally.span.newest,
            implausible_timestamps: tally.implausible,
            sampled: report.sampled,
        }
    }
}

impl From<wit::RecoveryMode> for Mode {
    fn from(mode: wit::RecoveryMode) -> Self {
        match mode {
            wit::RecoveryMode::Repair => Self::Repair,
            wit::RecoveryMode::Quarantine => Self::Quarantine,
        }
    }
}

impl From<wit::RecoverOptions> for RecoverOptions {
    fn from(options: wit::RecoverOptions) -> Self {
        let wit::RecoverOptions { mode, dry_run, max_findings, record_audit: _ } = options;
        Self { mode: mode.into(), dry_run, max_findings }
    }
}

impl From<Recovery> for wit::Recovery {
    fn from(recovery: Recovery) -> Self {
        Self {
            mode: match recovery.mode {
                Mode::Repair => wit::RecoveryMode::Repair,
                Mode::Quarantine => wit::RecoveryMode::Quarantine,
            },
            dry_run: recovery.dry_run,
            before: recovery.before.into(),
            changed: recovery.changed,
            removed_entries: recovery.removed_entries,
            removed_bytes: recovery.removed_bytes,
            terminated: recovery.terminated,
            rewritten: recovery.rewritten,
            quarantine: recovery.quarantine,
            remaining: recovery.remaining,
            bytes_before: recovery.bytes_before,
            bytes_after: recovery.bytes_after,
            audit: recovery.audit,
            note: recovery.note,
        }
    }
}

impl From<wit::CompactOptions> for CompactOptions {
    fn from(options: wit::CompactOptions) -> Self {
        let wit::CompactOptions { dry_run, force, keep_quarantine, as_of, record_audit: _ } =
            options;
        Self { dry_run, force, keep_quarantine, as_of }
    }
}

impl From<Compaction> for wit::Compaction {
    fn from(compaction: Compaction) -> Self {
        Self {
            backend: compaction.backend,
            location: compaction.location,
            dry_run: compaction.dry_run,
            changed: compaction.changed,
            records_before: compaction.records_before,
            records_after: compaction.records_after,
            bytes_before: compaction.bytes_before,
            bytes_after: compaction.bytes_after,
            kept: kind_counts(&compaction.kept),
            damaged_removed: compaction.damaged_removed,
            damaged_kept: compaction.damaged_kept,
            untimed_kept: compaction.untimed_kept,
            pinned_removed: compaction.pinned_removed,
            pinned_kept: compaction.pinned_kept,
            rewritten: compaction.rewritten,
            quarantine: compaction.quarantine,
            as_of: compaction.as_of,
            audit: compaction.audit,
            note: compaction.note,
        }
    }
}

impl From<Inspection> for wit::Inspection {
    fn from(inspection: Inspection) -> Self {
        Self {
            backend: inspection.backend,
            location: inspection.location,
            segments: inspection.segments,
            bytes: inspection.bytes,
            records: inspection.records,
            kinds: kind_counts(&inspection.kinds),
            damaged: inspection.damaged,
            sampled: inspection.sampled,
            oldest: inspection.oldest,
            newest: inspection.newest,
            implausible_timestamps: inspection.implausible,
        }
    }
}

impl From<wit::StartupOptions> for StartupOptions {
    fn from(options: wit::StartupOptions) -> Self {
        let wit::StartupOptions { mode, recovery, full, record_audit } = options;
        Self { mode: mode.into(), recovery: recovery.into(), full, record_audit }
    }
}

impl From<wit::StartupMode> for StartupMode {
    fn from(mode: wit::StartupMode) -> Self {
        match mode {
            wit::StartupMode::Ignore => Self::Ignore,
            wit::StartupMode::ScanOnly => Self::ScanOnly,
            wit::StartupMode::Fail => Self::Fail,
            wit::StartupMode::Recover => Self::Recover,
        }
    }
}

impl From<StartupReport> for wit::StartupReport {
    fn from(report: StartupReport) -> Self {
        Self {
            outcome: match report.outcome {
                StartupOutcome::Ignored => wit::StartupOutcome::Ignored,
                StartupOutcome::Absent => wit::StartupOutcome::Absent,
                StartupOutcome::Healthy => wit::StartupOutcome::Healthy,
                StartupOutcome::Tolerated => wit::StartupOutcome::Tolerated,
                StartupOutcome::Recovered => wit::StartupOutcome::Recovered,
                StartupOutcome::Refused => wit::StartupOutcome::Refused,
            },
            scan: report.scan.map(Into::into),
            recovery: report.recovery.map(Into::into),
            indexed_bytes: report.indexed_bytes,
            note: report.note,
        }
    }
}

impl From<Counters> for wit::Counters {
    fn from(counters: Counters) -> Self {
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
        } = counters;
        Self {
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
        }
    }
}
