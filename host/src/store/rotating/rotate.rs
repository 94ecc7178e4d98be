//! One rotation, step by step.
//!
//! The caller holds the lock of the file that is full, without which no process changes the set. The
//! order of the steps is what makes them safe to be interrupted: files are dropped and moved from the
//! oldest end, onto names that are free, and the full one last.

use std::fs::{self, File, OpenOptions};
use std::io::{self, IoSlice};
use std::path::Path;
use std::sync::Arc;

use rustix::fs::{OFlags, fcntl_getfl, fcntl_setfl};

use super::names::{Sealed, path_of, sealed};
use super::set::Rotating;
use crate::store::StoreError;
use crate::store::disk::active::ActiveFile;
use crate::store::disk::faults::Op;
use crate::store::disk::file_set::Fresh;
use crate::store::disk::obstacle;
use crate::store::disk::settings::{Durability, Settings};
use crate::store::disk::sys::{self, FileId, Held, changed_meanwhile, failure};
use crate::store::disk::temporary::{Temporary, Use};

impl Rotating {
    pub(super) fn rotate_set(&self, active: &File, first: &str) -> Result<Fresh, StoreError> {
        let settings = &self.settings;
        let home = &settings.path;
        let cannot = |cause| failure("rotate", home, cause);
        let before = self.counts.dropped();
        obstacle::may_replace(home)?;
        let full = active.metadata().map_err(cannot)?;
        let mut files = sealed(home, self.limits.max_files).map_err(cannot)?;
        let sizes = [full.len()].into_iter().chain(files.iter().map(|file| file.bytes));
        let keep = self.keep(&sizes.collect::<Vec<_>>(), first.len() as u64);

        // Everything that can fail for want of space or permission comes before anything is changed.
        let mut next = Temporary::claim(home, Use::Next, &settings.faults)?;
        next.resemble(active, home)?;
        appending(&next.file).map_err(cannot)?;
        let fresh = Arc::new(ActiveFile::new(next.file.try_clone().map_err(cannot)?));
        let has_first = keep == 0;
        if has_first {
            write_first(settings, &next.file, first).map_err(cannot)?;
        }
        while files.len() > keep.saturating_sub(1) {
            let Some(oldest) = files.pop() else { break };
            self.drop_sealed(oldest).map_err(cannot)?;
        }
        if has_first {
            let id = FileId::of(&full);
            let lines = self.counts.lines(active, id, full.len());
            next.publish(home).map_err(cannot)?;
            self.counts.drop_file(id, full.len(), lines);
        } else {
            shift(settings, &files).map_err(cannot)?;
            match next.publish_new(home) {
                // A program that knows nothing of our locks.
                Err(cause) if cause.kind() == io::ErrorKind::AlreadyExists => {
                    return Err(changed_meanwhile(home));
                }
                published => published.map_err(cannot)?,
            }
        }
        self.prepare();
        let after = self.counts.dropped();
        tracing::info!(
            path = %home.display(),
            sealed_bytes = full.len(),
            dropped_files = after.files - before.files,
            dropped_bytes = after.bytes - before.bytes,
            dropped_records = after.records - before.records,
            "rotated"
        );
        Ok(Fresh { file: Held::adopt(fresh), has_first })
    }

    /// The number of files of these sizes, newest first, that can stay beside a new one whose first record
    /// has `record` bytes: the bound on disk use must hold.
    pub(super) fn keep(&self, sizes: &[u64], record: u64) -> usize {
        let most = sizes.len().min(self.limits.max_files as usize - 1);
        let (record, max_bytes) = (u128::from(record), u128::from(self.limits.max_bytes));
        let holds = |kept: &usize| {
            let kept = sizes.get(..*kept).unwrap_or_default().iter().copied().map(u128::from);
            // A file that is larger than a file may be is one record.
            let largest = kept.clone().filter(|size| *size > max_bytes).max().unwrap_or(0);
            let bound = u128::from(self.limits.max_files) * max_bytes + largest.max(record);
            kept.sum::<u128>() + record.max(max_bytes) <= bound
        };
        (1..=most).rev().find(holds).unwrap_or(0)
    }

    fn drop_sealed(&self, file: Sealed) -> io::Result<()> {
        let path = path_of(&self.settings.path, file.number);
        // For writing only so that its space can be given back bit by bit.
        let opened = sys::open_here(&path, OpenOptions::new().read(true).write(true))
            .or_else(|_| sys::open_here(&path, OpenOptions::new().read(true)));
        let lines = match &opened {
            Ok((opened, _)) => self.counts.lines(opened, file.id, file.bytes),
            Err(_) => 0,
        };
        self.settings.faults.check(Op::Unlink)?;
        fs::remove_file(&path)?;
        self.counts.drop_file(file.id, file.bytes, lines);
        if let Ok((opened, _)) = opened {
            self.reclaim.free(opened);
        }
        Ok(())
    }
}

/// Moves all files up to the first number that is free.
fn shift(settings: &Settings, files: &[Sealed]) -> io::Result<()> {
    let in_a_row =
        files.iter().zip(1..).take_while(|(file, number)| file.number == *number).count();
    for number in (0..=u32::try_from(in_a_row).unwrap_or(u32::MAX)).rev() {
        rename(settings, &path_of(&settings.path, number), &path_of(&settings.path, number + 1))?;
    }
    Ok(())
}

pub(super) fn rename(settings: &Settings, from: &Path, to: &Path) -> io::Result<()> {
    settings.faults.check(Op::Rename)?;
    sys::rename_new(from, to)
}

fn write_first(settings: &Settings, file: &File, first: &str) -> io::Result<()> {
    settings.faults.write_all(file, &mut [IoSlice::new(first.as_bytes())]).1?;
    if settings.durability == Durability::Never { Ok(()) } else { settings.faults.sync(file) }
}

/// Every write goes to the end, also those of descriptors that share this one.
fn appending(file: &File) -> io::Result<()> {
    let flags = fcntl_getfl(file)?;
    Ok(fcntl_setfl(file, flags | OFlags::APPEND)?)
}
