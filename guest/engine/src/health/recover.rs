//! Removing or completing what is damaged. One forward pass; only damaged segments are rewritten.

pub use crate::bindings::exports::papyra::persistence::journal::{
    RecoverOptions, Recovery, RecoveryMode,
};
use crate::failure::{Failure, Outcome};
use crate::health::scan::{ScanReport, ScanState};
use crate::host::{Host, Range};
use crate::walk::{self, Entry, NEXT, STOP, View};
use crate::write::plan::Plan;

/// Recovers, without an audit record.
pub fn recover<H: Host>(host: &mut H, options: RecoverOptions) -> Outcome<Recovery> {
    let view = View::open(host)?;
    if options.mode == RecoveryMode::Repair && !view.description.volatile {
        refuse_to_empty(host, &view)?;
    }
    let mut state = ScanState::default();
    let mut work = Work::new(options);
    if view.description.volatile {
        work.note = format!("the {} store cannot be damaged", view.description.backend);
    } else {
        for index in 0..view.members.len() {
            work.segment(host, &view, index, &mut state)?;
        }
        state.observe_structure(&view, options.max_findings);
        work.clear_leftovers(host, &view)?;
    }
    Ok(work.report(state.report(&view, false), view.bytes()))
}

/// Refuses to repair what is no journal at all, such as a picture under the wrong name: nothing would be
/// left of it. A first record that breaks off is not worth a refusal. Ends at the first record.
fn refuse_to_empty<H: Host>(host: &mut H, view: &View) -> Outcome<()> {
    let (mut entries, mut torn) = (0_u64, false);
    let flow = view.forward(host, &mut |_: &mut H, _, entry: &Entry<'_>| {
        entries += 1;
        torn = !entry.terminated && entry.bytes.first() == Some(&b'{');
        if entry.envelope.is_some() { STOP } else { NEXT }
    })?;
    if flow.is_break() || entries == 0 || (entries == 1 && torn) {
        return Ok(());
    }
    let location = &view.description.location;
    Err(Failure::argument(format!(
        "{location} is not a journal: none of its lines is a record ({entries} in all), and a repair \
         would leave it empty; nothing was changed. If it is one after all, quarantine keeps every byte"
    )))
}

struct Work {
    options: RecoverOptions,
    removed_entries: u64,
    removed_bytes: u64,
    terminated: u32,
    rewritten: Vec<String>,
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
            terminated: 0,
            rewritten: Vec::new(),
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

    fn segment<H: Host>(
        &mut self,
        host: &mut H,
        view: &View,
        index: usize,
        state: &mut ScanState,
    ) -> Outcome<()> {
        let Some(segment) = view.members.get(index) else { return Ok(()) };
        let framing = view.description.framing;
        let now = host.now();
        let options = Plan::for_recovery(self.options.mode == RecoveryMode::Quarantine);
        let mut plan = Plan::new(segment, options, self.options.dry_run);
        let mut terminate_tail = false;
        let range = Range { start: segment.start, end: segment.end };
        let walked = walk::forward(host, segment, framing, range, &mut |host: &mut H, entry| {
            state.observe(&segment.name, framing, entry, now, self.options.max_findings);
            if entry.anomalies.is_empty() {
                return NEXT;
            }
            match self.disposition(entry) {
                Disposition::Removed => {
                    let range = Range { start: entry.start, end: entry.end };
                    plan.remove(host, range, 1, entry.stored)?;
                }
                Disposition::Completed => {
                    terminate_tail = true;
                    self.kept += u64::from(entry.anomalies.is_suspect());
                }
                Disposition::Stays => self.kept += 1,
            }
            NEXT
        });
        if let Err(failure) = walked {
            host.rewrite_abort();
            return Err(failure);
        }
        state.finish_segment(&segment.name);
        self.removed_entries += plan.removed_entries;
        self.removed_bytes += plan.removed_bytes;
        self.terminated += u32::from(terminate_tail);
        if let Some(done) = plan.finish(host, terminate_tail)? {
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
                "nothing is damaged; suspect records stay (quarantine quarantines them )".to_owned()
            }
        };
        let untouched = self.bytes_before == 0 && !changed;
        Recovery {
            mode: self.options.mode,
            dry_run: self.options.dry_run,
            changed,
            removed_entries: self.removed_entries,
            removed_bytes: self.removed_bytes,
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
