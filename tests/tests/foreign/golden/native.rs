//! The engine compiled for this machine, on a journal in memory.

use papyra_engine::failure::{Code, Failure, Outcome};
use papyra_engine::json::Kind;
use papyra_engine::query::{Order, Selection};
use papyra_engine::recover::{Mode, RecoverOptions, Recovery};
use papyra_engine::retention::{Limits, Retention};
use papyra_engine::scan::{ScanOptions, ScanReport, anomaly_counts};
use papyra_engine::select::{FieldMatch, Filter};
use papyra_engine::startup::{StartupMode, StartupOptions, StartupOutcome};
use papyra_engine::tally::Kinds;
use papyra_engine::{append, audit, compact, inspect, query, scan, startup};
use papyra_persistence::journal as wit;

#[path = "../../../../guest/engine/tests/support/mod.rs"]
mod support;

use super::Subject;
use super::case::{Call, Case, Reply, Report, Step};
use support::VecHost;

pub struct Native(VecHost);

impl Native {
    pub fn new(case: &Case) -> Self {
        let mut host = VecHost::new(case.journal.clone());
        host.now = case.clock;
        Self(host)
    }

    fn run(&mut self, call: &Call) -> Outcome<Report> {
        let host = &mut self.0;
        Ok(match call {
            Call::Scan(options) => Report::Scan(report(scan::scan(host, scan_options(*options))?)),
            Call::Recover(options) => {
                let wit::RecoverOptions { mode, dry_run, max_findings, record_audit } = *options;
                let options = RecoverOptions { mode: recovery_mode(mode), dry_run, max_findings };
                Report::Recovery(recovery(audit::recover(host, options, record_audit)?))
            }
            Call::Compact(policy, options) => {
                let wit::CompactOptions { dry_run, force, keep_quarantine, as_of, record_audit } =
                    *options;
                let options = compact::CompactOptions { dry_run, force, keep_quarantine, as_of };
                let policy = retention(policy)?;
                let done = audit::compact(host, None, &policy, options, record_audit)?;
                Report::Compaction(compaction(done))
            }
            Call::Inspect(limit, policy) => {
                let i = inspect::inspect(host, *limit, &retention(policy)?)?;
                Report::Inspection(wit::Inspection {
                    backend: i.backend,
                    location: i.location,
                    segments: i.segments,
                    bytes: i.bytes,
                    records: i.records,
                    kinds: kinds(&i.kinds),
                    damaged: i.damaged,
                    sampled: i.sampled,
                    oldest: i.oldest,
                    newest: i.newest,
                    implausible_timestamps: i.implausible,
                })
            }
            Call::Append(drafts) => {
                let drafts: Vec<_> = drafts
                    .iter()
                    .map(|draft| append::Draft {
                        kind: kind(draft.kind),
                        timestamp: draft.timestamp,
                        fields: draft.fields.clone(),
                    })
                    .collect();
                appended(append::append(host, &drafts)?)
            }
            Call::AppendLines(lines) => appended(append::append_lines(host, lines.clone())?),
            Call::StartupCheck(options) => {
                let wit::StartupOptions { mode, recovery: recovering, full, record_audit } =
                    *options;
                let mode = match mode {
                    wit::StartupMode::Ignore => StartupMode::Ignore,
                    wit::StartupMode::ScanOnly => StartupMode::ScanOnly,
                    wit::StartupMode::Fail => StartupMode::Fail,
                    wit::StartupMode::Recover => StartupMode::Recover,
                };
                let done = startup::startup_check(
                    host,
                    StartupOptions {
                        mode,
                        recovery: recovery_mode(recovering),
                        full,
                        record_audit,
                    },
                )?;
                Report::Startup(wit::StartupReport {
                    outcome: match done.outcome {
                        StartupOutcome::Ignored => wit::StartupOutcome::Ignored,
                        StartupOutcome::Absent => wit::StartupOutcome::Absent,
                        StartupOutcome::Healthy => wit::StartupOutcome::Healthy,
                        StartupOutcome::Tolerated => wit::StartupOutcome::Tolerated,
                        StartupOutcome::Recovered => wit::StartupOutcome::Recovered,
                        StartupOutcome::Refused => wit::StartupOutcome::Refused,
                    },
                    scan: done.scan.map(report),
                    recovery: done.recovery.map(recovery),
                    indexed_bytes: done.indexed_bytes,
                    note: done.note,
                })
            }
            Call::Query(selection, policy) => {
                let policy = retention(policy)?;
                let mut selection = chosen(selection)?;
                let mut pages = Vec::new();
                loop {
                    let page = query::query(host, &selection, &policy)?;
                    let query::Page { records, count, damaged, cursor, end } = page;
                    selection.cursor = Some(cursor.clone());
                    pages.push(wit::Page { records, count, damaged, cursor, end });
                    if end {
                        break Report::Pages(pages);
                    }
                }
            }
        })
    }
}

impl Subject for Native {
    async fn call(&mut self, step: &Step) -> Reply {
        let call = &step.call;
        let appends = matches!(call, Call::Append(_) | Call::AppendLines(_));
        let torn = self.0.data.last().is_some_and(|byte| *byte != b'\n');
        if !appends || !torn {
            return self.run(call).map_err(failure);
        }
        // Isolating a torn tail is up to the store, and this one is too simple for it.
        self.0.data.push(b'\n');
        let isolated = self.0.data.len();
        let reply = self.run(call).map_err(failure);
        if self.0.data.len() == isolated {
            self.0.data.pop();
        }
        reply
    }

    fn bytes(&self) -> (Vec<u8>, Vec<u8>) {
        (self.0.data.clone(), self.0.quarantine.clone())
    }
}

fn scan_options(options: wit::ScanOptions) -> ScanOptions {
    ScanOptions { max_findings: options.max_findings, sample: options.sample }
}

fn recovery_mode(mode: wit::RecoveryMode) -> Mode {
    match mode {
        wit::RecoveryMode::Repair => Mode::Repair,
        wit::RecoveryMode::Quarantine => Mode::Quarantine,
    }
}

fn kind(kind: papyra_persistence::store::Kind) -> Kind {
    match kind {
        papyra_persistence::store::Kind::Event => Kind::Event,
        papyra_persistence::store::Kind::Audit => Kind::Audit,
        papyra_persistence::store::Kind::DeadLetter => Kind::DeadLetter,
        papyra_persistence::store::Kind::Metric => Kind::Metric,
    }
}

fn kinds(kinds: &Kinds) -> Vec<wit::KindCount> {
    let count = |(kind, amount): (Kind, papyra_engine::tally::Amount)| wit::KindCount {
        kind: match kind {
            Kind::Event => papyra_persistence::store::Kind::Event,
            Kind::Audit => papyra_persistence::store::Kind::Audit,
            Kind::DeadLetter => papyra_persistence::store::Kind::DeadLetter,
            Kind::Metric => papyra_persistence::store::Kind::Metric,
        },
        records: amount.records,
        bytes: amount.bytes,
    };
    kinds.iter().map(count).collect()
}

fn limits(limits: &wit::Limits) -> Limits {
    Limits {
        max_records: limits.max_records,
        max_age_seconds: limits.max_age_seconds,
        max_total_bytes: limits.max_total_bytes,
    }
}

fn retention(policy: &wit::Retention) -> Outcome<Retention> {
    let per_kind: Vec<_> =
        policy.per_kind.iter().map(|of| (kind(of.kind), limits(&of.limits))).collect();
    Retention::new(limits(&policy.journal), &per_kind)
}

fn chosen(selection: &wit::Selection) -> Outcome<Selection> {
    let matching = selection
        .matching
        .iter()
        .map(|one| FieldMatch { field: one.field.clone(), value: one.value.clone() });
    let kinds = selection.kinds.iter().copied().map(kind).collect();
    Ok(Selection {
        filter: Filter::new(kinds, selection.since, selection.until, matching.collect())?,
        limit: selection.limit,
        order: match selection.order {
            wit::Order::OldestFirst => Order::OldestFirst,
            wit::Order::NewestFirst => Order::NewestFirst,
        },
        cursor: selection.cursor.clone(),
    })
}

fn appended(done: append::Appended) -> Report {
    Report::Appended(wit::Appended { records: done.records, bytes: done.bytes })
}

fn report(report: ScanReport) -> wit::ScanReport {
    let findings = report.findings_ndjson();
    let tally = report.tally;
    wit::ScanReport {
        backend: report.backend,
        location: report.location,
        segments: report.segments,
        bytes: tally.bytes,
        entries: tally.entries,
        records: tally.records,
        kinds: kinds(&tally.kinds),
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

fn recovery(done: Recovery) -> wit::Recovery {
    wit::Recovery {
        mode: match done.mode {
            Mode::Repair => wit::RecoveryMode::Repair,
            Mode::Quarantine => wit::RecoveryMode::Quarantine,
        },
        dry_run: done.dry_run,
        before: report(done.before),
        changed: done.changed,
        removed_entries: done.removed_entries,
        removed_bytes: done.removed_bytes,
        terminated: done.terminated,
        rewritten: done.rewritten,
        quarantine: done.quarantine,
        remaining: done.remaining,
        bytes_before: done.bytes_before,
        bytes_after: done.bytes_after,
        audit: done.audit,
        note: done.note,
    }
}

fn compaction(done: compact::Compaction) -> wit::Compaction {
    wit::Compaction {
        backend: done.backend,
        location: done.location,
        dry_run: done.dry_run,
        changed: done.changed,
        records_before: done.records_before,
        records_after: done.records_after,
        bytes_before: done.bytes_before,
        bytes_after: done.bytes_after,
        kept: kinds(&done.kept),
        damaged_removed: done.damaged_removed,
        damaged_kept: done.damaged_kept,
        untimed_kept: done.untimed_kept,
        pinned_removed: done.pinned_removed,
        pinned_kept: done.pinned_kept,
        rewritten: done.rewritten,
        quarantine: done.quarantine,
        as_of: done.as_of,
        audit: done.audit,
        note: done.note,
    }
}

fn failure(failure: Failure) -> wit::Failure {
    let Failure { code, message, segment, line } = failure;
    let code = match code {
        Code::InvalidArgument => wit::FailureCode::InvalidArgument,
        Code::InvalidRecord => wit::FailureCode::InvalidRecord,
        Code::NotFound => wit::FailureCode::NotFound,
        Code::Unavailable => wit::FailureCode::Unavailable,
        Code::Full => wit::FailureCode::Full,
        Code::Locked => wit::FailureCode::Locked,
        Code::Denied => wit::FailureCode::Denied,
        Code::Unsupported => wit::FailureCode::Unsupported,
        Code::Corrupt => wit::FailureCode::Corrupt,
        Code::Failed => wit::FailureCode::Failed,
    };
    wit::Failure { code, message, segment, line }
}
