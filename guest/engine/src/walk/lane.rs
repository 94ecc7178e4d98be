//! One framed segment, entry by entry, at the pace of whoever pulls.

use super::framed::{after, check, entry_of};
use super::{CHUNK, Entry, FIRST_BACK, Step, contradiction, read_at, read_before};
use crate::failure::Outcome;
use crate::host::{Chunk, Frame, Host, Position, Range, Segment};
use crate::json::Validator;

/// A chunk that is larger than this is read again when its turn comes, instead of being held: one
/// entry can be as large as everything else that the sandbox has room for.
const HELD: usize = 1 << 20;

/// A walk over one segment, in one direction.
pub(super) struct EntryCursor<'s> {
    segment: &'s Segment,
    range: Range,
    backward: bool,
    /// Whether others wait beside this one, so that it must not hold much.
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
            backward: false,
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

    /// The cursor is one of several that are walked at once.
    pub fn beside_others(self) -> Self {
        Self { shared: true, ..self }
    }

    /// Where the next entry lies; `None` at the end.
    pub fn head<H: Host>(&mut self, host: &mut H) -> Outcome<Option<Position>> {
        loop {
            if self.ended {
                return Ok(None);
            }
            if let Some((frame, _)) = self.current() {
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
            self.ask = ask.saturating_mul(2).min(CHUNK);
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
        if self.shared && self.chunk.data.len() > HELD {
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
        let Some((frame, from)) = self.current() else { return super::NEXT };
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
            Some(_) => super::NEXT,
            None if chunk.last => super::NEXT,
            None => Err(contradiction(self.segment, "an entry cannot be read again")),
        }
    }
}
