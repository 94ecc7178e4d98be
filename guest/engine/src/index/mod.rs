//! A summary of every block of a store, kept beside it, so that an answer costs what is in the answer.
//!
//! It is a cache: to lose it costs time, never data. It is believed only as far as the store looks as it did (see
//! [`trust`]), and it holds nothing of any record.

mod block;
mod build;
mod pieces;
mod trust;

use std::cell::RefCell;
use std::rc::Rc;

use serde::{Deserialize, Serialize};

pub use self::block::Block;
pub use self::build::{Builder, halve};
pub use self::pieces::{Passed, Pieces};
use crate::failure::Outcome;
use crate::hash::hash;
use crate::host::{Host, Position, Range};
use crate::walk::View;

/// Told apart from what other versions of the engine have written.
const FORMAT: &str = concat!("papyra.index/1 ", env!("CARGO_PKG_VERSION"));

/// Of a set of more segments nothing is kept.
pub const MAX_SEGMENTS: usize = 64;

/// Beyond so many blocks neighbours are joined.
const MAX_BLOCKS: usize = 16_384;

/// One segment, as far as it was seen.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Part {
    start: Position,
    blocks: Vec<Block>,
    /// See [`trust`].
    hashes: Vec<u64>,
}

impl Part {
    fn end(&self) -> Position {
        self.blocks.last().map_or(self.start, |block| block.end)
    }

    /// The blocks, and where each of them lies.
    pub fn blocks(&self) -> impl Iterator<Item = (Range, &Block)> {
        let mut start = self.start;
        self.blocks.iter().map(move |block| {
            let range = Range { start, end: block.end };
            start = block.end;
            (range, block)
        })
    }

    fn is_possible(&self) -> bool {
        self.blocks().all(|(range, block)| range.start < range.end && block.is_possible())
    }
}

/// The segments of a store, oldest first.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Index {
    format: String,
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
        let blocks: usize = index.parts.iter().map(|part| part.blocks.len()).sum();
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
    pub fn of<H: Host>(host: &mut H, view: &View, mut members: Vec<Vec<Block>>) -> Outcome<Self> {
        while members.iter().map(Vec::len).sum::<usize>() > MAX_BLOCKS
            && members.iter().any(|blocks| blocks.len() > 1)
        {
            members.iter_mut().for_each(|blocks| halve(blocks, Block::join));
        }
        let mut parts = Vec::new();
        for (segment, blocks) in view.members.iter().zip(members) {
            let mut part = Part { start: segment.start, blocks, hashes: Vec::new() };
            let range = Range { start: part.start, end: part.end() };
            part.hashes = trust::hashes(host, view.description.framing, segment, range)?;
            parts.push(part);
        }
        Ok(Self { format: FORMAT.to_owned(), parts })
    }
}

fn sum_of(written: &str) -> String {
    format!("{:016x}", hash(written.as_bytes()))
}
