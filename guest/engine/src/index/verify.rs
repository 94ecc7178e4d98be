//! Whether a journal is what it was when its index was made, or when somebody noted its head.

use std::collections::VecDeque;

use super::head::Head;
use super::make::{self, Pass, Stretch};
use super::{Block, Built, Digest, Index, OlderChain, Part, are_hashed};
pub use crate::bindings::exports::papyra::persistence::journal::{
    Difference, VerifyOptions, VerifyOutcome, VerifyReport,
};
use crate::failure::{Failure, FailureCode, Outcome};
use crate::host::{Framing, Host, Position, Range, Segment};
use crate::index::digest::Digester;
use crate::walk::{self, CHUNK, NEXT, View};

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
/// Those of reading; `NotFound` if there is nothing to compare with.
pub fn conclude<H: Host>(
    host: &mut H,
    stretches: &[String],
    options: &VerifyOptions,
) -> Outcome<VerifyReport> {
    let view = View::open(host)?;
    let mut work = Work::begin(host, &view, options)?;
    let framing = view.description.framing;
    let mut stretches = make::parsed(stretches)?.into_iter().peekable();
    for (index, segment) in view.members.iter().enumerate() {
        let of_segment = std::iter::from_fn(|| stretches.next_if(|one| one.is_of(segment)));
        let of_segment: Vec<Stretch> = of_segment.collect();
        let blocks = Pass::Verify.join(host, segment, framing, segment.start, of_segment)?;
        let mut check = work.check(index, segment, framing);
        blocks.iter().try_for_each(|built| check.block(host, built))?;
        work.finish(check);
    }
    match stretches.next() {
        None => Ok(work.report()),
        Some(_) => Err(Failure::argument("the partitions are not in the order of the store")),
    }
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
    /// Where an older chain goes on that agrees.
    followed: Option<Position>,
    /// Nothing is left of what a head stands for.
    gone: bool,
}

/// The chain value up to a place.
struct Expected {
    at: Position,
    chain: Digest,
}

/// A chain that began with bytes which are not there any more, from where it is known on.
struct Track {
    began: Position,
    from: Position,
    chain: Digest,
    expected: Expected,
    /// A block begins where it is known.
    begun: bool,
    agrees: bool,
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
            followed: None,
            gone: false,
        })
    }

    fn check(&mut self, index: usize, segment: &'v Segment, framing: Framing) -> Check<'v> {
        let expected = self.expected.get_mut(index).map(std::mem::take).unwrap_or_default();
        let older = self.parts.get(index).map(|part| &*part.older).unwrap_or_default();
        let (tracks, gone) = tracks(older, &expected);
        Check {
            segment,
            framing,
            expected,
            tracks,
            gone,
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
        if let Some(track) = check.tracks.iter().find(|track| track.agrees) {
            self.followed = Some(track.began);
        } else if check.gone && !check.tracks.iter().any(|track| track.begun) {
            self.gone = true;
        } else {
            self.missing |= missing;
            self.difference = self.difference.take().or(check.difference);
        }
    }

    fn report(self) -> VerifyReport {
        let differs = self.difference.is_some() || self.missing;
        let outcome = match (differs, self.gone) {
            (true, _) => VerifyOutcome::Differs,
            (false, true) => VerifyOutcome::Unverifiable,
            (false, false) => VerifyOutcome::Intact,
        };
        let note = if self.difference.is_none() && self.missing {
            "the journal is shorter than it was: its end is gone".to_owned()
        } else if outcome == VerifyOutcome::Unverifiable {
            "all that the head stands for was compacted away since".to_owned()
        } else if let (false, Some(from)) = (differs, self.followed) {
            let from = from.minor;
            format!("its beginning was compacted away since; from byte {from} on it is what it was")
        } else if !differs && self.dropped > 0 {
            format!("{} older segments were dropped since, as by a rotation", self.dropped)
        } else {
            String::new()
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
        let ends = part.blocks.iter().map(|block| block.end);
        ends.zip(&part.chain).map(|(at, chain)| Expected { at, chain: *chain }).collect()
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

/// The older chains of a segment that lead to what is expected of it, and whether some end before they are known.
fn tracks(older: &[OlderChain], expected: &VecDeque<Expected>) -> (Vec<Track>, bool) {
    let Some(Expected { at, chain }) = expected.back() else { return (Vec::new(), false) };
    let track = |older: &OlderChain| {
        let minor = at.minor.checked_sub(older.removed)?;
        let at = Position { minor, ..*at };
        let expected = Expected { at, chain: *chain };
        let (from, chain) = (older.at, older.chain);
        let (begun, agrees) = (false, false);
        let track = Track { began: from, from, chain, expected, begun, agrees };
        (at > older.at).then_some(track)
    };
    (older.iter().filter_map(track).collect(), !older.is_empty())
}

/// One segment while its blocks go by.
struct Check<'v> {
    segment: &'v Segment,
    framing: Framing,
    expected: VecDeque<Expected>,
    tracks: Vec<Track>,
    /// Some older chains are known.
    gone: bool,
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
        for track in &mut tracks {
            if block.start != track.from {
                continue;
            }
            track.begun = true;
            let at = track.expected.at;
            if at > block.start && at <= block.end {
                let part = match at == block.end {
                    true => digest,
                    false => self.digest_of(host, Range { end: at, ..block })?,
                };
                track.agrees = track.chain.followed_by(part) == track.expected.chain;
            } else {
                (track.from, track.chain) = (block.end, track.chain.followed_by(digest));
            }
        }
        self.tracks = tracks;
        Ok(())
    }

    /// The hash of the beginning of a block.
    fn digest_of<H: Host>(&self, host: &mut H, range: Range) -> Outcome<Digest> {
        let mut digester = Digester::default();
        match self.framing {
            Framing::Lines => {
                let mut at = range.start;
                while at < range.end {
                    let bytes =
                        walk::read_piece(host, self.segment, at, range.end, CHUNK as usize)?;
                    digester.put(&bytes);
                    at = at.plus(bytes.len() as u64);
                }
            }
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
