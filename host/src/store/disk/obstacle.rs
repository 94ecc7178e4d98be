//! What keeps a file from being replaced: found out before that is tried, so that a dry run tells it too,
//! and after a call has failed, because an error number alone can mean anything.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use rustix::fs::{Access, AtFlags, CWD, StatxAttributes, StatxFlags, accessat, statx};
use rustix::io::Errno;

use super::dir::parent;
use crate::store::{StoreError, StoreErrorKind};

/// A reason that no retry and no permission overcomes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Obstacle {
    /// Another file system, or one file of it, is mounted at this very name.
    MountPoint,
    /// The file or directory has this attribute.
    Attribute(PathBuf, char),
}

impl Obstacle {
    pub fn kind(&self) -> StoreErrorKind {
        match self {
            Self::MountPoint => StoreErrorKind::Unsupported,
            Self::Attribute(..) => StoreErrorKind::Denied,
        }
    }

    /// What to do, as the end of a message.
    pub fn advice(&self) -> String {
        match self {
            Self::MountPoint => {
                "it is a mount point, whose name no other file can take; mount its directory instead"
                    .to_owned()
            }
            Self::Attribute(path, letter) => format!(
                "{0} has the attribute `{letter}` (see lsattr), which forbids that even to root; \
                 `chattr -{letter} {0}` takes it away",
                path.display()
            ),
        }
    }
}

/// Finds what is known beforehand to keep the file at this path from being replaced or removed. Where the
/// system cannot tell, there is nothing.
pub(super) fn of_replacing(path: &Path) -> Option<Obstacle> {
    if attributes(path).contains(StatxAttributes::MOUNT_ROOT) {
        return Some(Obstacle::MountPoint);
    }
    attribute(path).or_else(|| attribute(&parent(path)))
}

/// An attribute that forbids to change a file otherwise than by appending, or to rename in a directory.
fn attribute(path: &Path) -> Option<Obstacle> {
    let set = attributes(path);
    let letter = if set.contains(StatxAttributes::IMMUTABLE) {
        'i'
    } else if set.contains(StatxAttributes::APPEND) {
        'a'
    } else {
        return None;
    };
    Some(Obstacle::Attribute(path.to_owned(), letter))
}

/// Those that the file system supports and that are set.
fn attributes(path: &Path) -> StatxAttributes {
    let found = statx(CWD, path, AtFlags::empty(), StatxFlags::empty());
    found.map_or(StatxAttributes::empty(), |found| found.stx_attributes & found.stx_attributes_mask)
}

/// Fails if the file at this path certainly cannot be replaced.
pub(in crate::store) fn may_replace(path: &Path) -> Result<(), StoreError> {
    let Some(obstacle) = of_replacing(path) else { return Ok(()) };
    let message = format!("cannot replace {}: {}", path.display(), obstacle.advice());
    Err(StoreError::new(obstacle.kind(), message))
}

/// Fails if this directory, or the one in which it would be created, cannot be written to.
pub(super) fn may_write_in(dir: &Path) -> io::Result<()> {
    let no_directory = || io::Error::new(io::ErrorKind::Unsupported, "it is not a directory");
    match fs::metadata(dir) {
        Ok(metadata) if !metadata.is_dir() => return Err(no_directory()),
        Err(cause) if cause.kind() == io::ErrorKind::NotADirectory => return Err(no_directory()),
        Err(cause) if cause.kind() == io::ErrorKind::NotFound && parent(dir) != dir => {
            return may_write_in(&parent(dir));
        }
        Err(cause) => return Err(cause),
        Ok(_) => {}
    }
    match accessat(CWD, dir, Access::WRITE_OK | Access::EXEC_OK, AtFlags::EACCESS) {
        // Kernels before 5.8 have no such call for another than the real user.
        Ok(()) | Err(Errno::NOSYS | Errno::INVAL) => Ok(()),
        Err(errno) => Err(errno.into()),
    }
}

/// What an error number of a call about this path means, beyond its class.
pub(super) fn explain(path: &Path, cause: &io::Error) -> Option<Obstacle> {
    match cause.raw_os_error().map(Errno::from_raw_os_error)? {
        Errno::BUSY => of_replacing(path).filter(|found| *found == Obstacle::MountPoint),
        Errno::PERM => attribute(path).or_else(|| attribute(&parent(path))),
        _ => None,
    }
}
