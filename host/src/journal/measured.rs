//! The counts and measurements of one journal in this process.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::Serialize;

use super::{Counters, Histogram};

/// From a tenth of a millisecond to the timeout of a store.
const SECONDS: [f64; 12] =
    [1e-4, 2.5e-4, 5e-4, 1e-3, 2.5e-3, 5e-3, 1e-2, 0.05, 0.25, 1.0, 10.0, 60.0];
const RECORDS: [f64; 9] = [1.0, 3.0, 10.0, 30.0, 100.0, 300.0, 1e3, 3e3, 1e4];

/// The operations of a journal, as they are named in metrics and logs.
pub(crate) const OPERATIONS: [&str; 7] =
    ["append", "read", "inspect", "scan", "recover", "compact", "startup-check"];

/// The counts and measurements of one journal and its clones in this process.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Measured {
    /// The counts of the engine, added up over its instances.
    pub counters: Counters,
    /// Pages of queries and inspections that were answered.
    pub reads: u64,
    /// Duration of successful appends, in seconds: judging, writing, and waiting for
    /// the store's durability.
    pub append_seconds: Histogram,
    /// Number of records per append.
    pub append_records: Histogram,
    /// Time of the last success of each operation, in seconds since the epoch; dry runs included.
    pub last_success: [(&'static str, Option<f64>); 7],
}

impl Default for Measured {
    fn default() -> Self {
        Self {
            counters: Counters::default(),
            reads: 0,
            append_seconds: Histogram::new(&SECONDS),
            append_records: Histogram::new(&RECORDS),
            last_success: OPERATIONS.map(|operation| (operation, None)),
        }
    }
}

impl Measured {
    /// An operation has succeeded just now.
    pub(crate) fn succeeded(&mut self, operation: &str) {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).ok();
        if let Some((_, at)) = self.last_success.iter_mut().find(|(name, _)| *name == operation) {
            *at = now.map(|since| since.as_secs_f64());
        }
        self.reads += u64::from(matches!(operation, "read" | "inspect"));
    }

    /// An append has succeeded just now.
    pub(crate) fn appended(&mut self, records: u64, took: Duration) {
        self.succeeded("append");
        self.append_seconds.add(took.as_secs_f64());
        self.append_records.add(records as f64);
    }

    /// The counters with their stable names: those that Papyra has in its order, then the others.
    pub fn named(&self) -> [(&'static str, u64); 14] {
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
        } = self.counters;
        [
            ("records_written", records_written),
            ("bytes_written", bytes_written),
            ("scans", scans),
            ("anomalies_detected", anomalies_detected),
            ("recoveries", recoveries),
            ("compactions", compactions),
            ("write_errors", write_errors),
            ("scan_errors", scan_errors),
            ("recovery_errors", recovery_errors),
            ("compaction_errors", compaction_errors),
            ("records_read", records_read),
            ("reads", self.reads),
            ("read_errors", read_errors),
            ("bytes_reclaimed", bytes_reclaimed),
        ]
    }
}

impl Serialize for Measured {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        use serde::ser::SerializeMap;
        let mut map = serializer.serialize_map(None)?;
        for (name, count) in self.named() {
            map.serialize_entry(name, &count)?;
        }
        map.serialize_entry("append_seconds", &self.append_seconds)?;
        map.serialize_entry("append_records", &self.append_records)?;
        map.serialize_entry("last_success", &LastSuccess(&self.last_success))?;
        map.end()
    }
}

struct LastSuccess<'a>(&'a [(&'static str, Option<f64>)]);

impl Serialize for LastSuccess<'_> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().copied())
    }
}
