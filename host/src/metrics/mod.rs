//! Metrics of journals and recorders: as values, and as Prometheus text in a registry that you own.
//!
//! ```
//! use papyra_persistence::metrics::Metrics;
//! use papyra_persistence::{Engine, Journal, MemoryStore};
//! use prometheus_client::encoding::text::encode;
//! use prometheus_client::registry::Registry;
//!
//! # #[tokio::main]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let journal = Journal::new(&Engine::new()?, MemoryStore::new());
//! let metrics = Metrics::default().journal("events", &journal);
//! let mut registry = Registry::default();
//! metrics.register(&mut registry);
//!
//! journal.append_lines(r#"{"kind": "event", "timestamp": 1738000000}"#).await?;
//! let mut text = String::new();
//! encode(&mut text, &registry)?;
//! assert!(text.contains("papyra_records_written_total{store=\"events\"} 1\n"));
//! # Ok(())
//! # }
//! ```
//!
//! # Names
//!
//! Counters, with the label `store`; in text all begin with `papyra_` and end with `_total`:
//!
//! | name | what |
//! |---|---|
//! | `records_written`, `bytes_written` | records that the store has taken, audit records included, and their bytes |
//! | `scans`, `anomalies_detected` | scans, and anomalies that they found; the same anomaly counts each time |
//! | `recoveries`, `compactions` | attempts, failed ones included; dry runs are not counted |
//! | `write_errors`, `scan_errors`, `recovery_errors`, `compaction_errors`, `read_errors` | failures |
//! | `records_read`, `reads` | records returned, and pages and inspections answered |
//! | `bytes_reclaimed` | bytes that compaction has freed |
//!
//! A recovery counts as a recovery and not as a scan as well. A startup check counts the scan that it
//! reports, and its recovery if there was one.
//!
//! Histograms: `append_duration_seconds`, `append_batch_records`. Gauge:
//! `last_success_timestamp_seconds`, with the label `operation`.
//!
//! Per recorder, with the label `recorder`: the counters `recorder_records_accepted`,
//! `recorder_records_written`, `recorder_bytes_written`, `recorder_records_dropped` (label `reason`),
//! `recorder_batches` and `recorder_retries`, the gauges `recorder_queue_records` and
//! `recorder_queue_bytes`, and their greatest values, `recorder_queue_high_water_records` and
//! `recorder_queue_high_water_bytes`.

//!
//! For stores that other processes write to, [`store_text`] writes what a check has found.

mod prometheus;
mod store;

pub use self::store::{StoreLook, store_text};
pub use crate::journal::{Histogram, Measured};

use prometheus_client::registry::Registry;
use serde::Serialize;

use crate::journal::Journal;
use crate::recorder::{Recorder, Tally};

/// The journals and recorders of a program, by name. Cheap to clone.
///
/// Everything is counted where it happens; this only looks there when asked.
#[derive(Clone, Debug, Default)]
#[must_use]
pub struct Metrics {
    journals: Vec<(String, Journal)>,
    recorders: Vec<(String, Recorder)>,
}

/// Everything at (nearly) one moment; each recorder's account is exact in itself.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct MetricsSnapshot {
    /// By name.
    pub journals: Vec<(String, Measured)>,
    /// By name.
    pub recorders: Vec<(String, Tally)>,
}

impl Metrics {
    /// Adds a journal. Clones of it count together: add one of them.
    pub fn journal(mut self, name: impl Into<String>, journal: &Journal) -> Self {
        self.journals.push((name.into(), journal.clone()));
        self
    }

    /// Adds a recorder. It stays open until the metrics, and the registry they are in, are dropped or it
    /// is closed.
    pub fn recorder(mut self, name: impl Into<String>, recorder: &Recorder) -> Self {
        self.recorders.push((name.into(), recorder.clone()));
        self
    }

    /// Everything as it is now.
    pub fn snapshot(&self) -> MetricsSnapshot {
        let journals = self.journals.iter();
        let recorders = self.recorders.iter();
        MetricsSnapshot {
            journals: journals.map(|(name, journal)| (name.clone(), journal.measured())).collect(),
            recorders: recorders.map(|(name, one)| (name.clone(), one.tally())).collect(),
        }
    }

    /// Sets everything to zero, errors included. What is queued in a recorder stays queued, and counts
    /// as just accepted.
    pub fn reset(&self) {
        self.journals.iter().for_each(|(_, journal)| journal.reset_metrics());
        self.recorders.iter().for_each(|(_, recorder)| recorder.reset_tally());
    }

    /// Adds everything to a registry, which asks for it at each encoding. Names begin with `papyra_`.
    pub fn register(&self, registry: &mut Registry) {
        registry.register_collector(Box::new(self.clone()));
    }
}
