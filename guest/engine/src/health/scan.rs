//! Looking at every entry. Changes nothing.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::anomaly::{Anomaly, Finding};
pub use crate::bindings::exports::papyra::persistence::journal::{
    AnomalyCount, ScanOptions, ScanReport,
};
use crate::failure::Outcome;
use crate::health::tally::Tally;
use crate::host::{Framing, Host, Range};
use crate::walk::partition::{Partition, parse_result, visit_partition};
use crate::walk::{self, Entry, NEXT, STOP, View};

/// The most findings that a report lists.
pub const MAX_FINDINGS: u32 = 10_000;

impl ScanReport {
    pub fn is_healthy(&self) -> bool {
        self.damaged == 0 && self.suspect == 0 && self.structural == 0
    }
}

/// The state of a scan of one partition, or of all of them.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ScanState {
    pub tally: Tally,
    findings: Vec<Finding>,
    total: u64,
    /// Entries of the segment that is being looked at.
    line: u64,
    /// Entries per segment, to number those of the next partition of the same segment.
    lines: BTreeMap<String, u64>,
}

impl ScanState {
    /// Goes on in a segment whose first entries, all sound, have been counted before.
    pub fn resumed(tally: &Tally) -> Self {
        Self { tally: tally.clone(), line: tally.entries, ..Self::default() }
    }

    /// Counts an entry and lists what is wrong with it.
    pub fn observe(
        &mut self,
        segment: &str,
        framing: Framing,
        entry: &Entry<'_>,
        now: f64,
        max: u32,
    ) {
        self.line += 1;
        self.tally.add(entry, now);
        if !entry.anomalies.is_empty() {
            self.list(segment, framing, entry, self.line, max);
        }
    }

    /// All entries of a segment, or of a partition of it, have been observed.
    pub fn finish_segment(&mut self, segment: &str) {
        *self.lines.entry(segment.to_owned()).or_default() += std::mem::take(&mut self.line);
    }

    fn list(&mut self, segment: &str, framing: Framing, entry: &Entry<'_>, line: u64, max: u32) {
        for anomaly in entry.anomalies.iter() {
            self.total += 1;
            if self.findings.len() < max.min(MAX_FINDINGS) as usize {
                self.findings.push(Finding::of_entry(
                    anomaly,
                    segment,
                    framing,
                    entry.start,
                    Some(line),
                    entry.length,
                    entry.bytes,
                ));
            }
        }
    }

    /// Adds what is wrong with the set of segments.
    pub fn observe_structure(&mut self, view: &View, max: u32) {
        for finding in &view.structure {
            self.tally.count(finding.anomaly);
            self.total += 1;
            if self.findings.len() < max.min(MAX_FINDINGS) as usize {
                self.findings.push(finding.clone());
            }
        }
    }

    /// Adds the next partition.
    pub fn merge(&mut self, next: Self, max: u32) {
        self.tally.merge(&next.tally);
        self.total += next.total;
        let room = (max.min(MAX_FINDINGS) as usize).saturating_sub(self.findings.len());
        for mut finding in next.findings.into_iter().take(room) {
            let before = self.lines.get(&finding.segment).copied().unwrap_or(0);
            finding.line = finding.line.map(|line| line + before);
            self.findings.push(finding);
        }
        for (segment, count) in next.lines {
            *self.lines.entry(segment).or_default() += count;
        }
    }

    pub fn report(self, view: &View, sampled: bool) -> ScanReport {
        let Self { tally, findings, total, .. } = self;
        ScanReport {
            backend: view.description.backend.clone(),
            location: view.description.location.clone(),
            segments: u32::try_from(view.members.len()).unwrap_or(u32::MAX),
            bytes: tally.bytes,
            entries: tally.entries,
            records: tally.records,
            kinds: tally.kinds.counts(),
            damaged: tally.damaged,
            suspect: tally.suspect,
            structural: tally.structural,
            anomalies: anomaly_counts(&tally),
            findings_listed: findings.len() as u64,
            findings: ndjson(&findings),
            findings_total: total,
            oldest: tally.span.oldest,
            newest: tally.span.newest,
            implausible_timestamps: tally.implausible,
            sampled,
        }
    }
}

fn ndjson(findings: &[Finding]) -> String {
    let mut text = String::new();
    for line in findings.iter().filter_map(|finding| serde_json::to_string(finding).ok()) {
        text.push_str(&line);
        text.push('\n');
    }
    text
}

/// Scans the whole store.
pub fn scan<H: Host>(host: &mut H, options: ScanOptions) -> Outcome<ScanReport> {
    let view = View::open(host)?;
    if view.description.volatile {
        return Ok(ScanState::default().report(&view, false));
    }
    if let Some(count) = options.sample {
        return sample(host, &view, count, options.max_findings);
    }
    let now = host.now();
    let framing = view.description.framing;
    let mut state = ScanState::default();
    for segment in &view.members {
        let range = Range { start: segment.start, end: segment.end };
        let _ = walk::forward(host, segment, framing, range, &mut |_: &mut H, entry| {
            state.observe(&segment.name, framing, entry, now, options.max_findings);
            NEXT
        })?;
        state.finish_segment(&segment.name);
    }
    state.observe_structure(&view, options.max_findings);
    Ok(state.report(&view, false))
}

/// Looks at the newest `count` entries of each segment. Their numbers are not known.
fn sample<H: Host>(host: &mut H, view: &View, count: u64, max: u32) -> Outcome<ScanReport> {
    let now = host.now();
    let framing = view.description.framing;
    let mut state = ScanState::default();
    let mut sampled = false;
    for segment in &view.members {
        let range = Range { start: segment.start, end: segment.end };
        let mut left = count;
        let _ = walk::backward(host, segment, framing, range, &mut |_: &mut H, entry| {
            if left == 0 {
                sampled = true;
                return STOP;
            }
            left -= 1;
            state.observe(&segment.name, framing, entry, now, max);
            NEXT
        })?;
        state.finish_segment(&segment.name);
    }
    state.findings.iter_mut().for_each(|finding| finding.line = None);
    state.observe_structure(view, max);
    Ok(state.report(view, sampled))
}

/// Scans one partition.
pub fn scan_partition<H: Host>(
    host: &mut H,
    partition: &Partition,
    options: ScanOptions,
) -> Outcome<ScanState> {
    let now = host.now();
    let mut state = ScanState::default();
    visit_partition(host, partition, &mut |framing, entry| {
        state.observe(&partition.segment, framing, entry, now, options.max_findings);
    })?;
    state.finish_segment(&partition.segment);
    Ok(state)
}

/// Puts the results of all partitions together, in order.
pub fn conclude<H: Host>(
    host: &mut H,
    results: &[String],
    options: ScanOptions,
) -> Outcome<ScanReport> {
    let view = View::open(host)?;
    let mut state = ScanState::default();
    for result in results {
        state.merge(parse_result(result)?, options.max_findings);
    }
    state.observe_structure(&view, options.max_findings);
    Ok(state.report(&view, false))
}

/// The anomalies that occur.
fn anomaly_counts(tally: &Tally) -> Vec<AnomalyCount> {
    let named = Anomaly::ALL.into_iter().zip(tally.anomalies);
    let occurring = named.filter(|(_, count)| *count > 0);
    let count = |(anomaly, count): (Anomaly, u64)| AnomalyCount {
        anomaly: anomaly.name().to_owned(),
        count,
    };
    occurring.map(count).collect()
}
