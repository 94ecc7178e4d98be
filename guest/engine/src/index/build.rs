//! Where blocks end.
//!
//! That follows from the bytes alone, so that blocks find each other again after a beginning has gone.

use super::block::Block;
use crate::hash::hash;
use crate::walk::Entry;

/// A block has at least so many bytes, but for the last one of a segment.
const LEAST: u64 = 512 << 10;

/// A block ends with the first entry that makes it so long.
const MOST: u64 = 2 << 20;

/// In between, a block ends with an entry whose last bytes have a hash with these bits clear: about every
/// thousandth does.
const PATTERN: u64 = 0x3ff;

/// How many of its last bytes.
const LAST: usize = 64;

/// The blocks of one segment while its entries go by.
#[derive(Debug)]
pub struct Builder {
    blocks: Vec<Block>,
    /// The last block goes on.
    open: bool,
    least: u64,
    most: u64,
}

impl Builder {
    /// Goes on after these blocks.
    pub fn after(blocks: Vec<Block>) -> Self {
        Self::of_size(blocks, LEAST, MOST)
    }

    /// The same with blocks of another size, for tests.
    pub fn of_size(blocks: Vec<Block>, least: u64, most: u64) -> Self {
        let open = blocks.last().is_some_and(|last| last.bytes < least);
        Self { blocks, open, least, most }
    }

    /// Adds the next entry.
    pub fn add(&mut self, entry: &Entry<'_>) {
        if !std::mem::replace(&mut self.open, true) {
            self.blocks.push(Block::default());
        }
        let Some(block) = self.blocks.last_mut() else { return };
        block.add(entry);
        if block.bytes >= self.least {
            let last = entry.bytes.get(entry.bytes.len().saturating_sub(LAST)..);
            let meets = || hash(last.unwrap_or_default()) & PATTERN == 0;
            self.open = block.bytes < self.most && !meets();
        }
    }

    /// All blocks, oldest first.
    pub fn finish(self) -> Vec<Block> {
        self.blocks
    }
}

/// Joins each two neighbours, so that half as many are left.
pub fn halve<B: Clone>(blocks: &mut Vec<B>, join: impl Fn(&mut B, &B)) {
    let pairs = blocks.chunks(2);
    let joined = pairs.filter_map(|pair| {
        let mut joined = pair.first()?.clone();
        if let Some(second) = pair.get(1) {
            join(&mut joined, second);
        }
        Some(joined)
    });
    *blocks = joined.collect();
}
