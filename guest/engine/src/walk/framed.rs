//! Segments of entries that the store itself tells apart.

use super::lane::Lane;
use super::{Entry, NEXT, STOP, Step, contradiction};
use crate::MAX_ENTRY;
use crate::anomaly::{Anomalies, Anomaly};
use crate::failure::Outcome;
use crate::host::{Chunk, Frame, Host, Position, Range, Segment};
use crate::json::{Damage, Validator, Verdict};

pub(super) fn forward<H: Host>(
    host: &mut H,
    segment: &Segment,
    range: Range,
    visit: &mut impl FnMut(&mut H, &Entry<'_>) -> Step,
) -> Step {
    alone(host, Lane::forward(segment, range), visit)
}

pub(super) fn backward<H: Host>(
    host: &mut H,
    segment: &Segment,
    range: Range,
    visit: &mut impl FnMut(&mut H, &Entry<'_>) -> Step,
) -> Step {
    alone(host, Lane::backward(segment, range), visit)
}

fn alone<H: Host>(
    host: &mut H,
    mut lane: Lane<'_>,
    visit: &mut impl FnMut(&mut H, &Entry<'_>) -> Step,
) -> Step {
    let mut validator = Validator::new();
    while lane.head(host)?.is_some() {
        if lane.step(host, &mut validator, visit)?.is_break() {
            return STOP;
        }
    }
    NEXT
}

/// The frames must ascend, lie inside the data, and move on.
pub(super) fn check(
    segment: &Segment,
    chunk: &Chunk,
    in_range: impl Fn(Position) -> bool,
) -> Outcome<()> {
    if chunk.frames.is_empty() && !chunk.last {
        return Err(contradiction(segment, "a chunk is empty but not the last one"));
    }
    let mut previous: Option<&Frame> = None;
    for frame in &chunk.frames {
        let ascends = previous.is_none_or(|p| p.at < frame.at && p.end <= frame.end);
        if !ascends || !in_range(frame.at) || frame.end as usize > chunk.data.len() {
            return Err(contradiction(segment, "the frames of a chunk are out of order"));
        }
        previous = Some(frame);
    }
    Ok(())
}

/// What is known about an entry. Its size counts the line end that it has in a file, so that a limit
/// on bytes says the same for every store.
pub(super) fn entry_of<'a>(
    validator: &mut Validator,
    segment: &Segment,
    chunk: &'a Chunk,
    from: u32,
    frame: &Frame,
) -> Entry<'a> {
    let bytes = chunk.data.get(from as usize..frame.end as usize).unwrap_or_default();
    let span = Range { start: frame.at, end: after(frame.at) };
    if bytes.len() > MAX_ENTRY {
        let head = bytes.get(..super::HEAD).unwrap_or(bytes);
        return Entry::oversized(span, head, bytes.len() as u64, true);
    }
    let line = validator.line(bytes, 0);
    let verdict = if line.terminated { Verdict::Damaged(Damage::Malformed) } else { line.verdict };
    let mut entry = Entry::new(segment, span, bytes, &verdict, true);
    if frame.missing {
        entry.anomalies = Anomalies::default();
        entry.anomalies.insert(Anomaly::MissingData);
        entry.envelope = None;
    }
    entry
}

/// The least position after `position`.
pub(super) fn after(position: Position) -> Position {
    match position.minor.checked_add(1) {
        Some(minor) => Position { minor, ..position },
        None => Position { major: position.major.saturating_add(1), minor: 0 },
    }
}
