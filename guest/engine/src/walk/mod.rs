//! Entries of a store, one by one, forward and backward, in memory that does not depend on the size
//! of the store or of its entries.
//!
//! This is where bytes and positions from the host enter, and where they are checked.

mod framed;
mod lines;
mod merge;
pub mod partition;
mod view;

use std::ops::ControlFlow;

pub use self::view::{StorePosition, View};
use crate::anomaly::{Anomalies, Anomaly};
use crate::failure::{Failure, Outcome};
use crate::host::{Chunk, Framing, Host, Position, Range, Segment};
use crate::json::{Envelope, Validator, Verdict};

/// How much one call of `read` asks for. In our own host 256 KiB is as good (still in the processor's cache
/// when it is judged), but elsewhere a call is dear: a scan through WASI takes 1.2 times as long with a
/// quarter of this in Node, and 1.25 times in wasmtime-py.
pub(crate) const CHUNK: u32 = 1 << 20;

/// How much the first call of `read_back` asks for; later ones ask for up to [`CHUNK`].
const FIRST_BACK: u32 = 64 << 10;

/// How much of an entry that is too long to be held is kept for the excerpt.
const HEAD: usize = 512;

/// One entry and what is known about it.
#[derive(Debug)]
pub struct Entry<'a> {
    /// Where it starts.
    pub start: Position,
    /// Just after it, its line end included.
    pub end: Position,
    /// Its bytes without the line end; only the beginning of an oversized one.
    pub bytes: &'a [u8],
    /// Its length without the line end.
    pub length: u64,
    /// Bytes as stored, with the line end; of a framed entry, with the one it has in a file.
    pub stored: u64,
    /// What is wrong with it.
    pub anomalies: Anomalies,
    /// What the engine decides by; absent if it is not a record.
    pub envelope: Option<Envelope>,
    /// Whether its line end is there. Always true for framed entries.
    pub terminated: bool,
}

impl<'a> Entry<'a> {
    fn new(
        segment: &Segment,
        span: Range,
        bytes: &'a [u8],
        verdict: &Verdict,
        terminated: bool,
    ) -> Self {
        let mut anomalies = Anomalies::of(verdict);
        let envelope = match verdict {
            Verdict::Record(envelope) => Some(*envelope),
            Verdict::Damaged(_) => None,
        };
        if !terminated {
            if envelope.is_none() {
                anomalies = Anomalies::default();
            }
            anomalies.insert(match envelope {
                Some(_) => Anomaly::UnterminatedLine,
                None => Anomaly::TruncatedLine,
            });
        }
        if let (Some(expected), Some(Some(kind))) =
            (segment.kind, envelope.map(|envelope| envelope.kind))
            && expected != kind
        {
            anomalies.insert(Anomaly::KindMismatch);
        }
        let length = bytes.len() as u64;
        let stored = length + u64::from(terminated);
        Self {
            start: span.start,
            end: span.end,
            bytes,
            length,
            stored,
            anomalies,
            envelope,
            terminated,
        }
    }

    fn oversized(span: Range, head: &'a [u8], length: u64, terminated: bool) -> Self {
        let mut anomalies = Anomalies::default();
        anomalies.insert(Anomaly::OversizedEntry);
        Self {
            start: span.start,
            end: span.end,
            bytes: head,
            length,
            stored: length + u64::from(terminated),
            anomalies,
            envelope: None,
            terminated,
        }
    }
}

/// What a visitor returns: go on, stop here, or fail.
pub type Step = Outcome<ControlFlow<()>>;

/// Go on with the next entry.
pub const NEXT: Step = Ok(ControlFlow::Continue(()));

/// Stop here.
pub const STOP: Step = Ok(ControlFlow::Break(()));

/// Visits the entries of `range`, oldest first. `range` must begin and end between entries.
pub fn forward<H: Host>(
    host: &mut H,
    segment: &Segment,
    framing: Framing,
    range: Range,
    visit: &mut impl FnMut(&mut H, &Entry<'_>) -> Step,
) -> Step {
    match framing {
        Framing::Lines => {
            let judge = Validator::new(host.form());
            lines::forward(host, judge, segment, range, visit)
        }
        Framing::Entries => framed::forward(host, segment, range, visit),
    }
}

/// The same without judging what the store does not tell apart by itself: none of its lines counts as a record.
pub fn forward_unjudged<H: Host>(
    host: &mut H,
    segment: &Segment,
    framing: Framing,
    range: Range,
    visit: &mut impl FnMut(&mut H, &Entry<'_>) -> Step,
) -> Step {
    match framing {
        Framing::Lines => lines::forward(host, lines::LineEnds, segment, range, visit),
        Framing::Entries => framed::forward(host, segment, range, visit),
    }
}

/// Visits the entries of `range`, newest first.
pub fn backward<H: Host>(
    host: &mut H,
    segment: &Segment,
    framing: Framing,
    range: Range,
    visit: &mut impl FnMut(&mut H, &Entry<'_>) -> Step,
) -> Step {
    match framing {
        Framing::Lines => lines::backward(host, segment, range, visit),
        Framing::Entries => framed::backward(host, segment, range, visit),
    }
}

/// The end of the first line that ends at or after `from`, or the end of `segment`. Gives up and
/// returns the latter when that line is longer than an entry may be.
pub fn line_end<H: Host>(host: &mut H, segment: &Segment, from: Position) -> Outcome<Position> {
    lines::end_of_line(host, segment, from)
}

/// Bytes of a segment of lines from `at` on: `max` of them, or all up to `end`.
pub fn read_piece<H: Host>(
    host: &mut H,
    segment: &Segment,
    at: Position,
    end: Position,
    max: usize,
) -> Outcome<Vec<u8>> {
    lines::read_piece(host, segment, at, end, max)
}

fn contradiction(segment: &Segment, what: &str) -> Failure {
    Failure::contradiction(&segment.name, what)
}

/// A chunk that begins where it was asked to.
pub(crate) fn read_at<H: Host>(
    host: &mut H,
    segment: &Segment,
    at: Position,
    max_bytes: u32,
) -> Outcome<Chunk> {
    let chunk = host.read(&segment.name, at, max_bytes);
    chunk.map_err(|error| Failure::from(error).in_segment(&segment.name))
}

pub(crate) fn read_before<H: Host>(
    host: &mut H,
    segment: &Segment,
    before: Position,
    max_bytes: u32,
) -> Outcome<Chunk> {
    let chunk = host.read_back(&segment.name, before, max_bytes);
    chunk.map_err(|error| Failure::from(error).in_segment(&segment.name))
}
