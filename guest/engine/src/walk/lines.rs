//! Segments of lines: positions are byte offsets, entries end with `\n`.
//!
//! A chunk seldom ends where a line does. The incomplete line at its edge is not carried along but
//! read again with the next chunk, which costs one record per chunk and no bookkeeping. Only a line
//! that is longer than a chunk is assembled.

use std::ops::ControlFlow;

use memchr::{memchr, memrchr};

use super::{
    CHUNK, Entry, FIRST_BACK, HEAD, NEXT, STOP, Step, contradiction, read_at, read_before,
};
use crate::MAX_ENTRY;
use crate::failure::Outcome;
use crate::host::{Host, Position, Range, Segment};
use crate::json::{Damage, Line, Validator, Verdict};

/// Finds the line that starts at a place.
pub(super) trait Judge {
    fn line(&mut self, data: &[u8], start: usize) -> Line;
}

impl Judge for Validator {
    #[inline]
    fn line(&mut self, data: &[u8], start: usize) -> Line {
        Validator::line(self, data, start)
    }
}

/// Finds lines without looking into them. None of them counts as a record.
pub(super) struct LineEnds;

impl Judge for LineEnds {
    fn line(&mut self, data: &[u8], start: usize) -> Line {
        let newline = memchr(b'\n', data.get(start..).unwrap_or_default());
        Line {
            end: newline.map_or(data.len(), |newline| start + newline),
            terminated: newline.is_some(),
            verdict: Verdict::Damaged(Damage::Malformed),
        }
    }
}

pub(super) fn forward<H: Host>(
    host: &mut H,
    mut judge: impl Judge,
    segment: &Segment,
    range: Range,
    visit: &mut impl FnMut(&mut H, &Entry<'_>) -> Step,
) -> Step {
    let mut at = range.start;
    while at < range.end {
        let data = read_line_bytes(host, segment, at, range.end, CHUNK)?;
        let complete = at.plus(data.len() as u64) >= range.end;
        let mut used = 0;
        while used < data.len() {
            let line = judge.line(&data, used);
            if !line.terminated && !complete {
                break;
            }
            let entry = entry_of(segment, at, &data, used, &line);
            used = line.end + usize::from(line.terminated);
            if visit(host, &entry)?.is_break() {
                return STOP;
            }
        }
        at = at.plus(used as u64);
        if used == 0 {
            let (next, flow) = long_line(host, segment, at, range.end, data, visit)?;
            at = next;
            if flow.is_break() {
                return STOP;
            }
        }
    }
    NEXT
}

fn entry_of<'a>(
    segment: &Segment,
    at: Position,
    data: &'a [u8],
    start: usize,
    line: &Line,
) -> Entry<'a> {
    let end = line.end + usize::from(line.terminated);
    let span = Range { start: at.plus(start as u64), end: at.plus(end as u64) };
    let bytes = data.get(start..line.end).unwrap_or_default();
    Entry::new(segment, span, bytes, &line.verdict, line.terminated)
}

/// Visits a line whose first chunk holds no line end, and returns where the next line starts.
fn long_line<H: Host>(
    host: &mut H,
    segment: &Segment,
    at: Position,
    end: Position,
    mut bytes: Vec<u8>,
    visit: &mut impl FnMut(&mut H, &Entry<'_>) -> Step,
) -> Outcome<(Position, ControlFlow<()>)> {
    let mut length = bytes.len() as u64;
    let mut terminated = false;
    while !terminated && at.plus(length) < end {
        let chunk = read_line_bytes(host, segment, at.plus(length), end, 4 * CHUNK)?;
        let newline = memchr(b'\n', &chunk);
        terminated = newline.is_some();
        let more = chunk.get(..newline.unwrap_or(chunk.len())).unwrap_or_default();
        length += more.len() as u64;
        if length <= MAX_ENTRY as u64 {
            if bytes.len() + more.len() > bytes.capacity() {
                // For the longest entry there may be, at once: if it grew by steps, the old and the new
                // allocation would be alive together, and what they leave is too small for the next.
                bytes.reserve_exact(MAX_ENTRY - bytes.len());
            }
            bytes.extend_from_slice(more);
        } else if bytes.len() > HEAD {
            // Too long to be judged: from here on only its end is looked for.
            bytes.truncate(HEAD);
            bytes.shrink_to_fit();
        }
    }
    let next = at.plus(length + u64::from(terminated));
    let span = Range { start: at, end: next };
    let entry = if length > MAX_ENTRY as u64 {
        Entry::oversized(span, &bytes, length, terminated)
    } else {
        let line = Validator::new(host.form()).line(&bytes, 0);
        Entry::new(segment, span, &bytes, &line.verdict, terminated)
    };
    Ok((next, visit(host, &entry)?))
}

pub(super) fn backward<H: Host>(
    host: &mut H,
    segment: &Segment,
    range: Range,
    visit: &mut impl FnMut(&mut H, &Entry<'_>) -> Step,
) -> Step {
    let mut validator = Validator::new(host.form());
    let mut lines = Vec::new();
    let mut before = range.end;
    let mut ask = FIRST_BACK;
    while before > range.start {
        let (at, data) = read_bytes_before(host, segment, range.start, before, ask)?;
        ask = ask.saturating_mul(2).min(CHUNK);
        let first = match memchr(b'\n', &data) {
            _ if at == range.start => 0,
            Some(newline) if newline + 1 < data.len() => newline + 1,
            _ => {
                let start = start_of_line(host, segment, range.start, at)?;
                let span = Range { start, end: before };
                if visit_long(host, segment, span, &data, visit)?.is_break() {
                    return STOP;
                }
                before = start;
                continue;
            }
        };
        lines.clear();
        let mut next = first;
        while next < data.len() {
            let line = validator.line(&data, next);
            lines.push((next, line));
            next = line.end + usize::from(line.terminated);
        }
        for (start, line) in lines.iter().rev() {
            if visit(host, &entry_of(segment, at, &data, *start, line))?.is_break() {
                return STOP;
            }
        }
        before = at.plus(first as u64);
    }
    NEXT
}

/// Where the line starts that has no line end between its start and `before`.
fn start_of_line<H: Host>(
    host: &mut H,
    segment: &Segment,
    floor: Position,
    mut before: Position,
) -> Outcome<Position> {
    while before > floor {
        let (at, data) = read_bytes_before(host, segment, floor, before, 4 * CHUNK)?;
        if let Some(newline) = memrchr(b'\n', &data) {
            return Ok(at.plus(newline as u64 + 1));
        }
        before = at;
    }
    Ok(floor)
}

/// Visits the one line in `span`, of which `tail` is the end.
fn visit_long<H: Host>(
    host: &mut H,
    segment: &Segment,
    span: Range,
    tail: &[u8],
    visit: &mut impl FnMut(&mut H, &Entry<'_>) -> Step,
) -> Step {
    let terminated = tail.last() == Some(&b'\n');
    let length = span.start.until(span.end).saturating_sub(u64::from(terminated));
    if length <= MAX_ENTRY as u64 {
        let judge = Validator::new(host.form());
        return forward(host, judge, segment, span, visit);
    }
    let head = read_line_bytes(host, segment, span.start, span.end, HEAD as u32)?;
    visit(host, &Entry::oversized(span, &head, length, terminated))
}

pub(super) fn end_of_line<H: Host>(
    host: &mut H,
    segment: &Segment,
    from: Position,
) -> Outcome<Position> {
    let mut at = from;
    while at < segment.end && from.until(at) <= 2 * MAX_ENTRY as u64 {
        let data = read_line_bytes(host, segment, at, segment.end, FIRST_BACK)?;
        if let Some(newline) = memchr(b'\n', &data) {
            return Ok(at.plus(newline as u64 + 1));
        }
        at = at.plus(data.len() as u64);
    }
    Ok(segment.end)
}

/// Bytes from `at` on: at least one, and none beyond `end`.
fn read_line_bytes<H: Host>(
    host: &mut H,
    segment: &Segment,
    at: Position,
    end: Position,
    ask: u32,
) -> Outcome<Vec<u8>> {
    let room = at.until(end);
    let ask = u32::try_from(room).map_or(ask, |room| room.min(ask));
    let mut chunk = read_at(host, segment, at, ask)?;
    if chunk.start != at {
        return Err(contradiction(segment, "a chunk does not start where it was asked to"));
    }
    if chunk.data.is_empty() {
        return Err(contradiction(segment, "there are fewer bytes than it said"));
    }
    chunk.data.truncate(usize::try_from(room).unwrap_or(usize::MAX));
    Ok(chunk.data)
}

/// Bytes from `at` on, `max` of them or up to `end`.
pub(super) fn read_piece<H: Host>(
    host: &mut H,
    segment: &Segment,
    at: Position,
    end: Position,
    max: usize,
) -> Outcome<Vec<u8>> {
    let length = usize::try_from(at.until(end)).unwrap_or(max).min(max);
    let mut bytes = Vec::with_capacity(length);
    while bytes.len() < length {
        let from = at.plus(bytes.len() as u64);
        let ask = u32::try_from(length - bytes.len()).unwrap_or(u32::MAX).min(4 * CHUNK);
        let mut chunk = read_line_bytes(host, segment, from, end, ask)?;
        chunk.truncate(length - bytes.len());
        bytes.extend_from_slice(&chunk);
    }
    Ok(bytes)
}

/// Bytes that end at `before`, and where they start: at least one, and none before `floor`.
fn read_bytes_before<H: Host>(
    host: &mut H,
    segment: &Segment,
    floor: Position,
    before: Position,
    ask: u32,
) -> Outcome<(Position, Vec<u8>)> {
    let room = floor.until(before);
    let ask = u32::try_from(room).map_or(ask, |room| room.min(ask));
    let chunk = read_before(host, segment, before, ask)?;
    if chunk.data.is_empty() {
        return Err(contradiction(segment, "there are fewer bytes than it said"));
    }
    if chunk.start.plus(chunk.data.len() as u64) != before || chunk.start < floor {
        return Err(contradiction(segment, "a chunk does not end where it was asked to"));
    }
    Ok((chunk.start, chunk.data))
}
