//! Looking at every entry. Changes nothing.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::anomaly::{Anomaly, Finding};
pub use crate::bindings::exports::papyra::persistence::journal::{
    AnomalyCount, Partition, ScanOptions, ScanReport,
};
use crate::failure::{Failure, FailureCode, Outcome};
use crate::host::{Framing, Host, Range};
use crate::tally::Tally;
use crate::walk::{self, Entry, NEXT, STOP, View};

/// The most findings that a report lists.
pub const MAX_FINDINGS: u32 = 10_000;

/// The most shares that a store is divided into.
const MAX_SHARES: u32 = 4096;

impl ScanReport {
    pub fn is_healthy(&self) -> bool {
        self.damaged == 0 && self.suspect == 0 && self.structural == 0
    }
}

/// What was seen in one share, or in all of them.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Sight {
    pub tally: Tally,
    findings: Vec<Finding>,
    total: u64,
    /// Entries of the segment that is being looked at.
    line: u64,
    /// Entries per segment, to number those of the next share of the same segment.
    lines: BTreeMap<String, u64>,
}

impl Sight {
    /// Goes on in a segment whose first entries, all sound, have been counted before.
    pub fn resumed(tally: &Tally) -> Self {
        Self { tally: tally.clone(), line: tally.entries, ..Self::default() }
    }

    /// Counts an entry and lists what is wrong with it.
    pub fn see(&mut self, segment: &str, framing: Framing, entry: &Entry<'_>, now: f64, max: u32) {
        self.line += 1;
        self.tally.add(entry, now);
        if !entry.anomalies.is_empty() {
            self.list(segment, framing, entry, self.line, max);
        }
    }

    /// All entries of a segment, or of a share of it, have been seen.
    pub fn leave(&mut self, segment: &str) {
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
    pub fn see_structure(&mut self, view: &View, max: u32) {
        for finding in &view.structure {
            self.tally.count(finding.anomaly);
            self.total += 1;
            if self.findings.len() < max.min(MAX_FINDINGS) as usize {
                self.findings.push(finding.clone());
            }
        }
    }

    /// Adds the next share.
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

/// Looks at the whole store.
pub fn scan<H: Host>(host: &mut H, options: ScanOptions) -> Outcome<ScanReport> {
    let view = View::open(host)?;
    if view.description.volatile {
        return Ok(Sight::default().report(&view, false));
    }
    if let Some(count) = options.sample {
        return sample(host, &view, count, options.max_findings);
    }
    let now = host.now();
    let framing = view.description.framing;
    let mut sight = Sight::default();
    for segment in &view.members {
        let range = Range { start: segment.start, end: segment.end };
        let _ = walk::forward(host, segment, framing, range, &mut |_: &mut H, entry| {
            sight.see(&segment.name, framing, entry, now, options.max_findings);
            NEXT
        })?;
        sight.leave(&segment.name);
    }
    sight.see_structure(&view, options.max_findings);
    Ok(sight.report(&view, false))
}

/// Looks at the newest `count` entries of each segment. Their numbers are not known.
fn sample<H: Host>(host: &mut H, view: &View, count: u64, max: u32) -> Outcome<ScanReport> {
    let now = host.now();
    let framing = view.description.framing;
    let mut sight = Sight::default();
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
            sight.see(&segment.name, framing, entry, now, max);
            NEXT
        })?;
        sight.leave(&segment.name);
    }
    sight.findings.iter_mut().for_each(|finding| finding.line = None);
    sight.see_structure(view, max);
    Ok(sight.report(view, sampled))
}

/// Cuts the store into at most `shares` parts of about equal size, between entries.
pub fn partition<H: Host>(host: &mut H, shares: u32) -> Outcome<Vec<Partition>> {
    let view = View::open(host)?;
    let shares = shares.clamp(1, MAX_SHARES);
    let total = view.bytes().max(1);
    let mut parts = Vec::new();
    for segment in &view.members {
        let wanted = match view.description.framing {
            Framing::Lines => {
                let share = u128::from(shares) * u128::from(segment.bytes);
                u64::try_from(share.div_ceil(u128::from(total))).unwrap_or(1)
            }
            Framing::Entries => 1,
        };
        let mut start = segment.start;
        let length = segment.start.until(segment.end);
        for index in 1..=wanted.max(1) {
            let target = segment.start.plus(length / wanted.max(1) * index);
            let end = match index == wanted.max(1) {
                true => segment.end,
                false if target < start => continue,
                false => walk::line_end(host, segment, target)?,
            };
            if end > start {
                parts.push(Partition { segment: segment.name.clone(), start, end });
                start = end;
            }
        }
    }
    Ok(parts)
}

/// Looks at one share.
pub fn scan_partition<H: Host>(
    host: &mut H,
    part: &Partition,
    options: ScanOptions,
) -> Outcome<Sight> {
    let now = host.now();
    let mut sight = Sight::default();
    visit_partition(host, part, &mut |framing, entry| {
        sight.see(&part.segment, framing, entry, now, options.max_findings);
    })?;
    sight.leave(&part.segment);
    Ok(sight)
}

/// Visits the entries of a share that a caller named, once that share has been checked.
pub fn visit_partition<H: Host>(
    host: &mut H,
    part: &Partition,
    visit: &mut impl FnMut(Framing, &Entry<'_>),
) -> Outcome<()> {
    let view = View::open(host)?;
    let framing = view.description.framing;
    let segment = view.members.iter().find(|segment| segment.name == part.segment);
    let segment = segment.ok_or_else(|| {
        let message = format!("there is no segment {:?}; call `partitions` again", part.segment);
        Failure::argument(message)
    })?;
    if part.start < segment.start || part.end > segment.end || part.start > part.end {
        return Err(Failure::argument(
            "the share lies outside its segment; call `partitions` again",
        ));
    }
    let range = Range { start: part.start, end: part.end };
    let _ = walk::forward(host, segment, framing, range, &mut |_: &mut H, entry| {
        visit(framing, entry);
        NEXT
    })?;
    Ok(())
}

/// Puts the shares together, in order.
pub fn conclude<H: Host>(
    host: &mut H,
    results: &[String],
    options: ScanOptions,
) -> Outcome<ScanReport> {
    let view = View::open(host)?;
    let mut sight = Sight::default();
    for result in results {
        sight.merge(parse_result(result)?, options.max_findings);
    }
    sight.see_structure(&view, options.max_findings);
    Ok(sight.report(&view, false))
}

/// Reads what another instance has written.
pub fn parse_result<T: serde::de::DeserializeOwned>(result: &str) -> Outcome<T> {
    serde_json::from_str(result).map_err(|error| {
        Failure::argument(format!("not the result of a share of this engine version: {error}"))
    })
}

/// Writes what another instance will read.
pub fn write_result<T: Serialize>(result: &T) -> Outcome<String> {
    serde_json::to_string(result).map_err(|error| {
        Failure::new(FailureCode::Failed, format!("cannot hand on a share: {error}"))
    })
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
