//! Looking at every entry. Changes nothing.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::anomaly::{Anomalies, Anomaly, Finding};
pub use crate::bindings::exports::papyra::persistence::journal::{
    AnomalyCount, ScanOptions, ScanReport,
};
use crate::failure::Outcome;
use crate::health::salvage::{self, Salvage};
use crate::health::tally::Tally;
use crate::host::{Framing, Host, Position, Range, Segment};
use crate::time;
use crate::walk::partition::{Partition, parse_result, visit_partition};
use crate::walk::{self, Entry, NEXT, STOP, View};

/// The most findings that a report lists.
pub const MAX_FINDINGS: u32 = 10_000;

impl ScanReport {
    pub fn is_healthy(&self) -> bool {
        self.damaged == 0 && self.suspect == 0 && self.structural == 0
    }
}

/// Where entries are looked at.
#[derive(Clone, Copy)]
pub struct Place<'a> {
    pub segment: &'a Segment,
    pub framing: Framing,
    /// The time by the host's clock.
    pub now: f64,
    pub max_findings: u32,
}

/// What a closer look at an anomalous entry has shown.
#[derive(Clone, Copy, Debug)]
pub struct Judged {
    pub anomalies: Anomalies,
    pub salvage: Salvage,
    /// The name of another encoding than NDJSON, and what to do about it.
    pub foreign: Option<(&'static str, &'static str)>,
}

impl Judged {
    fn of<H: Host>(host: &mut H, place: Place<'_>, entry: &Entry<'_>) -> Outcome<Self> {
        let anomalies = entry.anomalies;
        let mut judged = Self { anomalies, salvage: Salvage::default(), foreign: None };
        let begins = place.framing == Framing::Lines && entry.start == Position::ZERO;
        judged.foreign = if begins { salvage::encoding(entry.bytes) } else { None };
        if judged.foreign.is_some() {
            judged.anomalies = Anomalies::only(Anomaly::ForeignEncoding);
        } else if salvage::is_examined(place.framing, entry) {
            judged.salvage = salvage::examine(host, place.segment, entry, |_, _| Ok(true))?;
            judged.anomalies = judged.salvage.anomalies(entry);
        }
        Ok(judged)
    }

    fn finding(&self, of: Anomaly, place: Place<'_>, entry: &Entry<'_>, line: u64) -> Finding {
        let name = &place.segment.name;
        let (at, length) = (entry.start, entry.length);
        let mut finding = Finding::of_entry(of, name, place.framing, at, length, entry.bytes);
        finding.line = Some(line);
        if of == Anomaly::JoinedRecords {
            finding.salvageable = self.salvage.records;
            finding.ambiguous = self.salvage.ambiguous;
        }
        if let Some((name, hint)) = self.foreign {
            finding.hint = format!("this is {name}; {hint}");
        }
        finding
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
    /// Counts entries that are not looked at, since what is known of them is enough.
    pub fn pass(&mut self, known: &Tally) {
        self.tally.merge(known);
        self.line += known.entries;
    }

    /// Counts an entry and lists what is wrong with it. Returns what a closer look at an anomalous one has
    /// shown.
    #[inline]
    pub fn look<H: Host>(
        &mut self,
        host: &mut H,
        place: Place<'_>,
        entry: &Entry<'_>,
    ) -> Outcome<Option<Judged>> {
        self.line += 1;
        self.tally.add(entry, place.now);
        match entry.anomalies.is_empty() {
            true => Ok(None),
            false => self.look_closer(host, place, entry).map(Some),
        }
    }

    #[cold]
    fn look_closer<H: Host>(
        &mut self,
        host: &mut H,
        place: Place<'_>,
        entry: &Entry<'_>,
    ) -> Outcome<Judged> {
        let judged = Judged::of(host, place, entry)?;
        self.tally.add_anomalies(judged.anomalies, &judged.salvage);
        for anomaly in judged.anomalies.iter() {
            self.total += 1;
            if self.findings.len() < place.max_findings.min(MAX_FINDINGS) as usize {
                self.findings.push(judged.finding(anomaly, place, entry, self.line));
            }
        }
        Ok(judged)
    }

    /// All entries of a segment, or of a partition of it, have been observed.
    pub fn finish_segment(&mut self, segment: &str) {
        *self.lines.entry(segment.to_owned()).or_default() += std::mem::take(&mut self.line);
    }

    /// Adds what is wrong with the set of segments.
    pub fn observe_structure(&mut self, view: &View, max: u32) {
        for (anomaly, finding) in &view.structure {
            self.tally.count(*anomaly);
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
            salvageable: tally.salvageable,
            suspect: tally.suspect,
            structural: tally.structural,
            anomalies: anomaly_counts(&tally),
            findings,
            findings_total: total,
            oldest: tally.span.oldest,
            newest: tally.span.newest,
            untimed: tally.untimed,
            from_future: tally.from_future,
            time_note: time::note(tally.future, tally.likely.as_deref()),
            sampled,
        }
    }
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
        let place = Place { segment, framing, now, max_findings: options.max_findings };
        let _ = walk::forward(host, segment, framing, range, &mut |host: &mut H, entry| {
            state.look(host, place, entry)?;
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
        let place = Place { segment, framing, now, max_findings: max };
        let _ = walk::backward(host, segment, framing, range, &mut |host: &mut H, entry| {
            if left == 0 {
                sampled = true;
                return STOP;
            }
            left -= 1;
            state.look(host, place, entry)?;
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
    visit_partition(host, partition, &mut |host, segment, framing, entry| {
        let place = Place { segment, framing, now, max_findings: options.max_findings };
        state.look(host, place, entry)?;
        Ok(())
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
        severity: anomaly.severity(),
        count,
    };
    occurring.map(count).collect()
}
