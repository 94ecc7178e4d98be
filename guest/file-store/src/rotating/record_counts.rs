//! The number of records in each file, so that those that are dropped can be counted without delay.

use std::collections::HashMap;
use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use super::MAX_FILES;
use crate::disk::{Disk, DiskFile, FileId, How, line_ends};
use crate::mutex::locked;

/// The amount that rotations have dropped.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Dropped {
    /// Lines in these files, a torn last one included.
    pub records: u64,
    /// Bytes in these files.
    pub bytes: u64,
    /// Whole files.
    pub files: u64,
}

/// Lines per file: counted while we append, or beside that before the file's turn comes.
#[derive(Debug, Default)]
pub(super) struct RecordCounts {
    known: Mutex<HashMap<FileId, Known>>,
    dropped: Mutex<Dropped>,
}

#[derive(Clone, Copy, Debug)]
struct Known {
    bytes: u64,
    lines: u64,
}

impl RecordCounts {
    pub fn dropped(&self) -> Dropped {
        *locked(&self.dropped)
    }

    /// The bytes `start..end` were appended. Useless unless all before them are known.
    pub fn wrote(&self, id: FileId, start: u64, end: u64, lines: u64) {
        let mut known = locked(&self.known);
        if known.len() > 4 * MAX_FILES as usize {
            known.clear();
        }
        let before = match known.get(&id) {
            _ if start == 0 => Some(0),
            Some(before) if before.bytes == start => Some(before.lines),
            _ => None,
        };
        match before {
            Some(before) => known.insert(id, Known { bytes: end, lines: before + lines }),
            None => known.remove(&id),
        };
    }

    fn knows(&self, id: FileId, bytes: u64) -> Option<u64> {
        let known = locked(&self.known);
        known.get(&id).filter(|known| known.bytes == bytes).map(|known| known.lines)
    }

    /// The number of lines of a file that is about to go; reads it if it is not known.
    pub fn lines(&self, file: &dyn DiskFile, id: FileId, bytes: u64) -> u64 {
        self.knows(id, bytes).or_else(|| count(file, bytes).ok()).unwrap_or(0)
    }

    /// A file is gone.
    pub fn drop_file(&self, id: FileId, bytes: u64, lines: u64) {
        locked(&self.known).remove(&id);
        let mut dropped = locked(&self.dropped);
        dropped.records += lines;
        dropped.bytes += bytes;
        dropped.files += 1;
    }

    /// Has the lines of a sealed file counted, if they are not known.
    pub fn prepare(counts: &Arc<Self>, disk: &Arc<dyn Disk>, path: PathBuf) {
        let known = disk.metadata(&path, false);
        if known.is_ok_and(|file| counts.knows(file.id, file.length).is_some()) {
            return;
        }
        let (counts, its_disk) = (Arc::clone(counts), Arc::clone(disk));
        disk.later(Box::new(move || {
            if let Ok(file) = its_disk.open(&path, How::READ.here())
                && let Ok(metadata) = file.metadata()
                && let Ok(lines) = count(&*file, metadata.length)
            {
                let known = Known { bytes: metadata.length, lines };
                locked(&counts.known).insert(file.id(), known);
            }
        }));
    }
}

fn count(file: &dyn DiskFile, bytes: u64) -> io::Result<u64> {
    let mut buffer = vec![0; 256 << 10];
    let (mut at, mut lines, mut last) = (0, 0, b'\n');
    while at < bytes {
        let read = file.read_at(&mut buffer, at)?;
        let piece = buffer.get(..read).unwrap_or_default();
        let Some(end) = piece.last() else { break };
        last = *end;
        lines += line_ends(piece);
        at += read as u64;
    }
    Ok(lines + u64::from(last != b'\n'))
}
