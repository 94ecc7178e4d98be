//! Where blocks end.
//!
//! That follows from the bytes alone, so that blocks find each other again after a beginning has gone, and a later
//! reading hashes the same ones.

use serde::{Deserialize, Serialize};

use super::block::Block;
use super::digest::{Digest, Digester};
use crate::failure::Outcome;
use crate::hash::hash;
use crate::host::{Framing, Host, Segment};
use crate::walk::Entry;

/// A block has at least so many bytes, but for the last one of a segment.
pub(super) const LEAST: u64 = 512 << 10;

/// A block ends with the first entry that makes it so long.
const MOST: u64 = 2 << 20;

/// In between, a block ends with an entry whose hash has these bits clear: about every thousandth does. It is of the
/// whole entry, for the ends of all records of a journal can be the same.
const PATTERN: u64 = 0x3ff;

/// A block, and its hash if it was hashed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Built {
    pub block: Block,
    pub digest: Option<Digest>,
}

/// The block that goes by at the moment.
#[derive(Debug)]
pub struct Builder {
    block: Block,
    digester: Option<Digester>,
    least: u64,
    most: u64,
}

impl Builder {
    /// The next entry begins a block.
    pub fn new(hashed: bool) -> Self {
        let digester = hashed.then(Digester::default);
        Self { block: Block::default(), digester, least: LEAST, most: MOST }
    }

    /// Makes blocks of another size, for tests.
    #[must_use]
    pub fn of_size(self, least: u64, most: u64) -> Self {
        Self { least, most, ..self }
    }

    /// Adds the next entry. Returns the block that ends with it, if one does.
    ///
    /// # Errors
    ///
    /// Those of reading what is to be hashed.
    pub fn add<H: Host>(
        &mut self,
        host: &mut H,
        segment: &Segment,
        framing: Framing,
        entry: &Entry<'_>,
    ) -> Outcome<Option<Built>> {
        if let Some(digester) = &mut self.digester {
            digester.add(host, segment, framing, entry)?;
        }
        self.block.add(entry);
        let ends = ends_after(entry, self.block.bytes, self.least, self.most);
        Ok(if ends { self.finish() } else { None })
    }

    /// The block that is not at its end yet, if it has begun. The next entry begins another one.
    pub fn finish(&mut self) -> Option<Built> {
        let block = std::mem::take(&mut self.block);
        let built = |block| Built { block, digest: self.digester.as_mut().map(Digester::finish) };
        (block.entries > 0).then_some(block).map(built)
    }
}

/// Whether a block of so many bytes ends with this entry.
fn ends_after(entry: &Entry<'_>, bytes: u64, least: u64, most: u64) -> bool {
    let meets = || hash(entry.bytes) & PATTERN == 0;
    // An unterminated one goes on.
    entry.terminated && bytes >= least && (bytes >= most || meets())
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
