//! The hostile store as a store of the host, for the engine in its sandbox.

use std::sync::{Arc, Mutex, MutexGuard};

use async_trait::async_trait;
use papyra_engine::host::{self as native, Host};
use papyra_engine::json;
use papyra_persistence::store::{
    Chunk, Description, Edit, Frame, Framing, Kind, Layout, Payload, Position, Purpose, Rewrite,
    RewriteOptions, Rewritten, Role, Run, Segment, Snapshot, Store, StoreError, StoreErrorKind,
};

use super::Hostile;
use crate::random::Random;

/// The most that is put on top of a chunk that is too long: more than an instance may use.
const FLOOD: usize = 70 << 20;

/// A store that does whatever a store must not do. It panics when it is called so often that the engine
/// must be going in circles.
#[derive(Clone)]
pub struct HostileStore(Arc<Mutex<Inner>>);

struct Inner {
    hostile: Hostile,
    random: Random,
    index: String,
}

impl HostileStore {
    /// A store that hands out pieces of `text`.
    pub fn new(text: Vec<u8>, seed: u64) -> Self {
        let inner = Inner {
            hostile: Hostile::new(text, seed),
            random: Random::new(!seed),
            index: String::new(),
        };
        Self(Arc::new(Mutex::new(inner)))
    }

    /// Another operation begins.
    pub fn reset(&self) {
        self.inner().hostile.reset();
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().expect("nothing panics while it is held, or the test has failed")
    }
}

impl Inner {
    fn flood(&mut self, data: &mut Vec<u8>) {
        if self.random.once_in(300) {
            let more = self.random.below(FLOOD);
            data.resize(data.len() + more, b"x\n\xff{"[self.random.below(4)]);
        }
    }

    fn chunk(&mut self, chunk: native::Chunk) -> Chunk {
        let native::Chunk { start, mut data, frames, last } = chunk;
        self.flood(&mut data);
        let mut frames: Vec<_> = frames
            .into_iter()
            .map(|native::Frame { at, end, missing }| Frame { at: theirs(at), end, missing })
            .collect();
        if !frames.is_empty() && self.random.once_in(300) {
            let first = frames[0];
            frames.splice(0..0, std::iter::repeat_n(first, 3 << 20));
        }
        let data = match String::from_utf8(data) {
            Ok(text) if self.random.once_in(2) => Payload::Text(text),
            Ok(text) => Payload::Raw(text.into_bytes()),
            Err(error) => Payload::Raw(error.into_bytes()),
        };
        Chunk { start: theirs(start), data, frames, last }
    }
}

#[async_trait]
impl Store for HostileStore {
    fn describe(&self) -> Description {
        let described = self.inner().hostile.describe();
        Description {
            backend: described.backend,
            location: described.location,
            framing: match described.framing {
                native::Framing::Lines => Framing::Lines,
                native::Framing::Entries => Framing::Entries,
            },
            layout: match described.layout {
                native::Layout::Sequence => Layout::Sequence,
                native::Layout::Parallel => Layout::Parallel,
            },
            volatile: described.volatile,
            profile: None,
        }
    }

    async fn append(&self, lines: String, runs: &[Run]) -> Result<(), StoreError> {
        let runs = runs.iter().map(|run| native::Run { kind: kind(run.kind), lines: run.lines });
        let runs: Vec<_> = runs.collect();
        self.inner().hostile.append(&lines, &runs).map_err(|failed| error(failed.error))
    }

    async fn snapshot(&self) -> Result<Arc<dyn Snapshot>, StoreError> {
        let segments = self.inner().hostile.segments().map_err(error)?;
        let segments = segments.into_iter().map(segment).collect();
        Ok(Arc::new(View { segments, store: self.clone() }))
    }

    async fn load_index(&self) -> Result<String, StoreError> {
        let mut inner = self.inner();
        Ok(match inner.random.below(5) {
            0 => return Err(StoreError::new(StoreErrorKind::Failed, "no")),
            1 => "[".repeat(900_000),
            2 => "{}".repeat(5 << 20),
            _ => inner.index.clone(),
        })
    }

    async fn save_index(&self, text: String) -> Result<(), StoreError> {
        self.inner().index = text;
        Ok(())
    }
}

struct View {
    segments: Vec<Segment>,
    store: HostileStore,
}

#[async_trait]
impl Snapshot for View {
    fn segments(&self) -> &[Segment] {
        &self.segments
    }

    async fn read(&self, name: &str, at: Position, most: u32) -> Result<Chunk, StoreError> {
        let mut inner = self.store.inner();
        let chunk = inner.hostile.read(name, ours(at), most).map_err(error)?;
        Ok(inner.chunk(chunk))
    }

    async fn read_back(&self, name: &str, at: Position, most: u32) -> Result<Chunk, StoreError> {
        let mut inner = self.store.inner();
        let chunk = inner.hostile.read_back(name, ours(at), most).map_err(error)?;
        Ok(inner.chunk(chunk))
    }

    async fn rewrite(
        &self,
        segment: &str,
        options: RewriteOptions,
    ) -> Result<Box<dyn Rewrite>, StoreError> {
        let options = native::RewriteOptions {
            purpose: match options.purpose {
                Purpose::Recover => native::Purpose::Recover,
                Purpose::Compact => native::Purpose::Compact,
            },
            keep_quarantine: options.keep_quarantine,
            force: options.force,
        };
        self.store.inner().hostile.rewrite_begin(segment, options).map_err(error)?;
        Ok(Box::new(Open(self.store.clone())))
    }
}

struct Open(HostileStore);

#[async_trait]
impl Rewrite for Open {
    async fn edit(&mut self, edits: &[Edit]) -> Result<(), StoreError> {
        let edit = |edit: &Edit| native::Edit {
            start: ours(edit.start),
            end: ours(edit.end),
            line_end: edit.line_end,
        };
        let edits: Vec<_> = edits.iter().map(edit).collect();
        self.0.inner().hostile.rewrite_edit(&edits).map_err(error)
    }

    async fn commit(self: Box<Self>) -> Result<Rewritten, StoreError> {
        let done = self.0.inner().hostile.rewrite_commit().map_err(error)?;
        let native::Rewritten { bytes_before, bytes_after, removed_entries, quarantine } = done;
        Ok(Rewritten { bytes_before, bytes_after, removed_entries, quarantine })
    }
}

fn ours(at: Position) -> native::Position {
    native::Position { major: at.major, minor: at.minor }
}

fn theirs(at: native::Position) -> Position {
    Position { major: at.major, minor: at.minor }
}

fn kind(kind: Kind) -> json::Kind {
    match kind {
        Kind::Event => json::Kind::Event,
        Kind::Audit => json::Kind::Audit,
        Kind::DeadLetter => json::Kind::DeadLetter,
        Kind::Metric => json::Kind::Metric,
    }
}

fn segment(segment: native::Segment) -> Segment {
    Segment {
        name: segment.name,
        role: match segment.role {
            native::Role::Active => Role::Active,
            native::Role::Sealed => Role::Sealed,
            native::Role::Stray => Role::Stray,
            native::Role::Leftover => Role::Leftover,
        },
        number: segment.number,
        start: theirs(segment.start),
        end: theirs(segment.end),
        bytes: segment.bytes,
        entries: segment.entries,
        // The only one that the hostile store names.
        kind: segment.kind.map(|_| Kind::Audit),
        partition: None,
        pinned: segment.pinned.map(theirs),
    }
}

fn error(error: native::StorageError) -> StoreError {
    use native::StorageError as Native;
    let (kind, message) = match error {
        Native::Unavailable(message) => (StoreErrorKind::Unavailable, message),
        Native::Full(message) => (StoreErrorKind::Full, message),
        Native::Locked(message) => (StoreErrorKind::Locked, message),
        Native::Denied(message) => (StoreErrorKind::Denied, message),
        Native::NotFound(message) => (StoreErrorKind::NotFound, message),
        Native::Unsupported(message) => (StoreErrorKind::Unsupported, message),
        Native::Corrupt(message) => (StoreErrorKind::Corrupt, message),
        Native::Failed(message) => (StoreErrorKind::Failed, message),
    };
    StoreError::new(kind, message)
}
