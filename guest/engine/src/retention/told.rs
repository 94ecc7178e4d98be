//! What compaction learns from the index, without reading it.

use crate::amount::Amount;
use crate::failure::Outcome;
use crate::host::{Host, Range, Segment};
use crate::index::{self, Index, Part};
use crate::json::Kind;
use crate::retention::Retention;
use crate::retention::survey::{Block, Clock};
use crate::walk::View;

/// The blocks that the index knows well enough.
#[derive(Default)]
pub struct Told {
    /// With the index of their segment, oldest first.
    pub blocks: Vec<(usize, Block)>,
    /// What of the index belongs to the store.
    pub parts: Vec<Part>,
}

impl Told {
    /// What the index of the store tells, if there is one. Of members side by side it tells nothing.
    pub fn of<H: Host>(
        host: &mut H,
        view: &View,
        policy: &Retention,
        clock: Clock,
    ) -> Outcome<Self> {
        let known = if view.is_parallel() { None } else { Index::load(host) };
        let Some(known) = known else { return Ok(Self::default()) };
        let parts = known.matching(host, view)?.to_vec();
        let mut blocks = Vec::new();
        for (index, part) in parts.iter().enumerate() {
            let told = part.blocks().filter_map(|(range, block)| told(range, block, policy, clock));
            blocks.extend(told.map(|block| (index, block)));
        }
        Ok(Self { blocks, parts })
    }

    /// What must be read, in order.
    pub fn rest<'v>(&self, view: &'v View) -> Vec<(&'v Segment, Range)> {
        let mut rest = Vec::new();
        let mut blocks = self.blocks.iter().peekable();
        for (index, segment) in view.members.iter().enumerate() {
            let mut at = segment.start;
            while let Some((_, block)) = blocks.next_if(|(of, _)| *of == index) {
                rest.push((segment, Range { start: at, end: block.start }));
                at = block.end;
            }
            rest.push((segment, Range { start: at, end: segment.end }));
        }
        rest.retain(|(_, range)| range.start < range.end);
        rest
    }
}

/// The survey of a block; none if it must be read. That is so wherever limits say one thing of some of its records
/// and another thing of others, and the index does not know of which.
fn told(range: Range, known: &index::Block, policy: &Retention, clock: Clock) -> Option<Block> {
    let mut block = Block { end: range.end, ..Block::new(range.start) };
    let (mut limited, mut unlimited) = (Amount::default(), Amount::default());
    for kind in Kind::ALL.into_iter().filter(|kind| known.holds(*kind)) {
        let records = known.kinds.get(kind);
        if !policy.limits_age(Some(kind)) {
            unlimited.merge(records);
            block.live.put(kind, records);
            continue;
        }
        limited.merge(records);
        let expired = |times| policy.outlives_all(Some(kind), known.calendar, clock.as_of, times);
        match expired(1.0)? {
            false => block.live.put(kind, records),
            true => {
                block.expired.put(kind, records);
                block.long_expired += if expired(2.0)? { records.records } else { 0 };
            }
        }
    }
    if known.untimed > 0 && limited.records > 0 {
        // They never expire.
        let told = unlimited.records == 0 && block.expired_records().records == 0;
        block.untimed = known.untimed;
        told.then_some(())?;
    }
    let all = limited.records + unlimited.records;
    let plain = known.speaks_for_itself(clock.now) && all == known.records;
    (plain && known.records == known.entries).then_some(block)
}
