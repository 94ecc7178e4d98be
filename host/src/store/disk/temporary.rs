//! A new file before it takes its place. The lock of the temporary of a rewrite is the maintenance lock
//! of the journal.

use std::ffi::OsString;
use std::fs::{self, File, Metadata, OpenOptions};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt, fchown};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use rustix::fs::{FlockOperation, XattrFlags, flock};
use rustix::io::Errno;

use super::faults::{Faults, Op};
use super::member::{SETTLING, beside};
use super::settings::name_of;
use super::sys::{self, FileId, Tried, failure};
use crate::store::{Role, Segment, StoreError, StoreErrorKind};

/// A snapshot that looks for leftovers holds the lock for a moment.
const LOOKED_AT: Duration = Duration::from_millis(50);

/// Where there are no locks, a temporary that nothing was written to for so long is nobody's.
const ABANDONED: Duration = Duration::from_secs(600);

/// The purpose of a new file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::store) enum Use {
    /// It replaces a file of the journal.
    Rewrite,
    /// It is the next to be appended to.
    Next,
}

/// `.events.ndjson.papyra-rewrite` for `events.ndjson`: always the same, so that all processes
/// agree, and nothing piles up.
pub(in crate::store) fn temporary_path(lock_path: &Path, purpose: Use) -> PathBuf {
    let mut name = OsString::from(".");
    name.push(lock_path.file_name().unwrap_or_default());
    name.push(match purpose {
        Use::Rewrite => ".papyra-rewrite",
        Use::Next => ".papyra-next",
    });
    lock_path.with_file_name(name)
}

#[derive(Debug)]
pub(in crate::store) struct Temporary {
    path: PathBuf,
    pub file: File,
    /// The name is still ours to remove.
    live: bool,
    faults: Faults,
}

impl Temporary {
    /// Creates the temporary, locked, empty, and readable only by its owner.
    pub fn claim(lock_path: &Path, purpose: Use, faults: &Faults) -> Result<Self, StoreError> {
        let path = temporary_path(lock_path, purpose);
        let doing = match purpose {
            Use::Rewrite => "rewrite the journal through",
            Use::Next => "begin a new file of the journal with",
        };
        faults.check(Op::Create).map_err(|cause| failure(doing, &path, cause))?;
        let deadline = Instant::now() + LOOKED_AT;
        loop {
            let opened = open_or_create(&path).map_err(|cause| failure(doing, &path, cause))?;
            let Some((file, metadata, created)) = opened else { continue };
            let tried = sys::try_lock(&file, true, faults);
            let tried = tried.map_err(|cause| failure("lock", &path, cause))?;
            match tried {
                Tried::Locked => {}
                Tried::Busy if Instant::now() < deadline => {
                    thread::sleep(Duration::from_millis(1));
                    continue;
                }
                Tried::Busy => {
                    let doing = match purpose {
                        Use::Rewrite => "rewriting",
                        Use::Next => "beginning a new file of",
                    };
                    return Err(StoreError::new(
                        StoreErrorKind::Locked,
                        format!(
                            "another process is {doing} {} at the moment; try again later",
                            lock_path.display()
                        ),
                    ));
                }
                Tried::Unsupported => {
                    sys::warn_of_no_locks(lock_path);
                    // The name itself is the lock, and age tells what a killed process has left.
                    let age = metadata.modified().ok().and_then(|then| then.elapsed().ok());
                    if !created && age.is_none_or(|age| age < ABANDONED) {
                        return Err(StoreError::new(
                            StoreErrorKind::Locked,
                            format!(
                                "{} is there, and without locks nobody can tell whether it is in use; \
                                 remove it if no process works on the journal, or try again in {} minutes",
                                path.display(),
                                ABANDONED.as_secs() / 60
                            ),
                        ));
                    }
                }
            }
            // While we waited, another rewrite may have put this very file in its place as the
            // journal. It must not be touched.
            if !is_at(&path, FileId::of(&metadata)) {
                continue;
            }
            let ours = created || matches!(tried, Tried::Locked);
            if ours && file.metadata().is_ok_and(|now| now.len() == 0 && now.nlink() == 1) {
                return Ok(Self { path, file, live: true, faults: faults.clone() });
            }
            // Left behind by a rewrite that was killed. Removed rather than truncated: a process
            // that has it open keeps what it sees, and so does another link.
            fs::remove_file(&path).map_err(|cause| failure("remove the leftover", &path, cause))?;
        }
    }

    /// Gives the new file the mode, owner, group and extended attributes of the old one.
    pub fn resemble(&self, old: &File, target: &Path) -> Result<(), StoreError> {
        let cannot = |cause| failure("keep the mode and owner of", target, cause);
        let was = old.metadata().map_err(cannot)?;
        let is = self.file.metadata().map_err(cannot)?;
        if (was.uid(), was.gid()) != (is.uid(), is.gid()) {
            // First, because it clears the set-id bits.
            fchown(&self.file, Some(was.uid()), Some(was.gid())).map_err(|cause| {
                StoreError::io(
                    format!(
                        "replacing {} would change its owner or group; run this as its owner",
                        target.display()
                    ),
                    cause,
                )
            })?;
        }
        let mode = fs::Permissions::from_mode(was.mode() & 0o7777);
        self.file.set_permissions(mode).map_err(cannot)?;
        copy_attributes(old, &self.file)
            .map_err(|cause| failure("keep the extended attributes of", target, cause))
    }

    /// Puts the new file in the old one's place. The lock stays until the file is closed.
    pub fn publish(&mut self, target: &Path) -> io::Result<()> {
        self.faults.check(Op::Rename)?;
        let renamed = fs::rename(&self.path, target);
        self.published(renamed, target)
    }

    /// Puts the new file where there is none. The lock stays until the file is closed.
    pub fn publish_new(&mut self, target: &Path) -> io::Result<()> {
        self.faults.check(Op::Rename)?;
        let renamed = sys::rename_new(&self.path, target);
        self.published(renamed, target)
    }

    /// Looks whether a rename that was reported as failed was done: NFS and file systems in user space
    /// can lose the answer, and then say that there is nothing to rename.
    fn published(&mut self, renamed: io::Result<()>, target: &Path) -> io::Result<()> {
        match renamed.and_then(|()| self.faults.check(Op::Renamed)) {
            Err(cause) if !self.is_at(target) => Err(cause),
            _ => {
                self.live = false;
                Ok(())
            }
        }
    }

    fn is_at(&self, path: &Path) -> bool {
        self.file.metadata().is_ok_and(|metadata| is_at(path, FileId::of(&metadata)))
    }

    /// Removes the file, and lets the next rewrite begin.
    pub fn discard(&mut self) {
        if std::mem::take(&mut self.live) {
            // Should that fail, the next one removes it. That of another process is not ours to remove.
            if self.is_at(&self.path) {
                let _ = self.faults.check(Op::Unlink).and_then(|()| fs::remove_file(&self.path));
            }
            let _ = flock(&self.file, FlockOperation::Unlock);
        }
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        self.discard();
    }
}

/// Opens the file, and tells whether that has created it. `None`: it has come and gone meanwhile.
fn open_or_create(path: &Path) -> io::Result<Option<(File, Metadata, bool)>> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).mode(0o600);
    match sys::open_own(path, options.clone().create_new(true)) {
        Ok((file, metadata)) => return Ok(Some((file, metadata, true))),
        Err(cause) if cause.kind() != io::ErrorKind::AlreadyExists => return Err(cause),
        Err(_) => {}
    }
    match sys::open_own(path, &mut options) {
        Ok((file, metadata)) => Ok(Some((file, metadata, false))),
        Err(cause) if cause.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(cause) => Err(cause),
    }
}

fn is_at(path: &Path, id: FileId) -> bool {
    fs::symlink_metadata(path).is_ok_and(|metadata| FileId::of(&metadata) == id)
}

/// Access lists and user attributes must survive. Those that the system manages by itself (security
/// labels) are copied where it allows that.
fn copy_attributes(from: &File, to: &File) -> io::Result<()> {
    let mut names = vec![0; 64 * 1024];
    let length = match rustix::fs::flistxattr(from, &mut names[..]) {
        Ok(length) => length,
        Err(Errno::OPNOTSUPP | Errno::NOSYS) => return Ok(()),
        Err(errno) => return Err(errno.into()),
    };
    names.truncate(length);
    let mut value = vec![0; 64 * 1024];
    for name in names.split(|byte| *byte == 0).filter(|name| !name.is_empty()) {
        let managed = !name.starts_with(b"user.") && !name.starts_with(b"system.posix_acl");
        let name = std::ffi::OsStr::from_bytes(name);
        let copied = rustix::fs::fgetxattr(from, name, &mut value[..]).and_then(|length| {
            let value = value.get(..length).unwrap_or_default();
            rustix::fs::fsetxattr(to, name, value, XattrFlags::empty())
        });
        match copied {
            Err(errno) if !managed && errno != Errno::NODATA => return Err(errno.into()),
            _ => {}
        }
    }
    Ok(())
}

/// The temporary of an operation that was killed: it is there, and its lock is free. A temporary that has
/// just been created is locked a moment later, so an empty one is looked at twice.
pub(in crate::store) fn leftover(lock_path: &Path, purpose: Use) -> Option<Segment> {
    leftover_after(lock_path, purpose, || thread::sleep(SETTLING / 6))
}

fn leftover_after(lock_path: &Path, purpose: Use, wait: impl FnOnce()) -> Option<Segment> {
    let path = temporary_path(lock_path, purpose);
    let (id, bytes) = unlocked(&path)?;
    if bytes == 0 {
        wait();
        unlocked(&path).filter(|again| *again == (id, bytes))?;
    }
    Some(beside(name_of(&path), Role::Leftover, bytes))
}

/// Returns true if a process is at work on the temporary, and so holds its lock.
pub(in crate::store) fn is_in_use(lock_path: &Path, purpose: Use) -> bool {
    let path = temporary_path(lock_path, purpose);
    sys::open_own(&path, OpenOptions::new().read(true)).is_ok_and(|(file, _)| {
        flock(&file, FlockOperation::NonBlockingLockShared) == Err(Errno::WOULDBLOCK)
    })
}

/// The file at this path and its length, if no process holds its lock for writing.
fn unlocked(path: &Path) -> Option<(FileId, u64)> {
    let (file, metadata) = sys::open_own(path, OpenOptions::new().read(true)).ok()?;
    flock(&file, FlockOperation::NonBlockingLockShared).ok()?;
    // It may have been put in place, or removed, before we had the lock.
    let id = FileId::of(&metadata);
    (sys::named(path).ok()? == Some(id)).then_some((id, metadata.len()))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn a_temporary_that_is_just_being_made_is_no_leftover() {
        let dir = std::env::temp_dir().join(format!("papyra-leftover-{}", std::process::id()));
        fs::create_dir_all(&dir).unwrap();
        let lock_path = dir.join("a");
        let temporary = File::create(temporary_path(&lock_path, Use::Rewrite)).unwrap();
        assert!(leftover(&lock_path, Use::Rewrite).is_some(), "its lock is free");

        let lock = || flock(&temporary, FlockOperation::NonBlockingLockExclusive).unwrap();
        assert!(
            leftover_after(&lock_path, Use::Rewrite, lock).is_none(),
            "it is locked a moment later"
        );
        fs::remove_dir_all(&dir).unwrap();
    }
}
