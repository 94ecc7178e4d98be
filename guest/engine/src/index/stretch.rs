//! Making blocks, by one instance or by several.

use std::iter::Peekable;
use std::vec::IntoIter;

use serde::{Deserialize, Serialize};

use super::{Builder, Built};
use crate::failure::{Failure, Outcome};
use crate::host::{Framing, Host, Position, Range, Segment};
use crate::walk::partition::{self, Partition, parse_result};
use crate::walk::{self, Entry, NEXT, STOP, Step, View};

/// What blocks are made for.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Pass {
    /// To know what is in them, and to hash them if that is true.
    Index { hash: bool },
    /// To know their hashes only.
    Verify,
}

/// What one instance has seen of a segment.
#[derive(Debug, Serialize, Deserialize)]
pub struct Stretch {
    segment: String,
    start: Position,
    blocks: Vec<Built>,
    /// The last block can go on.
    open: bool,
}

impl Stretch {
    /// Blocks of a segment from a place on, the last of which can go on.
    pub(super) fn of(segment: &Segment, start: Position, blocks: Vec<Built>) -> Self {
        let open = !blocks.is_empty();
        Self { segment: segment.name.clone(), start, blocks, open }
    }

    pub(super) fn end(&self) -> Position {
        self.blocks.last().map_or(self.start, |built| built.block.end)
    }

    fn ascends(&self) -> bool {
        let ends = self.blocks.iter().map(|built| built.block.end);
        std::iter::once(self.start).chain(ends).is_sorted_by(|one, next| one < next)
    }
}

impl Pass {
    /// The blocks of one partition.
    ///
    /// # Errors
    ///
    /// Those of reading.
    pub fn stretch<H: Host>(self, host: &mut H, partition: &Partition) -> Outcome<Stretch> {
        let view = View::open(host)?;
        let (segment, range) = partition::find(&view, partition)?;
        let (mut blocks, mut open) = (Vec::new(), false);
        self.read(host, segment, view.description.framing, range, &mut |_, built, is_last| {
            blocks.push(built);
            open = is_last;
            NEXT
        })?;
        let (segment, start) = (partition.segment.clone(), partition.start);
        Ok(Stretch { segment, start, blocks, open })
    }

    /// Reads a range and tells its blocks. The last one may not be at its end, which is told as well.
    pub(super) fn read<H: Host>(
        self,
        host: &mut H,
        segment: &Segment,
        framing: Framing,
        range: Range,
        visit: &mut impl FnMut(&mut H, Built, bool) -> Step,
    ) -> Outcome<()> {
        let mut builder = Builder::new(self != Self::Index { hash: false });
        let mut add = |host: &mut H, entry: &Entry<'_>| {
            let built = builder.add(host, segment, framing, entry)?;
            built.map_or(NEXT, |built| visit(host, built, false))
        };
        let step = match self {
            Self::Index { .. } => walk::forward(host, segment, framing, range, &mut add),
            Self::Verify => walk::forward_unjudged(host, segment, framing, range, &mut add),
        };
        if step?.is_continue()
            && let Some(last) = builder.finish()
        {
            let _ = visit(host, last, true)?;
        }
        Ok(())
    }

    /// The blocks of a segment from a place on as one instance would have made them: where a partition began in
    /// the middle of a block, they are read again until both agree on where blocks end.
    pub(super) fn join<H: Host>(
        self,
        host: &mut H,
        segment: &Segment,
        framing: Framing,
        from: Position,
        stretches: impl IntoIterator<Item = Stretch>,
    ) -> Outcome<Vec<Built>> {
        let (mut all, mut open) = (Vec::<Built>::new(), false);
        for Stretch { blocks: mut known, open: mut goes_on, .. } in stretches {
            if open {
                let last = all.pop();
                let start = all.last().map_or(from, |built| built.block.end);
                let end = known.last().or(last.as_ref()).map_or(start, |built| built.block.end);
                let closed = known.len().saturating_sub(usize::from(goes_on));
                let (mut agreed, mut last_open) = (None, false);
                let range = Range { start, end };
                self.read(host, segment, framing, range, &mut |_, built, is_last| {
                    let ends = known.get(..closed).unwrap_or_default();
                    let same = ends.binary_search_by_key(&built.block.end, |one| one.block.end);
                    agreed = same.ok().filter(|_| !is_last);
                    last_open = is_last;
                    all.push(built);
                    if agreed.is_some() { STOP } else { NEXT }
                })?;
                match agreed {
                    Some(at) => drop(known.drain(..=at)),
                    None => (known, goes_on) = (Vec::new(), last_open),
                }
            }
            all.extend(known);
            open = goes_on;
        }
        Ok(all)
    }
}

/// What other instances have seen of a store, in order. It comes from a caller.
pub struct Stretches(Peekable<IntoIter<Stretch>>);

impl Stretches {
    /// # Errors
    ///
    /// `InvalidArgument` if these are not the results of partitions.
    pub fn parse(results: &[String]) -> Outcome<Self> {
        let stretches = results.iter().map(|text| parse_result(text)).collect::<Outcome<Vec<_>>>();
        Ok(Self(stretches?.into_iter().peekable()))
    }

    /// The blocks of the next segment from a place on.
    ///
    /// # Errors
    ///
    /// Those of reading; `InvalidArgument` if they are not those of all of it.
    pub fn of<H: Host>(
        &mut self,
        host: &mut H,
        pass: Pass,
        segment: &Segment,
        framing: Framing,
        from: Position,
    ) -> Outcome<Vec<Built>> {
        let (mut at, mut fits) = (from, true);
        let of_segment = std::iter::from_fn(|| self.0.next_if(|one| one.segment == segment.name));
        let of_segment = of_segment.inspect(|one| {
            fits &= one.start == at && one.ascends();
            at = one.end();
        });
        let of_segment: Vec<_> = of_segment.collect();
        // Between framed entries there are positions that nobody has.
        fits &= at == segment.end || (framing == Framing::Entries && at < segment.end);
        if !fits {
            return Err(Failure::argument("the results do not fit the store"));
        }
        let blocks = pass.join(host, segment, framing, from, of_segment)?;
        let hashed = blocks.iter().all(|built| built.digest.is_some());
        match hashed || pass == (Pass::Index { hash: false }) {
            true => Ok(blocks),
            false => Err(Failure::argument("the results have no hashes")),
        }
    }

    /// All segments had their turn.
    ///
    /// # Errors
    ///
    /// `InvalidArgument` if there is more.
    pub fn end(mut self) -> Outcome<()> {
        match self.0.next() {
            None => Ok(()),
            Some(_) => Err(Failure::argument("the results are not in the order of the store")),
        }
    }
}
