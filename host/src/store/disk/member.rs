//! One file of a journal, as it was when a snapshot was taken.

use std::fs::File;
use std::os::unix::fs::MetadataExt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::runtime::Handle;

use super::sys::FileId;
use crate::store::{Position, Role, Segment};

/// How long a line without its end may still be in the making, by a program that takes no locks.
pub(in crate::store) const SETTLING: Duration = Duration::from_millis(30);

#[derive(Debug)]
pub(in crate::store) struct Member {
    pub name: String,
    pub role: Role,
    /// See [`Segment::number`].
    pub number: u32,
    pub length: u64,
    /// Absent for a file that the next append will create.
    pub file: Option<(Arc<File>, FileId)>,
}

impl Member {
    pub fn new(name: String, number: u32, length: u64, file: Option<(File, FileId)>) -> Self {
        let role = if number == 0 { Role::Active } else { Role::Sealed };
        let file = file.map(|(file, id)| (Arc::new(file), id));
        Self { name, role, number, length, file }
    }

    pub fn segment(&self) -> Segment {
        segment(self.name.clone(), self.role, self.number, self.length, self.length)
    }
}

impl Drop for Member {
    /// The last close of a file that a rewrite has replaced gives back its blocks, which takes about
    /// 30 ms for 100 MB: too long for a thread that runs tasks.
    fn drop(&mut self) {
        let Some((file, _)) = self.file.take() else { return };
        let replaced = file.metadata().is_ok_and(|metadata| metadata.nlink() == 0);
        if let (true, Ok(runtime)) = (replaced, Handle::try_current()) {
            drop(runtime.spawn_blocking(move || drop(file)));
        }
    }
}

/// A file that lies beside a journal, or holds nothing of it.
pub(in crate::store) fn beside(name: String, role: Role, bytes: u64) -> Segment {
    segment(name, role, 0, 0, bytes)
}

fn segment(name: String, role: Role, number: u32, end: u64, bytes: u64) -> Segment {
    Segment {
        name,
        role,
        number,
        start: Position { major: 0, minor: 0 },
        end: Position { major: 0, minor: end },
        bytes,
        entries: None,
        kind: None,
        partition: None,
        pinned: None,
    }
}

/// Something that may still be in the making, and since when it has been looked at.
#[derive(Debug, Default)]
pub(in crate::store) struct Settling(Option<Instant>);

impl Settling {
    /// How long to wait before the next look; `None` if it has had its time. That begins with the first
    /// look: the wait for a lock before it does not count.
    pub fn pause(&mut self) -> Option<Duration> {
        let began = *self.0.get_or_insert_with(Instant::now);
        (began.elapsed() < SETTLING).then_some(SETTLING / 6)
    }
}
