//! A summary of every block of a store, kept beside it, so that an answer costs what is in the answer.
//!
//! It is a cache: to lose it costs time, never data. It is believed only as far as the store looks as it did (see
//! [`trust`]), and it holds nothing of any record.

mod block;
mod build;
mod carry;
mod digest;
pub mod head;
pub mod make;
mod pieces;
pub mod stretch;
mod trust;
pub mod verify;

use std::cell::RefCell;
use std::rc::Rc;

use serde::{Deserialize, Serialize};

pub use self::block::Block;
pub use self::build::{Builder, Built, halve};
pub use self::carry::{carry, keep};
pub use self::digest::Digest;
pub use self::pieces::{Passed, Pieces};
use crate::failure::Outcome;
use crate::hash::hash;
use crate::host::{Host, Position, Range, StorageError};
use crate::walk::View;

/// Told apart from what other versions of the engine have written.
const FORMAT: &str = concat!("papyra.index/1 ", env!("CARGO_PKG_VERSION"));

/// Of a set of more segments nothing is kept.
pub const MAX_SEGMENTS: usize = 64;

/// Beyond so many blocks neighbours are joined.
const MAX_BLOCKS: usize = 16_384;

/// About what a block takes in the text of an index, in bytes.
const ROW: u64 = 256;

/// One segment, as far as it was seen.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Part {
    start: Position,
    seen: Member,
    /// See [`trust`].
    hashes: Vec<u64>,
}

/// A chain that began with bytes which are not there any more.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct OlderChain {
    /// How many bytes more there were before what is there now.
    removed: u64,
    /// The end of a block, and the value of the chain there.
    at: Position,
    chain: Digest,
}

impl Part {
    fn end(&self) -> Position {
        self.seen.blocks.last().map_or(self.start, |block| block.end)
    }

    /// What stays as it is when a segment has grown up to `end`, and from where on it is to be read. The last block
    /// can go on, and is hashed as a whole.
    pub fn before(&self, end: Position) -> (Member, Position) {
        let mut member = self.seen.clone();
        if self.end() < end && !member.chain.is_empty() {
            member.pop();
        }
        let from = member.blocks.last().map_or(self.start, |block| block.end);
        (member, from)
    }

    /// The blocks, and where each of them lies.
    pub fn blocks(&self) -> impl Iterator<Item = (Range, &Block)> {
        let mut start = self.start;
        self.seen.blocks.iter().map(move |block| {
            let range = Range { start, end: block.end };
            start = block.end;
            (range, block)
        })
    }

    fn is_possible(&self) -> bool {
        let Member { blocks, chain, digests, older } = &self.seen;
        (chain.is_empty() || chain.len() == blocks.len())
            && (digests.is_empty() || digests.len() == chain.len())
            && older.len() <= carry::OLDER
            && self.blocks().all(|(range, block)| range.start < range.end && block.is_possible())
    }
}

/// Whether all blocks of these parts were hashed, and there are any.
pub fn are_hashed(parts: &[Part]) -> bool {
    parts.iter().all(|part| part.seen.chain.len() == part.seen.blocks.len())
        && parts.iter().any(|part| !part.seen.chain.is_empty())
}

/// The segments of a store, oldest first.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Index {
    format: String,
    /// How records said their kind and their time; empty if as Papyra writes them.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    form: String,
    parts: Vec<Part>,
}

thread_local! {
    /// The hash of the text that was read last, and what that says: a query reads it for every page.
    static LAST: RefCell<(u64, Option<Rc<Index>>)> = RefCell::default();
}

impl Index {
    /// Reads what [`Index::write`] wrote. Anything else counts as nothing.
    pub fn parse(text: &str) -> Option<Self> {
        let (written, sum) = text.trim_end_matches('\n').rsplit_once('\n')?;
        if sum != sum_of(written) {
            return None;
        }
        let index: Self = serde_json::from_str(written).ok()?;
        let blocks: usize = index.parts.iter().map(|part| part.seen.blocks.len()).sum();
        let possible = index.format == FORMAT
            && index.parts.len() <= MAX_SEGMENTS
            && blocks <= 2 * MAX_BLOCKS
            && index.parts.iter().all(Part::is_possible);
        possible.then_some(index)
    }

    /// The index as text that ends with a hash of itself.
    pub fn write(&self) -> Option<String> {
        let written = serde_json::to_string(self).ok()?;
        let sum = sum_of(&written);
        Some(format!("{written}\n{sum}\n"))
    }

    /// What the store has kept, if it is any index. Whatever the reason that there is none, everything works
    /// without.
    pub fn load<H: Host>(host: &mut H) -> Option<Rc<Self>> {
        let text = host.load_index().ok().filter(|text| !text.is_empty())?;
        LAST.with_borrow_mut(|(known, index)| {
            let now = hash(text.as_bytes());
            if std::mem::replace(known, now) != now {
                *index = Self::parse(&text).map(Rc::new);
            }
            index.clone()
        })
    }

    /// Puts together what was seen of a store's members: where each begins, and its blocks.
    ///
    /// # Errors
    ///
    /// Those of reading.
    pub fn of<H: Host>(host: &mut H, view: &View, mut members: Vec<Member>) -> Outcome<Self> {
        while members.iter().map(|member| member.blocks.len()).sum::<usize>() > MAX_BLOCKS
            && members.iter().any(|member| member.blocks.len() > 1)
        {
            members.iter_mut().for_each(Member::halve);
        }
        let mut parts = Vec::new();
        for (segment, seen) in view.members.iter().zip(members) {
            let mut part = Part { start: segment.start, seen, hashes: Vec::new() };
            let range = Range { start: part.start, end: part.end() };
            part.hashes = trust::hashes(host, view.description.framing, segment, range)?;
            parts.push(part);
        }
        Ok(Self { format: FORMAT.to_owned(), form: host.form().signature(), parts })
    }

    /// Has the store keep it. Returns how many bytes that took.
    ///
    /// # Errors
    ///
    /// Those of the store.
    pub fn save<H: Host>(&self, host: &mut H) -> Result<usize, StorageError> {
        let Some(text) = self.write() else { return Ok(0) };
        host.save_index(&text)?;
        Ok(text.len())
    }

    /// About how many bytes are written although nothing has changed in them, when something is appended. Small
    /// blocks do not count.
    pub fn rewritten_bytes(&self) -> u64 {
        let blocks = self.parts.iter().flat_map(|part| &part.seen.blocks);
        ROW * blocks.filter(|block| block.bytes >= build::LEAST).count() as u64
    }

    /// How many blocks it has.
    pub fn number_of_blocks(&self) -> usize {
        self.parts.iter().map(|part| part.seen.blocks.len()).sum()
    }
}

/// What was seen of one segment.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Member {
    blocks: Vec<Block>,
    /// The chain value after each block; none if they were not hashed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    chain: Vec<Digest>,
    /// The hash of each block; none if they were not hashed, or if blocks were joined.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    digests: Vec<Digest>,
    /// Where the chains go on that the segment had before its beginning was removed, newest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    older: Vec<OlderChain>,
}

impl Member {
    fn pop(&mut self) {
        self.blocks.pop();
        self.chain.pop();
        self.digests.pop();
    }

    /// Adds the next block.
    pub fn push(&mut self, Built { block, digest }: Built) {
        match self.blocks.last_mut() {
            // It was the last one when it was read.
            Some(last) if digest.is_none() && last.bytes < build::LEAST => last.join(&block),
            _ => self.blocks.push(block),
        }
        if let Some(digest) = digest {
            if self.digests.len() == self.chain.len() {
                self.digests.push(digest);
            }
            self.chain.push(self.link().followed_by(digest));
        }
        // Whatever the size of a segment.
        if self.blocks.len() > 2 * MAX_BLOCKS {
            self.halve();
        }
    }

    /// The chain value after the last block.
    pub fn link(&self) -> Digest {
        self.chain.last().copied().unwrap_or(Digest::BEGINNING)
    }

    fn halve(&mut self) {
        halve(&mut self.blocks, Block::join);
        // The value after both is that after the second one.
        halve(&mut self.chain, |chain, next| *chain = *next);
        self.digests.clear();
    }
}

fn sum_of(written: &str) -> String {
    format!("{:016x}", hash(written.as_bytes()))
}
