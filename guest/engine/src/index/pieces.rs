//! What of a store has to be read for an answer.

use super::{Block, Part};
use crate::host::{Host, Position, Range, Segment};
use crate::walk::{self, Entry, NEXT, STOP, Step, StorePosition, View};

/// The ranges of each member that need not be read, in order.
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

    /// How many bytes of a member of lines have to be read.
    pub fn left_of(&self, index: usize, member: &Segment) -> u64 {
        let skipped: u64 = self.of(index).iter().map(|skip| skip.start.until(skip.end)).sum();
        member.start.until(member.end).saturating_sub(skipped)
    }

    fn of(&self, index: usize) -> &[Range] {
        self.skipped.get(index).map(Vec::as_slice).unwrap_or_default()
    }

    /// Visits the entries from a place on that have to be read, oldest first, and is told what was passed instead.
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
            return self.forward_abreast(host, view, &view.abreast(place), visit);
        }
        let (first, position) = place;
        for (index, segment) in view.members.iter().enumerate().skip(first) {
            let start = if index == first { position } else { segment.start };
            for (piece, skipped) in self.cut(index, Range { start, end: segment.end }) {
                let step = match skipped {
                    true => visit(host, Passed::UpTo((index, piece.end))),
                    false => {
                        let visit = &mut in_member(index, visit);
                        walk::forward(host, segment, view.description.framing, piece, visit)
                    }
                };
                if step?.is_break() {
                    return STOP;
                }
            }
        }
        NEXT
    }

    /// The same of segments side by side, from a position in each, but is told of nothing that was passed.
    ///
    /// # Errors
    ///
    /// Those of reading, and of the visitor.
    pub fn forward_abreast<H: Host>(
        &self,
        host: &mut H,
        view: &View,
        starts: &[Position],
        visit: &mut impl FnMut(&mut H, Passed<'_>) -> Step,
    ) -> Step {
        view.forward_abreast(host, starts, &self.skipped, &mut each(visit))
    }

    /// Visits the entries before a place that have to be read, newest first, and is told what was passed instead.
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
            let ends = view.abreast(place);
            return view.backward_abreast(host, &ends, &self.skipped, &mut each(visit));
        }
        let (last, position) = place;
        for (index, segment) in view.members.iter().enumerate().take(last + 1).rev() {
            let end = if index == last { position } else { segment.end };
            let pieces = self.cut(index, Range { start: segment.start, end });
            for (piece, skipped) in pieces.into_iter().rev() {
                let step = match skipped {
                    true => visit(host, Passed::UpTo((index, piece.start))),
                    false => {
                        let visit = &mut in_member(index, visit);
                        walk::backward(host, segment, view.description.framing, piece, visit)
                    }
                };
                if step?.is_break() {
                    return STOP;
                }
            }
        }
        NEXT
    }

    /// The pieces of a range of a member, in order, and whether each is left out.
    fn cut(&self, index: usize, range: Range) -> Vec<(Range, bool)> {
        let mut pieces = Vec::new();
        let mut at = range.start;
        for skip in self.of(index) {
            let (start, end) = (skip.start.clamp(at, range.end), skip.end.clamp(at, range.end));
            pieces.push((Range { start: at, end: start }, false));
            pieces.push((Range { start, end }, true));
            at = end;
        }
        pieces.push((Range { start: at, end: range.end }, false));
        pieces.retain(|(piece, _)| piece.start < piece.end);
        pieces
    }
}

fn each<H: Host>(
    visit: &mut impl FnMut(&mut H, Passed<'_>) -> Step,
) -> impl FnMut(&mut H, usize, &Entry<'_>) -> Step {
    |host, index, entry| visit(host, Passed::Entry(index, entry))
}

fn in_member<H: Host>(
    index: usize,
    visit: &mut impl FnMut(&mut H, Passed<'_>) -> Step,
) -> impl FnMut(&mut H, &Entry<'_>) -> Step {
    move |host, entry| visit(host, Passed::Entry(index, entry))
}

/// What a walk has passed.
#[derive(Clone, Copy, Debug)]
pub enum Passed<'a> {
    /// An entry, with the index of its member.
    Entry(usize, &'a Entry<'a>),
    /// Blocks that were not read, up to this place.
    UpTo(StorePosition),
}
