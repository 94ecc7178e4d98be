//! The reports as JSON. `papyra --json` prints these documents, with a `schema` in front.

use serde::{Serialize, Serializer};
use serde_json::Value;

use super::{
    AnomalyCount, Appended, Compaction, Counters, Inspection, KindCount, Limits, Recovery,
    RecoveryMode, Retention, ScanReport, StartupOutcome, StartupReport,
};
use crate::store::Kind;
use crate::store::groups::{ConsumerPending, GroupInfo, GroupLoss, PendingEntry, PendingSummary};

macro_rules! object {
    ($type:ty, $this:ident, $($name:ident: $value:expr),+ $(,)?) => {
        impl serde::Serialize for $type {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                use serde::ser::SerializeMap;
                let $this = self;
                let mut map = serde::Serializer::serialize_map(serializer, None)?;
                $(map.serialize_entry(stringify!($name), &$value)?;)+
                map.end()
            }
        }
    };
}
pub(crate) use object;

object! { ScanReport, r,
    healthy: r.is_healthy(),
    backend: r.backend,
    location: r.location,
    segments: r.segments,
    bytes: r.bytes,
    entries: r.entries,
    records: r.records,
    kinds: by_kind(&r.kinds),
    damaged: r.damaged,
    suspect: r.suspect,
    structural: r.structural,
    anomalies: by_anomaly(&r.anomalies),
    findings: findings(&r.findings),
    findings_listed: r.findings_listed,
    findings_total: r.findings_total,
    oldest: r.oldest,
    newest: r.newest,
    implausible_timestamps: r.implausible_timestamps,
    sampled: r.sampled,
}

object! { Recovery, r,
    mode: r.mode,
    dry_run: r.dry_run,
    changed: r.changed,
    removed_entries: r.removed_entries,
    removed_bytes: r.removed_bytes,
    terminated: r.terminated,
    rewritten: r.rewritten,
    quarantine: r.quarantine,
    remaining: r.remaining,
    bytes_before: r.bytes_before,
    bytes_after: r.bytes_after,
    audit: record(&r.audit),
    note: r.note,
    before: r.before,
}

object! { Compaction, r,
    backend: r.backend,
    location: r.location,
    as_of: r.as_of,
    dry_run: r.dry_run,
    changed: r.changed,
    records_before: r.records_before,
    records_after: r.records_after,
    bytes_before: r.bytes_before,
    bytes_after: r.bytes_after,
    kept: by_kind(&r.kept),
    damaged_removed: r.damaged_removed,
    damaged_kept: r.damaged_kept,
    untimed_kept: r.untimed_kept,
    pinned_removed: r.pinned_removed,
    pinned_kept: r.pinned_kept,
    rewritten: r.rewritten,
    quarantine: r.quarantine,
    audit: record(&r.audit),
    note: r.note,
}

object! { Inspection, r,
    backend: r.backend,
    location: r.location,
    segments: r.segments,
    bytes: r.bytes,
    records: r.records,
    kinds: by_kind(&r.kinds),
    damaged: r.damaged,
    sampled: r.sampled,
    oldest: r.oldest,
    newest: r.newest,
    implausible_timestamps: r.implausible_timestamps,
}

object! { StartupReport, r,
    outcome: r.outcome,
    may_start: r.may_start(),
    scan: r.scan,
    recovery: r.recovery,
    indexed_bytes: r.indexed_bytes,
    note: r.note,
}

object! { Appended, r, records: r.records, bytes: r.bytes }

object! { Counters, c,
    records_written: c.records_written,
    bytes_written: c.bytes_written,
    records_read: c.records_read,
    scans: c.scans,
    anomalies_detected: c.anomalies_detected,
    recoveries: c.recoveries,
    compactions: c.compactions,
    bytes_reclaimed: c.bytes_reclaimed,
    write_errors: c.write_errors,
    read_errors: c.read_errors,
    scan_errors: c.scan_errors,
    recovery_errors: c.recovery_errors,
    compaction_errors: c.compaction_errors,
}

object! { Retention, r,
    max_records: r.journal.max_records,
    max_age_seconds: r.journal.max_age_seconds,
    max_total_bytes: r.journal.max_total_bytes,
    per_kind: Entries(r.per_kind.iter().map(|of| (of.kind.name(), of.limits))),
}

object! { Limits, l,
    max_records: l.max_records,
    max_age_seconds: l.max_age_seconds,
    max_total_bytes: l.max_total_bytes,
}

object! { GroupInfo, g,
    group: g.name,
    consumers: g.consumers,
    pending: g.pending,
    lag: g.lag,
    last_delivered: g.last_delivered,
}

object! { PendingSummary, s,
    min_pending: s.min,
    max_pending: s.max,
    pending_by_consumer: s.consumers,
}

object! { ConsumerPending, p, consumer: p.consumer, pending: p.count }

object! { PendingEntry, e,
    id: e.id,
    consumer: e.consumer,
    idle_ms: e.idle_ms,
    deliveries: e.deliveries,
}

object! { GroupLoss, l, kind: l.kind, group: l.group, entries: l.entries }

impl Serialize for Kind {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

impl Serialize for RecoveryMode {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(match self {
            Self::Repair => "repair",
            Self::Quarantine => "quarantine",
        })
    }
}

impl Serialize for StartupOutcome {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(match self {
            Self::Ignored => "ignored",
            Self::Absent => "absent",
            Self::Healthy => "healthy",
            Self::Tolerated => "tolerated",
            Self::Recovered => "recovered",
            Self::Refused => "refused",
        })
    }
}

/// Records and bytes under the name of each kind.
pub(crate) fn by_kind(counts: &[KindCount]) -> impl Serialize {
    let both = |of: &KindCount| (of.kind.name(), Appended { records: of.records, bytes: of.bytes });
    Entries(counts.iter().map(both))
}

fn by_anomaly(counts: &[AnomalyCount]) -> impl Serialize {
    Entries(counts.iter().map(|of| (&of.anomaly, of.count)))
}

/// An object of named values.
struct Entries<I>(I);

impl<K: Serialize, V: Serialize, I: Iterator<Item = (K, V)> + Clone> Serialize for Entries<I> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.clone())
    }
}

/// The findings, which the engine reports as lines of JSON.
fn findings(lines: &str) -> Vec<Value> {
    let parsed =
        lines.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|_| line.into()));
    parsed.collect()
}

/// An audit record as an object; null if there is none.
fn record(line: &str) -> Value {
    serde_json::from_str(line).unwrap_or(Value::Null)
}
