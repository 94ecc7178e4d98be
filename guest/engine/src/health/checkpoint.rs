//! What a clean startup check leaves behind, so that the next one reads only what came since.
//!
//! A checkpoint says how far each segment was sound, what was counted there, and has hashes of some
//! windows of what lies before that end. It is believed only while segments begin where they began
//! and the windows hash the same; otherwise everything is read again. Windows cover all of a segment
//! up to [`WHOLE`], and of larger ones both ends and a sample in between: a change elsewhere that
//! keeps all positions is not noticed by a startup check, but by a scan. Of framed entries, which
//! cannot change but only go, the newest are hashed, and all are counted where the store counts them.

use serde::{Deserialize, Serialize};

use crate::failure::Outcome;
use crate::health::scan::{Place, ScanReport, ScanState};
use crate::health::tally::Tally;
use crate::host::{Framing, Host, Layout, Position, Range, Segment};
use crate::walk::{self, NEXT, STOP, View};

/// Told apart from what other versions of the engine have written.
const FORMAT: &str = concat!("papyra.checkpoint/2 ", env!("CARGO_PKG_VERSION"));

/// Sets of more segments are checked in full each time.
const MAX_SEGMENTS: usize = 64;

/// Segments up to this size, in bytes, are hashed as a whole.
const WHOLE: u64 = 256 << 10;

/// How much of both ends of a larger segment is hashed, in bytes.
const END: u64 = 64 << 10;

/// How many windows in between are hashed, spread evenly, and how large each is, in bytes.
const SAMPLES: u64 = 30;
const SAMPLE: u64 = 4 << 10;

/// How far one segment was sound.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Mark {
    start: Position,
    end: Position,
    tally: Tally,
    hashes: Vec<u64>,
}

/// The segments of a store, oldest first.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Checkpoint {
    format: String,
    marks: Vec<Mark>,
}

/// The state of a store, and how it was found out.
pub struct Look {
    pub report: ScanReport,
    /// Bytes that were not read because the checkpoint vouches for them.
    pub indexed: u64,
    /// What to keep for the next time; absent if the store cannot be indexed for.
    pub next: Option<Checkpoint>,
}

impl Checkpoint {
    fn new(marks: Vec<Mark>) -> Self {
        Self { format: FORMAT.to_owned(), marks }
    }

    /// Reads what [`Checkpoint::write`] wrote. Anything else counts as nothing.
    pub fn parse(text: &str) -> Option<Self> {
        let checkpoint: Self = serde_json::from_str(text).ok()?;
        (checkpoint.format == FORMAT && checkpoint.marks.len() <= MAX_SEGMENTS)
            .then_some(checkpoint)
    }

    pub fn write(&self) -> Option<String> {
        serde_json::to_string(self).ok()
    }

    /// The marks of the store's members, as far as they still hold. Rotation shifts the segments and
    /// drops the oldest, so that the members may begin at a later mark.
    fn matching<H: Host>(&self, host: &mut H, view: &View) -> Outcome<Option<&[Mark]>> {
        for dropped in 0..self.marks.len() {
            let marks = self.marks.get(dropped..).unwrap_or_default();
            if fits(marks, view) && hashes_agree(host, view, marks)? {
                return Ok(Some(marks));
            }
        }
        Ok(None)
    }
}

/// Of segments that follow each other only the last of the marked ones may have grown.
fn fits(marks: &[Mark], view: &View) -> bool {
    let parallel = view.description.layout == Layout::Parallel;
    marks.len() <= view.members.len()
        && marks.iter().zip(&view.members).enumerate().all(|(index, (mark, segment))| {
            let grown = mark.end < segment.end;
            let ends = mark.end == segment.end || (grown && (parallel || index + 1 == marks.len()));
            mark.start == segment.start && mark.start <= mark.end && ends
        })
}

/// Whether the store counts other numbers of entries than were seen or indexed for: some are gone.
fn miscounted(view: &View, tallies: &[Tally]) -> bool {
    let pairs = view.members.iter().zip(tallies);
    pairs.into_iter().any(|(segment, tally)| segment.entries.is_some_and(|n| n != tally.entries))
}

fn hashes_agree<H: Host>(host: &mut H, view: &View, marks: &[Mark]) -> Outcome<bool> {
    for (mark, segment) in marks.iter().zip(&view.members) {
        let range = Range { start: mark.start, end: mark.end };
        if hashes(host, view.description.framing, segment, range)? != mark.hashes {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Looks at every entry for which `known` does not vouch.
pub fn look<H: Host>(host: &mut H, known: Option<&Checkpoint>, max: u32) -> Outcome<Look> {
    let view = View::open(host)?;
    if view.description.volatile {
        return Ok(Look {
            report: ScanState::default().report(&view, false),
            indexed: 0,
            next: None,
        });
    }
    let known = match known {
        Some(checkpoint) => checkpoint.matching(host, &view)?.unwrap_or_default(),
        None => &[],
    };
    let mut pass = Pass::run(host, &view, known, max)?;
    if !known.is_empty() && miscounted(&view, &pass.tallies) {
        pass = Pass::run(host, &view, &[], max)?;
    }
    let Pass { mut total, indexed, tallies, known } = pass;
    total.observe_structure(&view, max);
    let report = total.report(&view, false);
    let next = match report.is_healthy() && view.members.len() <= MAX_SEGMENTS {
        true if covers(known, &view) => Some(Checkpoint::new(known.to_vec())),
        true => Some(marked(host, &view, tallies)?),
        false => None,
    };
    Ok(Look { report, indexed, next })
}

/// What was seen of all segments, in addition to what was known.
struct Pass<'a> {
    total: ScanState,
    indexed: u64,
    /// Of each segment, with what was known.
    tallies: Vec<Tally>,
    known: &'a [Mark],
}

impl<'a> Pass<'a> {
    fn run<H: Host>(host: &mut H, view: &View, known: &'a [Mark], max: u32) -> Outcome<Self> {
        let now = host.now();
        let framing = view.description.framing;
        let mut pass = Self { total: ScanState::default(), indexed: 0, tallies: Vec::new(), known };
        for (index, segment) in view.members.iter().enumerate() {
            let (mut state, start) = match known.get(index) {
                Some(mark) => (ScanState::resumed(&mark.tally), mark.end),
                None => (ScanState::default(), segment.start),
            };
            pass.indexed = pass.indexed.saturating_add(state.tally.bytes);
            let range = Range { start, end: segment.end };
            let place = Place { segment, framing, now, max_findings: max };
            let _ = walk::forward(host, segment, framing, range, &mut |host: &mut H, entry| {
                state.look(host, place, entry)?;
                NEXT
            })?;
            state.finish_segment(&segment.name);
            pass.tallies.push(state.tally.clone());
            pass.total.merge(state, max);
        }
        Ok(pass)
    }
}

fn marked<H: Host>(host: &mut H, view: &View, tallies: Vec<Tally>) -> Outcome<Checkpoint> {
    let mut marks = Vec::new();
    for (segment, tally) in view.members.iter().zip(tallies) {
        let range = Range { start: segment.start, end: segment.end };
        let hashes = hashes(host, view.description.framing, segment, range)?;
        marks.push(Mark { start: segment.start, end: segment.end, tally, hashes });
    }
    Ok(Checkpoint::new(marks))
}

/// Whether nothing came since.
fn covers(known: &[Mark], view: &View) -> bool {
    known.len() == view.members.len()
        && known.iter().zip(&view.members).all(|(mark, segment)| mark.end == segment.end)
}

/// Hashes of the windows of a range.
fn hashes<H: Host>(
    host: &mut H,
    framing: Framing,
    segment: &Segment,
    range: Range,
) -> Outcome<Vec<u64>> {
    match framing {
        Framing::Lines => windows(range).into_iter().map(|w| hash_of(host, segment, w)).collect(),
        Framing::Entries => Ok(vec![hash_of_tail(host, segment, range)?]),
    }
}

/// The windows of a segment of lines.
fn windows(range: Range) -> Vec<Range> {
    let size = range.start.until(range.end);
    if size <= WHOLE {
        return vec![range];
    }
    let window = |from: u64, length: u64| Range {
        start: range.start.plus(from),
        end: range.start.plus(from + length),
    };
    let between = (size - END) / (SAMPLES + 1);
    let mut windows = vec![window(0, END)];
    windows.extend((1..=SAMPLES).map(|index| window(index * between, SAMPLE)));
    windows.push(window(size - END, END));
    windows
}

fn hash_of<H: Host>(host: &mut H, segment: &Segment, window: Range) -> Outcome<u64> {
    let mut hash = Fnv::new();
    let mut at = window.start;
    while at < window.end {
        let wanted = at.until(window.end);
        let max_bytes = u32::try_from(wanted).unwrap_or(walk::CHUNK).min(walk::CHUNK);
        let chunk = walk::read_at(host, segment, at, max_bytes)?;
        let usable = usize::try_from(wanted).unwrap_or(usize::MAX).min(chunk.data.len());
        hash.add(chunk.data.get(..usable).unwrap_or_default());
        at = at.plus(usable as u64);
        if chunk.last || usable == 0 {
            break;
        }
    }
    Ok(hash.0)
}

/// Entries have no offsets to spread windows over: the newest of them speak for all. Which ones follows
/// from the entries alone, never from how the store cuts its chunks.
fn hash_of_tail<H: Host>(host: &mut H, segment: &Segment, range: Range) -> Outcome<u64> {
    let (mut hash, mut hashed) = (Fnv::new(), 0);
    let _ = walk::backward(host, segment, Framing::Entries, range, &mut |_: &mut H, entry| {
        hash.add(&entry.start.major.to_le_bytes());
        hash.add(&entry.start.minor.to_le_bytes());
        hash.add(&entry.length.to_le_bytes());
        hash.add(entry.bytes);
        hashed += entry.stored;
        if hashed >= END { STOP } else { NEXT }
    })?;
    Ok(hash.0)
}

/// FNV-1a, 64 bits: it notices accidents, not an adversary.
struct Fnv(u64);

impl Fnv {
    fn new() -> Self {
        Self(0xcbf2_9ce4_8422_2325)
    }

    fn add(&mut self, bytes: &[u8]) {
        self.0 = bytes
            .iter()
            .fold(self.0, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3));
    }
}
