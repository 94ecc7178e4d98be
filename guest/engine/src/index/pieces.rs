//! What of a store has to be read for an answer.

use super::{Block, Part};
use crate::host::{Host, Range, Segment};
use crate::walk::{self, Entry, NEXT, STOP, Step, StorePosition, View};

/// The ranges of each member that need not be read, in order. None where members lie side by side.
#[derive(Debug, Default)]
pub struct Pieces {
    skipped: Vec<Vec<Range>>,
}

impl Pieces {
    /// Leaves out blocks of these parts.
    pub fn without(parts: &[Part], may_be_left_out: impl Fn(&Block) -> bool) -> Self {
        let skipped = parts.iter().map(|part| {
            let mut ranges: Vec<Range> = Vec::new();
            for (range, block) in part.blocks() {
                match ranges.last_mut() {
                    _ if !may_be_left_out(block) => {}
                    Some(last) if last.end == range.start => last.end = range.end,
                    _ => ranges.push(range),
                }
            }
            ranges
        });
        Self { skipped: skipped.collect() }
    }

    /// How many bytes of a member have to be read.
    pub fn left_of(&self, index: usize, member: &Segment) -> u64 {
        let skipped: u64 = self.of(index).iter().map(|skip| skip.start.until(skip.end)).sum();
        member.start.until(member.end).saturating_sub(skipped)
    }

    fn of(&self, index: usize) -> &[Range] {
        self.skipped.get(index).map(Vec::as_slice).unwrap_or_default()
    }

    /// Visits the entries from a place on that have to be read, oldest first. `pass` is told of a place up to which
    /// nothing has to be.
    ///
    /// # Errors
    ///
    /// Those of reading, and of the visitor.
    pub fn forward_from<H: Host>(
        &self,
        host: &mut H,
        view: &View,
        place: StorePosition,
        visit: &mut impl FnMut(&mut H, Passed<'_>) -> Step,
    ) -> Step {
        if view.is_parallel() {
            return view.forward_from(
                host,
                place,
                &mut |host: &mut H, index, entry: &Entry<'_>| {
                    visit(host, Passed::Entry(index, entry))
                },
            );
        }
        let (first, position) = place;
        for (index, segment) in view.members.iter().enumerate().skip(first) {
            let mut at = if index == first { position } else { segment.start };
            let begin = at;
            for skip in self.of(index).iter().filter(|skip| skip.end > begin) {
                let read = Range { start: at, end: skip.start.max(at) };
                if self.read(host, view, index, read, true, visit)?.is_break() {
                    return STOP;
                }
                at = skip.end;
                if visit(host, Passed::UpTo((index, at)))?.is_break() {
                    return STOP;
                }
            }
            let rest = Range { start: at, end: segment.end };
            if self.read(host, view, index, rest, true, visit)?.is_break() {
                return STOP;
            }
        }
        NEXT
    }

    /// Visits the entries before a place that have to be read, newest first.
    ///
    /// # Errors
    ///
    /// Those of reading, and of the visitor.
    pub fn backward_from<H: Host>(
        &self,
        host: &mut H,
        view: &View,
        place: StorePosition,
        visit: &mut impl FnMut(&mut H, Passed<'_>) -> Step,
    ) -> Step {
        if view.is_parallel() {
            return view.backward_from(
                host,
                place,
                &mut |host: &mut H, index, entry: &Entry<'_>| {
                    visit(host, Passed::Entry(index, entry))
                },
            );
        }
        let (last, position) = place;
        for (index, segment) in view.members.iter().enumerate().take(last + 1).rev() {
            let mut at = if index == last { position } else { segment.end };
            let end = at;
            for skip in self.of(index).iter().rev().filter(|skip| skip.start < end) {
                let read = Range { start: skip.end.min(at), end: at };
                if self.read(host, view, index, read, false, visit)?.is_break() {
                    return STOP;
                }
                at = skip.start;
                if visit(host, Passed::UpTo((index, at)))?.is_break() {
                    return STOP;
                }
            }
            let rest = Range { start: segment.start, end: at };
            if self.read(host, view, index, rest, false, visit)?.is_break() {
                return STOP;
            }
        }
        NEXT
    }

    fn read<H: Host>(
        &self,
        host: &mut H,
        view: &View,
        index: usize,
        range: Range,
        forward: bool,
        visit: &mut impl FnMut(&mut H, Passed<'_>) -> Step,
    ) -> Step {
        let Some(segment) = view.members.get(index).filter(|_| range.start < range.end) else {
            return NEXT;
        };
        let framing = view.description.framing;
        let visit = &mut |host: &mut H, entry: &Entry<'_>| visit(host, Passed::Entry(index, entry));
        match forward {
            true => walk::forward(host, segment, framing, range, visit),
            false => walk::backward(host, segment, framing, range, visit),
        }
    }
}

/// What a walk has passed.
#[derive(Debug)]
pub enum Passed<'a> {
    /// An entry, with the index of its member.
    Entry(usize, &'a Entry<'a>),
    /// Blocks that were not read, up to this place.
    UpTo(StorePosition),
}
