//! The index after a rewrite.

use super::stretch::{Pass, Stretch};
use super::{Block, Built, Index, Member, OlderChain, Part};
use crate::failure::Outcome;
use crate::host::{Host, Position, Segment};
use crate::walk::View;

/// How many older chains of a segment are known.
pub const OLDER: usize = 16;

/// Carries an index on over the removal of the beginnings of segments: these parts of it belonged to the store as it
/// was, `before`. Whatever it cannot be carried on over, it is removed, since it is not one of the store any more.
pub fn carry<H: Host>(host: &mut H, before: &View, parts: &[Part], cuts: &[Option<Position>]) {
    if !matches!(carried(host, before, parts, cuts), Ok(true)) {
        drop_stale(host);
    }
}

/// Carries an index on over changes of which nothing comes before these places of the segments. What follows them is
/// read again, the next time.
pub fn keep<H: Host>(host: &mut H, before: &View, parts: &[Part], unchanged: &[Position]) {
    let mut members = Vec::new();
    for ((part, end), segment) in parts.iter().zip(unchanged).zip(&before.members) {
        members.push(part.up_to(*end));
        // Only the last segment of an index can go on beyond it.
        if *end < segment.end {
            break;
        }
    }
    if !matches!(kept(host, before, members), Ok(true)) {
        drop_stale(host);
    }
}

/// Removes an index of a store that has changed.
fn drop_stale<H: Host>(host: &mut H) {
    if host.load_index().is_ok_and(|text| !text.is_empty()) {
        // It is believed no more in any case.
        let _ = host.save_index("");
    }
}

fn carried<H: Host>(
    host: &mut H,
    before: &View,
    parts: &[Part],
    cuts: &[Option<Position>],
) -> Outcome<bool> {
    if parts.is_empty() {
        return Ok(false);
    }
    let Some(view) = reopened(host, before)? else { return Ok(false) };
    let mut members = Vec::new();
    for ((segment, part), cut) in view.members.iter().zip(parts).zip(cuts) {
        let Some(cut) = *cut else { return Ok(false) };
        members.push(part.without(host, &view, segment, cut)?);
    }
    Index::of(host, &view, members)?.save(host)?;
    Ok(true)
}

fn kept<H: Host>(host: &mut H, before: &View, members: Vec<Member>) -> Outcome<bool> {
    if members.iter().all(|member| member.blocks.is_empty()) {
        return Ok(false);
    }
    let Some(view) = reopened(host, before)? else { return Ok(false) };
    Index::of(host, &view, members)?.save(host)?;
    Ok(true)
}

/// The store as it is now, unless it has other segments than before.
fn reopened<H: Host>(host: &mut H, before: &View) -> Outcome<Option<View>> {
    let view = View::open(host)?;
    let names = |view: &View| view.members.iter().map(|one| one.name.clone()).collect::<Vec<_>>();
    Ok((names(&view) == names(before)).then_some(view))
}

impl Part {
    /// The blocks that end here or before.
    fn up_to(&self, end: Position) -> Member {
        let mut member = self.seen.clone();
        while member.blocks.pop_if(|block| block.end > end).is_some() {
            member.chain.truncate(member.blocks.len());
            member.digests.truncate(member.blocks.len());
        }
        let last = member.blocks.last().map_or(self.start, |block| block.end);
        member.older.retain(|older| older.at <= last);
        member
    }

    /// The blocks of a segment of which the beginning is gone.
    fn without<H: Host>(
        &self,
        host: &mut H,
        view: &View,
        segment: &Segment,
        cut: Position,
    ) -> Outcome<Member> {
        if cut == self.start {
            return Ok(self.seen.clone());
        }
        let shifted = |position: Position| Position { minor: cut.until(position), ..position };
        let hash = !self.seen.digests.is_empty();
        let digests = self.seen.digests.iter().copied().map(Some).chain(std::iter::repeat(None));
        // What is left of the block in which the cut lies begins another one, which need not end with it.
        let mut begun = None;
        let mut kept = Vec::new();
        for ((range, block), digest) in self.blocks().zip(digests) {
            let block = Block { end: shifted(range.end), ..block.clone() };
            match (range.start >= cut, range.end > cut) {
                (true, _) => kept.push(Built { block, digest }),
                (false, true) => begun = Some(Built { block, digest: None }),
                (false, false) => {}
            }
        }
        let pass = Pass::Index { hash };
        let start = segment.start;
        let begun = Stretch::of(segment, start, begun.into_iter().collect());
        let kept = Stretch::of(segment, begun.end(), kept);
        let framing = view.description.framing;
        let mut member = Member::default();
        let blocks = pass.join(host, segment, framing, start, [begun, kept])?;
        blocks.into_iter().for_each(|built| member.push(built));
        if hash {
            member.older = self.older_chains(cut, &member);
        }
        Ok(member)
    }

    /// Where the chains go on of which the beginning is gone: at the first end of a block that was one before. If there
    /// is none, at the end: nothing is left of them.
    fn older_chains(&self, cut: Position, now: &Member) -> Vec<OlderChain> {
        let index_of = |at| self.seen.blocks.binary_search_by_key(&at, |block| block.end).ok();
        let mut ends = now.blocks.iter().map(|block| block.end);
        let found = ends.find_map(|at| Some((at, index_of(at.plus(cut.minor))?)));
        let end = now.blocks.last().map_or(self.start, |block| block.end);
        let (at, index) = found.unwrap_or((end, self.seen.blocks.len().saturating_sub(1)));
        let gone = cut.minor;
        let last = self.seen.chain.get(index);
        let last = last.map(|chain| OlderChain { removed: gone, at, chain: *chain });
        let before = self.seen.older.iter().filter_map(|older| {
            let since = self.seen.digests.get(index_of(older.at)? + 1..=index)?;
            let chain = since.iter().fold(older.chain, |chain, block| chain.followed_by(*block));
            Some(OlderChain { removed: older.removed.saturating_add(gone), at, chain })
        });
        last.into_iter().chain(before).take(OLDER).collect()
    }
}
