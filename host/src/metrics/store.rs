//! The result of checking a store as Prometheus text, for stores that other processes write to.

use std::fmt;
use std::sync::atomic::AtomicU64;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::{Registry, Unit};

use crate::journal::ScanReport;
use crate::store::Kind;
use crate::store::groups::GroupInfo;

type Labels = Vec<(&'static str, String)>;
type Gauges = Family<Labels, Gauge<f64, AtomicU64>>;

/// The state of one store at its last check.
#[derive(Clone, Debug, Default)]
pub struct StoreLook {
    /// Location of the store, without secrets; the label `store`.
    pub location: String,
    /// True if the last check could read the store.
    pub up: bool,
    /// True if a system may start on the store; absent if that was not checked.
    pub ready: Option<bool>,
    /// End and duration of the last check.
    pub checked: Option<(SystemTime, Duration)>,
    /// The counts of that check, or of the last one that could read the store. A sample has neither sizes
    /// nor counts of records.
    pub scan: Option<ScanReport>,
    /// Consumer groups, by kind.
    pub groups: Vec<(Kind, GroupInfo)>,
}

/// The figures of these stores as text. Names begin with `papyra_store_` and `papyra_group_`.
///
/// # Errors
///
/// None that can happen: a `String` takes everything.
pub fn store_text(looks: &[StoreLook]) -> Result<String, fmt::Error> {
    let mut registry = Registry::with_prefix("papyra");
    let gauges = Families::register(&mut registry);
    looks.iter().for_each(|look| gauges.fill(look));
    let mut text = String::new();
    encode(&mut text, &registry)?;
    Ok(text)
}

#[derive(Default)]
struct Families {
    up: Gauges,
    ready: Gauges,
    bytes: Gauges,
    records: Gauges,
    oldest: Gauges,
    newest: Gauges,
    anomalies: Gauges,
    checked: Gauges,
    took: Gauges,
    pending: Gauges,
    lag: Gauges,
}

impl Families {
    fn register(registry: &mut Registry) -> Self {
        let all = Self::default();
        let mut plain = |name: &str, help: &str, gauges: &Gauges| {
            registry.register(name, help, gauges.clone());
        };
        plain("store_up", "1 if the last check of the store could read it", &all.up);
        plain("store_ready", "1 if a system may start on the store", &all.ready);
        plain("store_records", "Records per kind at the last check", &all.records);
        plain("store_anomalies", "Anomalies found by the last check", &all.anomalies);
        plain("group_pending_entries", "Entries handed out, not acknowledged", &all.pending);
        plain("group_lag_entries", "Entries not handed out; absent if unknown", &all.lag);
        let mut with = |name: &str, help: &str, unit: Unit, gauges: &Gauges| {
            registry.register_with_unit(name, help, unit, gauges.clone());
        };
        with("store_size", "Size of the store at the last check", Unit::Bytes, &all.bytes);
        with("store_oldest_record_timestamp", "Least timestamp", Unit::Seconds, &all.oldest);
        with("store_newest_record_timestamp", "Greatest timestamp", Unit::Seconds, &all.newest);
        with("store_last_check_timestamp", "End of the last check", Unit::Seconds, &all.checked);
        with("store_last_check_duration", "Length of the last check", Unit::Seconds, &all.took);
        all
    }

    fn fill(&self, look: &StoreLook) {
        let set = |gauges: &Gauges, more: &[(&'static str, &str)], value: f64| {
            let mut labels = vec![("store", look.location.clone())];
            labels.extend(more.iter().map(|(name, value)| (*name, (*value).to_owned())));
            gauges.get_or_create(&labels).set(value);
        };
        set(&self.up, &[], f64::from(u8::from(look.up)));
        if let Some(ready) = look.ready {
            set(&self.ready, &[], f64::from(u8::from(ready)));
        }
        if let Some((at, took)) = look.checked {
            set(&self.checked, &[], seconds(at));
            set(&self.took, &[], took.as_secs_f64());
        }
        for (kind, group) in &look.groups {
            let labels = [("kind", kind.name()), ("group", group.name.as_str())];
            set(&self.pending, &labels, group.pending as f64);
            if let Some(lag) = group.lag {
                set(&self.lag, &labels, lag as f64);
            }
        }
        let Some(scan) = &look.scan else { return };
        for anomaly in &scan.anomalies {
            set(&self.anomalies, &[("anomaly", &anomaly.anomaly)], anomaly.count as f64);
        }
        if let Some(newest) = scan.newest {
            set(&self.newest, &[], newest);
        }
        if scan.sampled {
            // How much there is, and since when, is not known.
            return;
        }
        set(&self.bytes, &[], scan.bytes as f64);
        for count in &scan.kinds {
            set(&self.records, &[("kind", count.kind.name())], count.records as f64);
        }
        if let Some(oldest) = scan.oldest {
            set(&self.oldest, &[], oldest);
        }
    }
}

fn seconds(at: SystemTime) -> f64 {
    at.duration_since(UNIX_EPOCH).map_or(0.0, |since| since.as_secs_f64())
}
