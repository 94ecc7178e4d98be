//! Counting entries, for reports.

use serde::{Deserialize, Serialize};

use crate::amount::Kinds;
use crate::anomaly::{Anomalies, Anomaly, Severity};
use crate::health::likely;
use crate::health::salvage::Salvage;
use crate::time::Moment;
use crate::walk::Entry;

/// Least and greatest of the usable timestamps.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Span {
    pub oldest: Option<f64>,
    pub newest: Option<f64>,
}

impl Span {
    fn add(&mut self, timestamp: f64) {
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
    pub salvageable: u64,
    pub suspect: u64,
    pub structural: u64,
    pub anomalies: [u64; Anomaly::ALL.len()],
    pub span: Span,
    pub untimed: u64,
    pub from_future: u64,
    /// One of the timestamps from the future.
    pub future: Option<f64>,
    /// The profile that the records without a time fit.
    pub likely: Option<String>,
}

impl Tally {
    /// Counts an entry. What is wrong with it is counted apart.
    pub fn add(&mut self, entry: &Entry<'_>, now: f64) {
        self.bytes += entry.stored;
        self.entries += 1;
        if let Some(envelope) = &entry.envelope {
            self.records += 1;
            if let Some(kind) = envelope.kind {
                self.kinds.add(kind, entry.stored);
            }
            self.time(envelope.timestamp, now);
            if envelope.timestamp.is_none() {
                self.look_elsewhere(entry.bytes);
            }
        }
    }

    fn time(&mut self, timestamp: Option<f64>, now: f64) {
        match (Moment::of(timestamp, now), timestamp) {
            (Moment::Calendar, Some(timestamp)) => self.span.add(timestamp),
            (Moment::Future, _) => {
                self.from_future += 1;
                self.future = self.future.or(timestamp);
            }
            _ => self.untimed += 1,
        }
    }

    /// Who may have written a record without a time.
    #[cold]
    fn look_elsewhere(&mut self, record: &[u8]) {
        if self.likely.is_none() && self.untimed <= likely::AMONG {
            self.likely = likely::profile(record).map(str::to_owned);
        }
    }

    /// Counts what is wrong with an entry.
    pub fn add_anomalies(&mut self, anomalies: Anomalies, salvage: &Salvage) {
        self.damaged += u64::from(anomalies.is_damage());
        self.suspect += u64::from(anomalies.is_suspect());
        self.salvageable += salvage.records;
        anomalies.iter().for_each(|anomaly| self.count(anomaly));
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
        self.salvageable += other.salvageable;
        self.suspect += other.suspect;
        self.structural += other.structural;
        for (mine, theirs) in self.anomalies.iter_mut().zip(other.anomalies) {
            *mine += theirs;
        }
        self.span.merge(&other.span);
        self.untimed += other.untimed;
        self.from_future += other.from_future;
        self.future = self.future.or(other.future);
        self.likely = self.likely.take().or_else(|| other.likely.clone());
    }
}
