//! Replacing the file by one without some of its bytes, and with line ends in some places.
//!
//! The new content grows in a hidden temporary beside the file, whose lock says that a rewrite is
//! going on. Only the last step takes the lock that writers need.

mod copy;
pub(crate) mod quarantine;

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use self::copy::Copier;
use self::quarantine::Quarantine;
use crate::defects::{Defect, has};
use crate::dirs::sync_dir;
use crate::disk::{self, DiskFile, FileId, How};
use crate::error::{Error, Kind, Result, changed_meanwhile};
use crate::file_set::{FileSet, LockedFile, named};
use crate::lock::lock;
use crate::names::{Use, parent};
use crate::settings::Deadline;
use crate::temporary::{LOOKED_AT, Temporary, leftover};

/// Set when the caller of a rewrite has gone, so that a long copy ends soon.
#[derive(Clone, Debug, Default)]
pub struct Cancel(Arc<AtomicBool>);

impl Cancel {
    /// Has the rewrite end.
    pub fn set(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    fn is_set(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// A change of bytes of the snapshot: a range is replaced by one line end, or by nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Edit {
    /// Where the range begins.
    pub start: u64,
    /// Where it ends; an empty range has a line end inserted.
    pub end: u64,
    /// A line end takes the place of the range.
    pub line_end: bool,
}

/// What a rewrite has done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rewritten {
    /// The length of the file before, with what was appended since the snapshot.
    pub before: u64,
    /// The length of the new file.
    pub after: u64,
    /// The paths of quarantine files.
    pub quarantine: Vec<String>,
}

/// Writers wait while no more than about this is copied.
const LAST_BIT: u64 = 256 << 10;
/// How often to catch up with a fast writer before making it wait all the same.
const ROUNDS: u32 = 16;

/// An open rewrite of one file. Dropping it gives up, and leaves nothing behind.
#[derive(Debug)]
pub struct Rewrite {
    files: Arc<dyn FileSet>,
    /// What stands for the whole journal.
    lock_path: PathBuf,
    /// Where the file was at the beginning, symlinks resolved.
    target: PathBuf,
    id: FileId,
    /// A descriptor of its own, since its lock must not be shared with anything.
    source: Arc<dyn DiskFile>,
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

impl Rewrite {
    /// Begins to rewrite the file with this identity, as a snapshot has seen it with this length.
    ///
    /// # Errors
    ///
    /// `Locked` if another rewrite of the journal is open, in this process or another, or if the file was
    /// rewritten since. `Unsupported` without a place for the quarantine.
    pub fn begin(
        files: Arc<dyn FileSet>,
        id: FileId,
        length: u64,
        keep_quarantine: bool,
        cancel: Cancel,
    ) -> Result<Self> {
        let (settings, steps) = (files.settings(), files.steps());
        if keep_quarantine && settings.quarantine_dir.is_none() {
            return Err(Error::new(
                Kind::Unsupported,
                "the store has no quarantine directory; set one up",
            ));
        }
        let cannot = |cause| settings.cannot("rewrite", cause);
        let lock_path = steps.lock_path().map_err(cannot)?;
        // A dry run comes as far as this and no further, so what can be known is found out here; and before
        // the temporary, which a directory that only takes new names would not let go again.
        if let Some(target) = steps.locate(id)? {
            may_replace(&*files, &target)?;
        }
        if let Some(dir) = settings.quarantine_dir.as_ref().filter(|_| keep_quarantine) {
            let allowed = settings.disk.may_write_in(dir);
            allowed
                .map_err(|cause| settings.failure("write the quarantine file in", dir, cause))?;
        }
        let soon = settings.deadline_in(LOOKED_AT);
        let temporary = Temporary::claim(settings, &lock_path, Use::Rewrite, soon)?;
        clear_next(&*files, &lock_path);
        let target = steps.locate(id)?;
        let target = target.ok_or_else(|| changed_meanwhile(&settings.path))?;
        // A handle of its own, whose lock is shared with nothing.
        let source = settings.disk.open(&target, How::WRITE);
        let source = source.or_else(|_| settings.disk.open(&target, How::READ));
        let source = source.map_err(|cause| match cause.kind() {
            // It was there a moment ago: a rotation has moved or dropped it.
            io::ErrorKind::NotFound => changed_meanwhile(&settings.path),
            _ => cannot(cause),
        })?;
        if source.id() != id || source.metadata().map_err(cannot)?.length < length {
            return Err(changed_meanwhile(&settings.path));
        }
        if let Some(dir) = &settings.quarantine_dir {
            quarantine::clean(&*settings.disk, dir, &lock_path);
        }
        temporary.resemble(settings, &*source, &target)?;
        let last = disk::last_byte(&*source, length).map_err(cannot)?;
        let (from, to) = (Arc::clone(&source), Arc::clone(&temporary.file));
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
            keep_quarantine,
            quarantine: None,
            cursor: 0,
            changed: false,
            cancel,
        })
    }

    /// Makes these changes; everything else stays, byte for byte. They ascend, and continue those of earlier
    /// calls.
    ///
    /// # Errors
    ///
    /// `Failed` if the edits are not as described. After an error the rewrite can only be dropped.
    pub fn edit(&mut self, edits: &[Edit]) -> Result<()> {
        for Edit { start, end, line_end } in edits.iter().copied() {
            // Guest-controlled.
            let ordered = self.cursor <= start && start <= end && end <= self.length;
            if !ordered {
                return Err(Error::new(
                    Kind::Failed,
                    format!(
                        "cannot replace bytes {start} to {end}: edits must ascend, and lie between {} \
                         and {}",
                        self.cursor, self.length
                    ),
                ));
            }
            if start == end && !line_end {
                continue;
            }
            self.new.copy(self.cursor, start, self.length).map_err(|cause| self.cannot(cause))?;
            if self.keep_quarantine && start < end {
                self.quarantine(start, end)?;
            }
            if line_end {
                self.new.write(b"\n").map_err(|cause| self.cannot(cause))?;
            }
            self.cursor = end;
            self.changed = true;
        }
        Ok(())
    }

    fn quarantine(&mut self, start: u64, end: u64) -> Result<()> {
        let settings = self.files.settings();
        let Some(dir) = &settings.quarantine_dir else { return Ok(()) };
        let quarantine = match &mut self.quarantine {
            Some(quarantine) => quarantine,
            none => none.insert(Quarantine::begin(
                settings,
                dir,
                (&self.lock_path, &self.target),
                &self.source,
                self.cancel.clone(),
            )?),
        };
        let copied = quarantine.copier.copy(start, end, self.length);
        copied.map_err(|cause| settings.failure("write the quarantine file in", dir, cause))
    }

    /// Makes the quarantine durable, then switches to the new content, together with everything that was
    /// appended since the snapshot.
    ///
    /// # Errors
    ///
    /// The old content is in place, unless the error says that this cannot be told, or that the switch
    /// could not be made durable.
    pub fn commit(mut self) -> Result<Rewritten> {
        let deadline = self.files.settings().deadline();
        if !self.changed {
            let bytes = self.settled(deadline)?;
            return Ok(Rewritten { before: bytes, after: bytes, quarantine: Vec::new() });
        }

        // Everything that takes long happens before writers are made to wait.
        self.new.copy(self.cursor, self.length, self.length).map_err(|cause| self.cannot(cause))?;
        if self.new.length() > 0 {
            self.new.sync().map_err(|cause| self.cannot(cause))?;
        }
        let mut quarantine_names = Vec::new();
        if let Some(quarantine) = &mut self.quarantine {
            quarantine_names.push(quarantine.finish(self.files.settings())?);
        }
        let drop_line_end = self.torn && self.cursor == self.length;
        let mut copied = self.length;
        let rounds = if has(Defect::AppendedMeanwhileLost) { 0 } else { ROUNDS };
        for _ in 0..rounds {
            let settled = self.settled(deadline)?;
            if settled.saturating_sub(copied) <= LAST_BIT {
                break;
            }
            copied = self.follow(copied, settled, drop_line_end)?;
            self.new.sync().map_err(|cause| self.cannot(cause))?;
        }

        let files = Arc::clone(&self.files);
        let locked = files.steps().lock_for_switch(&self.source, deadline)?;
        if self.cancel.is_set() {
            return Err(changed_meanwhile(&self.files.settings().path));
        }
        if files.steps().rotation().is_some() && !has(Defect::SwitchBeforeShift) {
            // Where names reach the disk in any order, this file must not have its new name and its content
            // also the old one.
            let synced = sync_dir(&*files.settings().disk, &parent(&locked.path));
            synced.map_err(|cause| self.cannot(cause))?;
        }
        let before = self.source.metadata().map_err(|cause| self.cannot(cause))?.length;
        if !has(Defect::AppendedMeanwhileLost) {
            self.follow(copied, before, drop_line_end)?;
        }
        let after = self.new.length();
        let switched = if after == 0 && locked.expendable {
            files.steps().remove(&locked)
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
        let synced = if has(Defect::SwitchUnsynced) {
            Ok(())
        } else {
            sync_dir(&*files.settings().disk, &parent(&locked.path))
        };
        let LockedFile { path, held, .. } = locked;
        drop(held);
        synced.map_err(|cause| {
            let doing = "be sure that a power cut would not undo the finished rewrite of";
            files.settings().failure(doing, &path, cause)
        })?;
        Ok(Rewritten { before, after, quarantine: quarantine_names })
    }

    /// Only where the original is certainly in its place may the quarantine go.
    fn not_switched(&mut self, error: Error, path: &Path, names: &[String]) -> Error {
        let settings = self.files.settings();
        let unsure = || named(settings, path).ok().flatten() != Some(self.id);
        if !unsure() || has(Defect::QuarantineDiscarded) {
            return error;
        }
        let mut message =
            format!("cannot tell whether {} was rewritten; look at it", path.display());
        if let Some(quarantine) = self.quarantine.take() {
            quarantine.stay();
            message = format!("{message}, and at what was removed: {}", names.join(", "));
        }
        Error::new(error.kind, message).caused_by(error)
    }

    /// A length at which none of our writers is writing.
    fn settled(&self, deadline: Deadline) -> Result<u64> {
        let _held = lock(Arc::clone(&self.source), false, deadline, self.files.settings())?;
        Ok(self.source.metadata().map_err(|cause| self.cannot(cause))?.length)
    }

    /// Copies what was appended after the snapshot, and returns how far it came.
    fn follow(&mut self, from: u64, to: u64, drop_line_end: bool) -> Result<u64> {
        if to < from {
            return Err(changed_meanwhile(&self.files.settings().path));
        }
        let mut start = from;
        if drop_line_end && from == self.length && to > from {
            let byte = self.source.read(from, from + 1).map_err(|cause| self.cannot(cause))?;
            if byte != b"\n" {
                // The tail was not torn, only unfinished: by a program that takes no locks.
                return Err(changed_meanwhile(&self.files.settings().path));
            }
            start += 1;
        }
        self.new.copy(start, to, to).map_err(|cause| self.cannot(cause))?;
        Ok(to)
    }

    fn cannot(&self, cause: io::Error) -> Error {
        let settings = self.files.settings();
        if cause.kind() == io::ErrorKind::UnexpectedEof {
            return changed_meanwhile(&settings.path).caused_by(cause);
        }
        settings.cannot("rewrite", cause)
    }

    /// Removes the temporary and the quarantine, quickly: giving back their blocks can take longer.
    pub fn discard(&mut self) {
        if let Some(quarantine) = &mut self.quarantine {
            quarantine.discard();
        }
        self.temporary.discard();
    }
}

impl Drop for Rewrite {
    fn drop(&mut self) {
        // Quarantine first: its name is protected by the temporary's lock.
        self.discard();
    }
}

/// Removes the leftover of a rotation that was killed: a process that recovers the journal need not append
/// to it. A failure does not matter to the rewrite, and the next look at the journal reports it again.
fn clear_next(files: &dyn FileSet, lock_path: &Path) {
    let settings = files.settings();
    if files.steps().rotation().is_some() && leftover(settings, lock_path, Use::Next).is_some() {
        // It is gone when the claim is.
        let soon = settings.deadline_in(LOOKED_AT);
        drop(Temporary::claim(settings, lock_path, Use::Next, soon));
    }
}

/// Fails if the file at this path certainly cannot be replaced.
pub(crate) fn may_replace(files: &dyn FileSet, path: &Path) -> Result<()> {
    files.settings().disk.may_replace(path).map_err(|reason| {
        let message = format!("cannot replace {}: {}", path.display(), reason.advice);
        Error::new(reason.kind.unwrap_or(Kind::Denied), message)
    })
}
