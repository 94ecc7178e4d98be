//! The steps of a rewrite. Everything here may block.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use super::Cancel;
use super::copy::Copier;
use super::quarantine::{self, Quarantine};
use crate::store::disk::file_set::{FileSet, LockedFile};
use crate::store::disk::obstacle;
use crate::store::disk::sys::{self, FileId, changed_meanwhile, failure};
use crate::store::disk::temporary::{Temporary, Use, leftover};
use crate::store::{Edit, RewriteOptions, Rewritten, StoreError, StoreErrorKind};

/// Writers wait while no more than about this is copied.
const LAST_BIT: u64 = 256 << 10;
/// How often to catch up with a fast writer before making it wait all the same.
const ROUNDS: u32 = 16;

pub(super) struct Job {
    files: Arc<dyn FileSet>,
    /// See [`FileSet::lock_path`].
    lock_path: PathBuf,
    /// Where the file was at the beginning, symlinks resolved.
    target: PathBuf,
    id: FileId,
    /// A descriptor of its own, since its lock must not be shared with anything.
    source: File,
    /// The length in the snapshot.
    length: u64,
    /// The snapshot's last byte is not a line end.
    torn: bool,
    temporary: Temporary,
    new: Copier,
    keep_quarantine: bool,
    quarantine: Option<Quarantine>,
    /// Snapshot bytes before this are copied or replaced.
    cursor: u64,
    /// Something is replaced or inserted.
    changed: bool,
    cancel: Cancel,
}

impl Job {
    pub fn begin(
        files: Arc<dyn FileSet>,
        id: FileId,
        length: u64,
        options: RewriteOptions,
        cancel: Cancel,
    ) -> Result<Self, StoreError> {
        let settings = files.settings();
        if options.keep_quarantine && settings.quarantine_dir.is_none() {
            return Err(StoreError::new(
                StoreErrorKind::Unsupported,
                "the store has no quarantine directory; set one up",
            ));
        }
        let cannot = |cause| failure("rewrite", &settings.path, cause);
        let lock_path = files.lock_path().map_err(cannot)?;
        // A dry run comes as far as this and no further, so what can be known is found out here; and before
        // the temporary, which a directory that only takes new names would not let go again.
        if let Some(target) = files.locate(id)? {
            obstacle::may_replace(&target)?;
        }
        if let Some(dir) = settings.quarantine_dir.as_ref().filter(|_| options.keep_quarantine) {
            obstacle::may_write_in(dir)
                .map_err(|cause| failure("write the quarantine file in", dir, cause))?;
        }
        let temporary = Temporary::claim(&lock_path, Use::Rewrite, &settings.faults)?;
        clear_next(&*files, &lock_path);
        let target = files.locate(id)?;
        let target = target.ok_or_else(|| changed_meanwhile(&settings.path))?;
        // Some network file systems lock exclusively only what is open for writing.
        let (source, metadata) = sys::open(&target, OpenOptions::new().read(true).write(true))
            .or_else(|_| sys::open(&target, OpenOptions::new().read(true)))
            .map_err(|cause| match cause.kind() {
                // It was there a moment ago: a rotation has moved or dropped it.
                io::ErrorKind::NotFound => changed_meanwhile(&settings.path),
                _ => cannot(cause),
            })?;
        if FileId::of(&metadata) != id || metadata.len() < length {
            return Err(changed_meanwhile(&settings.path));
        }
        if let Some(dir) = &settings.quarantine_dir {
            quarantine::clean(dir, &lock_path, id);
        }
        temporary.resemble(&source, &target)?;
        let last = sys::last_byte(&source, length).map_err(cannot)?;
        let from = source.try_clone().map_err(cannot)?;
        let to = temporary.file.try_clone().map_err(cannot)?;
        Ok(Self {
            torn: last.is_some_and(|byte| byte != b'\n'),
            new: Copier::new(from, to, cancel.clone()),
            files,
            lock_path,
            target,
            id,
            source,
            length,
            temporary,
            keep_quarantine: options.keep_quarantine,
            quarantine: None,
            cursor: 0,
            changed: false,
            cancel,
        })
    }

    pub fn edit(&mut self, edits: &[Edit]) -> Result<(), StoreError> {
        for edit in edits {
            // Guest-controlled.
            let (start, end) = (edit.start.minor, edit.end.minor);
            let ordered = self.cursor <= start && start <= end && end <= self.length;
            if edit.start.major != 0 || edit.end.major != 0 || !ordered {
                return Err(StoreError::new(
                    StoreErrorKind::Failed,
                    format!(
                        "cannot replace bytes {start} to {end}: edits must ascend, and lie between {} \
                         and {}",
                        self.cursor, self.length
                    ),
                ));
            }
            if start == end && !edit.line_end {
                continue;
            }
            self.new.copy(self.cursor, start, self.length).map_err(|cause| self.cannot(cause))?;
            if self.keep_quarantine && start < end {
                self.quarantine(start, end)?;
            }
            if edit.line_end {
                self.new.write(b"\n").map_err(|cause| self.cannot(cause))?;
            }
            self.cursor = end;
            self.changed = true;
        }
        Ok(())
    }

    fn quarantine(&mut self, start: u64, end: u64) -> Result<(), StoreError> {
        let Some(dir) = &self.files.settings().quarantine_dir else { return Ok(()) };
        let quarantine = match &mut self.quarantine {
            Some(quarantine) => quarantine,
            none => none.insert(Quarantine::begin(
                dir,
                &self.lock_path,
                &self.target,
                &self.source,
                self.cancel.clone(),
                &self.files.settings().faults,
            )?),
        };
        quarantine
            .copier
            .copy(start, end, self.length)
            .map_err(|cause| failure("write the quarantine file in", dir, cause))
    }

    pub fn commit(mut self) -> Result<Rewritten, StoreError> {
        let deadline = Instant::now() + self.files.settings().lock_wait;
        if !self.changed {
            let bytes = self.settled(deadline)?;
            return Ok(rewritten(bytes, bytes, Vec::new()));
        }

        // Everything that takes long happens before writers are made to wait.
        self.new.copy(self.cursor, self.length, self.length).map_err(|cause| self.cannot(cause))?;
        if self.new.length() > 0 {
            self.new.sync().map_err(|cause| self.cannot(cause))?;
        }
        let mut quarantine_names = Vec::new();
        if let Some(quarantine) = &mut self.quarantine {
            quarantine_names.push(quarantine.finish(&self.files.settings().faults)?);
        }
        let drop_line_end = self.torn && self.cursor == self.length;
        let mut copied = self.length;
        for _ in 0..ROUNDS {
            let settled = self.settled(deadline)?;
            if settled.saturating_sub(copied) <= LAST_BIT {
                break;
            }
            copied = self.follow(copied, settled, drop_line_end)?;
            self.new.sync().map_err(|cause| self.cannot(cause))?;
        }

        let files = Arc::clone(&self.files);
        let locked = files.lock_for_switch(&self.source, self.id, deadline)?;
        if self.cancel.is_set() {
            return Err(changed_meanwhile(&self.files.settings().path));
        }
        let before = self.source.metadata().map_err(|cause| self.cannot(cause))?.len();
        self.follow(copied, before, drop_line_end)?;
        let after = self.new.length();
        let switched = if after == 0 && locked.expendable {
            files.remove(&locked)
        } else {
            self.new.sync().map_err(|cause| self.cannot(cause))?;
            self.temporary.publish(&locked.path).map_err(|cause| self.cannot(cause))
        };
        if let Err(error) = switched {
            return Err(self.not_switched(error, &locked.path, &quarantine_names));
        }
        // The switch has happened, and there is no way back.
        if let Some(quarantine) = self.quarantine.take() {
            quarantine.stay();
        }
        // Writers wait for the lock of the new file, which we still hold, until the switch is durable.
        let synced = sys::sync_dir(&sys::parent(&locked.path), &files.settings().faults);
        let LockedFile { path, held, .. } = locked;
        drop(held);
        synced.map_err(|cause| {
            failure("be sure that a power cut would not undo the finished rewrite of", &path, cause)
        })?;
        Ok(rewritten(before, after, quarantine_names))
    }

    /// Only where the original is certainly in its place may the quarantine go.
    fn not_switched(&mut self, error: StoreError, path: &Path, names: &[String]) -> StoreError {
        match self.quarantine.take_if(|_| sys::named(path).ok().flatten() != Some(self.id)) {
            None => error,
            Some(quarantine) => {
                quarantine.stay();
                let message = format!(
                    "cannot tell whether {} was rewritten; look at it, and at what was removed: {}",
                    path.display(),
                    names.join(", ")
                );
                StoreError::new(error.kind(), message).caused_by(error)
            }
        }
    }

    /// A length at which none of our writers is writing.
    fn settled(&self, deadline: Instant) -> Result<u64, StoreError> {
        let faults = &self.files.settings().faults;
        let _held = sys::lock(&self.source, false, deadline, &self.target, faults)?;
        Ok(self.source.metadata().map_err(|cause| self.cannot(cause))?.len())
    }

    /// Copies what was appended after the snapshot, and returns how far it came.
    fn follow(&mut self, from: u64, to: u64, drop_line_end: bool) -> Result<u64, StoreError> {
        if to < from {
            return Err(changed_meanwhile(&self.files.settings().path));
        }
        let mut start = from;
        if drop_line_end && from == self.length && to > from {
            let mut byte = [0];
            let read = self.source.read_exact_at(&mut byte, from);
            read.map_err(|cause| self.cannot(cause))?;
            if byte != *b"\n" {
                // The tail was not torn, only unfinished: by a program that takes no locks.
                return Err(changed_meanwhile(&self.files.settings().path));
            }
            start += 1;
        }
        self.new.copy(start, to, to).map_err(|cause| self.cannot(cause))?;
        Ok(to)
    }

    fn cannot(&self, cause: io::Error) -> StoreError {
        if cause.kind() == io::ErrorKind::UnexpectedEof {
            return changed_meanwhile(&self.files.settings().path).caused_by(cause);
        }
        failure("rewrite", &self.files.settings().path, cause)
    }

    /// Removes the temporary and the quarantine.
    pub fn discard(&mut self) {
        if let Some(quarantine) = &mut self.quarantine {
            quarantine.discard();
        }
        self.temporary.discard();
    }
}

impl Drop for Job {
    fn drop(&mut self) {
        // Quarantine first: its name is protected by the temporary's lock.
        self.discard();
    }
}

/// Removes the leftover of a rotation that was killed: a process that recovers the journal need not append
/// to it. A failure does not matter to the rewrite, and the next look at the journal reports it again.
fn clear_next(files: &dyn FileSet, lock_path: &Path) {
    if files.rotation().is_some() && leftover(lock_path, Use::Next).is_some() {
        // It is gone when the claim is.
        drop(Temporary::claim(lock_path, Use::Next, &files.settings().faults));
    }
}

fn rewritten(before: u64, after: u64, quarantine: Vec<String>) -> Rewritten {
    Rewritten { bytes_before: before, bytes_after: after, removed_entries: None, quarantine }
}
