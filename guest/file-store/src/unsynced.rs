//! Batches that were acknowledged but may not be on disk yet.

use std::collections::VecDeque;
use std::io;
use std::sync::Arc;

use crate::active::ActiveFile;
use crate::disk::{self, DiskFile};
use crate::error::Result;
use crate::settings::Settings;

/// With [`Durability::Interval`](crate::settings::Durability::Interval) the batches themselves are kept until
/// an `fdatasync` has covered them. After one that fails, only they tell what should be on the disk:
/// the kernel drops or keeps the pages as the file system likes.
#[derive(Debug, Default)]
pub(crate) struct Unsynced {
    /// The file that the batches are in. It is held open so that its inode is not used again, and so that
    /// it is found whatever its name has become.
    file: Option<Arc<ActiveFile>>,
    batches: VecDeque<Batch>,
    bytes: u64,
    next: u64,
}

#[derive(Debug)]
struct Batch {
    /// The group it came in; groups are synced as a whole.
    group: u64,
    offset: u64,
    lines: String,
}

impl Batch {
    fn end(&self) -> u64 {
        self.offset.saturating_add(self.lines.len() as u64)
    }
}

impl Unsynced {
    /// Nothing waits.
    pub fn is_empty(&self) -> bool {
        self.batches.is_empty()
    }

    /// How many bytes wait.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Adds batches, the last of which ends at `end`. Only what lies from `start` on is not synced.
    pub fn push(
        &mut self,
        file: &Arc<ActiveFile>,
        (start, end): (u64, u64),
        batches: impl DoubleEndedIterator<Item = String>,
    ) {
        self.file = Some(Arc::clone(file));
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

    /// The mark for [`Unsynced::covered`] once a sync that starts now has succeeded.
    pub fn mark(&self) -> u64 {
        self.next
    }

    /// Everything before the mark is on disk.
    pub fn covered(&mut self, mark: u64) {
        while let Some(batch) = self.batches.pop_front_if(|batch| batch.group < mark) {
            self.bytes -= batch.lines.len() as u64;
        }
        self.let_go();
    }

    pub fn clear(&mut self) {
        self.covered(u64::MAX);
    }

    /// Forgets what lies beyond this length: another program has cut the file off there.
    pub fn forget_beyond(&mut self, length: u64) {
        while let Some(batch) = self.batches.pop_back_if(|batch| batch.end() > length) {
            self.bytes -= batch.lines.len() as u64;
            if let Some(room) = length.checked_sub(batch.offset).filter(|room| *room > 0) {
                let room = usize::try_from(room).unwrap_or(usize::MAX);
                let lines = batch.lines.get(..batch.lines.floor_char_boundary(room));
                let lines = lines.unwrap_or_default().to_owned();
                self.bytes += lines.len() as u64;
                self.batches.push_back(Batch { lines, ..batch });
                return;
            }
        }
        self.let_go();
    }

    /// Closes the file when nothing in it waits.
    fn let_go(&mut self) {
        if self.batches.is_empty() {
            self.file = None;
        }
    }

    /// Puts the batches where they were, and on the disk. The caller holds the lock of the file that is
    /// appended to, under which no process of ours changes bytes that are there.
    pub fn write_again(&self, settings: &Settings) -> Result<()> {
        let Some(file) = self.file.as_ref().filter(|_| !self.is_empty()) else { return Ok(()) };
        let again = || -> io::Result<()> {
            if file.metadata()?.links == 0 {
                // A rewrite has copied the batches to a new file and synced that, or they had to go.
                return Ok(());
            }
            for batch in &self.batches {
                Self::write_batch(settings, &***file, batch)?;
            }
            file.sync_again()
        };
        again().map_err(|cause| settings.cannot("write again to", cause))
    }

    /// Never over bytes of others, who may have cut the file off and written to it since.
    fn write_batch(settings: &Settings, file: &dyn DiskFile, batch: &Batch) -> io::Result<()> {
        let (length, torn) = disk::end(file)?;
        let lines = batch.lines.as_bytes();
        // A page that could not be written is what it was, or what it is to be, or nothing but zeros.
        let in_place = batch.offset <= length && {
            let there = file.read(batch.offset, batch.end().min(length))?;
            there.iter().zip(lines).all(|(is, should)| is == should || *is == 0)
        };
        if in_place {
            return file.write_at(lines, batch.offset);
        }
        tracing::error!(
            path = %settings.path.display(), offset = batch.offset, bytes = lines.len(),
            "an acknowledged batch is no longer where it was written, and is written again at the end"
        );
        if torn {
            file.write_at(b"\n", length)?;
        }
        file.write_at(lines, length + u64::from(torn))
    }
}
