//! What the engine can reach: one store and the clock.
//!
//! The types are those of `wit/storage.wit`. Whatever a host returns is checked where it enters (see
//! [`crate::walk`]): a store is as untrusted as the bytes in it.

use std::cmp::Ordering;

use crate::bindings::papyra::persistence::storage;
pub use crate::bindings::papyra::persistence::storage::{
    AppendError, Description, Edit, Frame, Framing, Layout, Payload, Profile, Purpose,
    RewriteOptions, Rewritten, Role, Run, Segment, StorageError, TimeFormat,
};
pub use crate::bindings::papyra::persistence::types::{Position, Written};
use crate::json::Form;

/// From `start` up to, not including, `end`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Range {
    pub start: Position,
    pub end: Position,
}

impl Position {
    /// The first position of a segment of lines.
    pub const ZERO: Self = Self { major: 0, minor: 0 };

    /// The position `bytes` further on in a segment of lines.
    pub fn plus(self, bytes: u64) -> Self {
        Self { major: self.major, minor: self.minor.saturating_add(bytes) }
    }

    /// How many bytes lie between `self` and a later position in a segment of lines.
    pub fn until(self, end: Self) -> u64 {
        end.minor.saturating_sub(self.minor)
    }
}

impl Default for Position {
    fn default() -> Self {
        Self::ZERO
    }
}

impl Eq for Position {}

impl Ord for Position {
    fn cmp(&self, other: &Self) -> Ordering {
        (self.major, self.minor).cmp(&(other.major, other.minor))
    }
}

impl PartialOrd for Position {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Segment {
    /// Whether the segment holds entries of the journal.
    pub fn is_member(&self) -> bool {
        matches!(self.role, Role::Active | Role::Sealed)
    }
}

/// A piece of one segment, whichever way its bytes crossed the sandbox.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Chunk {
    pub start: Position,
    pub data: Vec<u8>,
    pub frames: Vec<Frame>,
    pub last: bool,
}

impl From<storage::Chunk> for Chunk {
    fn from(chunk: storage::Chunk) -> Self {
        let storage::Chunk { start, data, frames, last } = chunk;
        Self { start, data: data.into_bytes(), frames, last }
    }
}

impl Payload {
    /// The bytes, without a copy.
    pub fn into_bytes(self) -> Vec<u8> {
        match self {
            Self::Text(text) => text.into_bytes(),
            Self::Raw(bytes) => bytes,
        }
    }
}

/// The store and the clock. Each method is documented at its namesake in `wit/storage.wit`.
pub trait Host {
    /// Seconds since the epoch.
    fn now(&mut self) -> f64;
    fn describe(&mut self) -> Description;

    /// How the records say their kind and their time. A store never changes it.
    fn form(&mut self) -> Form {
        Form::of(self.describe().profile)
    }

    fn segments(&mut self) -> Result<Vec<Segment>, StorageError>;
    fn read(&mut self, segment: &str, at: Position, max_bytes: u32) -> Result<Chunk, StorageError>;
    fn read_back(
        &mut self,
        segment: &str,
        before: Position,
        max_bytes: u32,
    ) -> Result<Chunk, StorageError>;
    fn append(&mut self, lines: &str, runs: &[Run]) -> Result<(), AppendError>;
    fn rewrite_begin(&mut self, segment: &str, options: RewriteOptions)
    -> Result<(), StorageError>;
    fn rewrite_edit(&mut self, edits: &[Edit]) -> Result<(), StorageError>;
    fn rewrite_commit(&mut self) -> Result<Rewritten, StorageError>;
    fn rewrite_abort(&mut self);

    fn load_index(&mut self) -> Result<String, StorageError> {
        Ok(String::new())
    }

    fn save_index(&mut self, _text: &str) -> Result<(), StorageError> {
        Err(StorageError::Unsupported("this store keeps no index".to_owned()))
    }
}
