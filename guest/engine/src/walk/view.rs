//! The store as one operation sees it.

use std::collections::HashSet;

use super::framed::EntryCursor;
use super::{Entry, NEXT, STOP, Step, backward, contradiction, forward, framed, merge};
use crate::anomaly::{Anomaly, Finding};
use crate::failure::{Failure, FailureCode, Outcome};
use crate::host::{Description, Framing, Host, Layout, Position, Profile, Range, Role, Segment};

/// The most segments a store may have.
const MAX_SEGMENTS: usize = 100_000;

/// The most segments that are merged: each needs room for a chunk.
const MAX_PARALLEL: usize = 256;

/// The longest name of a field in a profile, in bytes.
const MAX_NAME: usize = 256;

/// A place in a store, between entries: the index of a member, and a position in it. Which of two
/// comes first depends on the layout, see [`View::rank`].
pub type StorePosition = (usize, Position);

/// A snapshot of a store: its members in order, and what is wrong with the set as a whole.
#[derive(Debug)]
pub struct View {
    pub description: Description,
    /// The segments that hold entries, oldest first.
    pub members: Vec<Segment>,
    /// Strays, leftovers and gaps.
    pub structure: Vec<(Anomaly, Finding)>,
}

impl View {
    pub fn open<H: Host>(host: &mut H) -> Outcome<Self> {
        let description = host.describe();
        if let Some(profile) = &description.profile {
            check_profile(profile, description.framing)?;
        }
        let segments = host.segments()?;
        check(&segments, description.framing)?;
        let mut structure: Vec<_> = segments.iter().filter_map(besides_the_set).collect();
        let members: Vec<_> = segments.into_iter().filter(Segment::is_member).collect();
        if description.layout == Layout::Sequence {
            structure.extend(gaps(&members));
        }
        Ok(Self { description, members, structure })
    }

    /// How many temporaries interrupted rewrites have left behind.
    pub fn leftovers(&self) -> u64 {
        let leftovers = self.structure.iter().filter(|(of, _)| *of == Anomaly::LeftoverTemporary);
        leftovers.count() as u64
    }

    /// Bytes in all members.
    pub fn bytes(&self) -> u64 {
        self.members.iter().fold(0_u64, |sum, segment| sum.saturating_add(segment.bytes))
    }

    /// Whether the entries can be read in one order, oldest or newest first.
    ///
    /// # Errors
    ///
    /// `Unsupported` for segments side by side that are too many, or whose positions count bytes.
    pub fn require_order(&self) -> Outcome<()> {
        if !self.is_parallel() || self.merges() {
            return Ok(());
        }
        let message = format!(
            "this engine merges at most {MAX_PARALLEL} segments side by side, and only where the \
             store frames entries"
        );
        Err(Failure::new(FailureCode::Unsupported, message))
    }

    /// The segments lie side by side.
    pub fn is_parallel(&self) -> bool {
        self.description.layout == Layout::Parallel
    }

    /// The segments lie side by side and are walked as one. What cannot be merged is walked segment by
    /// segment, where order does not matter.
    fn merges(&self) -> bool {
        self.is_parallel()
            && self.description.framing == Framing::Entries
            && self.members.len() <= MAX_PARALLEL
    }

    /// What orders places from oldest to newest.
    pub fn rank(&self, (index, position): StorePosition) -> (u64, Position, u64) {
        match self.is_parallel() {
            false => (index as u64, position, 0),
            true => (0, position, index as u64),
        }
    }

    /// Where an entry is.
    pub fn place(&self, index: usize, entry: &Entry<'_>) -> StorePosition {
        (index, entry.start)
    }

    /// Just after an entry, and before whatever follows it in any segment.
    pub fn place_after(&self, index: usize, entry: &Entry<'_>) -> StorePosition {
        match self.is_parallel() {
            false => (index, entry.end),
            true => (index.saturating_add(1), entry.start),
        }
    }

    /// Where the oldest entry is; `None` without any segment.
    pub fn start(&self) -> Option<StorePosition> {
        match self.merges() {
            false => self.members.first().map(|segment| (0, segment.start)),
            true => self.members.iter().map(|segment| segment.start).min().map(|start| (0, start)),
        }
    }

    /// Just after the newest entry.
    pub fn end(&self) -> Option<StorePosition> {
        if self.merges() {
            return self.members.iter().map(|segment| segment.end).max().map(|end| (0, end));
        }
        let last = self.members.len().checked_sub(1)?;
        self.members.get(last).map(|segment| (last, segment.end))
    }

    /// Visits all entries, oldest first, with the index of their segment.
    pub fn forward<H: Host>(
        &self,
        host: &mut H,
        visit: &mut impl FnMut(&mut H, usize, &Entry<'_>) -> Step,
    ) -> Step {
        self.start().map_or(NEXT, |start| self.forward_from(host, start, visit))
    }

    /// Visits all entries, newest first, with the index of their segment.
    pub fn backward<H: Host>(
        &self,
        host: &mut H,
        visit: &mut impl FnMut(&mut H, usize, &Entry<'_>) -> Step,
    ) -> Step {
        self.end().map_or(NEXT, |end| self.backward_from(host, end, visit))
    }

    /// Visits the entries from a place on, oldest first.
    pub fn forward_from<H: Host>(
        &self,
        host: &mut H,
        place: StorePosition,
        visit: &mut impl FnMut(&mut H, usize, &Entry<'_>) -> Step,
    ) -> Step {
        if self.merges() {
            return self.forward_abreast(host, &self.abreast(place), &[], visit);
        }
        let (first, position) = place;
        for (index, segment) in self.members.iter().enumerate().skip(first) {
            let start = if index == first { position } else { segment.start };
            let range = Range { start, end: segment.end };
            let visit = &mut |host: &mut H, entry: &Entry<'_>| visit(host, index, entry);
            if forward(host, segment, self.description.framing, range, visit)?.is_break() {
                return STOP;
            }
        }
        NEXT
    }

    /// Visits the entries before a place, newest first.
    pub fn backward_from<H: Host>(
        &self,
        host: &mut H,
        place: StorePosition,
        visit: &mut impl FnMut(&mut H, usize, &Entry<'_>) -> Step,
    ) -> Step {
        if self.merges() {
            return self.backward_abreast(host, &self.abreast(place), &[], visit);
        }
        let (last, position) = place;
        for (index, segment) in self.members.iter().enumerate().take(last + 1).rev() {
            let end = if index == last { position } else { segment.end };
            let range = Range { start: segment.start, end };
            let visit = &mut |host: &mut H, entry: &Entry<'_>| visit(host, index, entry);
            if backward(host, segment, self.description.framing, range, visit)?.is_break() {
                return STOP;
            }
        }
        NEXT
    }

    /// A place between the entries of segments side by side, as a position in each of them, none
    /// beyond its end.
    pub fn abreast(&self, (first, position): StorePosition) -> Vec<Position> {
        let of = |(index, segment): (usize, &Segment)| {
            let position = if index < first { framed::after(position) } else { position };
            position.clamp(segment.start, segment.end)
        };
        self.members.iter().enumerate().map(of).collect()
    }

    /// Visits the entries of segments side by side, oldest first, from a position in each. Of each, `skipped` has
    /// ranges that are not read.
    pub fn forward_abreast<H: Host>(
        &self,
        host: &mut H,
        starts: &[Position],
        skipped: &[Vec<Range>],
        visit: &mut impl FnMut(&mut H, usize, &Entry<'_>) -> Step,
    ) -> Step {
        let mut cursors = self.cursors(starts, skipped, |segment, start| {
            EntryCursor::forward(segment, Range { start, end: segment.end })
        });
        merge::forward(host, &mut cursors, visit)
    }

    /// The same, newest first, from before a position in each.
    pub fn backward_abreast<H: Host>(
        &self,
        host: &mut H,
        ends: &[Position],
        skipped: &[Vec<Range>],
        visit: &mut impl FnMut(&mut H, usize, &Entry<'_>) -> Step,
    ) -> Step {
        let mut cursors = self.cursors(ends, skipped, |segment, end| {
            EntryCursor::backward(segment, Range { start: segment.start, end })
        });
        merge::backward(host, &mut cursors, visit)
    }

    /// A cursor for each segment, to be walked side by side.
    fn cursors<'s>(
        &'s self,
        places: &[Position],
        skipped: &'s [Vec<Range>],
        cursor: impl Fn(&'s Segment, Position) -> EntryCursor<'s>,
    ) -> Vec<EntryCursor<'s>> {
        let skipped = skipped.iter().map(Vec::as_slice).chain(std::iter::repeat(&[][..]));
        let all = self.members.iter().zip(places).zip(skipped);
        let one = |((segment, place), skipped): ((&'s Segment, &Position), &'s [Range])| {
            cursor(segment, *place).beside(self.members.len()).without(skipped)
        };
        all.map(one).collect()
    }
}

/// A store that frames entries by kind has them from Papyra.
fn check_profile(profile: &Profile, framing: Framing) -> Outcome<()> {
    if framing == Framing::Entries {
        let message =
            "only a store of lines can have a profile; this one keeps the records of Papyra";
        return Err(Failure::new(FailureCode::Unsupported, message));
    }
    let names = [Some(&profile.time_field), profile.kind_field.as_ref()];
    match names.into_iter().flatten().find(|name| name.is_empty() || name.len() > MAX_NAME) {
        None => Ok(()),
        Some(_) => Err(Failure::argument(format!(
            "the name of a field in a profile has 1 to {MAX_NAME} bytes"
        ))),
    }
}

fn check(segments: &[Segment], framing: Framing) -> Outcome<()> {
    if segments.len() > MAX_SEGMENTS {
        let message = format!("the store has more than {MAX_SEGMENTS} segments");
        return Err(Failure::new(FailureCode::Unsupported, message));
    }
    let mut names = HashSet::new();
    for segment in segments {
        if !names.insert(&segment.name) {
            return Err(contradiction(segment, "two segments have the same name"));
        }
        if segment.start > segment.end {
            return Err(contradiction(segment, "a segment ends before it starts"));
        }
        // Bytes are counted in `minor` alone: no number of them leads from one `major` to another.
        if framing == Framing::Lines && segment.start.major != segment.end.major {
            return Err(contradiction(segment, "a segment of lines starts and ends differently"));
        }
    }
    Ok(())
}

fn besides_the_set(segment: &Segment) -> Option<(Anomaly, Finding)> {
    let (anomaly, text) = match segment.role {
        Role::Active | Role::Sealed => return None,
        Role::Stray => (
            Anomaly::OrphanedFile,
            "beyond the set, never touched; a larger number of files takes it in",
        ),
        Role::Leftover => (Anomaly::LeftoverTemporary, "left behind by an interrupted rewrite"),
    };
    let finding = Finding::of_segment(anomaly, &segment.name, segment.bytes, text.to_owned());
    Some((anomaly, finding))
}

fn gaps(members: &[Segment]) -> Vec<(Anomaly, Finding)> {
    let neighbours = members.iter().zip(members.iter().skip(1));
    neighbours
        .filter(|(older, newer)| older.number > newer.number.saturating_add(1))
        .map(|(older, newer)| {
            let missing = older.number - newer.number - 1;
            let text = format!("{missing} missing between {} and {}", older.name, newer.name);
            let gap = Anomaly::GapInRotation;
            (gap, Finding::of_segment(gap, &older.name, 0, text))
        })
        .collect()
}
