//! Whether a journal is what it was when its index was made, or when somebody noted its head.

use std::collections::VecDeque;

use super::head::Head;
use super::stretch::{Pass, Stretches};
use super::{Block, Built, Digest, Index, OlderChain, Part, are_hashed};
pub use crate::bindings::exports::papyra::persistence::journal::{
    Difference, VerifyOptions, VerifyOutcome, VerifyReport,
};
use crate::failure::{Failure, FailureCode, Outcome};
use crate::host::{Framing, Host, Position, Range, Segment};
use crate::index::digest::Digester;
use crate::walk::{self, NEXT, View};

/// Compares the store with its index, or with a head.
///
/// # Errors
///
/// Those of reading; `NotFound` if there is nothing to compare with.
pub fn verify<H: Host>(host: &mut H, options: &VerifyOptions) -> Outcome<VerifyReport> {
    let view = View::open(host)?;
    let mut work = Work::begin(host, &view, options)?;
    let framing = view.description.framing;
    for (index, segment) in view.members.iter().enumerate() {
        let mut check = work.check(index, segment, framing);
        let range = Range { start: segment.start, end: segment.end };
        Pass::Verify.read(host, segment, framing, range, &mut |host: &mut H, built, _| {
            check.block(host, &built)?;
            NEXT
        })?;
        work.finish(check);
    }
    Ok(work.report())
}

/// The same with what other instances have hashed, in the order of the partitions of the whole store.
///
/// # Errors
///
/// Those of reading; `NotFound` if there is nothing to compare with, `InvalidArgument` for other results.
pub fn conclude<H: Host>(
    host: &mut H,
    results: &[String],
    options: &VerifyOptions,
) -> Outcome<VerifyReport> {
    let view = View::open(host)?;
    let mut work = Work::begin(host, &view, options)?;
    let framing = view.description.framing;
    let mut stretches = Stretches::parse(results)?;
    for (index, segment) in view.members.iter().enumerate() {
        let blocks = stretches.of(host, Pass::Verify, segment, framing, segment.start)?;
        let mut check = work.check(index, segment, framing);
        blocks.iter().try_for_each(|built| check.block(host, built))?;
        work.finish(check);
    }
    stretches.end()?;
    Ok(work.report())
}

struct Work<'v> {
    view: &'v View,
    /// What is expected of each member.
    expected: Vec<VecDeque<Expected>>,
    /// How many segments are not there any more.
    dropped: usize,
    /// What the index knows of the segments.
    parts: Vec<Part>,
    /// What went by.
    blocks: u32,
    bytes: u64,
    head: Head,
    difference: Option<Difference>,
    /// The end of a head lies behind the end of the store, or in no segment of it.
    missing: bool,
    /// A compaction has removed what a head stands for: all of it, or what lies before this place, from which on an
    /// older chain agrees.
    compacted: Option<Option<Position>>,
}

/// The chain value up to a place.
struct Expected {
    at: Position,
    chain: Digest,
}

/// A chain that began with bytes which are not there any more.
struct Track {
    /// From where it is known on.
    began: Position,
    /// How far it was followed, and its value there.
    at: Position,
    chain: Digest,
    expected: Expected,
    state: Followed,
}

impl Track {
    fn is_over(&self) -> bool {
        matches!(self.state, Followed::Agrees | Followed::Differs)
    }
}

#[derive(PartialEq)]
enum Followed {
    /// No block begins where it is known.
    NotYet,
    OnTheWay,
    Agrees,
    Differs,
}

impl<'v> Work<'v> {
    fn begin<H: Host>(host: &mut H, view: &'v View, options: &VerifyOptions) -> Outcome<Self> {
        let mut expected = match &options.head {
            Some(head) => of_head(head)?,
            None => of_index(host)?,
        };
        let dropped = dropped(&expected, view);
        expected.drain(..dropped);
        let known = if options.head.is_some() { Index::load(host) } else { None };
        let parts = match known {
            Some(index) => index.matching(host, view)?.to_vec(),
            None => Vec::new(),
        };
        Ok(Self {
            view,
            expected,
            dropped,
            parts,
            blocks: 0,
            bytes: 0,
            head: Head::default(),
            difference: None,
            missing: false,
            compacted: None,
        })
    }

    fn check(&mut self, index: usize, segment: &'v Segment, framing: Framing) -> Check<'v> {
        let expected = self.expected.get_mut(index).map(std::mem::take).unwrap_or_default();
        let older = self.parts.get(index).map(|part| &*part.seen.older).unwrap_or_default();
        let tracks = tracks(older, &expected);
        Check {
            segment,
            framing,
            expected,
            tracks,
            was_cut: !older.is_empty(),
            chain: Digest::BEGINNING,
            at: segment.start,
            agreed: (segment.start, 0),
            entries: 0,
            blocks: 0,
            bytes: 0,
            difference: None,
        }
    }

    fn finish(&mut self, check: Check<'_>) {
        self.blocks += check.blocks;
        self.bytes += check.bytes;
        self.head.0.push((check.at, check.chain));
        let missing = check.difference.is_none() && !check.expected.is_empty();
        if !missing && check.difference.is_none() {
            return;
        }
        let agrees = check.tracks.iter().find(|track| track.state == Followed::Agrees);
        let unknown = check.tracks.iter().all(|track| track.state == Followed::NotYet);
        if check.was_cut && (agrees.is_some() || unknown) {
            self.compacted = Some(agrees.map(|track| track.began));
        } else {
            self.missing |= missing;
            self.difference = self.difference.take().or(check.difference);
        }
    }

    fn report(self) -> VerifyReport {
        let differs = self.difference.is_some() || self.missing;
        let outcome = match (differs, self.compacted) {
            (true, _) => VerifyOutcome::Differs,
            (false, Some(_)) => VerifyOutcome::Unverifiable,
            (false, None) => VerifyOutcome::Intact,
        };
        let note = match (&self.difference, self.compacted) {
            (Some(_), _) => String::new(),
            (None, _) if self.missing => {
                "the journal is shorter than it was: its end is gone".to_owned()
            }
            (None, Some(None)) => "all that the head stands for was compacted away".to_owned(),
            (None, Some(Some(Position { minor, .. }))) => format!(
                "not verifiable before byte {minor}, for the beginning was compacted away; from there on \
                 every byte is what it was"
            ),
            (None, None) if self.dropped > 0 => {
                format!("{} older segments were dropped since, as by a rotation", self.dropped)
            }
            (None, None) => String::new(),
        };
        VerifyReport {
            backend: self.view.description.backend.clone(),
            location: self.view.description.location.clone(),
            segments: u32::try_from(self.view.members.len()).unwrap_or(u32::MAX),
            bytes: self.bytes,
            blocks: self.blocks,
            outcome,
            head: self.head.to_string(),
            difference: self.difference,
            note,
        }
    }
}

fn of_head(head: &str) -> Outcome<Vec<VecDeque<Expected>>> {
    let head: Head = head.parse().map_err(|why: &str| {
        Failure::argument(format!("{why}; `papyra persistence index --head` prints one"))
    })?;
    let one = |(at, chain)| VecDeque::from([Expected { at, chain }]);
    Ok(head.0.into_iter().map(one).collect())
}

fn of_index<H: Host>(host: &mut H) -> Outcome<Vec<VecDeque<Expected>>> {
    let none = |why: &str| {
        let message =
            format!("{why}; `papyra persistence index` makes one to compare with from now on");
        Failure::new(FailureCode::NotFound, message)
    };
    let index = Index::load(host).ok_or_else(|| none("the journal has no index"))?;
    if !are_hashed(&index.parts) {
        return Err(none("the index of the journal has no hashes"));
    }
    let expected = index.parts.iter().map(|part| {
        let ends = part.seen.blocks.iter().map(|block| block.end);
        ends.zip(&part.seen.chain).map(|(at, chain)| Expected { at, chain: *chain }).collect()
    });
    Ok(expected.collect())
}

/// How many of the segments that are expected were dropped by rotation since: as few as make the others as long
/// as they were. Only the last one may have grown.
fn dropped(expected: &[VecDeque<Expected>], view: &View) -> usize {
    let least = expected.len().saturating_sub(view.members.len());
    if view.is_parallel() {
        return least;
    }
    let fits = |dropped: &usize| {
        let rest = expected.get(*dropped..).unwrap_or_default();
        rest.iter().zip(&view.members).enumerate().all(|(index, (expected, segment))| {
            let end = expected.back().map_or(segment.start, |last| last.at);
            end == segment.end || (index + 1 == rest.len() && end < segment.end)
        })
    };
    (least..expected.len()).find(fits).unwrap_or(least)
}

/// The older chains of a segment that lead to what is expected of it.
fn tracks(older: &[OlderChain], expected: &VecDeque<Expected>) -> Vec<Track> {
    let Some(Expected { at, chain: expected }) = expected.back() else { return Vec::new() };
    let track = |OlderChain { removed, at: began, chain }: &OlderChain| {
        let end = Position { minor: at.minor.checked_sub(*removed)?, ..*at };
        let expected = Expected { at: end, chain: *expected };
        let (began, chain, state) = (*began, *chain, Followed::NotYet);
        (end > began).then_some(Track { began, at: began, chain, expected, state })
    };
    older.iter().filter_map(track).collect()
}

/// One segment while its blocks go by.
struct Check<'v> {
    segment: &'v Segment,
    framing: Framing,
    expected: VecDeque<Expected>,
    tracks: Vec<Track>,
    /// A compaction has removed its beginning.
    was_cut: bool,
    chain: Digest,
    at: Position,
    /// The last place up to which everything was as expected, and the entries before it.
    agreed: (Position, u64),
    entries: u64,
    blocks: u32,
    bytes: u64,
    difference: Option<Difference>,
}

impl Check<'_> {
    fn block<H: Host>(&mut self, host: &mut H, built: &Built) -> Outcome<()> {
        let Some(digest) = built.digest else { return Ok(()) };
        let (start, before) = (self.at, self.chain);
        self.at = built.block.end;
        self.chain = before.followed_by(digest);
        self.entries += built.block.entries;
        self.blocks += 1;
        self.bytes += built.block.bytes;
        self.follow(host, Range { start, end: self.at }, digest)?;
        while self.difference.is_none()
            && let Some(expected) = self.expected.pop_front_if(|one| one.at <= built.block.end)
        {
            let found = match expected.at {
                at if at == built.block.end => self.chain,
                at if at <= start => before,
                at => before.followed_by(self.digest_of(host, Range { start, end: at })?),
            };
            match found == expected.chain {
                true if expected.at == built.block.end => self.agreed = (expected.at, self.entries),
                true => {}
                false => self.difference = Some(self.differs(host, expected.at)?),
            }
        }
        Ok(())
    }

    /// Goes on with the older chains over a block.
    fn follow<H: Host>(&mut self, host: &mut H, block: Range, digest: Digest) -> Outcome<()> {
        let mut tracks = std::mem::take(&mut self.tracks);
        let goes_on = |track: &&mut Track| track.at == block.start && !track.is_over();
        for track in tracks.iter_mut().filter(goes_on) {
            let end = track.expected.at;
            let part = match end < block.end {
                true => self.digest_of(host, Range { end, ..block })?,
                false => digest,
            };
            (track.at, track.chain) = (block.end, track.chain.followed_by(part));
            track.state = match end > block.end {
                true => Followed::OnTheWay,
                false if track.chain == track.expected.chain => Followed::Agrees,
                false => Followed::Differs,
            };
        }
        self.tracks = tracks;
        Ok(())
    }

    /// The hash of the beginning of a block.
    fn digest_of<H: Host>(&self, host: &mut H, range: Range) -> Outcome<Digest> {
        let mut digester = Digester::default();
        match self.framing {
            Framing::Lines => digester.add_bytes(host, self.segment, range)?,
            Framing::Entries => {
                let visit = &mut |host: &mut H, entry: &walk::Entry<'_>| {
                    digester.add(host, self.segment, self.framing, entry)?;
                    NEXT
                };
                let _ = walk::forward(host, self.segment, self.framing, range, visit)?;
            }
        }
        Ok(digester.finish())
    }

    fn differs<H: Host>(&self, host: &mut H, end: Position) -> Outcome<Difference> {
        let (start, entries) = self.agreed;
        let mut seen = Block::default();
        let range = Range { start, end: self.at };
        let _ = walk::forward(host, self.segment, self.framing, range, &mut |_: &mut H, entry| {
            seen.add(entry);
            NEXT
        })?;
        Ok(Difference {
            segment: self.segment.name.clone(),
            start,
            end,
            first_line: entries + 1,
            last_line: self.entries,
            oldest: seen.calendar.map(|(oldest, _)| oldest),
            newest: seen.calendar.map(|(_, newest)| newest),
        })
    }
}
