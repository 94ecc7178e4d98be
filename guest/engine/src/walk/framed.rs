//! Segments of entries that the store itself tells apart, one at a time or pulled side by side.

use super::{CHUNK, Entry, FIRST_BACK, NEXT, STOP, Step, contradiction, read_at, read_before};
use crate::MAX_ENTRY;
use crate::anomaly::{Anomalies, Anomaly};
use crate::failure::Outcome;
use crate::host::{Chunk, Frame, Host, Position, Range, Segment};
use crate::json::{Damage, Validator, Verdict};

/// What all cursors side by side may hold together, in bytes.
const HELD: u32 = 16 << 20;

/// The least that one of them asks for.
const LEAST: u32 = 64 << 10;

pub(super) fn forward<H: Host>(
    host: &mut H,
    segment: &Segment,
    range: Range,
    visit: &mut impl FnMut(&mut H, &Entry<'_>) -> Step,
) -> Step {
    alone(host, EntryCursor::forward(segment, range), visit)
}

pub(super) fn backward<H: Host>(
    host: &mut H,
    segment: &Segment,
    range: Range,
    visit: &mut impl FnMut(&mut H, &Entry<'_>) -> Step,
) -> Step {
    alone(host, EntryCursor::backward(segment, range), visit)
}

fn alone<H: Host>(
    host: &mut H,
    mut cursor: EntryCursor<'_>,
    visit: &mut impl FnMut(&mut H, &Entry<'_>) -> Step,
) -> Step {
    let mut validator = Validator::default();
    while cursor.head(host)?.is_some() {
        if cursor.step(host, &mut validator, visit)?.is_break() {
            return STOP;
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

/// What is known about an entry. Its size counts the line end that it has in a file, so that a limit
/// on bytes says the same for every store.
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

/// A walk over one segment, in one direction.
pub(super) struct EntryCursor<'s> {
    segment: &'s Segment,
    range: Range,
    /// Ranges to leave out, in order.
    skipped: &'s [Range],
    backward: bool,
    /// The most to ask for. A chunk that is larger all the same is read again when its turn comes, instead
    /// of being held: one entry can be as large as everything else that the sandbox has room for.
    room: u32,
    /// Whether others wait beside this one.
    shared: bool,
    chunk: Chunk,
    /// Frames of the chunk that have been visited.
    visited: usize,
    /// The data of the chunk was let go.
    let_go: bool,
    ask: u32,
    ended: bool,
}

impl<'s> EntryCursor<'s> {
    pub fn forward(segment: &'s Segment, range: Range) -> Self {
        Self {
            segment,
            range,
            skipped: &[],
            backward: false,
            room: CHUNK,
            shared: false,
            chunk: Chunk::default(),
            visited: 0,
            let_go: false,
            ask: CHUNK,
            ended: range.start >= range.end,
        }
    }

    pub fn backward(segment: &'s Segment, range: Range) -> Self {
        Self { backward: true, ask: FIRST_BACK, ..Self::forward(segment, range) }
    }

    /// The cursor is one of so many that are walked at once.
    pub fn beside(self, count: usize) -> Self {
        let share = HELD / u32::try_from(count.max(1)).unwrap_or(u32::MAX);
        let room = share.clamp(LEAST, CHUNK);
        Self { shared: true, room, ask: self.ask.min(room), ..self }
    }

    /// The cursor passes these ranges, which are in order and do not touch, without reading them.
    pub fn without(self, skipped: &'s [Range]) -> Self {
        Self { skipped, ..self }
    }

    /// Goes on beyond a skipped range in which the next entry would be.
    fn pass(&mut self, next: Position) -> bool {
        let index = self.skipped.partition_point(|skip| skip.end <= next);
        let Some(skip) = self.skipped.get(index).filter(|skip| skip.start <= next) else {
            return false;
        };
        match self.backward {
            false => self.range.start = skip.end,
            true => self.range.end = skip.start,
        }
        self.ended = self.range.start >= self.range.end;
        (self.chunk, self.visited, self.let_go) = (Chunk::default(), 0, false);
        true
    }

    /// Where the next entry lies; `None` at the end.
    pub fn head<H: Host>(&mut self, host: &mut H) -> Outcome<Option<Position>> {
        loop {
            if self.ended {
                return Ok(None);
            }
            if let Some((frame, _)) = self.current() {
                if self.pass(frame.at) {
                    continue;
                }
                let inside = self.range.start <= frame.at && frame.at < self.range.end;
                self.ended = !inside;
                return Ok(inside.then_some(frame.at));
            }
            self.refill(host)?;
        }
    }

    /// The next frame, and where its bytes begin.
    fn current(&self) -> Option<(Frame, u32)> {
        let index = match self.backward {
            false => self.visited,
            true => self.chunk.frames.len().checked_sub(self.visited + 1)?,
        };
        let frame = self.chunk.frames.get(index)?;
        let previous = index.checked_sub(1).and_then(|index| self.chunk.frames.get(index));
        Some((*frame, previous.map_or(0, |previous| previous.end)))
    }

    fn refill<H: Host>(&mut self, host: &mut H) -> Outcome<()> {
        let frames = &self.chunk.frames;
        let edge = if self.backward { frames.first() } else { frames.last() };
        let edge = edge.map(|frame| frame.at);
        let exhausted = self.chunk.last;
        let (segment, ask) = (self.segment, self.ask);
        // The old chunk goes before the new one comes: both may be large.
        self.chunk = Chunk::default();
        (self.visited, self.let_go) = (0, false);
        if exhausted {
            self.ended = true;
            return Ok(());
        }
        let chunk = if self.backward {
            let before = edge.unwrap_or(self.range.end);
            self.ask = ask.saturating_mul(2).min(self.room);
            let chunk = read_before(host, segment, before, ask)?;
            check(segment, &chunk, |position| position < before)?;
            chunk
        } else {
            let at = edge.map_or(self.range.start, after);
            if at >= self.range.end {
                self.ended = true;
                return Ok(());
            }
            let chunk = read_at(host, segment, at, ask)?;
            check(segment, &chunk, |position| position >= at)?;
            chunk
        };
        self.ended = chunk.frames.is_empty();
        self.chunk = chunk;
        if self.shared && self.chunk.data.len() > self.room as usize {
            self.chunk.data = Vec::new();
            self.let_go = true;
        }
        Ok(())
    }

    /// Visits the next entry, which [`head`](Self::head) has found.
    pub fn step<H: Host>(
        &mut self,
        host: &mut H,
        validator: &mut Validator,
        visit: &mut impl FnMut(&mut H, &Entry<'_>) -> Step,
    ) -> Step {
        let Some((frame, from)) = self.current() else { return NEXT };
        self.visited += 1;
        if !self.let_go {
            return visit(host, &entry_of(validator, self.segment, &self.chunk, from, &frame));
        }
        let chunk = read_at(host, self.segment, frame.at, 1)?;
        check(self.segment, &chunk, |position| position >= frame.at)?;
        match chunk.frames.first() {
            Some(again) if again.at == frame.at => {
                visit(host, &entry_of(validator, self.segment, &chunk, 0, again))
            }
            // Somebody has removed it meanwhile, where the store cannot keep a snapshot.
            Some(_) => NEXT,
            None if chunk.last => NEXT,
            None => Err(contradiction(self.segment, "an entry cannot be read again")),
        }
    }
}
