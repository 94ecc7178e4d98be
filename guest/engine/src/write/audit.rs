//! The audit records that recovery, compaction and losses leave in the journal.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::append::{self, Appended, Draft};
use crate::bindings::exports::papyra::persistence::journal::{
    Compaction, Loss, LossReason, Recovery, RecoveryMode,
};
use crate::failure::{Failure, FailureCode, Outcome};
use crate::host::Host;
use crate::json::{Envelope, Kind};
use crate::retention::Retention;
use crate::walk::{STOP, View};

/// Names this engine in an audit record. Other audits may have an `action` as well.
const BY: &str = "papyra";
/// The maximum number of segments, and of pieces of quarantine, that an audit record names.
const MAX_NAMES: usize = 100;
/// The maximum number of reasons of one loss.
const MAX_REASONS: usize = 16;
/// Longer entries are no audit records. Names can be as long as file names are.
const MAX_AUDIT: usize = 1 << 20;

/// The newest record with its size, if it is the audit record of a compaction. The compaction itself
/// reports what keeps a store from being read.
pub(crate) fn newest_of_compaction<H: Host>(host: &mut H) -> Option<(Envelope, u64)> {
    let view = View::open(host).ok()?;
    view.require_order().ok()?;
    let mut found = None;
    let _ = view
        .backward(host, &mut |_: &mut H, _, entry| {
            let audit = entry.envelope.as_ref().filter(|_| is_of_compaction(entry.bytes));
            found = audit.map(|envelope| (*envelope, entry.stored));
            STOP
        })
        .ok()?;
    found
}

fn is_of_compaction(line: &[u8]) -> bool {
    #[derive(Deserialize)]
    struct Head<'a> {
        kind: &'a str,
        action: &'a str,
        by: &'a str,
    }
    line.len() <= MAX_AUDIT
        && serde_json::from_slice::<Head<'_>>(line)
            .is_ok_and(|head| (head.kind, head.action, head.by) == ("audit", "compact", BY))
}

/// Appends the audit record of a recovery. Returns its line and an empty note, or no line and a note
/// that says why it could not be written: the recovery itself is done.
pub(crate) fn of_recovery<H: Host>(host: &mut H, done: &Recovery) -> (String, String) {
    write(host, &RecoveryAudit::of(done)).map_or_else(not_written, written)
}

/// The same for a compaction by these limits.
pub(crate) fn of_compaction<H: Host>(
    host: &mut H,
    done: &Compaction,
    limits: &Retention,
) -> (String, String) {
    write(host, &CompactionAudit::of(done, limits)).map_or_else(not_written, written)
}

/// Appends the audit record of records that were lost.
pub(crate) fn of_loss<H: Host>(host: &mut H, loss: &Loss) -> Outcome<Appended> {
    let draft = draft(host, &LossAudit::of(loss)?)?;
    append::append(host, &[draft])
}

fn write<H: Host>(host: &mut H, audit: &impl Serialize) -> Outcome<String> {
    let draft = draft(host, audit)?;
    let line = append::line(host, &draft)?;
    append::append_lines(host, line.clone(), append::Accept::Sound)?;
    Ok(line)
}

/// A journal in another form gets no record in this one.
fn draft<H: Host>(host: &mut H, audit: &impl Serialize) -> Outcome<Draft> {
    if host.form().is_foreign() {
        let message = "the journal has a profile, and audit records have the form of Papyra";
        return Err(Failure::new(FailureCode::Unsupported, message));
    }
    let fields = serde_json::to_string(audit)
        .map_err(|error| Failure::new(FailureCode::Failed, error.to_string()))?;
    Ok(Draft { kind: Kind::Audit, timestamp: None, fields })
}

fn written(line: String) -> (String, String) {
    (line, String::new())
}

fn not_written(failure: Failure) -> (String, String) {
    let Failure { message, .. } = failure;
    (String::new(), format!("done, but the audit record of it could not be written: {message}"))
}

#[derive(Serialize)]
struct RecoveryAudit<'a> {
    action: &'static str,
    by: &'static str,
    mode: &'static str,
    removed_entries: u64,
    removed_bytes: u64,
    salvaged: u64,
    ambiguous: u64,
    line_ends: u64,
    terminated: u32,
    remaining: u64,
    bytes_before: u64,
    bytes_after: u64,
    anomalies: serde_json::Map<String, serde_json::Value>,
    #[serde(flatten)]
    names: Names<'a>,
    #[serde(flatten)]
    papyra: PapyraAuditFields,
}

impl<'a> RecoveryAudit<'a> {
    fn of(done: &'a Recovery) -> Self {
        let anomalies = done.before.anomalies.iter();
        Self {
            action: "recover",
            by: BY,
            mode: match done.mode {
                RecoveryMode::Repair => "repair",
                RecoveryMode::Quarantine => "quarantine",
            },
            removed_entries: done.removed_entries,
            removed_bytes: done.removed_bytes,
            salvaged: done.salvaged,
            ambiguous: done.ambiguous,
            line_ends: done.line_ends,
            terminated: done.terminated,
            remaining: done.remaining,
            bytes_before: done.bytes_before,
            bytes_after: done.bytes_after,
            anomalies: anomalies.map(|of| (of.anomaly.clone(), of.count.into())).collect(),
            names: Names::of(&done.rewritten, &done.quarantine),
            papyra: PapyraAuditFields::default(),
        }
    }
}

#[derive(Serialize)]
struct CompactionAudit<'a> {
    action: &'static str,
    by: &'static str,
    limits: &'a Retention,
    as_of: f64,
    records_before: u64,
    records_after: u64,
    bytes_before: u64,
    bytes_after: u64,
    damaged_removed: u64,
    damaged_kept: u64,
    untimed_kept: u64,
    from_future_kept: u64,
    pinned_removed: u64,
    pinned_kept: u64,
    #[serde(flatten)]
    names: Names<'a>,
    #[serde(flatten)]
    papyra: PapyraAuditFields,
}

impl<'a> CompactionAudit<'a> {
    fn of(done: &'a Compaction, limits: &'a Retention) -> Self {
        Self {
            action: "compact",
            by: BY,
            limits,
            as_of: done.as_of,
            records_before: done.records_before,
            records_after: done.records_after,
            bytes_before: done.bytes_before,
            bytes_after: done.bytes_after,
            damaged_removed: done.damaged_removed,
            damaged_kept: done.damaged_kept,
            untimed_kept: done.untimed_kept,
            from_future_kept: done.from_future_kept,
            pinned_removed: done.pinned_removed,
            pinned_kept: done.pinned_kept,
            names: Names::of(&done.rewritten, &done.quarantine),
            papyra: PapyraAuditFields::default(),
        }
    }
}

#[derive(Serialize)]
struct LossAudit {
    action: &'static str,
    by: &'static str,
    lost_records: u64,
    reasons: BTreeMap<&'static str, u64>,
    since: f64,
    until: f64,
    #[serde(flatten)]
    papyra: PapyraAuditFields,
}

impl LossAudit {
    fn of(loss: &Loss) -> Outcome<Self> {
        let refused = |why: &str| Failure::new(FailureCode::InvalidArgument, why.to_owned());
        if loss.lost.len() > MAX_REASONS {
            return Err(refused("a loss has at most 16 reasons"));
        }
        if !(loss.since.is_finite() && loss.until.is_finite()) {
            return Err(refused("the time of a loss is not a finite number of seconds"));
        }
        let mut reasons = BTreeMap::new();
        for lost in loss.lost.iter().filter(|lost| lost.records > 0) {
            let sum = reasons.entry(reason(lost.reason)).or_insert(0_u64);
            *sum = sum.saturating_add(lost.records);
        }
        let lost_records = reasons.values().fold(0_u64, |sum, lost| sum.saturating_add(*lost));
        if lost_records == 0 {
            return Err(refused("nothing was lost"));
        }
        let Loss { since, until, .. } = *loss;
        let papyra = PapyraAuditFields::default();
        Ok(Self { action: "loss", by: BY, lost_records, reasons, since, until, papyra })
    }
}

fn reason(reason: LossReason) -> &'static str {
    match reason {
        LossReason::Overflow => "overflow",
        LossReason::Invalid => "invalid",
        LossReason::Failed => "failed",
        LossReason::Closed => "closed",
        LossReason::Rotation => "rotation",
    }
}

/// The fields that Papyra's own readers demand of every audit: without them its rotating backend lists
/// none. They say nothing; `system_id` tells these audits apart.
#[derive(Serialize)]
struct PapyraAuditFields {
    system_id: &'static str,
    total_actors: u32,
    alive_actors: u32,
    stopping_actors: u32,
    restarting_actors: u32,
    registry_size: u32,
    registry_orphans: [&'static str; 0],
    registry_dead: [&'static str; 0],
    dead_letters_count: u32,
}

impl Default for PapyraAuditFields {
    fn default() -> Self {
        Self {
            system_id: BY,
            total_actors: 0,
            alive_actors: 0,
            stopping_actors: 0,
            restarting_actors: 0,
            registry_size: 0,
            registry_orphans: [],
            registry_dead: [],
            dead_letters_count: 0,
        }
    }
}

/// What was rewritten and what holds the quarantine: the first of each, and how many there are.
#[derive(Serialize)]
struct Names<'a> {
    rewritten: &'a [String],
    rewritten_total: usize,
    quarantine: &'a [String],
    quarantine_total: usize,
}

impl<'a> Names<'a> {
    fn of(rewritten: &'a [String], quarantine: &'a [String]) -> Self {
        let first = |names: &'a [String]| names.get(..MAX_NAMES).unwrap_or(names);
        Self {
            rewritten: first(rewritten),
            rewritten_total: rewritten.len(),
            quarantine: first(quarantine),
            quarantine_total: quarantine.len(),
        }
    }
}
