//! The number of records in each file, so that those that are dropped can be counted without delay.

use std::collections::HashMap;
use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;

use super::names::MAX_FILES;
use crate::store::disk::sys::{self, FileId, locked};

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

/// Lines per file: counted while we append, or by a thread before the file's turn comes.
#[derive(Debug, Default)]
pub(super) struct RecordCounts {
    known: Mutex<HashMap<FileId, Known>>,
    dropped: Mutex<Dropped>,
    counting: AtomicBool,
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
    pub fn lines(&self, file: &File, id: FileId, bytes: u64) -> u64 {
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

    /// Counts the lines of a sealed file on another thread, if they are not known.
    pub fn prepare(self: &Arc<Self>, path: PathBuf, id: FileId, bytes: u64) {
        if self.knows(id, bytes).is_some() || self.counting.swap(true, Ordering::Relaxed) {
            return;
        }
        let counts = Arc::clone(self);
        let count = move || {
            let opened = sys::open_here(&path, OpenOptions::new().read(true));
            if let Ok((file, metadata)) = opened
                && FileId::of(&metadata) == id
                && let Ok(lines) = count(&file, bytes)
            {
                locked(&counts.known).insert(id, Known { bytes, lines });
            }
            counts.counting.store(false, Ordering::Relaxed);
        };
        if thread::Builder::new().name("papyra-count".to_owned()).spawn(count).is_err() {
            // It is counted when it goes.
            self.counting.store(false, Ordering::Relaxed);
        }
    }
}

fn count(file: &File, bytes: u64) -> io::Result<u64> {
    let mut buffer = vec![0; 256 << 10];
    let (mut at, mut lines, mut last) = (0, 0, b'\n');
    while at < bytes {
        let read = file.read_at(&mut buffer, at)?;
        let piece = buffer.get(..read).unwrap_or_default();
        let Some(end) = piece.last() else { break };
        last = *end;
        lines += sys::line_ends(piece);
        at += read as u64;
    }
    Ok(lines + u64::from(last != b'\n'))
}
