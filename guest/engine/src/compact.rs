//! Removing what retention hides.
//!
//! Three steps: survey the store (in parallel, where the host likes), walk back over the blocks to
//! find where the limits are reached, then go forward and hand what goes to the store. Only blocks in
//! which something goes and something stays are read a second time.

use std::ops::ControlFlow;

use crate::failure::{Failure, Outcome};
use crate::host::{Framing, Host, Purpose, Range, RewriteOptions, Segment};
use crate::json::Kind;
use crate::plan::Plan;
use crate::retention::{Admission, Retainer, Retention};
use crate::scan::{Part, parse_result, visit_part};
use crate::survey::{Block, Survey};
use crate::tally::Kinds;
use crate::walk::{self, Entry, NEXT, Place, STOP, View};

#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CompactOptions {
    pub dry_run: bool,
    pub force: bool,
    pub keep_evidence: bool,
    pub as_of: Option<f64>,
}

/// What compaction has done, or would do; `wit/journal.wit` documents the fields.
#[derive(Clone, Debug, PartialEq)]
pub struct Compaction {
    pub backend: String,
    pub location: String,
    pub dry_run: bool,
    pub changed: bool,
    pub records_before: u64,
    pub records_after: u64,
    pub bytes_before: u64,
    pub bytes_after: u64,
    pub kept: Kinds,
    pub damaged_removed: u64,
    pub damaged_kept: u64,
    pub ageless_kept: u64,
    pub pinned_removed: u64,
    pub pinned_kept: u64,
    pub rewritten: Vec<String>,
    pub evidence: Vec<String>,
    pub as_of: f64,
    pub fact: String,
    pub note: String,
}

/// Compacts the store, surveying it with this instance alone.
pub fn compact<H: Host>(
    host: &mut H,
    policy: &Retention,
    options: CompactOptions,
) -> Outcome<Compaction> {
    require_limits(policy)?;
    let as_of = as_of(host, options)?;
    let view = View::open(host)?;
    let mut surveys = Vec::new();
    if !view.description.volatile {
        view.require_sequence()?;
        for segment in &view.members {
            let part =
                Part { segment: segment.name.clone(), start: segment.start, end: segment.end };
            let mut survey = Survey::new(&segment.name);
            visit_part(host, &part, &mut |_, entry| survey.add(entry, policy, as_of))?;
            surveys.push(survey);
        }
    }
    Compactor::new(&view, policy, options, as_of, surveys)?.run(host)
}

/// Compacts the store with surveys that other instances have made of the same snapshot.
pub fn compact_surveyed<H: Host>(
    host: &mut H,
    surveys: &[String],
    policy: &Retention,
    options: CompactOptions,
) -> Outcome<Compaction> {
    require_limits(policy)?;
    let as_of = as_of(host, options)?;
    let view = View::open(host)?;
    view.require_sequence()?;
    let surveys = surveys.iter().map(|text| parse_result(text)).collect::<Outcome<Vec<_>>>()?;
    Compactor::new(&view, policy, options, as_of, surveys)?.run(host)
}

fn require_limits(policy: &Retention) -> Outcome<()> {
    if policy.is_empty() {
        return Err(Failure::argument(
            "there is no retention limit, so nothing says what to remove; \
             set at least one of max-records, max-age and max-total-bytes",
        ));
    }
    Ok(())
}

fn as_of<H: Host>(host: &mut H, options: CompactOptions) -> Outcome<f64> {
    match options.as_of {
        Some(as_of) if as_of.is_finite() => Ok(as_of),
        Some(_) => Err(Failure::argument("`as-of` is not a finite number of seconds")),
        None => Ok(host.now()),
    }
}

/// Which entries retention hides, as places before which they lie.
#[derive(Default)]
struct Cuts {
    /// Everything before goes, damaged entries too.
    all: Option<Place>,
    /// Records of a kind go that lie before.
    of_kind: [Option<Place>; 4],
}

impl Cuts {
    fn hides_all(&self, place: Place) -> bool {
        self.all.is_some_and(|cut| place < cut)
    }

    fn hides_kind(&self, kind: Kind, place: Place) -> bool {
        self.of_kind.get(kind.index()).copied().flatten().is_some_and(|cut| place < cut)
    }
}

struct Compactor<'v> {
    view: &'v View,
    policy: &'v Retention,
    options: CompactOptions,
    as_of: f64,
    /// Blocks with the index of their segment, oldest first.
    blocks: Vec<(usize, Block)>,
    removed: Block,
}

impl<'v> Compactor<'v> {
    fn new(
        view: &'v View,
        policy: &'v Retention,
        options: CompactOptions,
        as_of: f64,
        surveys: Vec<Survey>,
    ) -> Outcome<Self> {
        let mut blocks = Vec::new();
        for survey in surveys {
            let index = view.members.iter().position(|segment| segment.name == survey.segment);
            let index = index.ok_or_else(|| {
                Failure::argument(format!("there is no segment {:?}", survey.segment))
            })?;
            blocks.extend(survey.blocks.into_iter().map(|block| (index, block)));
        }
        let compactor = Self { view, policy, options, as_of, blocks, removed: Block::default() };
        compactor.check_coverage()?;
        Ok(compactor)
    }

    /// The blocks must cover every member from start to end: what they leave out would be lost from
    /// view, and what they have twice would be counted twice. Between framed entries there are gaps, so
    /// there only the order can be checked.
    fn check_coverage(&self) -> Outcome<()> {
        let lines = self.view.description.framing == Framing::Lines;
        let mut blocks = self.blocks.iter().peekable();
        for (index, segment) in self.view.members.iter().enumerate() {
            let mut at = segment.start;
            while let Some((_, block)) = blocks.next_if(|(of, _)| *of == index) {
                let follows = if lines { block.start == at } else { block.start >= at };
                if !follows || block.end <= block.start || block.end > segment.end {
                    return Err(Failure::argument("the surveys do not fit the store"));
                }
                at = block.end;
            }
            if lines && at < segment.end && !self.view.description.volatile {
                return Err(Failure::argument("the surveys do not cover the store"));
            }
        }
        match blocks.next() {
            None => Ok(()),
            Some(_) => Err(Failure::argument("the surveys are not in the order of the store")),
        }
    }

    fn run<H: Host>(mut self, host: &mut H) -> Outcome<Compaction> {
        let view = self.view;
        let cuts = self.find_cuts(host)?;
        let mut report = self.blank_report();
        for (index, segment) in view.members.iter().enumerate() {
            self.compact_segment(host, index, segment, &cuts, &mut report)?;
        }
        Ok(self.complete(report))
    }

    /// Walks back until the limits are reached.
    fn find_cuts<H: Host>(&self, host: &mut H) -> Outcome<Cuts> {
        let mut cuts = Cuts::default();
        let mut retainer = Retainer::new(self.as_of);
        for (index, block) in self.blocks.iter().rev() {
            if retainer.admit_block(self.policy, block) {
                continue;
            }
            let Some(segment) = self.view.members.get(*index) else { continue };
            let range = Range { start: block.start, end: block.end };
            let framing = self.view.description.framing;
            let flow = walk::backward(host, segment, framing, range, &mut |_: &mut H, entry| {
                let Some(facts) = &entry.facts else { return NEXT };
                let place = (*index, entry.end);
                match retainer.admit(self.policy, facts, entry.stored) {
                    Admission::Visible | Admission::Expired => NEXT,
                    Admission::KindFull => {
                        let cut = facts.kind.and_then(|kind| cuts.of_kind.get_mut(kind.index()));
                        if let Some(cut) = cut {
                            cut.get_or_insert(place);
                        }
                        NEXT
                    }
                    Admission::Full => {
                        cuts.all = Some(place);
                        STOP
                    }
                }
            })?;
            if flow == ControlFlow::Break(()) {
                break;
            }
        }
        Ok(cuts)
    }

    fn compact_segment<H: Host>(
        &mut self,
        host: &mut H,
        index: usize,
        segment: &Segment,
        cuts: &Cuts,
        report: &mut Compaction,
    ) -> Outcome<()> {
        let options = RewriteOptions {
            purpose: Purpose::Compact,
            keep_evidence: self.options.keep_evidence,
            force: self.options.force,
        };
        let mut plan = Plan::new(segment, options, self.options.dry_run);
        let mut removed = Block::default();
        for (_, block) in self.blocks.iter().filter(|(of, _)| *of == index) {
            let planned = self.plan_block(host, index, segment, block, cuts, &mut plan);
            match planned {
                Ok(gone) => removed.merge(&gone),
                Err(failure) => {
                    host.rewrite_abort();
                    return Err(failure);
                }
            }
        }
        self.removed.merge(&removed);
        match plan.finish(host, false)? {
            Some(done) => {
                report.rewritten.push(segment.name.clone());
                report.evidence.extend(done.evidence);
                report.bytes_before = report.bytes_before.saturating_add(done.bytes_before);
                report.bytes_after = report.bytes_after.saturating_add(done.bytes_after);
            }
            None => {
                report.bytes_before = report.bytes_before.saturating_add(segment.bytes);
                report.bytes_after = report.bytes_after.saturating_add(segment.bytes);
            }
        }
        Ok(())
    }

    /// Plans the removals inside one block, and returns what goes.
    fn plan_block<H: Host>(
        &self,
        host: &mut H,
        index: usize,
        segment: &Segment,
        block: &Block,
        cuts: &Cuts,
        plan: &mut Plan<'_>,
    ) -> Outcome<Block> {
        let range = Range { start: block.start, end: block.end };
        match self.fate(index, block, cuts) {
            Fate::Stays => Ok(Block::default()),
            Fate::Goes => {
                let entries = block.entries();
                plan.remove(host, range, entries.records, entries.bytes)?;
                Ok(block.clone())
            }
            Fate::Mixed => {
                let mut gone = Block::default();
                let framing = self.view.description.framing;
                let _ = walk::forward(host, segment, framing, range, &mut |host, entry| {
                    if self.goes(index, entry, cuts) {
                        gone.add(entry, self.policy, self.as_of);
                        let range = Range { start: entry.start, end: entry.end };
                        plan.remove(host, range, 1, entry.stored)?;
                    }
                    NEXT
                })?;
                Ok(gone)
            }
        }
    }

    fn fate(&self, index: usize, block: &Block, cuts: &Cuts) -> Fate {
        // A block's end is where the next entry starts, so a cut there has the whole block behind it.
        if cuts.all.is_some_and(|cut| (index, block.end) <= cut) {
            return Fate::Goes;
        }
        let start = (index, block.start);
        let cut_inside = cuts.hides_all(start);
        let kinds = block.kinds();
        let kind_cut_inside = kinds.iter().any(|(kind, _)| cuts.hides_kind(kind, start));
        let expired = block.expired_records();
        if !cut_inside && !kind_cut_inside {
            if expired.records == 0 {
                return Fate::Stays;
            }
            if expired == block.entries() {
                return Fate::Goes;
            }
        }
        Fate::Mixed
    }

    fn goes(&self, index: usize, entry: &Entry<'_>, cuts: &Cuts) -> bool {
        let place = (index, entry.start);
        let Some(facts) = &entry.facts else { return cuts.hides_all(place) };
        cuts.hides_all(place)
            || self.policy.expires(facts, self.as_of)
            || facts.kind.is_some_and(|kind| cuts.hides_kind(kind, place))
    }

    fn blank_report(&self) -> Compaction {
        Compaction {
            backend: self.view.description.backend.clone(),
            location: self.view.description.location.clone(),
            dry_run: self.options.dry_run,
            changed: false,
            records_before: 0,
            records_after: 0,
            bytes_before: 0,
            bytes_after: 0,
            kept: Kinds::default(),
            damaged_removed: 0,
            damaged_kept: 0,
            ageless_kept: 0,
            pinned_removed: 0,
            pinned_kept: 0,
            rewritten: Vec::new(),
            evidence: Vec::new(),
            as_of: self.as_of,
            fact: String::new(),
            note: String::new(),
        }
    }

    fn complete(self, mut report: Compaction) -> Compaction {
        let mut total = Block::default();
        self.blocks.iter().for_each(|(_, block)| total.merge(block));
        report.changed = !report.rewritten.is_empty();
        report.records_before = total.records().records;
        report.records_after = total.records().minus(self.removed.records()).records;
        report.kept = total.kinds().minus(&self.removed.kinds());
        report.damaged_removed = self.removed.damaged.records;
        report.damaged_kept = total.damaged.minus(self.removed.damaged).records;
        report.ageless_kept = total.ageless.saturating_sub(self.removed.ageless);
        if !report.changed {
            report.note = match self.view.description.volatile {
                true => format!("the {} store keeps nothing to compact", report.backend),
                false => "nothing to remove: every record is within the limits".to_owned(),
            };
        }
        report
    }
}

enum Fate {
    Stays,
    Goes,
    Mixed,
}
