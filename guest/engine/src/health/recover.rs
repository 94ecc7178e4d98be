//! Keeping every whole record, and dropping or quarantining the rest.
//!
//! The first pass only looks: nothing is changed before every segment is known to look like a journal.
//! The second one goes through the segments that are to be changed.

pub use crate::bindings::exports::papyra::persistence::journal::{
    RecoverOptions, Recovery, RecoveryMode,
};
use crate::failure::{Failure, Outcome};
use crate::health::salvage::{self, Kept};
use crate::health::scan::{Place, ScanReport, ScanState};
use crate::health::shape::Shape;
use crate::host::{Framing, Host, Position, Range, Segment};
use crate::index::{self, Index, Part};
use crate::walk::{self, Entry, NEXT, View};
use crate::write::plan::Plan;

/// Recovers, without an audit record. A failure that came when some segments had been rewritten is returned
/// beside what was done.
pub fn recover<H: Host>(
    host: &mut H,
    options: RecoverOptions,
) -> Outcome<(Recovery, Option<Failure>)> {
    let view = View::open(host)?;
    let mut state = ScanState::default();
    let mut work = Work::new(options);
    let mut failed = None;
    let parts = known(host, &view, options)?;
    if view.description.volatile {
        work.note = format!("the {} store cannot be damaged", view.description.backend);
    } else {
        let mut shapes = Vec::new();
        for segment in &view.members {
            shapes.push(look(host, &view, segment, &mut state, options.max_findings)?);
        }
        state.observe_structure(&view, options.max_findings);
        refuse_what_is_no_journal(&view, &shapes, options)?;
        failed = work.all(host, &view, &shapes).err();
        if !work.rewritten.is_empty() && !options.dry_run {
            index::keep(host, &view, &parts, &work.unchanged);
        }
    }
    match failed {
        Some(failure) if work.rewritten.is_empty() || options.dry_run => Err(failure),
        failed => Ok((work.report(state.report(&view, false), view.bytes()), failed)),
    }
}

/// What of the index can be carried on.
fn known<H: Host>(host: &mut H, view: &View, options: RecoverOptions) -> Outcome<Vec<Part>> {
    if view.description.framing == Framing::Entries || options.dry_run {
        return Ok(Vec::new());
    }
    let index = Index::load(host);
    let parts = index.as_ref().map(|index| index.matching(host, view)).transpose()?;
    Ok(parts.unwrap_or_default().to_vec())
}

fn look<H: Host>(
    host: &mut H,
    view: &View,
    segment: &Segment,
    state: &mut ScanState,
    max_findings: u32,
) -> Outcome<Shape> {
    let framing = view.description.framing;
    let place = Place { segment, framing, now: host.now(), max_findings };
    let range = Range { start: segment.start, end: segment.end };
    let mut shape = Shape::default();
    let _ = walk::forward(host, segment, framing, range, &mut |host: &mut H, entry| {
        let judged = state.look(host, place, entry)?;
        shape.add(entry, judged.as_ref());
        NEXT
    })?;
    state.finish_segment(&segment.name);
    Ok(shape)
}

/// Of files each must look like a journal; of the streams of a store that frames entries, all together.
fn refuse_what_is_no_journal(
    view: &View,
    shapes: &[Shape],
    options: RecoverOptions,
) -> Outcome<()> {
    let location = &view.description.location;
    let named = |segment: &Segment| match view.members.len() {
        1 => location.clone(),
        _ => format!("{}, a file of {location},", segment.name),
    };
    for (segment, shape) in view.members.iter().zip(shapes) {
        if let Some(why) = shape.is_foreign() {
            let what = named(segment);
            return Err(Failure::argument(format!(
                "{what} cannot be recovered: {why}; nothing was changed"
            )));
        }
    }
    if options.mode == RecoveryMode::Quarantine || options.allow_loss {
        return Ok(());
    }
    let found = match view.description.framing {
        Framing::Lines => {
            let both = view.members.iter().zip(shapes);
            both.filter_map(|(of, shape)| Some((named(of), shape.is_no_journal()?))).next()
        }
        Framing::Entries => {
            let mut all = Shape::default();
            shapes.iter().for_each(|shape| all.merge(shape));
            all.is_no_journal().map(|why| (location.clone(), why))
        }
    };
    match found {
        None => Ok(()),
        Some((what, why)) => Err(Failure::argument(format!(
            "{what} does not look like a journal: {why}; nothing was changed. Mode quarantine keeps every \
             byte; allow-loss insists on a repair"
        ))),
    }
}

struct Work {
    options: RecoverOptions,
    removed_entries: u64,
    removed_bytes: u64,
    salvaged: u64,
    ambiguous: u64,
    line_ends: u64,
    terminated: u32,
    rewritten: Vec<String>,
    /// Of each segment that was gone through, up to where nothing was changed.
    unchanged: Vec<Position>,
    quarantine: Vec<String>,
    /// Anomalous entries that stay.
    kept: u64,
    /// Leftovers of interrupted rewrites that were removed.
    cleared: u64,
    /// What the rewritten segments grew or shrank by; segments also grow by appends meanwhile.
    bytes_before: u64,
    bytes_after: u64,
    note: String,
}

/// What happens to an entry.
enum Disposition {
    Stays,
    Removed,
    /// Stays, and is given its line end.
    Completed,
}

impl Work {
    fn new(options: RecoverOptions) -> Self {
        Self {
            options,
            removed_entries: 0,
            removed_bytes: 0,
            salvaged: 0,
            ambiguous: 0,
            line_ends: 0,
            terminated: 0,
            rewritten: Vec::new(),
            unchanged: Vec::new(),
            quarantine: Vec::new(),
            kept: 0,
            cleared: 0,
            bytes_before: 0,
            bytes_after: 0,
            note: String::new(),
        }
    }

    fn disposition(&self, entry: &Entry<'_>) -> Disposition {
        let suspect_goes =
            self.options.mode == RecoveryMode::Quarantine && entry.anomalies.is_suspect();
        match &entry.envelope {
            None => Disposition::Removed,
            Some(_) if suspect_goes => Disposition::Removed,
            Some(_) if !entry.terminated => Disposition::Completed,
            Some(_) => Disposition::Stays,
        }
    }

    fn all<H: Host>(&mut self, host: &mut H, view: &View, shapes: &[Shape]) -> Outcome<()> {
        for (segment, shape) in view.members.iter().zip(shapes) {
            self.segment(host, view, segment, shape)?;
        }
        self.clear_leftovers(host, view)
    }

    fn segment<H: Host>(
        &mut self,
        host: &mut H,
        view: &View,
        segment: &Segment,
        shape: &Shape,
    ) -> Outcome<()> {
        let framing = view.description.framing;
        // Entries that the store framed cannot be taken apart. With records in them, they never go for good.
        let indivisible = shape.joined && framing == Framing::Entries;
        let quarantine = self.options.mode == RecoveryMode::Quarantine || indivisible;
        let mut plan = Plan::new(segment, Plan::for_recovery(quarantine), self.options.dry_run);
        if shape.anomalous {
            let range = Range { start: segment.start, end: segment.end };
            let walked =
                walk::forward(host, segment, framing, range, &mut |host: &mut H, entry| {
                    if !entry.anomalies.is_empty() {
                        self.entry(host, segment, framing, entry, &mut plan)?;
                    }
                    NEXT
                });
            if let Err(failure) = walked {
                host.rewrite_abort();
                return Err(failure);
            }
        }
        self.removed_entries += plan.removed_entries;
        self.removed_bytes += plan.removed_bytes;
        self.line_ends += plan.line_ends;
        self.unchanged.push(plan.first.unwrap_or(segment.end));
        if let Some(done) = plan.finish(host)? {
            self.rewritten.push(segment.name.clone());
            self.quarantine.extend(done.quarantine);
            self.bytes_before = self.bytes_before.saturating_add(done.bytes_before);
            self.bytes_after = self.bytes_after.saturating_add(done.bytes_after);
        } else {
            self.bytes_before = self.bytes_before.saturating_add(segment.bytes);
            self.bytes_after = self.bytes_after.saturating_add(segment.bytes);
        }
        Ok(())
    }

    fn entry<H: Host>(
        &mut self,
        host: &mut H,
        segment: &Segment,
        framing: Framing,
        entry: &Entry<'_>,
        plan: &mut Plan<'_>,
    ) -> Outcome<()> {
        let range = Range { start: entry.start, end: entry.end };
        match self.disposition(entry) {
            Disposition::Removed if framing == Framing::Lines && entry.envelope.is_none() => {
                self.salvage(host, segment, entry, plan)
            }
            Disposition::Removed => plan.remove(host, range, 1, entry.stored),
            Disposition::Completed => {
                self.terminated += 1;
                self.kept += u64::from(entry.anomalies.is_suspect());
                plan.end_line(host, range.end, range.end)
            }
            Disposition::Stays => {
                self.kept += 1;
                Ok(())
            }
        }
    }

    /// Keeps the whole records of a damaged line, each on a line of its own.
    fn salvage<H: Host>(
        &mut self,
        host: &mut H,
        segment: &Segment,
        entry: &Entry<'_>,
        plan: &mut Plan<'_>,
    ) -> Outcome<()> {
        let quarantine = self.options.mode == RecoveryMode::Quarantine;
        let mut last: Option<Position> = None;
        let mut suspect = 0;
        let found =
            salvage::examine(host, segment, entry, |host, Kept { range, suspect: unclear }| {
                if quarantine && unclear {
                    return Ok(false);
                }
                match last {
                    None => plan.cut(host, Range { start: entry.start, end: range.start })?,
                    Some(end) => plan.end_line(host, end, range.start)?,
                }
                last = Some(range.end);
                suspect += u64::from(unclear);
                Ok(true)
            })?;
        self.kept += suspect;
        self.salvaged += found.records;
        self.ambiguous += found.ambiguous;
        let Some(last) = last else {
            let range = Range { start: entry.start, end: entry.end };
            return plan.remove(host, range, 1, entry.stored);
        };
        let end = entry.start.plus(entry.length);
        match entry.terminated {
            true => plan.cut(host, Range { start: last, end }),
            false => plan.end_line(host, last, end),
        }
    }

    /// A store removes a leftover when it begins the next rewrite of the same segment, if it can tell that
    /// nobody is at work on it. What is left is counted by looking again.
    fn clear_leftovers<H: Host>(&mut self, host: &mut H, view: &View) -> Outcome<()> {
        if view.leftovers() == 0 {
            return Ok(());
        }
        let mut left = 0;
        if !self.options.dry_run {
            for segment in View::open(host)?.members {
                // One that cannot be rewritten keeps its leftover, and the report says so.
                let _ = host.rewrite_begin(&segment.name, Plan::for_recovery(false));
                host.rewrite_abort();
            }
            left = View::open(host)?.leftovers();
        }
        self.cleared = view.leftovers().saturating_sub(left);
        Ok(())
    }

    fn report(self, before: ScanReport, bytes: u64) -> Recovery {
        let changed = !self.rewritten.is_empty();
        let note = match (self.note.is_empty(), changed, self.kept) {
            (false, ..) => self.note,
            (true, false, _) if self.cleared > 0 => {
                let what = "no record is damaged; what an interrupted rewrite left behind";
                match self.options.dry_run {
                    // Only beginning a rewrite would tell.
                    true => {
                        format!("{what} is to be removed, if nobody can still be at work on it")
                    }
                    false => format!("{what} was removed"),
                }
            }
            (true, true, _) => String::new(),
            (true, false, 0) => "nothing is damaged".to_owned(),
            (true, false, _) => {
                "nothing is damaged; suspect records stay (mode quarantine moves them to the quarantine)".to_owned()
            }
        };
        let untouched = self.bytes_before == 0 && !changed;
        Recovery {
            mode: self.options.mode,
            dry_run: self.options.dry_run,
            changed,
            removed_entries: self.removed_entries,
            removed_bytes: self.removed_bytes,
            salvaged: self.salvaged,
            ambiguous: self.ambiguous,
            line_ends: self.line_ends,
            terminated: self.terminated,
            rewritten: self.rewritten,
            quarantine: self.quarantine,
            remaining: self.kept + before.structural.saturating_sub(self.cleared),
            bytes_before: if untouched { bytes } else { self.bytes_before },
            bytes_after: if untouched { bytes } else { self.bytes_after },
            audit: String::new(),
            note,
            before,
        }
    }
}
