//! A consistent view: the open files and the lengths they had.

use std::sync::Arc;

use papyra_engine::host::{Chunk, Position, Role, Segment, StorageError};
use papyra_file_store::{Beside, DiskFile, FileSet, Member, View, Why};

use super::Reading;
use super::errors::{cut_short, storage_error};

/// The maximum size of one read, however much is asked for.
const MAX_READ: u64 = 8 << 20;

/// A file, if there is one, and where it ends in the snapshot.
type Found<'a> = (Option<&'a Arc<dyn DiskFile>>, u64);

pub(super) struct Snapshot {
    files: Arc<dyn FileSet>,
    view: View,
    /// The segment that was read last, and how it is read.
    reading: (String, Reading),
}

impl Snapshot {
    pub fn take(files: Arc<dyn FileSet>) -> Result<Self, StorageError> {
        let view = files.view().map_err(storage_error)?;
        Ok(Self { files, view, reading: Default::default() })
    }

    pub fn segments(&self) -> Vec<Segment> {
        let members = self.view.members.iter().map(member);
        members.chain(self.view.besides.iter().map(beside)).collect()
    }

    /// The file of a segment and where it ends. What does not belong to the journal has nothing in it.
    fn find(&self, segment: &str) -> Result<Found<'_>, StorageError> {
        if let Some(member) = self.view.members.iter().find(|member| member.name == segment) {
            return Ok((member.file.as_ref(), member.length));
        }
        if self.view.besides.iter().any(|file| file.name == segment) {
            return Ok((None, 0));
        }
        let journal = &self.files.settings().location;
        Err(StorageError::NotFound(format!("{journal} has no segment of that name")))
    }

    pub fn read(
        &mut self,
        segment: &str,
        from: Position,
        most: u32,
    ) -> Result<Chunk, StorageError> {
        let (file, end) = self.find(segment)?;
        let file = file.cloned();
        let start = if from.major == 0 { from.minor.min(end) } else { end };
        let stop = start.saturating_add(clamped(most)).min(end);
        let Some(file) = file.filter(|_| start < stop) else {
            return Ok(chunk(start, Vec::new(), true));
        };
        if self.reading.0 != segment {
            self.reading = (segment.to_owned(), Reading::default());
        }
        let read = self.reading.1.read(&*file, (start, stop, end));
        let data = read.map_err(|cause| cut_short(&*self.files, cause))?;
        let stop = start.saturating_add(data.len() as u64);
        Ok(chunk(start, data, stop == end))
    }

    pub fn read_back(
        &self,
        segment: &str,
        before: Position,
        most: u32,
    ) -> Result<Chunk, StorageError> {
        let (file, end) = self.find(segment)?;
        let Some(file) = file.filter(|_| before.major == 0 && before.minor <= end) else {
            return Ok(chunk(end, Vec::new(), true));
        };
        let start = before.minor.saturating_sub(clamped(most));
        let data = file.read(start, before.minor);
        Ok(chunk(start, data.map_err(|cause| cut_short(&*self.files, cause))?, start == 0))
    }

    /// The file of a segment that may be rewritten, and its length.
    pub fn rewritable(&self, segment: &str) -> Result<(&Arc<dyn DiskFile>, u64), StorageError> {
        match self.find(segment)? {
            (Some(file), length) => Ok((file, length)),
            (None, _) => Err(StorageError::Unsupported(format!(
                "{segment} does not belong to the journal and is never changed"
            ))),
        }
    }
}

fn member(member: &Member) -> Segment {
    let role = if member.number == 0 { Role::Active } else { Role::Sealed };
    let bytes = member.length;
    Segment { number: member.number, ..segment(&member.name, role, bytes, bytes) }
}

fn beside(file: &Beside) -> Segment {
    let role = match file.why {
        Why::Leftover => Role::Leftover,
        Why::Stray => Role::Stray,
    };
    segment(&file.name, role, 0, file.bytes)
}

fn segment(name: &str, role: Role, end: u64, bytes: u64) -> Segment {
    Segment {
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
