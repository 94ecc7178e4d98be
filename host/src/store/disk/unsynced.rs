//! Batches that were acknowledged but may not be on disk yet.

use std::collections::VecDeque;
use std::fs::OpenOptions;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;

use super::config::Config;
use super::sys::{self, FileId, failure};
use crate::store::StoreError;

/// With [`Durability::Interval`](super::config::Durability::Interval) the batches themselves are kept until
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

    /// Adds batches, the last of which ends at `end`. Only what lies from `start` on is not synced.
    pub fn push(
        &mut self,
        file: FileId,
        (start, end): (u64, u64),
        batches: impl DoubleEndedIterator<Item = String>,
    ) {
        self.file = Some(file);
        let first = self.batches.len();
        let mut offset = end;
        for mut lines in batches.rev() {
            let room = usize::try_from(offset.saturating_sub(start)).unwrap_or(usize::MAX);
            if room == 0 {
                break;
            }
            if let Some(rest) = lines.len().checked_sub(room).and_then(|synced| lines.get(synced..))
            {
                lines = rest.to_owned();
            }
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

    /// Puts the batches where they were, and on the disk. The caller holds the lock of the file that is
    /// appended to, under which nobody of ours changes bytes that are there.
    pub fn write_again(&self, config: &Config) -> Result<(), StoreError> {
        let Some(id) = self.file.filter(|_| !self.is_empty()) else { return Ok(()) };
        let Some(path) = config.shape.locate(config, id)? else {
            // A rewrite has copied the batches to a new file and synced that, or they had to go.
            return Ok(());
        };
        self.write_to(config, &path, id).map_err(|cause| failure("write again to", &path, cause))
    }

    fn write_to(&self, config: &Config, path: &Path, id: FileId) -> io::Result<()> {
        // `pwrite` on a descriptor that appends would append.
        let (file, metadata) = sys::open(path, OpenOptions::new().write(true))?;
        if FileId::of(&metadata) != id {
            return Err(io::Error::other("the file was replaced meanwhile"));
        }
        for batch in &self.batches {
            let end = batch.offset.saturating_add(batch.lines.len() as u64);
            if end > metadata.len() {
                // Somebody has shortened the file, so it is no longer known what belongs where.
                tracing::error!(
                    path = %path.display(), offset = batch.offset,
                    "an acknowledged batch is gone from the file and is not written again"
                );
                continue;
            }
            file.write_all_at(batch.lines.as_bytes(), batch.offset)?;
        }
        config.faults.sync(&file)
    }
}
