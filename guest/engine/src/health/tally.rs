//! Counting entries, for reports.

use serde::{Deserialize, Serialize};

use crate::amount::Kinds;
use crate::anomaly::{Anomaly, Severity};
use crate::time;
use crate::walk::Entry;

/// Least and greatest of the usable timestamps.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Span {
    pub oldest: Option<f64>,
    pub newest: Option<f64>,
}

impl Span {
    pub fn add(&mut self, timestamp: f64) {
        self.oldest = Some(self.oldest.map_or(timestamp, |oldest| oldest.min(timestamp)));
        self.newest = Some(self.newest.map_or(timestamp, |newest| newest.max(timestamp)));
    }

    pub fn merge(&mut self, other: &Self) {
        for timestamp in [other.oldest, other.newest].into_iter().flatten() {
            self.add(timestamp);
        }
    }
}

/// What a scan counts.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Tally {
    pub bytes: u64,
    pub entries: u64,
    pub records: u64,
    pub kinds: Kinds,
    pub damaged: u64,
    pub suspect: u64,
    pub structural: u64,
    pub anomalies: [u64; Anomaly::ALL.len()],
    pub span: Span,
    pub implausible: u64,
}

impl Tally {
    pub fn add(&mut self, entry: &Entry<'_>, now: f64) {
        self.bytes += entry.stored;
        self.entries += 1;
        if let Some(envelope) = &entry.envelope {
            self.records += 1;
            if let Some(kind) = envelope.kind {
                self.kinds.add(kind, entry.stored);
            }
            self.time(envelope.timestamp, now);
        }
        if !entry.anomalies.is_empty() {
            self.damaged += u64::from(entry.anomalies.is_damage());
            self.suspect += u64::from(entry.anomalies.is_suspect());
            entry.anomalies.iter().for_each(|anomaly| self.count(anomaly));
        }
    }

    fn time(&mut self, timestamp: Option<f64>, now: f64) {
        let Some(timestamp) = timestamp else { return };
        if time::is_usable(timestamp) {
            self.span.add(timestamp);
        }
        self.implausible += u64::from(!time::is_plausible(timestamp, now));
    }

    /// Counts one occurrence of an anomaly.
    pub fn count(&mut self, anomaly: Anomaly) {
        if let Some(count) = self.anomalies.get_mut(anomaly.index()) {
            *count += 1;
        }
        self.structural += u64::from(anomaly.severity() == Severity::Structure);
    }

    pub fn merge(&mut self, other: &Self) {
        self.bytes += other.bytes;
        self.entries += other.entries;
        self.records += other.records;
        self.kinds.merge(&other.kinds);
        self.damaged += other.damaged;
        self.suspect += other.suspect;
        self.structural += other.structural;
        for (mine, theirs) in self.anomalies.iter_mut().zip(other.anomalies) {
            *mine += theirs;
        }
        self.span.merge(&other.span);
        self.implausible += other.implausible;
    }
}
