//! A store that does whatever a store must not do, for the native engine.

pub mod store;

use papyra_engine::host::{
    AppendError, Chunk, Description, Edit, Frame, Framing, Host, Layout, Position, RewriteOptions,
    Rewritten, Role, Run, Segment, StorageError, Written,
};
use papyra_engine::json::Kind;

use crate::random::Random;

/// The widest segment of a [`Hostile`] store that is not vast, in positions.
const SPAN: u64 = 300;
/// How many calls an operation on a store that is not vast may need: it has at most four segments,
/// chunks of one byte, and some operations look at everything several times. Few need more than 20,000;
/// going in circles needs any number.
const ENOUGH: u64 = 100_000;
/// After so many calls a vast store has had enough of it, and only fails.
const PATIENCE: u64 = 2_000;
/// So many more calls may follow.
const GRACE: u64 = 1_000;

/// A hostile store. It panics when it is called so often that the engine must be going in circles.
pub struct Hostile {
    random: Random,
    text: Vec<u8>,
    framing: Framing,
    layout: Layout,
    /// Segments cover positions that nobody could read through.
    vast: bool,
    /// One answer in so many is a lie, and as many are an error.
    honesty: usize,
    calls: u64,
    last_edited: Option<Position>,
}

impl Hostile {
    /// A store that hands out pieces of `text`.
    pub fn new(text: Vec<u8>, seed: u64) -> Self {
        let mut random = Random::new(seed);
        let framing = if random.once_in(3) { Framing::Entries } else { Framing::Lines };
        let layout = if random.once_in(8) { Layout::Parallel } else { Layout::Sequence };
        let vast = random.once_in(4);
        let honesty = [2, 10, 100, 3_000, 1_000_000][random.below(5)];
        Self { random, text, framing, layout, vast, honesty, calls: 0, last_edited: None }
    }

    /// Another operation begins.
    pub fn reset(&mut self) {
        self.calls = 0;
        self.last_edited = None;
    }

    /// Counts a call, and perhaps fails it.
    fn call(&mut self) -> Result<(), StorageError> {
        self.calls += 1;
        let most = if self.vast { PATIENCE + GRACE } else { ENOUGH };
        assert!(self.calls <= most, "more than {most} calls in one operation");
        if (self.vast && self.calls > PATIENCE) || self.lies() {
            return Err(self.error());
        }
        Ok(())
    }

    fn lies(&mut self) -> bool {
        self.random.once_in(self.honesty)
    }

    fn error(&mut self) -> StorageError {
        let message = "the store does not feel like it".to_owned();
        match self.random.below(8) {
            0 => StorageError::Unavailable(message),
            1 => StorageError::Full(message),
            2 => StorageError::Locked(message),
            3 => StorageError::Denied(message),
            4 => StorageError::NotFound(message),
            5 => StorageError::Unsupported(message),
            6 => StorageError::Corrupt(message),
            _ => StorageError::Failed(message),
        }
    }

    fn number(&mut self) -> u64 {
        match self.random.below(6) {
            0 => 0,
            1 => 1,
            2 => u64::MAX - self.random.below(3) as u64,
            3 => u64::MAX / 2 + self.random.below(3) as u64,
            4 => self.random.below(1000) as u64,
            _ => self.random.bits(),
        }
    }

    fn position(&mut self) -> Position {
        Position { major: self.number(), minor: self.number() }
    }

    /// Where a segment begins and ends.
    fn bounds(&mut self) -> (Position, Position) {
        if self.vast {
            let (one, other) = (self.position(), self.position());
            return if self.lies() { (one, other) } else { (one.min(other), one.max(other)) };
        }
        let major = if self.random.once_in(3) { self.number() } else { 0 };
        let minor = match self.random.below(4) {
            0 => u64::MAX - SPAN,
            1 => self.random.below(1000) as u64,
            _ => 0,
        };
        let span = self.random.below(SPAN as usize + 1) as u64;
        let start = Position { major, minor };
        let mut end = Position { major, minor: minor + span };
        // Bytes are counted in `minor` alone, so between these there is nothing that could be read.
        if self.framing == Framing::Lines && self.random.once_in(10) {
            end = self.position();
            end.major ^= u64::from(end.major == major);
        }
        (start, end)
    }

    fn segment(&mut self, index: usize) -> Segment {
        let (start, end) = self.bounds();
        let honest = end.minor.saturating_sub(start.minor);
        let index = if self.lies() { 0 } else { index };
        Segment {
            name: format!("segment-{index}"),
            role: [Role::Active, Role::Sealed, Role::Stray, Role::Leftover]
                [self.random.below(self.honesty.min(4))],
            number: self.number() as u32,
            start,
            end,
            bytes: if self.lies() { self.number() } else { honest },
            entries: self.random.once_in(2).then(|| self.number()),
            kind: self.random.once_in(4).then_some(Kind::Audit),
            partition: None,
            pinned: self.random.once_in(4).then(|| self.position()),
        }
    }

    /// Some bytes; `most` is what was asked for.
    fn bytes(&mut self, most: u32) -> Vec<u8> {
        let most = most as usize;
        let length = match self.random.below(4) {
            0 => 1,
            1 => self.random.between(1, 8),
            _ => self.random.between(1, 700),
        };
        let length = match length.min(most) {
            _ if self.lies() => 0,
            // Rarely, since it is slow.
            _ if self.lies() && self.random.once_in(20) => most + self.random.between(1, 5_000),
            length => length,
        };
        let from = self.random.below(self.text.len().max(1));
        let mut bytes: Vec<_> = self.text.iter().skip(from).take(length).copied().collect();
        bytes.resize(length, b'x');
        bytes
    }

    /// Frames for `data`, the first at or after `from`.
    fn frames(&mut self, from: Position, data: &[u8]) -> Vec<Frame> {
        if self.framing == Framing::Lines && !self.lies() {
            return Vec::new();
        }
        let mut frames = Vec::new();
        let (mut at, mut end) = (from, 0);
        for _ in 0..self.random.below(6) {
            end = self.random.between(end, data.len());
            let missing = self.random.once_in(10);
            let mut frame = Frame { at, end: end as u32, missing };
            if self.lies() {
                frame.end = self.number() as u32;
            }
            if self.lies() {
                frame.at = self.position();
            }
            frames.push(frame);
            at.minor = at.minor.saturating_add(1 + self.random.below(9) as u64);
        }
        frames
    }
}

impl Host for Hostile {
    fn now(&mut self) -> f64 {
        [0.0, -1.0, 1_795_219_200.0, f64::NAN, f64::INFINITY, f64::MAX][self.random.below(6)]
    }

    fn describe(&mut self) -> Description {
        Description {
            backend: "hostile".to_owned(),
            location: "\u{1b}[2J".to_owned(),
            framing: self.framing,
            layout: self.layout,
            volatile: self.random.once_in(20),
            profile: None,
        }
    }

    fn segments(&mut self) -> Result<Vec<Segment>, StorageError> {
        self.call()?;
        Ok((0..self.random.below(5)).map(|index| self.segment(index)).collect())
    }

    fn read(&mut self, _: &str, at: Position, max: u32) -> Result<Chunk, StorageError> {
        self.call()?;
        let data = self.bytes(max);
        let frames = self.frames(at, &data);
        let start = if self.lies() { self.position() } else { at };
        Ok(Chunk { start, data, frames, last: self.random.once_in(20) })
    }

    fn read_back(&mut self, _: &str, before: Position, max: u32) -> Result<Chunk, StorageError> {
        self.call()?;
        let data = self.bytes(max);
        let from = before.minor.saturating_sub(20);
        let mut frames = self.frames(Position { minor: from, ..before }, &data);
        frames.retain(|frame| frame.at < before);
        let minor = before.minor.saturating_sub(data.len() as u64);
        let start = if self.lies() { self.position() } else { Position { minor, ..before } };
        Ok(Chunk { start, data, frames, last: self.random.once_in(20) })
    }

    fn append(&mut self, lines: &str, runs: &[Run]) -> Result<(), AppendError> {
        assert!(lines.ends_with('\n') && !runs.is_empty(), "whole lines");
        self.call().map_err(|error| AppendError { error, written: Written::Unknown })
    }

    fn rewrite_begin(&mut self, _: &str, _: RewriteOptions) -> Result<(), StorageError> {
        self.last_edited = None;
        self.call()
    }

    fn rewrite_edit(&mut self, edits: &[Edit]) -> Result<(), StorageError> {
        for edit in edits {
            let ascends = self.last_edited.is_none_or(|last| last <= edit.start);
            let changes = edit.start < edit.end || (edit.line_end && edit.start == edit.end);
            assert!(ascends && changes, "{edit:?} follows {:?}", self.last_edited);
            assert!(!edit.line_end || self.framing == Framing::Lines, "{edit:?}");
            self.last_edited = Some(edit.end);
        }
        self.call()
    }

    fn rewrite_commit(&mut self) -> Result<Rewritten, StorageError> {
        self.call()?;
        Ok(Rewritten {
            bytes_before: self.number(),
            bytes_after: self.number(),
            removed_entries: Some(self.number()),
            quarantine: vec!["../../quarantine".to_owned()],
        })
    }

    fn rewrite_abort(&mut self) {}
}
