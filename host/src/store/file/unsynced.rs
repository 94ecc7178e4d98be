//! Batches that were acknowledged but may not be on disk yet.

use std::collections::VecDeque;
use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt;

use super::config::Config;
use super::sys::{self, FileId};

/// With [`Durability::Interval`](super::Durability::Interval) the batches themselves are kept until
/// an `fdatasync` has covered them. After one that fails nobody else knows for sure what should be
/// on the disk: the kernel drops or keeps the pages as the file system likes.
#[derive(Debug, Default)]
pub(super) struct Unsynced {
    /// The file that the batches are in.
    file: Option<FileId>,
    batches: VecDeque<Batch>,
    bytes: u64,
    next: u64,
}

#[derive(Debug)]
struct Batch {
    /// Which group it came in; groups are synced as a whole.
    group: u64,
    offset: u64,
    lines: String,
}

impl Unsynced {
    pub fn is_empty(&self) -> bool {
        self.batches.is_empty()
    }

    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Adds batches, the last of which ends at `end`.
    pub fn push(
        &mut self,
        file: FileId,
        end: u64,
        batches: impl DoubleEndedIterator<Item = String>,
    ) {
        self.file = Some(file);
        let first = self.batches.len();
        let mut offset = end;
        for lines in batches.rev() {
            let length = lines.len() as u64;
            offset = offset.saturating_sub(length);
            self.bytes += length;
            self.batches.insert(first, Batch { group: self.next, offset, lines });
        }
        self.next += 1;
    }

    /// What to hand to [`Unsynced::covered`] once a sync that starts now has succeeded.
    pub fn mark(&self) -> u64 {
        self.next
    }

    /// Everything before the mark is on disk.
    pub fn covered(&mut self, mark: u64) {
        while let Some(batch) = self.batches.pop_front_if(|batch| batch.group < mark) {
            self.bytes -= batch.lines.len() as u64;
        }
    }

    pub fn clear(&mut self) {
        self.covered(u64::MAX);
    }

    /// Puts the batches where they were, so that the next sync writes them. The caller holds the
    /// file's lock, under which nobody of ours changes bytes that are there.
    pub fn write_again(&self, config: &Config, appending: &File) -> io::Result<()> {
        let id = FileId::of(&appending.metadata()?);
        if self.is_empty() || self.file != Some(id) {
            // A rewrite has copied the batches to a new file and synced that.
            return Ok(());
        }
        // `pwrite` on a descriptor that appends would append.
        let (file, metadata) = sys::open(&config.path, OpenOptions::new().write(true))?;
        if FileId::of(&metadata) != id {
            return Err(io::Error::other("the file was replaced meanwhile"));
        }
        for batch in &self.batches {
            let end = batch.offset.saturating_add(batch.lines.len() as u64);
            if end > metadata.len() {
                // Somebody has shortened the file, so it is no longer known what belongs where.
                tracing::error!(
                    path = %config.path.display(), offset = batch.offset,
                    "an acknowledged batch is gone from the file and is not written again"
                );
                continue;
            }
            file.write_all_at(batch.lines.as_bytes(), batch.offset)?;
        }
        Ok(())
    }
}
