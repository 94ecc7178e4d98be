//! The host, as the bindings reach it.

use super::papyra::persistence::storage as wit;
use super::wasi::clocks::wall_clock;
use crate::host::{
    Chunk, Description, Frame, Framing, Host, Layout, Position, Purpose, Range, RewriteOptions,
    Rewritten, Role, Run, Segment, StorageError,
};
use crate::time;

/// The one store that is bound to this instance, and the clock.
#[derive(Debug, Default)]
pub struct Imports;

impl Host for Imports {
    fn now(&mut self) -> f64 {
        let wall_clock::Datetime { seconds, nanoseconds } = wall_clock::now();
        time::seconds(seconds, nanoseconds)
    }

    fn describe(&mut self) -> Description {
        let wit::Description { backend, location, framing, layout, volatile } = wit::describe();
        Description {
            backend,
            location,
            framing: match framing {
                wit::Framing::Lines => Framing::Lines,
                wit::Framing::Entries => Framing::Entries,
            },
            layout: match layout {
                wit::Layout::Sequence => Layout::Sequence,
                wit::Layout::Parallel => Layout::Parallel,
            },
            volatile,
        }
    }

    fn segments(&mut self) -> Result<Vec<Segment>, StorageError> {
        Ok(wit::segments()?.into_iter().map(Segment::from).collect())
    }

    fn read(&mut self, segment: &str, at: Position, max_bytes: u32) -> Result<Chunk, StorageError> {
        Ok(wit::read(segment, at.into(), max_bytes)?.into())
    }

    fn read_back(
        &mut self,
        segment: &str,
        before: Position,
        max_bytes: u32,
    ) -> Result<Chunk, StorageError> {
        Ok(wit::read_back(segment, before.into(), max_bytes)?.into())
    }

    fn append(&mut self, lines: &str, runs: &[Run]) -> Result<(), StorageError> {
        let runs: Vec<_> =
            runs.iter().map(|run| wit::Run { kind: run.kind.into(), lines: run.lines }).collect();
        Ok(wit::append(lines, &runs)?)
    }

    fn rewrite_begin(
        &mut self,
        segment: &str,
        options: RewriteOptions,
    ) -> Result<(), StorageError> {
        let RewriteOptions { purpose, keep_quarantine, force } = options;
        let purpose = match purpose {
            Purpose::Recover => wit::Purpose::Recover,
            Purpose::Compact => wit::Purpose::Compact,
        };
        Ok(wit::rewrite_begin(segment, wit::RewriteOptions { purpose, keep_quarantine, force })?)
    }

    fn rewrite_remove(&mut self, ranges: &[Range]) -> Result<(), StorageError> {
        let ranges: Vec<_> = ranges
            .iter()
            .map(|range| wit::Range { start: range.start.into(), end: range.end.into() })
            .collect();
        Ok(wit::rewrite_remove(&ranges)?)
    }

    fn rewrite_commit(&mut self, terminate_tail: bool) -> Result<Rewritten, StorageError> {
        let wit::Rewritten { bytes_before, bytes_after, removed_entries, quarantine } =
            wit::rewrite_commit(terminate_tail)?;
        Ok(Rewritten { bytes_before, bytes_after, removed_entries, quarantine })
    }

    fn rewrite_abort(&mut self) {
        wit::rewrite_abort();
    }

    fn load_checkpoint(&mut self) -> Result<String, StorageError> {
        Ok(wit::load_checkpoint()?)
    }

    fn save_checkpoint(&mut self, text: &str) -> Result<(), StorageError> {
        Ok(wit::save_checkpoint(text)?)
    }
}

impl From<wit::StorageError> for StorageError {
    fn from(error: wit::StorageError) -> Self {
        match error {
            wit::StorageError::Unavailable(message) => Self::Unavailable(message),
            wit::StorageError::Full(message) => Self::Full(message),
            wit::StorageError::Locked(message) => Self::Locked(message),
            wit::StorageError::Denied(message) => Self::Denied(message),
            wit::StorageError::NotFound(message) => Self::NotFound(message),
            wit::StorageError::Unsupported(message) => Self::Unsupported(message),
            wit::StorageError::Corrupt(message) => Self::Corrupt(message),
            wit::StorageError::Failed(message) => Self::Failed(message),
        }
    }
}

impl From<wit::Segment> for Segment {
    fn from(segment: wit::Segment) -> Self {
        let wit::Segment { name, role, number, start, end, bytes, entries, kind, pinned } = segment;
        Self {
            name,
            role: match role {
                wit::Role::Active => Role::Active,
                wit::Role::Sealed => Role::Sealed,
                wit::Role::Stray => Role::Stray,
                wit::Role::Leftover => Role::Leftover,
            },
            number,
            start: start.into(),
            end: end.into(),
            bytes,
            entries,
            kind: kind.map(Into::into),
            pinned: pinned.map(Into::into),
        }
    }
}

impl From<wit::Chunk> for Chunk {
    fn from(chunk: wit::Chunk) -> Self {
        let wit::Chunk { start, data, frames, last } = chunk;
        let data = match data {
            wit::Payload::Text(text) => text.into_bytes(),
            wit::Payload::Raw(bytes) => bytes,
        };
        let frames = frames.into_iter().map(|frame| {
            let wit::Frame { at, end, missing } = frame;
            Frame { at: at.into(), end, missing }
        });
        Self { start: start.into(), data, frames: frames.collect(), last }
    }
}

impl From<Position> for wit::Position {
    fn from(position: Position) -> Self {
        Self { major: position.major, minor: position.minor }
    }
}

impl From<wit::Position> for Position {
    fn from(position: wit::Position) -> Self {
        Self { major: position.major, minor: position.minor }
    }
}
