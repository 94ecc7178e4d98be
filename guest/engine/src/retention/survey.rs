//! A map of a store for compaction: how much of what lies where.
//!
//! Partitions are surveyed by several instances at once. A survey's size is bounded whatever the size of
//! the store: when it has too many blocks, neighbours are joined.

use serde::{Deserialize, Serialize};

use crate::amount::{Amount, Kinds};
use crate::failure::Outcome;
use crate::host::{Framing, Host, Position};
use crate::index::halve;
use crate::json::Kind;
use crate::retention::Retention;
use crate::time::Moment;
use crate::walk::partition::{self, Partition};
use crate::walk::{self, Entry, NEXT, View};

/// How many bytes a block covers at first.
const BLOCK: u64 = 1 << 20;

/// The maximum number of blocks of all partitions together, roughly: one instance holds them all in
/// the end.
const MAX_BLOCKS: u64 = 16_384;

/// The number of blocks that every partition may have.
const MIN_BLOCKS: u64 = 16;

/// The times that a compaction goes by, in seconds since the epoch.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    /// From which ages are counted.
    pub as_of: f64,
    /// By the host's clock.
    pub now: f64,
}

/// Consecutive entries.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Block {
    pub start: Position,
    pub end: Position,
    /// Records that are not too old, per kind, and those of no known kind.
    pub live: Kinds,
    pub unclassed: Amount,
    /// Records that are too old, per kind, and those of no known kind.
    pub expired: Kinds,
    pub expired_unclassed: Amount,
    /// Entries that are no records.
    pub damaged: Amount,
    /// Records that are older than twice what they may be.
    pub long_expired: u64,
    /// Live records to which an age limit applies, but whose timestamp is no calendar time.
    pub untimed: u64,
    /// The same, with a timestamp from the future, and one of these.
    pub from_future: u64,
    pub future: Option<f64>,
}

impl Block {
    pub fn new(start: Position) -> Self {
        Self { start, end: start, ..Self::default() }
    }

    pub fn add(&mut self, entry: &Entry<'_>, policy: &Retention, clock: Clock) {
        self.end = entry.end;
        let Some(envelope) = &entry.envelope else { return self.damaged.add(entry.stored) };
        let expired = policy.expires(envelope, clock.as_of);
        if expired {
            self.long_expired += u64::from(policy.expired_long_ago(envelope, clock.as_of));
        } else if policy.limits_age_of(envelope) {
            match Moment::of(envelope.timestamp, clock.now) {
                Moment::Calendar => {}
                Moment::None => self.untimed += 1,
                Moment::Future => {
                    self.from_future += 1;
                    self.future = self.future.or(envelope.timestamp);
                }
            }
        }
        match (expired, envelope.kind) {
            (false, Some(kind)) => self.live.add(kind, entry.stored),
            (false, None) => self.unclassed.add(entry.stored),
            (true, Some(kind)) => self.expired.add(kind, entry.stored),
            (true, None) => self.expired_unclassed.add(entry.stored),
        }
    }

    fn join(&mut self, next: &Self) {
        self.end = next.end;
        self.merge(next);
    }

    /// Adds the counts of another block.
    pub fn merge(&mut self, other: &Self) {
        self.live.merge(&other.live);
        self.unclassed.merge(other.unclassed);
        self.expired.merge(&other.expired);
        self.expired_unclassed.merge(other.expired_unclassed);
        self.damaged.merge(other.damaged);
        self.long_expired += other.long_expired;
        self.untimed += other.untimed;
        self.from_future += other.from_future;
        self.future = self.future.or(other.future);
    }

    /// The counts without those of another block, which is a part of this one.
    pub fn minus(&self, part: &Self) -> Self {
        Self {
            start: self.start,
            end: self.end,
            live: self.live.minus(&part.live),
            unclassed: self.unclassed.minus(part.unclassed),
            expired: self.expired.minus(&part.expired),
            expired_unclassed: self.expired_unclassed.minus(part.expired_unclassed),
            damaged: self.damaged.minus(part.damaged),
            long_expired: self.long_expired.saturating_sub(part.long_expired),
            untimed: self.untimed.saturating_sub(part.untimed),
            from_future: self.from_future.saturating_sub(part.from_future),
            future: self.future,
        }
    }

    /// Records that are too old.
    pub fn expired_records(&self) -> Amount {
        sum(&self.expired, self.expired_unclassed)
    }

    /// Records that are not too old.
    pub fn live_records(&self) -> Amount {
        sum(&self.live, self.unclassed)
    }

    pub fn records(&self) -> Amount {
        let mut all = self.live_records();
        all.merge(self.expired_records());
        all
    }

    pub fn entries(&self) -> Amount {
        let mut all = self.records();
        all.merge(self.damaged);
        all
    }

    /// All records of known kinds.
    pub fn kinds(&self) -> Kinds {
        let mut kinds = self.live;
        kinds.merge(&self.expired);
        kinds
    }

    fn covered(&self) -> u64 {
        self.entries().bytes
    }
}

fn sum(kinds: &Kinds, unclassed: Amount) -> Amount {
    let mut all = unclassed;
    Kind::ALL.into_iter().for_each(|kind| all.merge(kinds.get(kind)));
    all
}

/// The blocks of one partition, oldest first.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Survey {
    pub segment: String,
    pub blocks: Vec<Block>,
    block_size: u64,
    max_blocks: usize,
}

impl Survey {
    pub fn new(view: &View, partition: &Partition) -> Self {
        Self {
            segment: partition.segment.clone(),
            blocks: Vec::new(),
            block_size: BLOCK,
            max_blocks: max_blocks(view, partition),
        }
    }

    pub fn add(&mut self, entry: &Entry<'_>, policy: &Retention, clock: Clock) {
        match self.blocks.last_mut() {
            Some(block) if block.covered() < self.block_size => block.add(entry, policy, clock),
            _ => {
                let mut block = Block::new(entry.start);
                block.add(entry, policy, clock);
                self.blocks.push(block);
                if self.blocks.len() > self.max_blocks {
                    self.coarsen();
                }
            }
        }
    }

    fn coarsen(&mut self) {
        halve(&mut self.blocks, Block::join);
        self.block_size *= 2;
    }
}

/// The maximum number of blocks of a partition: as large a part of all as the partition is of the
/// store.
fn max_blocks(view: &View, partition: &Partition) -> usize {
    let blocks = match view.description.framing {
        Framing::Lines => {
            let bytes = u128::from(partition.start.until(partition.end));
            let blocks = u128::from(MAX_BLOCKS) * bytes / u128::from(view.bytes().max(1));
            u64::try_from(blocks).unwrap_or(MAX_BLOCKS)
        }
        // These are not partitioned.
        Framing::Entries => MAX_BLOCKS / (view.members.len() as u64).max(1),
    };
    usize::try_from(blocks.clamp(MIN_BLOCKS, MAX_BLOCKS)).unwrap_or(usize::MAX)
}

/// Surveys one partition.
pub fn survey_partition<H: Host>(
    host: &mut H,
    partition: &Partition,
    policy: &Retention,
    as_of: f64,
) -> Outcome<Survey> {
    let view = View::open(host)?;
    let clock = Clock { as_of, now: host.now() };
    survey(host, &view, partition, policy, clock)
}

/// Surveys a part of a member.
pub fn survey<H: Host>(
    host: &mut H,
    view: &View,
    partition: &Partition,
    policy: &Retention,
    clock: Clock,
) -> Outcome<Survey> {
    let mut survey = Survey::new(view, partition);
    let (segment, range) = partition::find(view, partition)?;
    let framing = view.description.framing;
    let _ = walk::forward(host, segment, framing, range, &mut |_: &mut H, entry| {
        survey.add(entry, policy, clock);
        NEXT
    })?;
    Ok(survey)
}
