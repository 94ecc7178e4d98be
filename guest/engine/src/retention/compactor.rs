//! One compaction, once it is known what lies where.
//!
//! In a sequence the walk back goes from block to block, and only blocks in which something goes and something stays
//! are read a second time. Blocks of segments side by side overlap, so there the walk is over entries, as far as a
//! limit on records or bytes reaches.
//!
//! What a consumer group still needs stays, unless the caller insists.

use std::ops::ControlFlow;

use crate::bindings::exports::papyra::persistence::journal::{CompactOptions, Compaction};
use crate::failure::{Failure, Outcome};
use crate::host::{Framing, Host, Position, Purpose, Range, RewriteOptions, Rewritten, Segment};
use crate::json::Kind;
use crate::retention::boundaries::Boundaries;
use crate::retention::survey::{Block, Clock, Survey};
use crate::retention::told::Told;
use crate::retention::{Retainer, Retention};
use crate::time;
use crate::walk::{self, Entry, NEXT, STOP, Step, StorePosition, View};
use crate::write::plan::Plan;

/// Of the blocks that go as a whole, one in so many is read to see whether the index has told the truth.
const CHECKED: usize = 64;

pub struct Compactor<'v> {
    view: &'v View,
    policy: &'v Retention,
    options: CompactOptions,
    clock: Clock,
    /// Blocks with the index of their segment, oldest first.
    blocks: Vec<(usize, Block)>,
    /// Bytes of blocks that were not read, and how many blocks those are.
    indexed: (u64, u32),
    removed: Block,
    /// What goes of each segment if that is its beginning; absent if it is something else.
    cuts: Vec<Option<Position>>,
    /// The store was to remove something from a segment, and has removed nothing.
    refused: bool,
}

impl<'v> Compactor<'v> {
    /// Puts together what was read and what was told.
    ///
    /// # Errors
    ///
    /// `InvalidArgument` if that is not the whole store, or if all of it is so old that the clock may be wrong.
    pub fn new(
        view: &'v View,
        policy: &'v Retention,
        options: CompactOptions,
        clock: Clock,
        surveys: Vec<Survey>,
        told: &Told,
    ) -> Outcome<Self> {
        let mut blocks = told.blocks.clone();
        for survey in surveys {
            let index = view.members.iter().position(|segment| segment.name == survey.segment);
            let index = index.ok_or_else(|| {
                Failure::argument(format!("there is no segment {:?}", survey.segment))
            })?;
            blocks.extend(survey.blocks.into_iter().map(|block| (index, block)));
        }
        if !told.blocks.is_empty() {
            blocks.sort_by_key(|(index, block)| (*index, block.start));
        }
        let (removed, indexed) = (Block::default(), (0, 0));
        let (refused, cuts) = (false, Vec::new());
        let compactor =
            Self { view, policy, options, clock, blocks, indexed, removed, refused, cuts };
        compactor.check_coverage()?;
        compactor.check_age()?;
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

    /// A clock that is wrong makes every record look too old.
    fn check_age(&self) -> Outcome<()> {
        let records: u64 = self.blocks.iter().map(|(_, block)| block.records().records).sum();
        let expired: u64 = self.blocks.iter().map(|(_, block)| block.long_expired).sum();
        if self.options.allow_expire_all || records == 0 || expired < records {
            return Ok(());
        }
        Err(Failure::argument(format!(
            "all {records} records are older than twice the age limit, which is what a wrong clock looks \
             like; nothing was removed. Look at the clock of this host; allow-expire-all insists"
        )))
    }

    /// Removes what lies before the limits. Returns what goes of each segment if that is its beginning, too.
    pub fn run<H: Host>(
        mut self,
        host: &mut H,
        boundaries: &Boundaries,
    ) -> Outcome<(Compaction, Vec<Option<Position>>)> {
        let view = self.view;
        let mut report = self.blank_report();
        for (index, segment) in view.members.iter().enumerate() {
            self.compact_segment(host, index, segment, boundaries, &mut report)?;
        }
        let cuts = std::mem::take(&mut self.cuts);
        Ok((self.complete(report), cuts))
    }

    /// An index never deletes: blocks of which a part goes, and a sample of those that go as a whole, are read
    /// again. Returns whether all of them are what was told.
    pub fn check_told<H: Host>(
        &mut self,
        host: &mut H,
        told: &Told,
        boundaries: &Boundaries,
    ) -> Outcome<bool> {
        let mut going = 0;
        for (index, block) in &told.blocks {
            let checked = match self.disposition(*index, block, boundaries) {
                Disposition::Stays => false,
                Disposition::Mixed => true,
                Disposition::Goes => {
                    going += 1;
                    going % CHECKED == 1
                }
            };
            if !checked {
                let (bytes, blocks) = self.indexed;
                self.indexed = (bytes.saturating_add(block.entries().bytes), blocks + 1);
                continue;
            }
            let Some(segment) = self.view.members.get(*index) else { continue };
            let mut seen = Block::new(block.start);
            let range = Range { start: block.start, end: block.end };
            let framing = self.view.description.framing;
            let _ = walk::forward(host, segment, framing, range, &mut |_: &mut H, entry| {
                seen.add(entry, self.policy, self.clock);
                NEXT
            })?;
            if seen != *block {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Walks back until the limits are reached.
    pub fn find_boundaries<H: Host>(&self, host: &mut H) -> Outcome<Boundaries> {
        let mut boundaries = Boundaries::default();
        let mut retainer = Retainer::new(self.clock.as_of);
        let mut visit = |retainer: &mut Retainer, index, entry: &Entry<'_>| {
            let Some(envelope) = &entry.envelope else { return NEXT };
            let verdict = retainer.admit(self.policy, envelope, entry.stored);
            let place = self.view.place_after(index, entry);
            if boundaries.note(verdict, envelope.kind, place) { STOP } else { NEXT }
        };
        if self.view.is_parallel() {
            // Age alone is judged entry by entry.
            if self.policy.counts() && !self.view.description.volatile {
                let _ = self.view.backward(host, &mut |_: &mut H, index, entry: &Entry<'_>| {
                    visit(&mut retainer, index, entry)
                })?;
            }
            return Ok(boundaries);
        }
        for (index, block) in self.blocks.iter().rev() {
            if retainer.admit_block(self.policy, block) {
                continue;
            }
            let Some(segment) = self.view.members.get(*index) else { continue };
            let range = Range { start: block.start, end: block.end };
            let framing = self.view.description.framing;
            let flow = walk::backward(host, segment, framing, range, &mut |_: &mut H, entry| {
                visit(&mut retainer, *index, entry)
            })?;
            if flow == ControlFlow::Break(()) {
                break;
            }
        }
        Ok(boundaries)
    }

    fn compact_segment<H: Host>(
        &mut self,
        host: &mut H,
        index: usize,
        segment: &Segment,
        boundaries: &Boundaries,
        report: &mut Compaction,
    ) -> Outcome<()> {
        let options = RewriteOptions {
            purpose: Purpose::Compact,
            keep_quarantine: self.options.keep_quarantine,
            force: self.options.force,
        };
        let mut work = SegmentWork {
            index,
            segment,
            boundaries,
            plan: Plan::new(segment, options, self.options.dry_run),
            kept_since: true,
            cut: Some(segment.start),
            removed: Block::default(),
            pinned_removed: 0,
            pinned_kept: 0,
        };
        for (_, block) in self.blocks.iter().filter(|(of, _)| *of == index) {
            if let Err(failure) = self.plan_block(host, &mut work, block) {
                host.rewrite_abort();
                return Err(failure);
            }
        }
        let SegmentWork { plan, cut, mut removed, pinned_removed, pinned_kept, .. } = work;
        self.cuts.push(cut);
        report.pinned_removed += pinned_removed;
        report.pinned_kept += pinned_kept;
        match plan.finish(host)? {
            Some(done) => {
                let spared = self.correct(host, index, segment, boundaries, &done, &mut removed)?;
                report.pinned_removed = report.pinned_removed.saturating_sub(spared);
                match done.removed_entries {
                    Some(0) => self.refused = true,
                    _ => report.rewritten.push(segment.name.clone()),
                }
                report.quarantine.extend(done.quarantine);
                report.bytes_before = report.bytes_before.saturating_add(done.bytes_before);
                report.bytes_after = report.bytes_after.saturating_add(done.bytes_after);
            }
            None => {
                report.bytes_before = report.bytes_before.saturating_add(segment.bytes);
                report.bytes_after = report.bytes_after.saturating_add(segment.bytes);
            }
        }
        self.removed.merge(&removed);
        Ok(())
    }

    /// Plans the removals inside one block.
    fn plan_block<H: Host>(
        &self,
        host: &mut H,
        work: &mut SegmentWork<'_>,
        block: &Block,
    ) -> Outcome<()> {
        let range = Range { start: block.start, end: block.end };
        let pinned = self.view.members.get(work.index).and_then(|segment| segment.pinned);
        let untouched_by_pin = pinned.is_none_or(|pinned| block.end <= pinned);
        match self.disposition(work.index, block, work.boundaries) {
            Disposition::Stays => work.kept_since = true,
            Disposition::Goes if untouched_by_pin => {
                let entries = block.entries();
                work.remove(host, range, entries.records, entries.bytes)?;
                work.removed.merge(block);
            }
            Disposition::Goes | Disposition::Mixed => {
                let framing = self.view.description.framing;
                let segment = work.segment;
                let _ = walk::forward(host, segment, framing, range, &mut |host, entry| {
                    self.plan_entry(host, work, pinned, entry)
                })?;
            }
        }
        Ok(())
    }

    fn plan_entry<H: Host>(
        &self,
        host: &mut H,
        work: &mut SegmentWork<'_>,
        pinned: Option<Position>,
        entry: &Entry<'_>,
    ) -> Step {
        if !self.goes(work.index, entry, work.boundaries) {
            work.kept_since = true;
            return NEXT;
        }
        if pinned.is_some_and(|pinned| entry.start >= pinned) {
            let record = u64::from(entry.envelope.is_some());
            if !self.options.force {
                work.kept_since = true;
                work.pinned_kept += record;
                return NEXT;
            }
            work.pinned_removed += record;
        }
        work.removed.add(entry, self.policy, self.clock);
        work.remove(host, Range { start: entry.start, end: entry.end }, 1, entry.stored)?;
        NEXT
    }

    /// A store that removes approximately, or that has found more entries to be needed than the plan
    /// knew of, leaves some that were to go: they are looked for, so that the report is of what really
    /// went. Returns how many records are left that consumer groups need.
    fn correct<H: Host>(
        &self,
        host: &mut H,
        index: usize,
        segment: &Segment,
        boundaries: &Boundaries,
        done: &Rewritten,
        removed: &mut Block,
    ) -> Outcome<u64> {
        let planned = removed.entries().records;
        if self.options.dry_run || done.removed_entries.is_none_or(|gone| gone >= planned) {
            return Ok(0);
        }
        let (mut left, mut spared) = (Block::default(), 0);
        let range = Range { start: segment.start, end: segment.end };
        let framing = self.view.description.framing;
        let missing = planned.saturating_sub(done.removed_entries.unwrap_or(planned));
        let _ = walk::forward(host, segment, framing, range, &mut |_: &mut H, entry| {
            let pinned = segment.pinned.is_some_and(|pinned| entry.start >= pinned);
            if (self.options.force || !pinned) && self.goes(index, entry, boundaries) {
                left.add(entry, self.policy, self.clock);
                spared += u64::from(pinned && entry.envelope.is_some());
            }
            if left.entries().records >= missing { STOP } else { NEXT }
        })?;
        *removed = removed.minus(&left);
        Ok(spared)
    }

    fn disposition(&self, index: usize, block: &Block, boundaries: &Boundaries) -> Disposition {
        // A block's end is where the next entry starts, so a boundary there has the whole block behind it.
        let end = self.view.rank((index, block.end));
        if boundaries.all.is_some_and(|boundary| end <= self.view.rank(boundary)) {
            return Disposition::Goes;
        }
        let start = (index, block.start);
        let boundary_inside = self.is_before(start, boundaries.all);
        let kinds = block.kinds();
        let bounds_kind = |kind: &Kind| {
            kinds.get(*kind).records > 0 && self.is_before(start, boundaries.of_kind(*kind))
        };
        let kind_boundary_inside = Kind::ALL.iter().any(bounds_kind);
        let expired = block.expired_records();
        if !boundary_inside && !kind_boundary_inside {
            if expired.records == 0 {
                return Disposition::Stays;
            }
            if expired == block.entries() {
                return Disposition::Goes;
            }
        }
        Disposition::Mixed
    }

    fn is_before(&self, place: StorePosition, boundary: Option<StorePosition>) -> bool {
        boundary.is_some_and(|boundary| self.view.rank(place) < self.view.rank(boundary))
    }

    fn goes(&self, index: usize, entry: &Entry<'_>, boundaries: &Boundaries) -> bool {
        let place = self.view.place(index, entry);
        let Some(envelope) = &entry.envelope else { return self.is_before(place, boundaries.all) };
        self.is_before(place, boundaries.all)
            || self.policy.expires(envelope, self.clock.as_of)
            || envelope.kind.is_some_and(|kind| self.is_before(place, boundaries.of_kind(kind)))
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
            kept: Vec::new(),
            damaged_removed: 0,
            damaged_kept: 0,
            untimed_kept: 0,
            from_future_kept: 0,
            time_note: String::new(),
            pinned_removed: 0,
            pinned_kept: 0,
            rewritten: Vec::new(),
            quarantine: Vec::new(),
            indexed_bytes: self.indexed.0,
            indexed_blocks: self.indexed.1,
            as_of: self.clock.as_of,
            audit: String::new(),
            note: String::new(),
        }
    }

    fn complete(self, mut report: Compaction) -> Compaction {
        let mut total = Block::default();
        self.blocks.iter().for_each(|(_, block)| total.merge(block));
        report.changed = !report.rewritten.is_empty();
        if self.view.description.framing == Framing::Entries {
            // Backends count in units of their own, with what they need for their own order.
            report.bytes_before = total.entries().bytes;
            report.bytes_after = total.entries().minus(self.removed.entries()).bytes;
        }
        report.records_before = total.records().records;
        report.records_after = total.records().minus(self.removed.records()).records;
        report.kept = total.kinds().minus(&self.removed.kinds()).counts();
        report.damaged_removed = self.removed.damaged.records;
        report.damaged_kept = total.damaged.minus(self.removed.damaged).records;
        report.untimed_kept = total.untimed.saturating_sub(self.removed.untimed);
        report.from_future_kept = total.from_future.saturating_sub(self.removed.from_future);
        report.time_note = time::note(total.future, None);
        if !report.changed {
            report.note = match (self.view.description.volatile, self.refused, report.pinned_kept) {
                (true, ..) => format!("the {} store keeps nothing to compact", report.backend),
                (false, true, _) => "nothing was removed: it is less than the store removes at \
                                     once (Redis removes any number with approx_trim=false), or \
                                     consumer groups have come to need it"
                    .to_owned(),
                (false, false, 0) if report.untimed_kept + report.from_future_kept > 0 => {
                    "nothing to remove: every record that has an age is within the limits"
                        .to_owned()
                }
                (false, false, 0) => {
                    "nothing to remove: every record is within the limits".to_owned()
                }
                (false, false, _) => {
                    "nothing to remove but what consumer groups still need".to_owned()
                }
            };
        }
        report
    }
}

/// One segment while it is being planned.
struct SegmentWork<'s> {
    index: usize,
    segment: &'s Segment,
    boundaries: &'s Boundaries,
    plan: Plan<'s>,
    /// Something stays between the last entry that goes and the next one.
    kept_since: bool,
    /// See [`Compactor::cuts`].
    cut: Option<Position>,
    removed: Block,
    pinned_removed: u64,
    pinned_kept: u64,
}

impl SegmentWork<'_> {
    fn remove<H: Host>(
        &mut self,
        host: &mut H,
        range: Range,
        entries: u64,
        bytes: u64,
    ) -> Outcome<()> {
        // Between framed entries there are positions that nobody has. Ranges are joined over them, so
        // that the store sees it when everything up to a position goes.
        let start = match self.plan.edge() {
            Some(edge) if !self.kept_since => edge,
            _ => range.start,
        };
        self.kept_since = false;
        self.cut = self.cut.filter(|cut| *cut == start).map(|_| range.end);
        self.plan.remove(host, Range { start, ..range }, entries, bytes)
    }
}

enum Disposition {
    Stays,
    Goes,
    Mixed,
}
