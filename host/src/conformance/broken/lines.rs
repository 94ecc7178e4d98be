//! A sound store of lines in memory: it can be torn, rotated, rewritten and quarantined.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;

use super::super::Fixture;
use crate::store::{
    Chunk, Description, Edit, Framing, Layout, Payload, Position, Rewrite, RewriteOptions,
    Rewritten, Role, Run, Segment, Snapshot, Store, StoreError, StoreErrorKind, Written,
};

/// The store and its fixture. Clones share the data.
#[derive(Clone)]
pub struct Lines {
    shelf: Arc<Mutex<Shelf>>,
    /// The size from which on the active part is sealed.
    limit: usize,
    /// The maximum size of one read.
    most: u32,
}

#[derive(Default)]
struct Shelf {
    /// Oldest first; the last one is active.
    parts: Vec<Part>,
    made: u32,
    rewriting: bool,
    failing: bool,
    quarantine: Vec<(String, Vec<u8>)>,
    index: String,
}

#[derive(Clone, Default)]
struct Part {
    name: String,
    bytes: Arc<Vec<u8>>,
    /// Changes with every rewrite.
    generation: u32,
}

impl Shelf {
    fn begin_part(&mut self) {
        self.made += 1;
        let name = format!("part-{}", self.made);
        self.parts.push(Part { name, ..Part::default() });
    }
}

impl Lines {
    pub fn new(limit: usize) -> Self {
        let mut shelf = Shelf::default();
        shelf.begin_part();
        Self { shelf: Arc::new(Mutex::new(shelf)), limit, most: u32::MAX }
    }

    /// The same store, which returns at most this many bytes a call.
    pub fn in_reads_of(mut self, most: u32) -> Self {
        self.most = most;
        self
    }

    fn lock(&self) -> MutexGuard<'_, Shelf> {
        self.shelf.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn error(kind: StoreErrorKind, message: &str) -> StoreError {
    StoreError::new(kind, message)
}

fn at(minor: usize) -> Position {
    Position { major: 0, minor: minor as u64 }
}

#[async_trait]
impl Store for Lines {
    fn describe(&self) -> Description {
        Description {
            backend: "lines".to_owned(),
            location: "a test".to_owned(),
            framing: Framing::Lines,
            layout: Layout::Sequence,
            volatile: false,
            profile: None,
        }
    }

    async fn append(&self, lines: String, _: &[Run]) -> Result<(), StoreError> {
        if lines.is_empty() {
            return Ok(());
        }
        let mut shelf = self.lock();
        if std::mem::take(&mut shelf.failing) {
            return Err(error(StoreErrorKind::Full, "no space is left").wrote(Written::None));
        }
        if !lines.ends_with('\n') {
            let message = "the batch does not end with a line end";
            return Err(error(StoreErrorKind::Failed, message).wrote(Written::None));
        }
        let whole = |part: &Part| part.bytes.len() >= self.limit && part.bytes.ends_with(b"\n");
        if shelf.parts.last().is_none_or(whole) {
            shelf.begin_part();
        }
        if let Some(part) = shelf.parts.last_mut() {
            let bytes = Arc::make_mut(&mut part.bytes);
            if !bytes.is_empty() && !bytes.ends_with(b"\n") {
                bytes.push(b'\n');
            }
            bytes.extend_from_slice(lines.as_bytes());
        }
        Ok(())
    }

    async fn snapshot(&self) -> Result<Arc<dyn Snapshot>, StoreError> {
        let parts = self.lock().parts.clone();
        let newest = parts.len() - 1;
        let segment = |(index, part): (usize, &Part)| Segment {
            name: part.name.clone(),
            role: if index == newest { Role::Active } else { Role::Sealed },
            number: (newest - index) as u32,
            start: at(0),
            end: at(part.bytes.len()),
            bytes: part.bytes.len() as u64,
            entries: None,
            kind: None,
            partition: None,
            pinned: None,
        };
        let segments = parts.iter().enumerate().map(segment).collect();
        Ok(Arc::new(View { store: self.clone(), parts, segments }))
    }

    async fn load_index(&self) -> Result<String, StoreError> {
        Ok(self.lock().index.clone())
    }

    async fn save_index(&self, text: String) -> Result<(), StoreError> {
        self.lock().index = text;
        Ok(())
    }
}

struct View {
    store: Lines,
    parts: Vec<Part>,
    segments: Vec<Segment>,
}

impl View {
    fn part(&self, name: &str) -> Result<&Part, StoreError> {
        let found = self.parts.iter().find(|part| part.name == name);
        found.ok_or_else(|| error(StoreErrorKind::NotFound, "there is no such part"))
    }

    fn size(&self, max_bytes: u32) -> usize {
        max_bytes.clamp(1, self.store.most) as usize
    }
}

/// Clamped to the end of the bytes.
fn offset(bytes: &[u8], at: Position) -> usize {
    let inside = usize::try_from(at.minor).unwrap_or(usize::MAX).min(bytes.len());
    if at.major == 0 { inside } else { bytes.len() }
}

fn chunk(bytes: &[u8], start: usize, end: usize, last: bool) -> Chunk {
    let data = Payload::Raw(bytes.get(start..end).unwrap_or_default().to_vec());
    Chunk { start: at(start), data, frames: Vec::new(), last }
}

#[async_trait]
impl Snapshot for View {
    fn segments(&self) -> &[Segment] {
        &self.segments
    }

    async fn read(&self, name: &str, from: Position, max: u32) -> Result<Chunk, StoreError> {
        let bytes = &self.part(name)?.bytes;
        let start = offset(bytes, from);
        let end = start.saturating_add(self.size(max)).min(bytes.len());
        Ok(chunk(bytes, start, end, end == bytes.len()))
    }

    async fn read_back(&self, name: &str, before: Position, max: u32) -> Result<Chunk, StoreError> {
        let bytes = &self.part(name)?.bytes;
        let end = offset(bytes, before);
        let start = end.saturating_sub(self.size(max));
        Ok(chunk(bytes, start, end, start == 0))
    }

    async fn rewrite(
        &self,
        name: &str,
        options: RewriteOptions,
    ) -> Result<Box<dyn Rewrite>, StoreError> {
        let part = self.part(name)?.clone();
        let mut shelf = self.store.lock();
        let same = |now: &Part| now.name == part.name && now.generation == part.generation;
        if shelf.rewriting || !shelf.parts.iter().any(same) {
            return Err(error(StoreErrorKind::Locked, "another rewrite is open, or was faster"));
        }
        shelf.rewriting = true;
        Ok(Box::new(Job { store: self.store.clone(), part, options, edits: Vec::new() }))
    }
}

struct Job {
    store: Lines,
    /// As the snapshot has it.
    part: Part,
    options: RewriteOptions,
    edits: Vec<(usize, usize, bool)>,
}

impl Drop for Job {
    fn drop(&mut self) {
        self.store.lock().rewriting = false;
    }
}

#[async_trait]
impl Rewrite for Job {
    async fn edit(&mut self, edits: &[Edit]) -> Result<(), StoreError> {
        for edit in edits {
            let earliest = self.edits.last().map_or(0, |(_, end, _)| *end);
            let length = self.part.bytes.len() as u64;
            let inside = edit.start.major == 0 && edit.end.major == 0 && edit.end.minor <= length;
            let (start, end) = (edit.start.minor as usize, edit.end.minor as usize);
            if !inside || start < earliest || end < start {
                return Err(error(StoreErrorKind::Failed, "edits are out of order or outside"));
            }
            self.edits.push((start, end, edit.line_end));
        }
        Ok(())
    }

    async fn commit(self: Box<Self>) -> Result<Rewritten, StoreError> {
        let old = &self.part.bytes;
        let (mut new, mut removed, mut from) = (Vec::new(), Vec::new(), 0);
        for (start, end, line_end) in &self.edits {
            new.extend_from_slice(&old[from..*start]);
            removed.extend_from_slice(&old[*start..*end]);
            new.extend(line_end.then_some(b'\n'));
            from = *end;
        }
        new.extend_from_slice(&old[from..]);
        let mut shelf = self.store.lock();
        let mut quarantine = Vec::new();
        if self.options.keep_quarantine && !removed.is_empty() {
            quarantine.push(format!("quarantine-{}", shelf.quarantine.len()));
            shelf.quarantine.push((quarantine[0].clone(), removed));
        }
        let found = shelf.parts.iter_mut().find(|part| part.name == self.part.name);
        let part = found.ok_or_else(|| error(StoreErrorKind::Locked, "the part has gone"))?;
        let mut later = &part.bytes[old.len()..];
        if from == old.len() && from > 0 && !old.ends_with(b"\n") && !self.edits.is_empty() {
            later = later.strip_prefix(b"\n").unwrap_or(later);
        }
        new.extend_from_slice(later);
        let (bytes_before, bytes_after) = (part.bytes.len() as u64, new.len() as u64);
        part.bytes = Arc::new(new);
        part.generation += 1;
        Ok(Rewritten { bytes_before, bytes_after, removed_entries: None, quarantine })
    }
}

#[async_trait]
impl Fixture for Lines {
    fn store(&self) -> Arc<dyn Store> {
        Arc::new(self.clone())
    }

    async fn inject(&self, bytes: &[u8]) -> bool {
        if let Some(part) = self.lock().parts.last_mut() {
            Arc::make_mut(&mut part.bytes).extend_from_slice(bytes);
        }
        true
    }

    async fn quarantine(&self, names: &[String]) -> Option<Vec<u8>> {
        let shelf = self.lock();
        let named = shelf.quarantine.iter().filter(|(name, _)| names.contains(name));
        Some(named.flat_map(|(_, bytes)| bytes.clone()).collect())
    }

    async fn debris(&self) -> Option<Vec<String>> {
        Some(self.lock().quarantine.iter().map(|(name, _)| name.clone()).collect())
    }

    async fn reopen(&self) -> Option<Arc<dyn Store>> {
        Some(self.store())
    }

    async fn fail_next_append(&self) -> bool {
        self.lock().failing = true;
        true
    }
}
