//! The same for Prometheus. The encoder adds `_total` to the names of counters.

use std::fmt::Error;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, NoLabelSet};
use prometheus_client::metrics::MetricType;

use super::{Histogram, Measured, Metrics};
use crate::recorder::{DropReason, Tally};

type Labels<'a> = Vec<(&'static str, &'a str)>;

impl Collector for Metrics {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), Error> {
        let snapshot = self.snapshot();
        journals(&mut encoder, &snapshot.journals)?;
        recorders(&mut encoder, &snapshot.recorders)
    }
}

fn journals(encoder: &mut DescriptorEncoder<'_>, all: &[(String, Measured)]) -> Result<(), Error> {
    let Some((_, first)) = all.first() else { return Ok(()) };
    for (index, (name, _)) in first.named().into_iter().enumerate() {
        let series = all.iter().map(|(store, measured)| {
            let count = measured.named().get(index).map_or(0, |(_, count)| *count);
            (vec![("store", store.as_str())], count)
        });
        counter(encoder, &format!("papyra_{name}"), help(name), series)?;
    }
    histogram(
        encoder,
        "papyra_append_duration_seconds",
        "How long appends took that succeeded",
        all.iter().map(|(store, measured)| (store.as_str(), &measured.append_seconds)),
    )?;
    histogram(
        encoder,
        "papyra_append_batch_records",
        "How many records an append wrote",
        all.iter().map(|(store, measured)| (store.as_str(), &measured.append_records)),
    )?;
    let successes = all.iter().flat_map(|(store, measured)| {
        measured.last_success.iter().filter_map(move |(operation, at)| {
            Some((vec![("store", store.as_str()), ("operation", *operation)], (*at)?))
        })
    });
    let name = "papyra_last_success_timestamp_seconds";
    gauge(encoder, name, "When an operation last succeeded, since the epoch", successes)
}

fn help(name: &str) -> &'static str {
    match name {
        "records_written" => "Records that the store has taken",
        "bytes_written" => "Bytes of records that the store has taken, line ends included",
        "scans" => "Scans of the whole store",
        "anomalies_detected" => "Anomalies that scans have found, again at each scan",
        "recoveries" => "Recoveries, failed ones included",
        "compactions" => "Compactions, failed ones included",
        "write_errors" => "Appends that failed",
        "scan_errors" => "Scans that failed",
        "recovery_errors" => "Recoveries that failed",
        "compaction_errors" => "Compactions that failed",
        "records_read" => "Records that were returned",
        "reads" => "Pages of queries and inspections that were answered",
        "read_errors" => "Queries and inspections that failed",
        "bytes_reclaimed" => "Bytes that compaction has freed",
        _ => "See the documentation",
    }
}

/// A name, what it is about, and the figure itself.
type Figure = (&'static str, &'static str, fn(&Tally) -> u64);

fn recorders(encoder: &mut DescriptorEncoder<'_>, all: &[(String, Tally)]) -> Result<(), Error> {
    if all.is_empty() {
        return Ok(());
    }
    let one = |value: fn(&Tally) -> u64| {
        all.iter().map(move |(name, tally)| (vec![("recorder", name.as_str())], value(tally)))
    };
    let counters: [Figure; 5] = [
        ("records_accepted", "Records handed in", |tally| tally.accepted),
        ("records_written", "Records that a store has taken", |tally| tally.written),
        ("bytes_written", "Bytes of those", |tally| tally.bytes_written),
        ("batches", "Batches taken up for writing", |tally| tally.batches),
        ("retries", "Attempts repeated after a failure that can pass", |tally| tally.retries),
    ];
    for (name, help, value) in counters {
        counter(encoder, &format!("papyra_recorder_{name}"), help, one(value))?;
    }
    let drops = all.iter().flat_map(|(name, tally)| {
        tally.reasons().map(|(reason, count)| {
            (vec![("recorder", name.as_str()), ("reason", word(reason))], count)
        })
    });
    counter(encoder, "papyra_recorder_records_dropped", "Records that were not written", drops)?;
    let gauges: [Figure; 4] = [
        ("queue_records", "Records that wait or are being written", |tally| tally.queued),
        ("queue_bytes", "Bytes of those", |tally| tally.queued_bytes),
        ("queue_high_water_records", "The most records that waited", |tally| tally.queued_most),
        ("queue_high_water_bytes", "The most bytes that waited", |tally| tally.queued_bytes_most),
    ];
    for (name, help, value) in gauges {
        let series = one(value).map(|(labels, value)| (labels, value as f64));
        gauge(encoder, &format!("papyra_recorder_{name}"), help, series)?;
    }
    Ok(())
}

fn word(reason: DropReason) -> &'static str {
    match reason {
        DropReason::Overflow => "overflow",
        DropReason::Invalid => "invalid",
        DropReason::Failed => "failed",
        DropReason::Closed => "closed",
        DropReason::Unrouted => "unrouted",
    }
}

fn counter<'a>(
    encoder: &mut DescriptorEncoder<'_>,
    name: &str,
    help: &str,
    series: impl Iterator<Item = (Labels<'a>, u64)>,
) -> Result<(), Error> {
    let mut family = encoder.encode_descriptor(name, help, None, MetricType::Counter)?;
    for (labels, value) in series {
        family.encode_family(&labels)?.encode_counter::<NoLabelSet, _, u64>(&value, None)?;
    }
    Ok(())
}

fn gauge<'a>(
    encoder: &mut DescriptorEncoder<'_>,
    name: &str,
    help: &str,
    series: impl Iterator<Item = (Labels<'a>, f64)>,
) -> Result<(), Error> {
    let mut family = encoder.encode_descriptor(name, help, None, MetricType::Gauge)?;
    for (labels, value) in series {
        family.encode_family(&labels)?.encode_gauge(&value)?;
    }
    Ok(())
}

fn histogram<'a>(
    encoder: &mut DescriptorEncoder<'_>,
    name: &str,
    help: &str,
    series: impl Iterator<Item = (&'a str, &'a Histogram)>,
) -> Result<(), Error> {
    let mut family = encoder.encode_descriptor(name, help, None, MetricType::Histogram)?;
    for (store, histogram) in series {
        let labels: Labels<'_> = vec![("store", store)];
        let Histogram { buckets, count, sum } = histogram;
        let mut one = family.encode_family(&labels)?;
        one.encode_histogram::<NoLabelSet>(*sum, *count, buckets, None)?;
    }
    Ok(())
}
