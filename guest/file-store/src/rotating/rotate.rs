//! One rotation, step by step.
//!
//! The caller holds the lock of the file that is full, without which no process changes the set. The
//! order of the steps is what makes them safe to be interrupted: files are dropped and moved from the
//! oldest end, onto names that are free, and the full one last.

use std::collections::BTreeSet;
use std::io::{self, IoSlice};
use std::sync::Arc;

use super::Rotating;
use super::sealed::sealed;
use crate::active::ActiveFile;
use crate::defects::{Defect, has};
use crate::dirs::sync_dir;
use crate::disk::{DiskFile, How, append_all};
use crate::error::{Result, changed_meanwhile};
use crate::file_set::{Fresh, Plan, Sealed};
use crate::lock::Held;
use crate::names::{Use, numbered, parent};
use crate::rewrite::may_replace;
use crate::settings::{Deadline, Durability};
use crate::temporary::{Temporary, is_at, rename_to_free};

/// Up to this number of sealed files, each name is made durable by itself.
const EACH: usize = 16;

impl Rotating {
    pub(super) fn plan_rotation(&self, active: &dyn DiskFile, first: &str) -> Result<Plan> {
        let cannot = |cause| self.settings.cannot("rotate", cause);
        may_replace(self, &self.settings.path)?;
        let full = active.metadata().map_err(cannot)?;
        let sealed = self.heal().map_err(cannot)?;
        let sizes = [full.length].into_iter().chain(sealed.iter().map(|file| file.bytes));
        let keep = self.limits.keep(&sizes.collect::<Vec<_>>(), first.len() as u64);
        Ok(Plan { full, sealed, keep, drops: false, unsure: false })
    }

    pub(super) fn rotate_set(
        &self,
        plan: &mut Plan,
        active: &dyn DiskFile,
        first: &str,
        deadline: Deadline,
    ) -> Result<Fresh> {
        let settings = &self.settings;
        let home = &settings.path;
        let cannot = |cause| settings.cannot("rotate", cause);
        let before = self.counts.dropped();
        let Plan { full, sealed: files, keep, drops, unsure } = plan;

        // Everything that can fail for want of space or permission comes before anything is changed.
        let mut next = Temporary::claim(settings, home, Use::Next, deadline)?;
        next.resemble(settings, active, home)?;
        next.file.start_appending().map_err(cannot)?;
        let fresh = Arc::new(ActiveFile::new(Arc::clone(&next.file)));
        let has_first = *keep == 0;
        if has_first {
            self.write_first(&fresh, first).map_err(cannot)?;
        }
        *drops = has_first || files.len() >= *keep;
        while files.len() > keep.saturating_sub(1) {
            let Some(oldest) = files.pop() else { break };
            self.drop_sealed(oldest).map_err(cannot)?;
        }
        if has_first {
            let lines = self.counts.lines(active, full.id, full.length);
            if let Err(cause) = next.publish(home) {
                *unsure = !is_at(self.disk(), home, full.id);
                return Err(cannot(cause));
            }
            self.counts.drop_file(full.id, full.length, lines);
        } else {
            self.shift(files).map_err(cannot)?;
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
            sealed_bytes = full.length,
            dropped_files = after.files - before.files,
            dropped_bytes = after.bytes - before.bytes,
            dropped_records = after.records - before.records,
            "rotated"
        );
        Ok(Fresh { file: Held::adopt(fresh), has_first })
    }

    fn drop_sealed(&self, file: Sealed) -> io::Result<()> {
        let path = numbered(&self.settings.path, file.number);
        // For writing only so that its space can be given back bit by bit.
        let opened = self.disk().open(&path, How::WRITE.here());
        let opened = opened.or_else(|_| self.disk().open(&path, How::READ.here()));
        let lines = match &opened {
            Ok(opened) => self.counts.lines(&**opened, file.id, file.bytes),
            Err(_) => 0,
        };
        self.disk().remove(&path)?;
        self.counts.drop_file(file.id, file.bytes, lines);
        if let Ok(opened) = opened {
            self.disk().let_go(opened);
        }
        Ok(())
    }

    /// Moves all files up to the first number that is free, each name durable before the next takes its place:
    /// not every file system keeps to the order of renames. Of a larger set that would take too long.
    fn shift(&self, files: &[Sealed]) -> io::Result<()> {
        let home = &self.settings.path;
        let in_a_row =
            files.iter().zip(1..).take_while(|(file, number)| file.number == *number).count();
        let durable = self.settings.durability != Durability::Never && !has(Defect::ShiftUnsynced);
        let last = u32::try_from(in_a_row).unwrap_or(u32::MAX);
        for number in (0..=last).rev() {
            let number = if has(Defect::ShiftFromTheNewest) { last - number } else { number };
            let (from, to) = (numbered(home, number), numbered(home, number + 1));
            rename_to_free(self.disk(), &from, &to)?;
            if durable && (number == 0 || in_a_row < EACH) {
                sync_dir(self.disk(), &parent(home))?;
            }
        }
        Ok(())
    }

    /// The sealed files, newest first, none of them with two names: a crash has left such where a rename is a
    /// link and an unlink, or where names reach the disk in any order. The caller holds the lock.
    pub(super) fn heal(&self) -> io::Result<Vec<Sealed>> {
        let home = &self.settings.path;
        let active = self.disk().metadata(home, false).map(|metadata| metadata.id);
        let mut seen: BTreeSet<_> = active.into_iter().collect();
        let mut files = sealed(self.disk(), home, self.limits.max_files)?;
        if has(Defect::TwoNumbersKept) {
            return Ok(files);
        }
        for file in files.extract_if(.., |file| !seen.insert(file.id)) {
            // It has got the higher number last.
            self.disk().remove(&numbered(home, file.number))?;
        }
        Ok(files)
    }

    fn write_first(&self, file: &ActiveFile, first: &str) -> io::Result<()> {
        append_all(&**file, &mut [IoSlice::new(first.as_bytes())]).1?;
        if self.settings.durability == Durability::Never || has(Defect::FirstUnsynced) {
            Ok(())
        } else {
            file.sync()
        }
    }
}
