//! Handing a plan to the store, piece by piece.

use crate::failure::Outcome;
use crate::host::{Host, Position, Purpose, Range, RewriteOptions, Rewritten, Segment};

/// How many ranges are collected before they cross the sandbox.
const BATCH: usize = 1024;

/// A rewrite of one segment that is being planned. Ranges that touch are joined. The store is not
/// told anything before the first range, nor at all in a dry run.
pub struct Plan<'s> {
    segment: &'s Segment,
    options: RewriteOptions,
    dry_run: bool,
    begun: bool,
    pending: Vec<Range>,
    pub removed_entries: u64,
    pub removed_bytes: u64,
}

impl<'s> Plan<'s> {
    pub fn new(segment: &'s Segment, options: RewriteOptions, dry_run: bool) -> Self {
        Self {
            segment,
            options,
            dry_run,
            begun: false,
            pending: Vec::new(),
            removed_entries: 0,
            removed_bytes: 0,
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
        match self.pending.last_mut() {
            Some(last) if last.end == range.start => last.end = range.end,
            _ => self.pending.push(range),
        }
        // The last range stays: the next one may continue it.
        if self.pending.len() > BATCH {
            let last = self.pending.pop();
            self.flush(host)?;
            self.pending.extend(last);
        }
        Ok(())
    }

    /// Where the last removed range ends.
    pub fn edge(&self) -> Option<Position> {
        self.pending.last().map(|range| range.end)
    }

    fn flush<H: Host>(&mut self, host: &mut H) -> Outcome<()> {
        if !self.dry_run {
            self.begin(host)?;
            host.rewrite_remove(&self.pending)?;
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
    pub fn finish<H: Host>(
        mut self,
        host: &mut H,
        terminate_tail: bool,
    ) -> Outcome<Option<Rewritten>> {
        let result = self.carry_out(host, terminate_tail);
        if result.is_err() {
            host.rewrite_abort();
        }
        result
    }

    fn carry_out<H: Host>(
        &mut self,
        host: &mut H,
        terminate_tail: bool,
    ) -> Outcome<Option<Rewritten>> {
        if self.removed_entries == 0 && !terminate_tail {
            return Ok(None);
        }
        if self.dry_run {
            let added = u64::from(terminate_tail);
            let after = self.segment.bytes.saturating_sub(self.removed_bytes) + added;
            let before = self.segment.bytes;
            return Ok(Some(Rewritten {
                bytes_before: before,
                bytes_after: after,
                removed_entries: None,
                quarantine: Vec::new(),
            }));
        }
        self.begin(host)?;
        if !self.pending.is_empty() {
            self.flush(host)?;
        }
        Ok(Some(host.rewrite_commit(terminate_tail)?))
    }

    /// The options of a recovery.
    pub fn for_recovery(keep_quarantine: bool) -> RewriteOptions {
        RewriteOptions { purpose: Purpose::Recover, keep_quarantine, force: false }
    }
}
