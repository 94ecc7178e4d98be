//! The reports as JSON. `papyra --json` prints these documents, with a `schema` in front.

use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};
use serde_json::{Value, json};

use super::{
    AnomalyCount, Appended, Compaction, Counters, Difference, Finding, IndexReport, Inspection,
    KindCount, Limits, Recovery, RecoveryMode, Retention, ScanReport, Severity, StartupOutcome,
    StartupReport, VerifyOutcome, VerifyReport,
};
use crate::store::groups::{
    ConsumerInfo, ConsumerPending, GroupInfo, GroupLoss, PendingEntry, PendingSummary,
};
use crate::store::{Kind, Position};

/// Serialises a type as an object of its fields, and of values that are computed.
macro_rules! object {
    ($type:ty, $this:ident, $($name:ident $(: $value:expr)?),+ $(,)?) => {
        impl serde::Serialize for $type {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                use serde::ser::SerializeMap;
                let $this = self;
                let mut map = serializer.serialize_map(None)?;
                $(map.serialize_entry(stringify!($name), object!(@ $this $name $($value)?))?;)+
                map.end()
            }
        }
    };
    (@ $this:ident $name:ident) => { &$this.$name };
    (@ $this:ident $name:ident $value:expr) => { &$value };
}
pub(crate) use object;

object! { ScanReport, r,
    healthy: r.is_healthy(), backend, location, segments, bytes, entries, records,
    kinds: by_kind(&r.kinds), damaged, salvageable, suspect, structural,
    anomalies: by_anomaly(&r.anomalies), findings, findings_listed: r.findings.len(),
    findings_total, oldest, newest, untimed, from_future, time_note, sampled,
}

object! { Recovery, r,
    mode, dry_run, changed, removed_entries, removed_bytes, salvaged, ambiguous, line_ends,
    terminated, rewritten, quarantine, remaining, bytes_before, bytes_after, audit: record(&r.audit), note, before,
}

object! { Compaction, r,
    backend, location, as_of, dry_run, changed, records_before, records_after, bytes_before,
    bytes_after, kept: by_kind(&r.kept), damaged_removed, damaged_kept, untimed_kept,
    from_future_kept, time_note, pinned_removed, pinned_kept, rewritten, quarantine, indexed_bytes,
    indexed_blocks, audit: record(&r.audit), note,
}

object! { Inspection, r,
    backend, location, segments, bytes, records, kinds: by_kind(&r.kinds), damaged, sampled,
    oldest, newest, untimed, from_future, time_note,
}

object! { StartupReport, r,
    outcome, may_start: r.may_start(), scan, recovery, indexed_bytes, note,
}

object! { IndexReport, r,
    backend, location, segments, bytes, entries, blocks, indexed_bytes, index_bytes, head,
}

object! { VerifyReport, r,
    backend, location, segments, bytes, blocks, outcome, intact: r.is_intact(), head, difference, note,
}

object! { Difference, d,
    segment, start: place(d.start), end: place(d.end), first_line, last_line, oldest, newest,
}

object! { Appended, r, records, bytes, suspects }

object! { Counters, c,
    records_written, bytes_written, records_read, scans, anomalies_detected, recoveries,
    compactions, bytes_reclaimed, write_errors, read_errors, scan_errors, recovery_errors,
    compaction_errors,
}

object! { Retention, r,
    max_records: r.journal.max_records, max_age_seconds: r.journal.max_age_seconds,
    max_total_bytes: r.journal.max_total_bytes,
    per_kind: Entries(r.per_kind.iter().map(|of| (of.kind.name(), of.limits))),
}

object! { Limits, l, max_records, max_age_seconds, max_total_bytes }

impl Severity {
    /// The word in reports.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Damage => "damage",
            Self::Suspect => "suspect",
            Self::Structure => "structure",
        }
    }
}

impl Serialize for Severity {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

/// Only what the finding has.
impl Serialize for Finding {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("anomaly", &self.anomaly)?;
        map.serialize_entry("severity", &self.severity)?;
        map.serialize_entry("segment", &self.segment)?;
        self.line.iter().try_for_each(|line| map.serialize_entry("line", line))?;
        self.offset.iter().try_for_each(|offset| map.serialize_entry("offset", offset))?;
        self.id.iter().try_for_each(|id| map.serialize_entry("id", id))?;
        map.serialize_entry("length", &self.length)?;
        if self.salvageable > 0 {
            map.serialize_entry("salvageable", &self.salvageable)?;
            map.serialize_entry("ambiguous", &self.ambiguous)?;
        }
        if !self.hint.is_empty() {
            map.serialize_entry("hint", &self.hint)?;
        }
        map.serialize_entry("excerpt", &self.excerpt)?;
        map.end()
    }
}

object! { ConsumerInfo, c, consumer: c.name, pending, idle_ms, inactive_ms }

object! { GroupInfo, g, group: g.name, consumers, pending, lag, last_delivered }

object! { PendingSummary, s,
    min_pending: s.min, max_pending: s.max, pending_by_consumer: s.consumers,
}

object! { ConsumerPending, p, consumer, pending: p.count }

object! { PendingEntry, e, id, consumer, idle_ms, deliveries }

object! { GroupLoss, l, kind, group, entries }

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

impl Serialize for VerifyOutcome {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(match self {
            Self::Intact => "intact",
            Self::Differs => "differs",
            Self::Unverifiable => "unverifiable",
        })
    }
}

/// Records and bytes under the name of each kind.
pub(crate) fn by_kind(counts: &[KindCount]) -> impl Serialize {
    let both =
        |of: &KindCount| (of.kind.name(), json!({ "records": of.records, "bytes": of.bytes }));
    Entries(counts.iter().map(both))
}

fn by_anomaly(counts: &[AnomalyCount]) -> impl Serialize {
    Entries(counts.iter().map(|of| (&of.anomaly, of.count)))
}

/// A byte of a file, or the id of an entry.
fn place(position: Position) -> Value {
    match position {
        Position { major: 0, minor } => minor.into(),
        Position { major, minor } => format!("{major}-{minor}").into(),
    }
}

/// An object of named values.
struct Entries<I>(I);

impl<K: Serialize, V: Serialize, I: Iterator<Item = (K, V)> + Clone> Serialize for Entries<I> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.clone())
    }
}

/// An audit record as an object; null if there is none.
fn record(line: &str) -> Value {
    serde_json::from_str(line).unwrap_or(Value::Null)
}
