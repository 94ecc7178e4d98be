//! A scan that reads only what the index cannot tell, and what the index then has to say.

use crate::failure::Outcome;
use crate::health::scan::{Place, ScanReport, ScanState};
use crate::health::tally::Tally;
use crate::host::{Host, Range, Segment};
use crate::index::{Block, Builder, Index, MAX_SEGMENTS, Member, Part, are_hashed};
use crate::walk::{self, NEXT, View};

/// The state of a store, and how it was found out.
pub struct Look {
    pub report: ScanReport,
    /// Bytes that were not read because the index vouches for them.
    pub indexed: u64,
    /// What to keep for the next time; absent if the store cannot be indexed.
    pub next: Option<Index>,
}

/// Looks at every entry for which `known` does not vouch.
///
/// # Errors
///
/// Those of reading.
pub fn look<H: Host>(host: &mut H, known: Option<&Index>, max: u32) -> Outcome<Look> {
    let view = View::open(host)?;
    if view.description.volatile {
        let report = ScanState::default().report(&view, false);
        return Ok(Look { report, indexed: 0, next: None });
    }
    let parts = match known {
        Some(index) => index.matching(host, &view)?,
        None => &[],
    };
    let mut pass = Pass::run(host, &view, parts, max)?;
    if !parts.is_empty() && (pass.disagrees || miscounted(&view, &pass.entries)) {
        pass = Pass::run(host, &view, &[], max)?;
    }
    let Pass { mut total, indexed, members, .. } = pass;
    total.observe_structure(&view, max);
    let report = total.report(&view, false);
    let next = match view.members.len() <= MAX_SEGMENTS {
        true => Some(Index::of(host, &view, members)?),
        false => None,
    };
    Ok(Look { report, indexed, next })
}

/// Whether the store counts other numbers of entries than were seen or indexed: some are gone.
fn miscounted(view: &View, entries: &[u64]) -> bool {
    let pairs = view.members.iter().zip(entries);
    pairs.into_iter().any(|(segment, seen)| segment.entries.is_some_and(|count| count != *seen))
}

/// What was seen of all segments, with what was known.
#[derive(Default)]
struct Pass {
    total: ScanState,
    indexed: u64,
    /// Of each segment.
    entries: Vec<u64>,
    members: Vec<Member>,
    /// A block that was read is not what the index says.
    disagrees: bool,
}

impl Pass {
    fn run<H: Host>(host: &mut H, view: &View, known: &[Part], max: u32) -> Outcome<Self> {
        let (now, hashed) = (host.now(), are_hashed(known));
        let mut pass = Self::default();
        for (index, segment) in view.members.iter().enumerate() {
            let framing = view.description.framing;
            let place = Place { segment, framing, now, max_findings: max };
            let mut one = OneSegment { state: ScanState::default(), place };
            let (mut member, start) = match known.get(index) {
                Some(part) => part.before(segment.end),
                None => (Member::default(), segment.start),
            };
            let kept = known.get(index).into_iter().flat_map(Part::blocks);
            for (range, block) in kept.take_while(|(range, _)| range.start < start) {
                if block.speaks_for_itself(now) {
                    let tally: Tally = block.tally();
                    one.state.pass(&tally);
                    pass.indexed = pass.indexed.saturating_add(tally.bytes);
                } else {
                    let mut seen = Block::default();
                    one.read(host, range, &mut |_, entry| {
                        seen.add(entry);
                        Ok(())
                    })?;
                    pass.disagrees |= seen != *block;
                }
            }
            let mut builder = Builder::new(hashed);
            let rest = Range { start, end: segment.end };
            one.read(host, rest, &mut |host, entry| {
                let built = builder.add(host, segment, framing, entry)?;
                built.into_iter().for_each(|built| member.push(built));
                Ok(())
            })?;
            builder.finish().into_iter().for_each(|last| member.push(last));
            pass.members.push(member);
            pass.finish(one, segment, max);
        }
        Ok(pass)
    }

    fn finish(&mut self, one: OneSegment<'_>, segment: &Segment, max: u32) {
        let mut state = one.state;
        self.entries.push(state.tally.entries);
        state.finish_segment(&segment.name);
        self.total.merge(state, max);
    }
}

struct OneSegment<'a> {
    state: ScanState,
    place: Place<'a>,
}

impl OneSegment<'_> {
    fn read<H: Host>(
        &mut self,
        host: &mut H,
        range: Range,
        seen: &mut impl FnMut(&mut H, &walk::Entry<'_>) -> Outcome<()>,
    ) -> Outcome<()> {
        let Self { state, place } = self;
        let visit = &mut |host: &mut H, entry: &walk::Entry<'_>| {
            state.look(host, *place, entry)?;
            seen(host, entry)?;
            NEXT
        };
        let _ = walk::forward(host, place.segment, place.framing, range, visit)?;
        Ok(())
    }
}
