//! A new file before it takes its place. The lock of the temporary of a rewrite is the maintenance lock
//! of the journal.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use crate::defects::{Defect, has};
use crate::disk::{Create, Disk, DiskFile, FileId, How, Metadata, NotAlike, Tried};
use crate::error::{Error, Kind, Result};
use crate::lock::warn_of_no_locks;
use crate::member::{Beside, SETTLING, Why};
use crate::names::{Use, name_of, temporary};
use crate::settings::{Deadline, Settings};

/// A snapshot that looks for leftovers holds the lock for a moment.
pub(crate) const LOOKED_AT: Duration = Duration::from_millis(50);

/// Where there are no locks, a temporary that nothing was written to for so long is nobody's.
const ABANDONED: Duration = Duration::from_secs(600);

#[derive(Debug)]
pub(crate) struct Temporary {
    path: PathBuf,
    pub file: Arc<dyn DiskFile>,
    /// The name is still ours to remove.
    live: bool,
    disk: Arc<dyn Disk>,
}

impl Temporary {
    /// Creates the temporary, locked, empty, and readable only by its owner. Until the deadline another
    /// process may look at it, or work on it.
    pub fn claim(
        settings: &Settings,
        lock_path: &Path,
        purpose: Use,
        deadline: Deadline,
    ) -> Result<Self> {
        let disk = &settings.disk;
        let path = temporary(lock_path, purpose);
        let doing = match purpose {
            Use::Rewrite => "rewrite the journal through",
            Use::Next => "begin a new file of the journal with",
        };
        loop {
            let opened = open_or_create(&**disk, &path);
            let opened = opened.map_err(|cause| settings.failure(doing, &path, cause))?;
            let Some((file, created)) = opened else { continue };
            let tried = file.lock(true);
            let tried = tried.map_err(|cause| settings.failure("lock", &path, cause))?;
            match tried {
                Tried::Locked => {}
                Tried::Busy if !settings.is_over(deadline) => {
                    disk.sleep(Duration::from_millis(1));
                    continue;
                }
                Tried::Busy => return Err(busy(lock_path, purpose)),
                Tried::Unsupported => {
                    warn_of_no_locks(lock_path);
                    // The name itself is the lock, and age tells what a killed process has left.
                    if !created && !is_old(&**disk, &*file) {
                        return Err(perhaps_in_use(&path));
                    }
                }
            }
            // While we waited, another rewrite may have put this very file in its place as the
            // journal. It must not be touched.
            if !is_at(&**disk, &path, file.id()) {
                continue;
            }
            let ours = created || tried == Tried::Locked;
            // A file that another user has made may be open there, too, and would be the journal. (Of one that
            // we have made, network file systems can name another owner.)
            let by_us = |owner| created || owner == disk.user();
            let usable = |now: Metadata| now.length == 0 && now.links == 1 && by_us(now.owner);
            let usable = file.metadata().is_ok_and(usable);
            if ours && (usable || has(Defect::LeftoverUsed)) {
                return Ok(Self { path, file, live: true, disk: Arc::clone(disk) });
            }
            // Left behind by a rewrite that was killed. Removed rather than truncated: a process
            // that has it open keeps what it sees, and so does another link.
            disk.remove(&path)
                .map_err(|cause| settings.failure("remove the leftover", &path, cause))?;
        }
    }

    /// Gives the new file the mode, owner, group and extended attributes of the old one.
    pub fn resemble(&self, settings: &Settings, old: &dyn DiskFile, target: &Path) -> Result<()> {
        self.file.resemble(old, false).map_err(|cause| match cause {
            NotAlike::Owner(cause) => Error::io(
                format!(
                    "replacing {} would change its owner or group; run this as its owner",
                    target.display()
                ),
                cause,
            ),
            NotAlike::Other(cause) => {
                settings.failure("keep the mode, owner and attributes of", target, cause)
            }
        })
    }

    /// Puts the new file in the old one's place. The lock stays until the file is closed.
    pub fn publish(&mut self, target: &Path) -> io::Result<()> {
        let renamed = self.disk.rename(&self.path, target);
        self.published(renamed, target)
    }

    /// Puts the new file where there is none. The lock stays until the file is closed.
    pub fn publish_new(&mut self, target: &Path) -> io::Result<()> {
        let renamed = rename_to_free(&*self.disk, &self.path, target);
        self.published(renamed, target)
    }

    /// Looks whether a rename that was reported as failed was done: NFS and file systems in user space
    /// can lose the answer, and then say that there is nothing to rename.
    fn published(&mut self, renamed: io::Result<()>, target: &Path) -> io::Result<()> {
        match renamed {
            Err(cause) if !is_at(&*self.disk, target, self.file.id()) => Err(cause),
            _ => {
                self.live = false;
                Ok(())
            }
        }
    }

    /// Removes the file, and lets the next rewrite begin.
    pub fn discard(&mut self) {
        if std::mem::take(&mut self.live) {
            // Should that fail, the next one removes it. That of another process is not ours to remove.
            if is_at(&*self.disk, &self.path, self.file.id()) {
                let _ = self.disk.remove(&self.path);
            }
            self.file.unlock();
        }
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        self.discard();
    }
}

fn busy(lock_path: &Path, purpose: Use) -> Error {
    let doing = match purpose {
        Use::Rewrite => "rewriting",
        Use::Next => "beginning a new file of",
    };
    let journal = lock_path.display();
    let message = format!("another process is {doing} {journal} at the moment; try again later");
    Error::new(Kind::Locked, message)
}

fn perhaps_in_use(path: &Path) -> Error {
    let message = format!(
        "{} is there, and without locks nobody can tell whether it is in use; remove it if no process \
         works on the journal, or try again in {} minutes",
        path.display(),
        ABANDONED.as_secs() / 60
    );
    Error::new(Kind::Locked, message)
}

/// Opens the file, and tells whether that has created it. `None`: it has come and gone meanwhile.
fn open_or_create(disk: &dyn Disk, path: &Path) -> io::Result<Option<(Arc<dyn DiskFile>, bool)>> {
    let how = How::WRITE.here();
    match disk.open(path, how.create(Create::New).private()) {
        Ok(file) => return Ok(Some((file, true))),
        Err(cause) if cause.kind() != io::ErrorKind::AlreadyExists => return Err(cause),
        Err(_) => {}
    }
    match disk.open(path, how) {
        Ok(file) => Ok(Some((file, false))),
        Err(cause) if cause.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(cause) => Err(cause),
    }
}

pub(crate) fn is_at(disk: &dyn Disk, path: &Path, id: FileId) -> bool {
    disk.metadata(path, false).is_ok_and(|metadata| metadata.id == id)
}

/// Renames onto a name that the caller has seen free, under a lock without which no process of ours takes
/// it. Where the file system cannot refuse a name that is taken, it is looked at once more; a link and an
/// unlink instead could leave the file with both names.
pub(crate) fn rename_to_free(disk: &dyn Disk, from: &Path, to: &Path) -> io::Result<()> {
    match disk.rename_new(from, to) {
        Err(cause) if cause.kind() == io::ErrorKind::Unsupported => {}
        renamed => return renamed,
    }
    match disk.metadata(to, false) {
        Ok(_) => Err(io::ErrorKind::AlreadyExists.into()),
        Err(_) if has(Defect::LinkAndUnlink) => {
            disk.link(from, to)?;
            disk.remove(from)
        }
        Err(cause) if cause.kind() == io::ErrorKind::NotFound => disk.rename(from, to),
        Err(cause) => Err(cause),
    }
}

/// The temporary of an operation that was killed: it is there, and its lock is free. A temporary that has
/// just been created is locked a moment later, so an empty one is looked at twice.
pub(crate) fn leftover(settings: &Settings, lock_path: &Path, purpose: Use) -> Option<Beside> {
    let disk = &*settings.disk;
    let path = temporary(lock_path, purpose);
    let (id, bytes) = unlocked(disk, &path)?;
    if bytes == 0 {
        disk.sleep(SETTLING / 6);
        unlocked(disk, &path).filter(|again| *again == (id, bytes))?;
    }
    Some(Beside { name: name_of(&path), why: Why::Leftover, bytes })
}

/// Returns true if no process is at work on this file: its lock is free, or it is old where there are no locks.
pub(crate) fn is_abandoned(disk: &dyn Disk, path: &Path) -> bool {
    let Ok(file) = disk.open(path, How::READ.here()) else { return false };
    match file.lock(false) {
        Ok(Tried::Locked) => true,
        Ok(Tried::Unsupported) => is_old(disk, &*file),
        _ => false,
    }
}

fn is_old(disk: &dyn Disk, file: &dyn DiskFile) -> bool {
    let modified = file.metadata().ok().and_then(|metadata| metadata.modified);
    modified.is_some_and(|then| disk.wall_clock().saturating_sub(then) >= ABANDONED)
}

/// Returns true if a process is at work on the temporary, and so holds its lock.
pub(crate) fn is_in_use(disk: &dyn Disk, lock_path: &Path, purpose: Use) -> bool {
    let path = temporary(lock_path, purpose);
    let opened = disk.open(&path, How::READ.here());
    opened.is_ok_and(|file| matches!(file.lock(false), Ok(Tried::Busy)))
}

/// The file at this path and its length, if no process holds its lock for writing, or nobody can tell.
pub(crate) fn unlocked(disk: &dyn Disk, path: &Path) -> Option<(FileId, u64)> {
    let file = disk.open(path, How::READ.here()).ok()?;
    if file.lock(false).ok()? == Tried::Busy {
        return None;
    }
    // It may have been put in place, or removed, before we had the lock.
    is_at(disk, path, file.id()).then_some((file.id(), file.metadata().ok()?.length))
}
