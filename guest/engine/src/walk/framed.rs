//! Segments of entries that the store itself tells apart.

use super::{CHUNK, Entry, FIRST_BACK, NEXT, STOP, Step, contradiction, read_at, read_before};
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
    let mut validator = Validator::new();
    let mut at = range.start;
    while at < range.end {
        let chunk = read_at(host, segment, at, CHUNK)?;
        check(segment, &chunk, |position| position >= at)?;
        let mut from = 0;
        for frame in &chunk.frames {
            if frame.at >= range.end {
                return NEXT;
            }
            if visit(host, &entry_of(&mut validator, segment, &chunk, from, frame))?.is_break() {
                return STOP;
            }
            from = frame.end;
        }
        match chunk.frames.last() {
            Some(frame) if !chunk.last => at = after(frame.at),
            _ => return NEXT,
        }
    }
    NEXT
}

pub(super) fn backward<H: Host>(
    host: &mut H,
    segment: &Segment,
    range: Range,
    visit: &mut impl FnMut(&mut H, &Entry<'_>) -> Step,
) -> Step {
    let mut validator = Validator::new();
    let mut before = range.end;
    let mut ask = FIRST_BACK;
    while before > range.start {
        let chunk = read_before(host, segment, before, ask)?;
        ask = ask.saturating_mul(2).min(CHUNK);
        check(segment, &chunk, |position| position < before)?;
        for (index, frame) in chunk.frames.iter().enumerate().rev() {
            if frame.at < range.start {
                return NEXT;
            }
            let from = match index.checked_sub(1).and_then(|previous| chunk.frames.get(previous)) {
                Some(previous) => previous.end,
                None => 0,
            };
            if visit(host, &entry_of(&mut validator, segment, &chunk, from, frame))?.is_break() {
                return STOP;
            }
        }
        match chunk.frames.first() {
            Some(frame) if !chunk.last => before = frame.at,
            _ => return NEXT,
        }
    }
    NEXT
}

/// The frames must ascend, lie inside the data, and move on.
fn check(segment: &Segment, chunk: &Chunk, in_range: impl Fn(Position) -> bool) -> Outcome<()> {
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

fn entry_of<'a>(
    validator: &mut Validator,
    segment: &Segment,
    chunk: &'a Chunk,
    from: u32,
    frame: &Frame,
) -> Entry<'a> {
    let bytes = chunk.data.get(from as usize..frame.end as usize).unwrap_or_default();
    let span = Range { start: frame.at, end: after(frame.at) };
    if bytes.len() > MAX_ENTRY {
        return Entry::oversized(
            span,
            bytes.get(..super::HEAD).unwrap_or(bytes),
            bytes.len() as u64,
            false,
        );
    }
    let line = validator.line(bytes, 0);
    let verdict = if line.terminated { Verdict::Damaged(Damage::Malformed) } else { line.verdict };
    let mut entry = Entry::new(segment, span, bytes, &verdict, true);
    entry.stored = entry.length;
    if frame.missing {
        entry.anomalies = Anomalies::default();
        entry.anomalies.insert(Anomaly::MissingData);
        entry.facts = None;
    }
    entry
}

/// The least position after `position`.
fn after(position: Position) -> Position {
    match position.minor.checked_add(1) {
        Some(minor) => Position { minor, ..position },
        None => Position { major: position.major.saturating_add(1), minor: 0 },
    }
}
