//! A place between entries of a store, to be found again after entries were appended, moved and removed.
//!
//! A position alone is not enough: rotation renames segments, and rewriting moves entries. So the landmarks
//! of a place are the hashes of sound records on one side of it: a few dozen next to it, and single ones
//! further and further away. Whichever of them is left and nearest says where the place is now.
//! Several in a row also tell apart records that are alike. Damage is no landmark: it is what recovery
//! removes, and one piece of it can look like another.

use std::collections::VecDeque;

use memchr::memchr;
use serde::{Deserialize, Serialize};

use crate::failure::{Failure, Outcome};
use crate::hash::{hash, mix};
use crate::host::{Framing, Host, Position, Range, Segment};
use crate::json::{Validator, Verdict};
use crate::walk::{self, Entry, NEXT, STOP, Step, StorePosition, View};

/// How many records next to the place are remembered, one and all.
const NEAR: usize = 32;

/// How many bytes next to the place are looked at for them, beyond the first record.
const WINDOW: u64 = 48 << 10;

/// The most records that are remembered, and bytes that are looked at, where all are alike: only something
/// else tells which of them lies next to the place.
const NEAR_ALIKE: usize = 256;
const WINDOW_ALIKE: u64 = 4 << 20;

/// How far away the first single record lies, in bytes, and each further one in times as many.
const FAR: u64 = 64 << 10;
const FURTHER: u64 = 4;
const PROBES: u32 = 9;

/// How much is read to find a record there. Longer ones are not remembered.
const PROBE: u32 = 16 << 10;

/// On which side of a place the records are that have been looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Side {
    Older,
    Newer,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Landmarks {
    segment: String,
    at: Position,
    side: Side,
    /// All entries next to the place, damaged ones too, to see whether it is where it was.
    here: u64,
    marks: Hashes,
}

/// Hashes of sound records, the nearest first.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
struct Hashes {
    near: Vec<u64>,
    far: Vec<u64>,
}

impl Landmarks {
    /// `sound` is the place next to the nearest sound record, if that is known; it spares walking over
    /// damage. `earlier` has marks that hold as long as no sound record has been passed since.
    pub fn make<H: Host>(
        host: &mut H,
        view: &View,
        place: StorePosition,
        side: Side,
        sound: Option<StorePosition>,
        earlier: Option<Self>,
    ) -> Outcome<Option<Self>> {
        let Some(segment) = view.members.get(place.0) else { return Ok(None) };
        let mut landmarks = Self {
            segment: segment.name.clone(),
            at: place.1,
            side,
            here: 0,
            marks: Hashes::default(),
        };
        // Framed entries keep their position, and nothing takes it afterwards.
        if view.description.framing == Framing::Lines {
            landmarks.here = side.fingerprint(host, view, place)?;
            landmarks.marks = match (sound, earlier) {
                (None, Some(earlier)) => earlier.marks,
                (sound, _) => Hashes::make(host, view, sound.unwrap_or(place), side)?,
            };
        }
        Ok(Some(landmarks))
    }

    /// Whether the place is where the landmarks were taken, and what lies next to it the same: a rewrite can have
    /// moved other records there.
    pub fn leads_to<H: Host>(
        &self,
        host: &mut H,
        view: &View,
        place: StorePosition,
    ) -> Outcome<bool> {
        let named = view.members.get(place.0).filter(|segment| segment.name == self.segment);
        if named.is_none() || self.at != place.1 {
            return Ok(false);
        }
        let framed = view.description.framing == Framing::Entries;
        Ok(framed || self.side.fingerprint(host, view, place)? == self.here)
    }

    /// Where the place is now; `None` if nothing is left of what lay on its side.
    pub fn find<H: Host>(&self, host: &mut H, view: &View) -> Outcome<Option<StorePosition>> {
        let named = view.members.iter().position(|segment| segment.name == self.segment);
        if view.description.framing == Framing::Entries {
            return Ok(self.by_position(view, named));
        }
        // Rotation makes a segment the next older one.
        let older = named.and_then(|index| index.checked_sub(1));
        for index in [named, older].into_iter().flatten() {
            if let Some(place) = self.in_place(host, view, index)? {
                return Ok(Some(place));
            }
        }
        self.search(host, view)
    }

    /// It is a good place to go on even when the entry is gone. When its segment is gone, everything
    /// older in a sequence is as well.
    fn by_position(&self, view: &View, named: Option<usize>) -> Option<StorePosition> {
        match named {
            Some(index) => Some((index, self.at)),
            None if view.is_parallel() => Some((0, self.at)),
            None => view.start(),
        }
    }

    fn in_place<H: Host>(
        &self,
        host: &mut H,
        view: &View,
        index: usize,
    ) -> Outcome<Option<StorePosition>> {
        let Some(segment) = view.members.get(index) else { return Ok(None) };
        let Some(at) = between_lines(host, segment, self.at)? else { return Ok(None) };
        let place = (index, at);
        let unmoved = self.side.fingerprint(host, view, place)? == self.here;
        Ok(unmoved.then_some(place))
    }

    /// Looks for the marks from the newest entry back.
    fn search<H: Host>(&self, host: &mut H, view: &View) -> Outcome<Option<StorePosition>> {
        if self.marks.near.is_empty() {
            return Ok(None);
        }
        let mut search = Search::new(self, view);
        let _ = view.backward(host, &mut |_: &mut H, index, entry: &Entry<'_>| {
            if entry.envelope.is_none() {
                return NEXT;
            }
            search.pass(index, entry)
        })?;
        Ok(search.conclude())
    }
}

/// The position between two lines that was one when the last of them had no line end yet, too.
fn between_lines<H: Host>(
    host: &mut H,
    segment: &Segment,
    at: Position,
) -> Outcome<Option<Position>> {
    if at < segment.start || at > segment.end {
        return Ok(None);
    }
    if at == segment.start || at == segment.end {
        return Ok(Some(at));
    }
    let before = host.read_back(&segment.name, at, 1).map_err(Failure::from)?;
    if before.data.last() == Some(&b'\n') {
        return Ok(Some(at));
    }
    let next = host.read(&segment.name, at, 1).map_err(Failure::from)?;
    Ok((next.data.first() == Some(&b'\n')).then(|| at.plus(1)))
}

impl Side {
    /// Visits the entries on this side of a place, the nearest first.
    fn walk<H: Host>(
        self,
        host: &mut H,
        view: &View,
        place: StorePosition,
        visit: &mut impl FnMut(&mut H, usize, &Entry<'_>) -> Step,
    ) -> Step {
        match self {
            Self::Older => view.backward_from(host, place, visit),
            Self::Newer => walk_on(host, view, place, visit),
        }
    }

    /// What tells the entries next to a place from others.
    fn fingerprint<H: Host>(self, host: &mut H, view: &View, place: StorePosition) -> Outcome<u64> {
        let (mut seen, mut bytes, mut fingerprint) = (0, 0_u64, 0);
        let _ = self.walk(host, view, place, &mut |_: &mut H, _, entry: &Entry<'_>| {
            fingerprint = mix(fingerprint, hash(entry.bytes));
            seen += 1;
            bytes = bytes.saturating_add(entry.stored);
            if seen >= NEAR || bytes >= WINDOW { STOP } else { NEXT }
        })?;
        Ok(fingerprint)
    }

    /// The place so many bytes further on this side, not necessarily between entries.
    fn further(
        self,
        view: &View,
        (index, at): StorePosition,
        mut bytes: u64,
    ) -> Option<StorePosition> {
        let segment = view.members.get(index)?;
        match self {
            Self::Older => {
                let (mut start, mut end) = (segment.start, at);
                for index in (0..=index).rev() {
                    if bytes < start.until(end) {
                        let offset = start.until(end) - bytes;
                        return Some((index, start.plus(offset)));
                    }
                    bytes -= start.until(end);
                    let next = view.members.get(index.checked_sub(1)?)?;
                    (start, end) = (next.start, next.end);
                }
                None
            }
            Self::Newer => {
                let mut start = at;
                for (index, segment) in view.members.iter().enumerate().skip(index) {
                    if bytes < start.until(segment.end) {
                        return Some((index, start.plus(bytes)));
                    }
                    bytes -= start.until(segment.end);
                    start = view.members.get(index + 1)?.start;
                }
                None
            }
        }
    }
}

/// Visits the entries from a place on, but reads them in small pieces: few are wanted.
fn walk_on<H: Host>(
    host: &mut H,
    view: &View,
    (first, position): StorePosition,
    visit: &mut impl FnMut(&mut H, usize, &Entry<'_>) -> Step,
) -> Step {
    for (index, segment) in view.members.iter().enumerate().skip(first) {
        let mut start = if index == first { position } else { segment.start };
        while start < segment.end {
            let end = walk::line_end(host, segment, start.plus(WINDOW).min(segment.end))?;
            let visit = &mut |host: &mut H, entry: &Entry<'_>| visit(host, index, entry);
            let range = Range { start, end };
            if walk::forward(host, segment, Framing::Lines, range, visit)?.is_break() {
                return STOP;
            }
            start = end;
        }
    }
    NEXT
}

impl Hashes {
    fn make<H: Host>(host: &mut H, view: &View, place: StorePosition, side: Side) -> Outcome<Self> {
        let mut marks = Self::default();
        let mut bytes = 0_u64;
        let _ = side.walk(host, view, place, &mut |_: &mut H, _, entry: &Entry<'_>| {
            bytes = bytes.saturating_add(entry.stored);
            if entry.envelope.is_some() {
                marks.near.push(hash(entry.bytes));
            }
            if marks.suffice(bytes) { STOP } else { NEXT }
        })?;
        for probe in 0..PROBES {
            let Some(away) = side.further(view, place, FAR * FURTHER.pow(probe)) else { break };
            let mark = record_after(host, view, away)?;
            // What is frequent leads astray.
            marks.far.extend(mark.filter(|mark| !marks.near.contains(mark)));
        }
        Ok(marks)
    }

    /// Whether those next to the place will do, after so many bytes.
    fn suffice(&self, bytes: u64) -> bool {
        let Some((first, others)) = self.near.split_first() else { return false };
        let alike = !others.is_empty() && others.iter().all(|mark| mark == first);
        let (most, window) = match alike {
            false => (NEAR, WINDOW),
            true => (NEAR_ALIKE, WINDOW_ALIKE),
        };
        self.near.len() >= most || bytes >= window
    }
}

/// The hash of a sound record that starts soon after a place, which may be inside a line.
fn record_after<H: Host>(
    host: &mut H,
    view: &View,
    (index, at): StorePosition,
) -> Outcome<Option<u64>> {
    let Some(segment) = view.members.get(index) else { return Ok(None) };
    let chunk = host.read(&segment.name, at, PROBE).map_err(Failure::from)?;
    let Some(newline) = memchr(b'\n', &chunk.data) else { return Ok(None) };
    let rest = chunk.data.get(newline + 1..).unwrap_or_default();
    let line = Validator::default().line(rest, 0);
    let sound = line.terminated && matches!(line.verdict, Verdict::Record(_));
    Ok(rest.get(..line.end).filter(|_| sound).map(hash))
}

/// The walk back that looks for the marks of a place.
struct Search<'t> {
    landmarks: &'t Landmarks,
    view: &'t View,
    /// Records that were passed, the nearest to the first place that is still to be judged first.
    passed: VecDeque<(u64, StorePosition)>,
    /// How many marks in a row there are at the best place so far.
    best: usize,
    found: Option<StorePosition>,
    certain: bool,
}

impl<'t> Search<'t> {
    fn new(landmarks: &'t Landmarks, view: &'t View) -> Self {
        let passed = VecDeque::with_capacity(NEAR + 1);
        Self { landmarks, view, passed, best: 0, found: None, certain: false }
    }

    fn pass(&mut self, index: usize, entry: &Entry<'_>) -> Step {
        let hash = hash(entry.bytes);
        let far = self.landmarks.marks.far.contains(&hash);
        match self.landmarks.side {
            Side::Older => self.pass_older(hash, far, (index, entry.end)),
            Side::Newer => self.pass_newer(hash, far, (index, entry.start)),
        }
        if self.certain { STOP } else { NEXT }
    }

    /// The records that a place is judged by come after it.
    fn pass_older(&mut self, hash: u64, far: bool, place: StorePosition) {
        self.passed.push_back((hash, place));
        if far {
            // All that is nearer is newer, and has been passed.
            self.judge_all();
            self.found.get_or_insert(place);
            self.certain = true;
        } else if self.passed.len() >= self.landmarks.marks.near.len() {
            self.judge();
            self.passed.pop_front();
        }
    }

    /// The records that a place is judged by have come before it.
    fn pass_newer(&mut self, hash: u64, far: bool, place: StorePosition) {
        self.passed.push_front((hash, place));
        self.passed.truncate(self.landmarks.marks.near.len());
        if far && self.best == 0 {
            self.found = Some(place);
        }
        self.judge();
    }

    /// Compares what lies on the side of the landmarks, from the first place on, with the marks.
    fn judge(&mut self) {
        let mut rest = self.landmarks.marks.near.iter();
        let hashes = self.passed.iter().map(|(hash, _)| hash);
        let alike = hashes.take_while(|hash| rest.any(|mark| mark == *hash)).count();
        let Some((_, place)) = self.passed.front() else { return };
        // Where several are as good, what was looked at is returned again rather than left out.
        let better = match self.landmarks.side {
            Side::Older => alike >= self.best,
            Side::Newer => alike > self.best,
        };
        self.certain = alike == self.landmarks.marks.near.len() && !self.is_beyond(*place);
        if self.certain || (alike > 0 && better) {
            self.best = alike;
            self.found = Some(*place);
        }
    }

    fn judge_all(&mut self) {
        while !self.certain && !self.passed.is_empty() {
            self.judge();
            self.passed.pop_front();
        }
    }

    /// Rewriting moves entries towards the start of their segment only.
    fn is_beyond(&self, (index, position): StorePosition) -> bool {
        let segment = self.view.members.get(index);
        position > self.landmarks.at && segment.is_some_and(|s| s.name == self.landmarks.segment)
    }

    fn conclude(mut self) -> Option<StorePosition> {
        if self.landmarks.side == Side::Older {
            self.judge_all();
        }
        self.found
    }
}
