//! What recovery and compaction leave behind in the journal: an audit record of what they did.
//!
//! The audit record is appended after the switch, so that it never speaks of what did not happen; an audit record that
//! cannot be written is a note in the report, since the work itself is done.
//!
//! An audit record comes on top of the limits of a compaction. Were it counted by the next one, that would
//! remove a record for its sake and write an audit record of its own, and so on for ever. Hence a compaction
//! does not count the audit record of an earlier one while that is the newest record, and one that removes
//! nothing but such an audit record, for its age, writes none.

use serde::{Deserialize, Serialize};

use crate::append::{self, Draft};
use crate::compact::{self, CompactOptions, Compaction};
use crate::failure::{Failure, FailureCode, Outcome};
use crate::host::Host;
use crate::json::{Envelope, Kind};
use crate::recover::{self, RecoverOptions, Recovery, RecoveryMode};
use crate::retention::Retention;
use crate::walk::{STOP, View};

/// Who has done it. Other audits may have an `action` as well.
const BY: &str = "papyra";
/// An audit record names at most so many segments and pieces of quarantine.
const MAX_NAMES: usize = 100;
/// Longer entries are no audit records. Names can be as long as file names are.
const MAX_AUDIT: usize = 1 << 20;

/// Recovers, and leaves an audit record if asked to and something was done.
pub fn recover<H: Host>(host: &mut H, options: RecoverOptions) -> Outcome<Recovery> {
    let mut done = recover::recover(host, options)?;
    if options.record_audit && done.changed && !done.dry_run {
        let written = write(host, &RecoveryAudit::of(&done));
        (done.audit, done.note) = written.unwrap_or_else(not_written);
    }
    Ok(done)
}

/// Compacts, with surveys if there are any, and leaves an audit record if asked to and something was done.
pub fn compact<H: Host>(
    host: &mut H,
    surveys: Option<&[String]>,
    policy: &Retention,
    options: CompactOptions,
) -> Outcome<Compaction> {
    let last = if options.record_audit && !policy.is_empty() { newest_audit(host) } else { None };
    let as_of = options.as_of.unwrap_or_else(|| host.now());
    let old = last.as_ref().is_some_and(|(envelope, _)| policy.expires(envelope, as_of));
    let lenient = last.filter(|_| !old).map(|(_, stored)| policy.pardon(stored));
    let options = CompactOptions { as_of: Some(as_of), ..options };
    let lenient = lenient.as_ref().unwrap_or(policy);
    let mut done = match surveys {
        Some(surveys) => compact::compact_surveyed(host, surveys, lenient, options)?,
        None => compact::compact(host, lenient, options)?,
    };
    let nothing_else = old && done.records_before.saturating_sub(done.records_after) == 1;
    if options.record_audit && done.changed && !done.dry_run && !nothing_else {
        let written = write(host, &CompactionAudit::of(&done, policy));
        (done.audit, done.note) = written.unwrap_or_else(not_written);
    }
    Ok(done)
}

/// The newest record with its size, if it is the audit record of a compaction. What keeps a store from being
/// read is for the compaction itself to report.
fn newest_audit<H: Host>(host: &mut H) -> Option<(Envelope, u64)> {
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

/// Appends the audit record; returns its line, and an empty note.
fn write<H: Host>(host: &mut H, audit: &impl Serialize) -> Outcome<(String, String)> {
    let fields = serde_json::to_string(audit)
        .map_err(|error| Failure::new(FailureCode::Failed, error.to_string()))?;
    let draft = Draft { kind: Kind::Audit, timestamp: None, fields };
    let line = append::line(host, &draft)?;
    append::append_lines(host, line.clone())?;
    Ok((line, String::new()))
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
    terminated: u32,
    remaining: u64,
    bytes_before: u64,
    bytes_after: u64,
    anomalies: serde_json::Map<String, serde_json::Value>,
    #[serde(flatten)]
    names: Names<'a>,
    #[serde(flatten)]
    shape: Shape,
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
            terminated: done.terminated,
            remaining: done.remaining,
            bytes_before: done.bytes_before,
            bytes_after: done.bytes_after,
            anomalies: anomalies.map(|of| (of.anomaly.clone(), of.count.into())).collect(),
            names: Names::of(&done.rewritten, &done.quarantine),
            shape: Shape::default(),
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
    pinned_removed: u64,
    pinned_kept: u64,
    #[serde(flatten)]
    names: Names<'a>,
    #[serde(flatten)]
    shape: Shape,
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
            pinned_removed: done.pinned_removed,
            pinned_kept: done.pinned_kept,
            names: Names::of(&done.rewritten, &done.quarantine),
            shape: Shape::default(),
        }
    }
}

/// The fields that Papyra's own readers demand of every audit: without them its rotating backend cannot
/// list a single one. They say nothing; `system_id` tells them apart.
#[derive(Serialize)]
struct Shape {
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

impl Default for Shape {
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
