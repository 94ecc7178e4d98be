//! What the engine can reach: one store and the clock.
//!
//! The types mirror `wit/storage.wit`, where they are documented. Whatever a host returns is checked
//! where it enters (see [`crate::walk`]): a store is as untrusted as the bytes in it.

use serde::{Deserialize, Serialize};

use crate::json::Kind;

/// Where an entry lies in its segment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Position {
    pub major: u64,
    pub minor: u64,
}

impl Position {
    /// The position `bytes` further on in a segment of lines.
    pub fn plus(self, bytes: u64) -> Self {
        Self { major: self.major, minor: self.minor.saturating_add(bytes) }
    }

    /// How many bytes lie between `self` and a later position in a segment of lines.
    pub fn until(self, end: Self) -> u64 {
        end.minor.saturating_sub(self.minor)
    }
}

/// From `start` up to, not including, `end`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Range {
    pub start: Position,
    pub end: Position,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    Active,
    Sealed,
    Stray,
    Leftover,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Segment {
    pub name: String,
    pub role: Role,
    pub number: u32,
    pub start: Position,
    pub end: Position,
    pub bytes: u64,
    pub entries: Option<u64>,
    pub kind: Option<Kind>,
    pub pinned: Option<Position>,
}

impl Segment {
    /// Whether the segment holds entries of the journal.
    pub fn is_member(&self) -> bool {
        matches!(self.role, Role::Active | Role::Sealed)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Framing {
    Lines,
    Entries,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layout {
    Sequence,
    Parallel,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Description {
    pub backend: String,
    pub location: String,
    pub framing: Framing,
    pub layout: Layout,
    pub volatile: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Frame {
    pub at: Position,
    pub end: u32,
    pub missing: bool,
}

#[derive(Clone, Debug, Default, PartialEq)]
pub struct Chunk {
    pub start: Position,
    pub data: Vec<u8>,
    pub frames: Vec<Frame>,
    pub last: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Run {
    pub kind: Kind,
    pub lines: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    Recover,
    Compact,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RewriteOptions {
    pub purpose: Purpose,
    pub keep_quarantine: bool,
    pub force: bool,
}

#[derive(Clone, Debug, Default, PartialEq)]
pub struct Rewritten {
    pub bytes_before: u64,
    pub bytes_after: u64,
    pub removed_entries: Option<u64>,
    pub quarantine: Vec<String>,
}

/// Why the store could not do what it was asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StorageError {
    Unavailable(String),
    Full(String),
    Locked(String),
    Denied(String),
    NotFound(String),
    Unsupported(String),
    Corrupt(String),
    Failed(String),
}

/// The store and the clock. Each method is documented at its namesake in `wit/storage.wit`.
pub trait Host {
    /// Seconds since the epoch.
    fn now(&mut self) -> f64;
    fn describe(&mut self) -> Description;
    fn segments(&mut self) -> Result<Vec<Segment>, StorageError>;
    fn read(&mut self, segment: &str, at: Position, max_bytes: u32) -> Result<Chunk, StorageError>;
    fn read_back(
        &mut self,
        segment: &str,
        before: Position,
        max_bytes: u32,
    ) -> Result<Chunk, StorageError>;
    fn append(&mut self, lines: &str, runs: &[Run]) -> Result<(), StorageError>;
    fn rewrite_begin(&mut self, segment: &str, options: RewriteOptions)
    -> Result<(), StorageError>;
    fn rewrite_remove(&mut self, ranges: &[Range]) -> Result<(), StorageError>;
    fn rewrite_commit(&mut self, terminate_tail: bool) -> Result<Rewritten, StorageError>;
    fn rewrite_abort(&mut self);

    fn load_checkpoint(&mut self) -> Result<String, StorageError> {
        Ok(String::new())
    }

    fn save_checkpoint(&mut self, _text: &str) -> Result<(), StorageError> {
        Err(StorageError::Unsupported("this store keeps no checkpoint".to_owned()))
    }
}
