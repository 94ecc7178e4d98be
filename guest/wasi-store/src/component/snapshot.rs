//! A consistent view: the open file and the length it had.

use std::rc::Rc;

use papyra_engine::host::{Chunk, Position, Role, Segment, StorageError};

use super::ahead::Ahead;
use super::disk::read_whole;
use super::place::Place;
use super::wasi::filesystem::types::{Descriptor, ErrorCode};
use crate::names;

/// No more than this is read at once, however much is asked for.
const MAX_READ: u64 = 8 << 20;

#[derive(Clone)]
pub(super) struct Snapshot {
    pub place: Rc<Place>,
    pub file: Rc<Descriptor>,
    /// Symlinks followed.
    pub path: String,
    pub length: u64,
    leftover: Option<(String, u64)>,
}

impl Snapshot {
    pub fn take(place: Rc<Place>) -> Result<Self, StorageError> {
        let disk = &place.disk;
        let path = disk.real(&place.path)?;
        let file = disk.open(&path, false)?;
        let length = file.stat().map_err(|code| disk.error("look at", code))?.size;
        let temporary = names::temporary(&path);
        let leftover = disk.look(&temporary).ok().flatten();
        let leftover = leftover.map(|stat| (names::split(&temporary).1.to_owned(), stat.size));
        Ok(Self { file: Rc::new(file), path, length, leftover, place })
    }

    pub fn segments(&self) -> Vec<Segment> {
        let segment = |name: &str, role, end, bytes| Segment {
            name: name.to_owned(),
            role,
            number: 0,
            start: at(0),
            end: at(end),
            bytes,
            entries: None,
            kind: None,
            partition: None,
            pinned: None,
        };
        let mut all = vec![segment(self.place.name(), Role::Active, self.length, self.length)];
        all.extend(
            self.leftover.iter().map(|(name, size)| segment(name, Role::Leftover, 0, *size)),
        );
        all
    }

    /// Where the segment ends, if it is one of ours. What does not belong to the journal has nothing
    /// in it.
    fn end(&self, segment: &str) -> Result<u64, StorageError> {
        if segment == self.place.name() {
            Ok(self.length)
        } else if self.leftover.as_ref().is_some_and(|(name, _)| name == segment) {
            Ok(0)
        } else {
            Err(StorageError::NotFound(format!(
                "{} has no segment of that name",
                self.place.location
            )))
        }
    }

    pub fn read(
        &self,
        ahead: &mut Ahead,
        segment: &str,
        from: Position,
        most: u32,
    ) -> Result<Chunk, StorageError> {
        let end = self.end(segment)?;
        let start = if from.major == 0 { from.minor.min(end) } else { end };
        let stop = start.saturating_add(clamped(most)).min(end);
        if start == stop {
            return Ok(chunk(start, Vec::new(), true));
        }
        let read = ahead.read(&self.file, (start, stop, end));
        let data = read.map_err(|cut| cut.error(&self.place.disk))?;
        let stop = start.saturating_add(data.len() as u64);
        Ok(chunk(start, data, stop == end))
    }

    pub fn read_back(
        &self,
        segment: &str,
        before: Position,
        most: u32,
    ) -> Result<Chunk, StorageError> {
        let end = self.end(segment)?;
        if before.major != 0 || before.minor > end {
            return Ok(chunk(end, Vec::new(), true));
        }
        let start = before.minor.saturating_sub(clamped(most));
        let data = read_whole(&self.file, start, before.minor);
        Ok(chunk(start, data.map_err(|cut| cut.error(&self.place.disk))?, start == 0))
    }

    /// The segment may be rewritten.
    pub fn check_rewritable(&self, segment: &str) -> Result<(), StorageError> {
        self.end(segment)?;
        if segment == self.place.name() {
            return Ok(());
        }
        Err(StorageError::Unsupported(format!(
            "{segment} does not belong to the journal and is never changed"
        )))
    }

    /// The file as it is now.
    pub fn length_now(&self) -> Result<u64, ErrorCode> {
        Ok(self.file.stat()?.size)
    }
}

fn at(minor: u64) -> Position {
    Position { major: 0, minor }
}

/// At least one byte, since an empty chunk means that nothing more is there.
fn clamped(most: u32) -> u64 {
    u64::from(most).clamp(1, MAX_READ)
}

fn chunk(start: u64, data: Vec<u8>, last: bool) -> Chunk {
    Chunk { start: at(start), data, frames: Vec::new(), last }
}
