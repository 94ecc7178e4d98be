//! Handing a plan to the store, piece by piece.

use crate::failure::Outcome;
use crate::host::{Edit, Host, Position, Purpose, Range, RewriteOptions, Rewritten, Segment};

/// How many edits are collected before they cross the sandbox.
const BATCH: usize = 1024;

/// A rewrite of one segment that is being planned. Removals that touch are joined. The store is not told
/// anything before the first edit. A dry run begins the rewrite, to see whether it can, and gives it up.
pub struct Plan<'s> {
    segment: &'s Segment,
    options: RewriteOptions,
    dry_run: bool,
    begun: bool,
    pending: Vec<Edit>,
    edits: u64,
    /// Where the first edit begins.
    pub first: Option<Position>,
    pub removed_entries: u64,
    pub removed_bytes: u64,
    pub line_ends: u64,
}

impl<'s> Plan<'s> {
    pub fn new(segment: &'s Segment, options: RewriteOptions, dry_run: bool) -> Self {
        Self {
            segment,
            options,
            dry_run,
            begun: false,
            pending: Vec::new(),
            edits: 0,
            first: None,
            removed_entries: 0,
            removed_bytes: 0,
            line_ends: 0,
        }
    }

    /// Removes `range`, which follows all earlier ones and holds so many entries and bytes.
    pub fn remove<H: Host>(
        &mut self,
        host: &mut H,
        range: Range,
        entries: u64,
        bytes: u64,
    ) -> Outcome<()> {
        self.removed_entries += entries;
        self.removed_bytes += bytes;
        self.edit(host, range, false)
    }

    /// Removes a piece of a line, which can be empty.
    pub fn cut<H: Host>(&mut self, host: &mut H, range: Range) -> Outcome<()> {
        self.removed_bytes += range.start.until(range.end);
        if range.start == range.end { Ok(()) } else { self.edit(host, range, false) }
    }

    /// Ends a line at `start`, instead of what stands from there to `end`.
    pub fn end_line<H: Host>(
        &mut self,
        host: &mut H,
        start: Position,
        end: Position,
    ) -> Outcome<()> {
        self.removed_bytes += start.until(end);
        self.line_ends += 1;
        self.edit(host, Range { start, end }, true)
    }

    fn edit<H: Host>(&mut self, host: &mut H, range: Range, line_end: bool) -> Outcome<()> {
        let Range { start, end } = range;
        self.edits += 1;
        self.first.get_or_insert(start);
        match self.pending.last_mut() {
            Some(last) if last.end == start && !last.line_end => {
                (last.end, last.line_end) = (end, line_end);
            }
            _ => self.pending.push(Edit { start, end, line_end }),
        }
        // The last one stays: the next one may continue it.
        if self.pending.len() > BATCH {
            let last = self.pending.pop();
            self.flush(host)?;
            self.pending.extend(last);
        }
        Ok(())
    }

    /// Where the last removed range ends.
    pub fn edge(&self) -> Option<Position> {
        self.pending.last().map(|edit| edit.end)
    }

    fn flush<H: Host>(&mut self, host: &mut H) -> Outcome<()> {
        self.begin(host)?;
        if !self.dry_run {
            host.rewrite_edit(&self.pending)?;
        }
        self.pending.clear();
        Ok(())
    }

    fn begin<H: Host>(&mut self, host: &mut H) -> Outcome<()> {
        if !self.begun {
            host.rewrite_begin(&self.segment.name, self.options)?;
            self.begun = true;
        }
        Ok(())
    }

    /// Carries the plan out. Returns what it did, or would do; `None` if there is nothing to do.
    pub fn finish<H: Host>(mut self, host: &mut H) -> Outcome<Option<Rewritten>> {
        let result = self.carry_out(host);
        if result.is_err() {
            host.rewrite_abort();
        }
        result
    }

    fn carry_out<H: Host>(&mut self, host: &mut H) -> Outcome<Option<Rewritten>> {
        if self.edits == 0 {
            return Ok(None);
        }
        if !self.pending.is_empty() {
            self.flush(host)?;
        }
        if self.dry_run {
            host.rewrite_abort();
            let bytes_before = self.segment.bytes;
            let bytes_after = bytes_before.saturating_sub(self.removed_bytes) + self.line_ends;
            let (removed_entries, quarantine) = (None, Vec::new());
            return Ok(Some(Rewritten { bytes_before, bytes_after, removed_entries, quarantine }));
        }
        Ok(Some(host.rewrite_commit()?))
    }

    /// The options of a recovery.
    pub fn for_recovery(keep_quarantine: bool) -> RewriteOptions {
        RewriteOptions { purpose: Purpose::Recover, keep_quarantine, force: false }
    }
}
