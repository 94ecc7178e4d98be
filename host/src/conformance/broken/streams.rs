//! A sound store of framed entries in memory, one stream for each kind, with consumer groups.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use tokio::sync::Notify;

use super::super::Fixture;
use super::groups::Group;
use crate::store::{
    Chunk, ConsumerGroups, Description, Edit, Frame, Framing, Kind, Layout, Payload, PerKind,
    Position, Purpose, Rewrite, RewriteOptions, Rewritten, Role, Run, Segment, Snapshot, Store,
    StoreError, StoreErrorKind, Written,
};

/// An entry's id, or its position.
pub type Id = (u64, u64);

/// The store and its fixture. Clones share the data.
#[derive(Clone, Default)]
pub struct Streams {
    shelf: Arc<Mutex<Shelf>>,
    pub appended: Arc<Notify>,
}

#[derive(Default)]
pub struct Shelf {
    pub streams: PerKind<Stream>,
    pub quarantine: Vec<(String, Id, Vec<u8>)>,
    batches: u64,
    rewriting: bool,
    failing: bool,
    index: String,
}

#[derive(Default)]
pub struct Stream {
    pub exists: bool,
    pub entries: Arc<BTreeMap<Id, Vec<u8>>>,
    pub last: Id,
    pub groups: BTreeMap<String, Group>,
}

impl Stream {
    /// The first entry that a group has not been given or has not acknowledged.
    fn pinned(&self) -> Option<Id> {
        let first = |group: &Group| {
            let fresh = self.entries.range(after(group.last)..).next().map(|(id, _)| *id);
            fresh.into_iter().chain(group.pending.keys().next().copied()).min()
        };
        self.groups.values().filter_map(first).min()
    }
}

/// The least id after this one.
pub fn after(id: Id) -> Id {
    match id.1.checked_add(1) {
        Some(minor) => (id.0, minor),
        None => (id.0.saturating_add(1), 0),
    }
}

fn at(id: Id) -> Position {
    Position { major: id.0, minor: id.1 }
}

fn id(position: Position) -> Id {
    (position.major, position.minor)
}

fn name(kind: Kind) -> String {
    kind.plural().to_owned()
}

fn size(entries: &BTreeMap<Id, Vec<u8>>) -> u64 {
    entries.values().map(|data| data.len() as u64 + 1).sum()
}

pub fn error(kind: StoreErrorKind, message: &str) -> StoreError {
    StoreError::new(kind, message)
}

impl Streams {
    pub fn lock(&self) -> MutexGuard<'_, Shelf> {
        self.shelf.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Store for Streams {
    fn describe(&self) -> Description {
        Description {
            backend: "streams".to_owned(),
            location: "a test".to_owned(),
            framing: Framing::Entries,
            layout: Layout::Parallel,
            volatile: false,
            profile: None,
        }
    }

    async fn append(&self, lines: String, runs: &[Run]) -> Result<(), StoreError> {
        let mut shelf = self.lock();
        if std::mem::take(&mut shelf.failing) {
            return Err(error(StoreErrorKind::Full, "no space is left").wrote(Written::None));
        }
        let kinds: Vec<Kind> =
            runs.iter().flat_map(|run| std::iter::repeat_n(run.kind, run.lines as usize)).collect();
        let whole = lines.is_empty() || lines.ends_with('\n');
        if !whole || lines.lines().count() != kinds.len() {
            let message = "the lines do not fit their runs";
            return Err(error(StoreErrorKind::Failed, message).wrote(Written::None));
        }
        shelf.batches += 1;
        let major = shelf.batches;
        for (minor, (line, kind)) in (0..).zip(lines.split_terminator('\n').zip(kinds)) {
            let stream = shelf.streams.get_mut(kind);
            stream.exists = true;
            stream.last = (major, minor);
            Arc::make_mut(&mut stream.entries).insert((major, minor), line.as_bytes().to_vec());
        }
        drop(shelf);
        self.appended.notify_waiters();
        Ok(())
    }

    async fn snapshot(&self) -> Result<Arc<dyn Snapshot>, StoreError> {
        let shelf = self.lock();
        let (mut segments, mut entries) = (Vec::new(), Vec::new());
        for (kind, stream) in shelf.streams.iter().filter(|(_, stream)| stream.exists) {
            let end = after(stream.last);
            let first = stream.entries.keys().next().copied();
            segments.push(Segment {
                name: name(kind),
                role: Role::Active,
                number: 0,
                start: at(first.unwrap_or(end)),
                end: at(end),
                bytes: size(&stream.entries),
                entries: Some(stream.entries.len() as u64),
                kind: Some(kind),
                partition: None,
                pinned: stream.pinned().map(at),
            });
            entries.push(Arc::clone(&stream.entries));
        }
        if segments.is_empty() {
            return Err(error(StoreErrorKind::NotFound, "there is no stream"));
        }
        drop(shelf);
        Ok(Arc::new(View { store: self.clone(), segments, entries }))
    }

    fn groups(&self) -> Option<&dyn ConsumerGroups> {
        Some(self)
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
    store: Streams,
    segments: Vec<Segment>,
    entries: Vec<Arc<BTreeMap<Id, Vec<u8>>>>,
}

impl View {
    fn find(&self, name: &str) -> Result<(&Segment, &BTreeMap<Id, Vec<u8>>), StoreError> {
        let mut all = self.segments.iter().zip(&self.entries);
        let found = all.find(|(segment, _)| segment.name == name);
        let (segment, entries) =
            found.ok_or_else(|| error(StoreErrorKind::NotFound, "there is no such stream"))?;
        Ok((segment, entries))
    }
}

/// At least one entry, and more as long as they fit.
fn fitting<'a>(
    entries: impl Iterator<Item = (&'a Id, &'a Vec<u8>)>,
    max_bytes: u32,
) -> Vec<(Id, &'a Vec<u8>)> {
    let mut room = max_bytes as usize;
    let mut taken = Vec::new();
    for (id, data) in entries {
        if !taken.is_empty() && data.len() > room {
            break;
        }
        room = room.saturating_sub(data.len());
        taken.push((*id, data));
    }
    taken
}

fn chunk(empty: Position, entries: &[(Id, &Vec<u8>)], last: bool) -> Chunk {
    let (mut data, mut frames) = (Vec::new(), Vec::new());
    for (id, bytes) in entries {
        data.extend_from_slice(bytes);
        frames.push(Frame { at: at(*id), end: data.len() as u32, missing: false });
    }
    let start = frames.first().map_or(empty, |frame| frame.at);
    Chunk { start, data: Payload::Raw(data), frames, last }
}

#[async_trait]
impl Snapshot for View {
    fn segments(&self) -> &[Segment] {
        &self.segments
    }

    async fn read(&self, name: &str, from: Position, max: u32) -> Result<Chunk, StoreError> {
        let (segment, entries) = self.find(name)?;
        let taken = fitting(entries.range(id(from)..), max);
        let last = taken.last().is_none_or(|(id, _)| entries.range(after(*id)..).next().is_none());
        Ok(chunk(segment.end, &taken, last))
    }

    async fn read_back(&self, name: &str, before: Position, max: u32) -> Result<Chunk, StoreError> {
        let (segment, entries) = self.find(name)?;
        let mut taken = fitting(entries.range(..id(before)).rev(), max);
        taken.reverse();
        let last = taken.first().is_none_or(|(id, _)| entries.range(..*id).next().is_none());
        Ok(chunk(if taken.is_empty() { before } else { segment.start }, &taken, last))
    }

    async fn rewrite(
        &self,
        name: &str,
        options: RewriteOptions,
    ) -> Result<Box<dyn Rewrite>, StoreError> {
        let segment = self.find(name)?.0.clone();
        let mut shelf = self.store.lock();
        if std::mem::replace(&mut shelf.rewriting, true) {
            return Err(error(StoreErrorKind::Locked, "another rewrite is open"));
        }
        drop(shelf);
        Ok(Box::new(Job { store: self.store.clone(), segment, options, edits: Vec::new() }))
    }
}

struct Job {
    store: Streams,
    segment: Segment,
    options: RewriteOptions,
    edits: Vec<Edit>,
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
            let earliest = self.edits.last().map_or((0, 0), |last| id(last.end));
            let (start, end) = (id(edit.start), id(edit.end));
            let inside = start >= earliest && end > start && end <= id(self.segment.end);
            if edit.line_end || !inside {
                return Err(error(StoreErrorKind::Failed, "edits are out of order or outside"));
            }
            self.edits.push(*edit);
        }
        Ok(())
    }

    async fn commit(self: Box<Self>) -> Result<Rewritten, StoreError> {
        let mut shelf = self.store.lock();
        let Some(kind) = self.segment.kind else {
            return Err(error(StoreErrorKind::Corrupt, "a stream has a kind"));
        };
        let shelf = &mut *shelf;
        let stream = shelf.streams.get_mut(kind);
        let spared = match self.options.purpose {
            Purpose::Compact if !self.options.force => stream.pinned(),
            _ => None,
        };
        let bytes_before = size(&stream.entries);
        let goes = |at: &Id| {
            let inside = |edit: &Edit| (id(edit.start)..id(edit.end)).contains(at);
            spared.is_none_or(|first| *at < first) && self.edits.iter().any(inside)
        };
        let gone: Vec<Id> = stream.entries.keys().copied().filter(goes).collect();
        let mut quarantine = Vec::new();
        for at in &gone {
            let data = Arc::make_mut(&mut stream.entries).remove(at).unwrap_or_default();
            if self.options.keep_quarantine {
                let place = format!("quarantine-{}", name(kind));
                quarantine = vec![place.clone()];
                shelf.quarantine.push((place, *at, data));
            }
            // A damaged entry can never be consumed.
            if self.options.purpose == Purpose::Recover {
                stream.groups.values_mut().for_each(|group| drop(group.pending.remove(at)));
            }
        }
        let bytes_after = size(&stream.entries);
        let removed_entries = Some(gone.len() as u64);
        Ok(Rewritten { bytes_before, bytes_after, removed_entries, quarantine })
    }
}

#[async_trait]
impl Fixture for Streams {
    fn store(&self) -> Arc<dyn Store> {
        Arc::new(self.clone())
    }

    async fn quarantine(&self, names: &[String]) -> Option<Vec<u8>> {
        let shelf = self.lock();
        let named = shelf.quarantine.iter().filter(|(name, ..)| names.contains(name));
        Some(named.flat_map(|(.., data)| [data.as_slice(), b"\n"].concat()).collect())
    }

    async fn debris(&self) -> Option<Vec<String>> {
        let mut names: Vec<_> =
            self.lock().quarantine.iter().map(|(name, ..)| name.clone()).collect();
        names.dedup();
        Some(names)
    }

    async fn reopen(&self) -> Option<Arc<dyn Store>> {
        Some(self.store())
    }

    async fn fail_next_append(&self) -> bool {
        self.lock().failing = true;
        true
    }
}
