//! Making an index because somebody asks for one.

use serde::{Deserialize, Serialize};

use super::head::Head;
use super::{Builder, Built, Index, MAX_SEGMENTS, Member, Part, are_hashed};
pub use crate::bindings::exports::papyra::persistence::journal::{IndexOptions, IndexReport};
use crate::failure::{Failure, FailureCode, Outcome};
use crate::host::{Framing, Host, Position, Range, Segment};
use crate::walk::partition::{self, Partition, parse_result};
use crate::walk::{self, Entry, NEXT, STOP, Step, View};

/// Of a larger store, in bytes, one instance alone makes the index: the others could not hand on their blocks.
const MOST_IN_PARTS: u64 = 64 << 30;

/// What is known of one member, and from where on it is to be read.
struct Known {
    member: Member,
    from: Position,
}

/// What one instance has seen of a segment.
#[derive(Debug, Serialize, Deserialize)]
pub struct Stretch {
    segment: String,
    blocks: Vec<Built>,
    /// The last block can go on.
    open: bool,
}

impl Stretch {
    /// Blocks of a segment, the last of which can go on.
    pub(super) fn of(segment: &Segment, blocks: Vec<Built>) -> Self {
        let open = !blocks.is_empty();
        Self { segment: segment.name.clone(), blocks, open }
    }

    /// Whether it is of this segment.
    pub fn is_of(&self, segment: &Segment) -> bool {
        self.segment == segment.name
    }
}

/// Makes the index, or adds to it what was appended since.
///
/// # Errors
///
/// Those of reading, and of the store if it cannot keep an index.
pub fn index<H: Host>(host: &mut H, options: IndexOptions) -> Outcome<IndexReport> {
    let work = Work::begin(host, options)?;
    let framing = work.view.description.framing;
    let mut members = Vec::new();
    for (segment, Known { mut member, from }) in work.view.members.iter().zip(work.known()) {
        let range = Range { start: from, end: segment.end };
        work.pass.read(host, segment, framing, range, &mut |_: &mut H, built, _| {
            member.push(built);
            NEXT
        })?;
        members.push(member);
    }
    work.finish(host, members)
}

/// The parts of the store that must be read to make the index, for [`stretch`].
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
    let ranges = work.view.members.iter().zip(work.known()).map(|(segment, known)| {
        let range = Range { start: known.from, end: segment.end };
        (segment, range)
    });
    let maximum = if work.view.bytes() > MOST_IN_PARTS { 1 } else { maximum };
    partition::cut(host, work.view.description.framing, &ranges.collect::<Vec<_>>(), maximum)
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
    let pass = Work::begin(host, options)?.pass;
    stretch(host, partition, pass)
}

/// The blocks of one partition, for one purpose or the other.
///
/// # Errors
///
/// Those of reading.
pub fn stretch<H: Host>(host: &mut H, partition: &Partition, pass: Pass) -> Outcome<Stretch> {
    let view = View::open(host)?;
    let (segment, range) = partition::find(&view, partition)?;
    let (mut blocks, mut open) = (Vec::new(), false);
    pass.read(host, segment, view.description.framing, range, &mut |_: &mut H, built, is_last| {
        blocks.push(built);
        open = is_last;
        NEXT
    })?;
    Ok(Stretch { segment: partition.segment.clone(), blocks, open })
}

/// Makes the index of what other instances have seen, in order.
///
/// # Errors
///
/// Those of reading, and of the store if it cannot keep an index.
pub fn conclude<H: Host>(
    host: &mut H,
    stretches: &[String],
    options: IndexOptions,
) -> Outcome<IndexReport> {
    let work = Work::begin(host, options)?;
    let framing = work.view.description.framing;
    let mut stretches = parsed(stretches)?.into_iter().peekable();
    let mut members = Vec::new();
    for (segment, Known { mut member, from }) in work.view.members.iter().zip(work.known()) {
        let of_segment = std::iter::from_fn(|| stretches.next_if(|one| one.is_of(segment)));
        let blocks = work.pass.join(host, segment, framing, from, of_segment.collect())?;
        blocks.into_iter().for_each(|built| member.push(built));
        members.push(member);
    }
    match stretches.next() {
        None => work.finish(host, members),
        Some(_) => Err(Failure::argument("the partitions are not in the order of the store")),
    }
}

pub(super) fn parsed(stretches: &[String]) -> Outcome<Vec<Stretch>> {
    stretches.iter().map(|text| parse_result(text)).collect()
}

/// Removes the index.
///
/// # Errors
///
/// Those of the store.
pub fn drop_index<H: Host>(host: &mut H) -> Outcome<()> {
    Ok(host.save_index("")?)
}

struct Work {
    view: View,
    parts: Vec<Part>,
    pass: Pass,
}

impl Work {
    fn begin<H: Host>(host: &mut H, options: IndexOptions) -> Outcome<Self> {
        let view = View::open(host)?;
        if view.description.volatile || view.members.len() > MAX_SEGMENTS {
            let message = match view.description.volatile {
                true => format!("the {} store keeps no records to index", view.description.backend),
                false => format!(
                    "there are {} segments, and an index is of {MAX_SEGMENTS} at most",
                    view.members.len()
                ),
            };
            return Err(Failure::new(FailureCode::Unsupported, message));
        }
        let known = if options.full { None } else { Index::load(host) };
        let parts = match known {
            Some(index) => index.matching(host, &view)?.to_vec(),
            None => Vec::new(),
        };
        let was_hashed = are_hashed(&parts);
        let usable = was_hashed || !options.hash;
        let parts = if usable { parts } else { Vec::new() };
        Ok(Self { view, parts, pass: Pass::Index { hash: options.hash || was_hashed } })
    }

    fn known(&self) -> Vec<Known> {
        let known = |(index, segment): (usize, &Segment)| match self.parts.get(index) {
            None => Known { member: Member::default(), from: segment.start },
            Some(part) => {
                let (member, from) = part.before(segment.end);
                Known { member, from }
            }
        };
        self.view.members.iter().enumerate().map(known).collect()
    }

    /// Keeps the index, and reports.
    fn finish<H: Host>(self, host: &mut H, members: Vec<Member>) -> Outcome<IndexReport> {
        let Self { view, pass, .. } = &self;
        let pairs = self.view.members.iter().zip(self.known());
        let read: u64 = pairs.map(|(segment, known)| unread(segment, known.from)).sum();
        let amount = |of: fn(&super::Block) -> u64| -> u64 {
            members.iter().flat_map(|member| &member.blocks).map(of).sum()
        };
        let (bytes, entries) = (amount(|block| block.bytes), amount(|block| block.entries));
        let ends = members.iter().zip(&view.members).map(|(member, segment)| {
            let end = member.blocks.last().map_or(segment.start, |block| block.end);
            (end, member.link())
        });
        let hashed = *pass == Pass::Index { hash: true };
        let head = hashed.then(|| Head(ends.collect()).to_string());
        let index = Index::of(host, view, members)?;
        let index_bytes = index.save(host)?;
        Ok(IndexReport {
            backend: view.description.backend.clone(),
            location: view.description.location.clone(),
            segments: u32::try_from(view.members.len()).unwrap_or(u32::MAX),
            bytes,
            entries,
            blocks: u32::try_from(index.number_of_blocks()).unwrap_or(u32::MAX),
            indexed_bytes: view.bytes().saturating_sub(read),
            index_bytes: index_bytes as u64,
            head,
        })
    }
}

/// About how many bytes of a segment lie behind a position.
fn unread(segment: &Segment, from: Position) -> u64 {
    match from == segment.start {
        true => segment.bytes,
        false => from.until(segment.end).min(segment.bytes),
    }
}

/// What blocks are made for.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Pass {
    /// To know what is in them, and to hash them if that is true.
    Index { hash: bool },
    /// To know their hashes only.
    Verify,
}

impl Pass {
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
        let mut add =
            |host: &mut H, entry: &Entry<'_>| match builder.add(host, segment, framing, entry)? {
                Some(built) => visit(host, built, false),
                None => NEXT,
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
        stretches: Vec<Stretch>,
    ) -> Outcome<Vec<Built>> {
        let (mut all, mut open) = (Vec::<Built>::new(), false);
        for stretch in stretches {
            let (mut known, mut goes_on) = (stretch.blocks, stretch.open);
            let end = known.last().map_or(segment.end, |built| built.block.end);
            if open {
                all.pop();
                let start = all.last().map_or(from, |built| built.block.end);
                let closed = known.len() - usize::from(goes_on);
                let mut agreed = None;
                let mut last_open = false;
                self.read(
                    host,
                    segment,
                    framing,
                    Range { start, end },
                    &mut |_, built, is_last| {
                        let ends = known.get(..closed).unwrap_or_default();
                        agreed =
                            ends.binary_search_by_key(&built.block.end, |one| one.block.end).ok();
                        agreed = agreed.filter(|_| !is_last);
                        last_open = is_last;
                        all.push(built);
                        if agreed.is_some() { STOP } else { NEXT }
                    },
                )?;
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
