//! Making an index because somebody asks for one.

use super::head::Head;
use super::stretch::{Pass, Stretch, Stretches};
use super::{Block, Index, MAX_SEGMENTS, Member, are_hashed};
pub use crate::bindings::exports::papyra::persistence::journal::{IndexOptions, IndexReport};
use crate::failure::{Failure, FailureCode, Outcome};
use crate::host::{Host, Position, Range};
use crate::walk::partition::{self, Partition};
use crate::walk::{NEXT, View};

/// Of a larger store, in bytes, one instance alone makes the index: the others could not hand on their blocks.
const MOST_IN_PARTS: u64 = 64 << 30;

/// A partition is no smaller than so many bytes: a block or two of each are read once more.
const LEAST_PART: u64 = 4 << 20;

/// Makes the index, or adds to it what was appended since.
///
/// # Errors
///
/// Those of reading, and of the store if it cannot keep an index.
pub fn index<H: Host>(host: &mut H, options: IndexOptions) -> Outcome<IndexReport> {
    let mut work = Work::begin(host, options)?;
    let framing = work.view.description.framing;
    for (segment, known) in work.view.members.iter().zip(&mut work.known) {
        let range = Range { start: known.from, end: segment.end };
        work.pass.read(host, segment, framing, range, &mut |_: &mut H, built, _| {
            known.member.push(built);
            NEXT
        })?;
    }
    work.finish(host)
}

/// The parts of the store that must be read to make the index, for [`partition()`].
///
/// # Errors
///
/// Those of reading.
pub fn partitions<H: Host>(
    host: &mut H,
    maximum: u32,
    options: IndexOptions,
) -> Outcome<Vec<Partition>> {
    let work = Work::begin(host, options)?;
    let pairs = work.view.members.iter().zip(&work.known);
    let range = |known: &Known, end| Range { start: known.from, end };
    let ranges: Vec<_> =
        pairs.map(|(segment, known)| (segment, range(known, segment.end))).collect();
    let left: u64 = ranges.iter().map(|(_, range)| range.start.until(range.end)).sum();
    let most = if work.view.bytes() > MOST_IN_PARTS { 1 } else { left / LEAST_PART };
    let maximum = maximum.min(u32::try_from(most).unwrap_or(u32::MAX));
    partition::cut(host, work.view.description.framing, &ranges, maximum)
}

/// The blocks of one partition, with hashes if the index is to have them.
///
/// # Errors
///
/// Those of reading.
pub fn partition<H: Host>(
    host: &mut H,
    partition: &Partition,
    options: IndexOptions,
) -> Outcome<Stretch> {
    let pass = match options.hash {
        true => Pass::Index { hash: true },
        // An index that was hashed goes on being hashed.
        false => Work::begin(host, options)?.pass,
    };
    pass.stretch(host, partition)
}

/// Makes the index of what other instances have seen, in order.
///
/// # Errors
///
/// Those of reading, and of the store if it cannot keep an index; `InvalidArgument` for other results.
pub fn conclude<H: Host>(
    host: &mut H,
    results: &[String],
    options: IndexOptions,
) -> Outcome<IndexReport> {
    let mut work = Work::begin(host, options)?;
    let framing = work.view.description.framing;
    let mut stretches = Stretches::parse(results)?;
    for (segment, known) in work.view.members.iter().zip(&mut work.known) {
        let blocks = stretches.of(host, work.pass, segment, framing, known.from)?;
        blocks.into_iter().for_each(|built| known.member.push(built));
    }
    stretches.end()?;
    work.finish(host)
}

/// Removes the index.
///
/// # Errors
///
/// Those of the store.
pub fn drop_index<H: Host>(host: &mut H) -> Outcome<()> {
    Ok(host.save_index("")?)
}

/// What is known of one member, and from where on it is to be read.
struct Known {
    member: Member,
    from: Position,
}

struct Work {
    view: View,
    known: Vec<Known>,
    /// Bytes that need not be read.
    indexed: u64,
    pass: Pass,
}

impl Work {
    fn begin<H: Host>(host: &mut H, options: IndexOptions) -> Outcome<Self> {
        let view = View::open(host)?;
        check(&view)?;
        let index = if options.full { None } else { Index::load(host) };
        let parts = match &index {
            Some(index) => index.matching(host, &view)?,
            None => &[],
        };
        let was_hashed = are_hashed(parts);
        let parts = if was_hashed || !options.hash { parts } else { &[] };
        let known = view.members.iter().enumerate().map(|(index, segment)| {
            let part = parts.get(index).map(|part| part.before(segment.end));
            let (member, from) = part.unwrap_or((Member::default(), segment.start));
            Known { member, from }
        });
        let known: Vec<_> = known.collect();
        let indexed = sum(&known, |block| block.bytes);
        let pass = Pass::Index { hash: options.hash || was_hashed };
        Ok(Self { view, known, indexed, pass })
    }

    /// Keeps the index, and reports.
    fn finish<H: Host>(self, host: &mut H) -> Outcome<IndexReport> {
        let Self { view, known, indexed, pass } = self;
        let (bytes, entries) =
            (sum(&known, |block| block.bytes), sum(&known, |block| block.entries));
        let place = |known: &Known| {
            let end = known.member.blocks.last().map_or(known.from, |block| block.end);
            (end, known.member.link())
        };
        let head = Head(known.iter().map(place).collect());
        let members = known.into_iter().map(|known| known.member).collect();
        let index = Index::of(host, &view, members)?;
        let index_bytes = index.save(host)?;
        Ok(IndexReport {
            backend: view.description.backend.clone(),
            location: view.description.location.clone(),
            segments: u32::try_from(view.members.len()).unwrap_or(u32::MAX),
            bytes,
            entries,
            blocks: u32::try_from(index.number_of_blocks()).unwrap_or(u32::MAX),
            indexed_bytes: indexed,
            index_bytes: index_bytes as u64,
            head: (pass == Pass::Index { hash: true }).then(|| head.to_string()),
        })
    }
}

fn check(view: &View) -> Outcome<()> {
    let members = view.members.len();
    let message = match view.description.volatile {
        true => format!("the {} store keeps no records to index", view.description.backend),
        false if members > MAX_SEGMENTS => {
            format!("there are {members} segments, and an index is of {MAX_SEGMENTS} at most")
        }
        false => return Ok(()),
    };
    Err(Failure::new(FailureCode::Unsupported, message))
}

/// Saturates: blocks also come from a caller.
fn sum(known: &[Known], of: fn(&Block) -> u64) -> u64 {
    let blocks = known.iter().flat_map(|known| &known.member.blocks);
    blocks.map(of).fold(0, u64::saturating_add)
}
