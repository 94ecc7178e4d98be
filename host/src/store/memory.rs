//! A journal in memory, for tests and for records that need not outlive the process.

use std::sync::{Arc, PoisonError, RwLock};

use async_trait::async_trait;

use super::{
    Chunk, Description, Framing, Layout, Payload, Position, Rewrite, RewriteOptions, Role, Run,
    Segment, Snapshot, Store, StoreError, StoreErrorKind, Written,
};

const SEGMENT: &str = "memory";
const BLOCK: usize = 1 << 20;
/// The maximum size of one read, whatever the guest asks for.
const MAX_READ: u64 = 8 << 20;

/// A journal in memory. Clones share the data; it is gone with the last of them.
///
/// Nothing is ever removed from it: rewriting is `Unsupported`.
#[derive(Clone, Debug, Default)]
pub struct MemoryStore {
    log: Arc<RwLock<Log>>,
    max_bytes: Option<u64>,
}

/// Only ever grows at its end, so a snapshot is no more than a length.
#[derive(Debug, Default)]
struct Log {
    blocks: Vec<Block>,
    length: u64,
}

#[derive(Debug)]
struct Block {
    start: u64,
    bytes: Vec<u8>,
}

impl MemoryStore {
    /// An empty journal that grows without a bound.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// An empty journal of at most `max_bytes` bytes. A batch that does not fit is refused with
    /// `Full`.
    #[must_use]
    pub fn with_max_bytes(max_bytes: u64) -> Self {
        Self { log: Arc::default(), max_bytes: Some(max_bytes) }
    }
}

impl Log {
    fn push(&mut self, lines: &[u8]) {
        let fits = |block: &Block| block.bytes.len() + lines.len() <= BLOCK;
        match self.blocks.last_mut().filter(|block| fits(block)) {
            Some(block) => block.bytes.extend_from_slice(lines),
            None => self.blocks.push(Block { start: self.length, bytes: lines.to_vec() }),
        }
        self.length += lines.len() as u64;
    }

    fn copy(&self, start: u64, end: u64) -> Vec<u8> {
        let wanted = usize::try_from(end.saturating_sub(start)).unwrap_or(0);
        let mut bytes = Vec::with_capacity(wanted);
        let first = self.blocks.partition_point(|block| block.start <= start).saturating_sub(1);
        for block in self.blocks.iter().skip(first) {
            let skip = start.saturating_sub(block.start);
            let piece = usize::try_from(skip).ok().and_then(|skip| block.bytes.get(skip..));
            let piece = piece.unwrap_or_default();
            let missing = wanted - bytes.len();
            bytes.extend_from_slice(piece.get(..missing).unwrap_or(piece));
            if bytes.len() == wanted {
                break;
            }
        }
        bytes
    }
}

#[async_trait]
impl Store for MemoryStore {
    fn describe(&self) -> Description {
        Description {
            backend: "memory".to_owned(),
            location: "memory".to_owned(),
            framing: Framing::Lines,
            layout: Layout::Sequence,
            volatile: true,
            profile: None,
        }
    }

    async fn append(&self, lines: String, _runs: &[Run]) -> Result<(), StoreError> {
        if lines.is_empty() {
            return Ok(());
        }
        // Guest-controlled. Anything else would tear the next batch.
        if !lines.ends_with('\n') {
            return Err(StoreError::new(
                StoreErrorKind::Failed,
                "the batch does not end with a line end; nothing of it was written",
            )
            .wrote(Written::None));
        }
        let mut log = self.log.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(max) = self.max_bytes
            && max.saturating_sub(log.length) < lines.len() as u64
        {
            return Err(StoreError::new(
                StoreErrorKind::Full,
                format!(
                    "the journal in memory holds at most {max} bytes, and {} are used",
                    log.length
                ),
            )
            .wrote(Written::None));
        }
        log.push(lines.as_bytes());
        Ok(())
    }

    async fn snapshot(&self) -> Result<Arc<dyn Snapshot>, StoreError> {
        let length = self.log.read().unwrap_or_else(PoisonError::into_inner).length;
        let at = |minor| Position { major: 0, minor };
        let segment = Segment {
            name: SEGMENT.to_owned(),
            role: Role::Active,
            number: 0,
            start: at(0),
            end: at(length),
            bytes: length,
            entries: None,
            kind: None,
            partition: None,
            pinned: None,
        };
        Ok(Arc::new(MemorySnapshot { log: Arc::clone(&self.log), segments: [segment], length }))
    }
}

#[derive(Debug)]
struct MemorySnapshot {
    log: Arc<RwLock<Log>>,
    segments: [Segment; 1],
    length: u64,
}

impl MemorySnapshot {
    fn chunk(&self, start: u64, end: u64, last: bool) -> Chunk {
        let log = self.log.read().unwrap_or_else(PoisonError::into_inner);
        let data = Payload::Raw(log.copy(start, end));
        Chunk { start: Position { major: 0, minor: start }, data, frames: Vec::new(), last }
    }
}

fn known(segment: &str) -> Result<(), StoreError> {
    if segment == SEGMENT {
        return Ok(());
    }
    Err(StoreError::new(
        StoreErrorKind::NotFound,
        "the journal in memory has no segment of that name",
    ))
}

/// At least one byte, since an empty chunk means that nothing more is there.
fn clamped(max_bytes: u32) -> u64 {
    u64::from(max_bytes).clamp(1, MAX_READ)
}

#[async_trait]
impl Snapshot for MemorySnapshot {
    fn segments(&self) -> &[Segment] {
        &self.segments
    }

    async fn read(&self, segment: &str, at: Position, max_bytes: u32) -> Result<Chunk, StoreError> {
        known(segment)?;
        let start = if at.major == 0 { at.minor.min(self.length) } else { self.length };
        let end = start.saturating_add(clamped(max_bytes)).min(self.length);
        Ok(self.chunk(start, end, end == self.length))
    }

    async fn read_back(
        &self,
        segment: &str,
        before: Position,
        max_bytes: u32,
    ) -> Result<Chunk, StoreError> {
        known(segment)?;
        if before.major != 0 || before.minor > self.length {
            return Ok(self.chunk(self.length, self.length, true));
        }
        let start = before.minor.saturating_sub(clamped(max_bytes));
        Ok(self.chunk(start, before.minor, start == 0))
    }

    async fn rewrite(&self, _: &str, _: RewriteOptions) -> Result<Box<dyn Rewrite>, StoreError> {
        Err(StoreError::new(
            StoreErrorKind::Unsupported,
            "a journal in memory cannot be damaged and is not rewritten",
        ))
    }
}
