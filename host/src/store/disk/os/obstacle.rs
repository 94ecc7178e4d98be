//! What keeps a file from being replaced: found out before that is tried, so that a dry run tells it too,
//! and after a call has failed, because an error number alone can mean anything.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use rustix::fs::{Access, AtFlags, CWD, StatxAttributes, StatxFlags, accessat, statx};
use rustix::io::Errno;

use papyra_file_store::disk::Reason;
use papyra_file_store::{Kind, parent};

/// A reason that no retry and no permission overcomes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Obstacle {
    /// Another file system, or one file of it, is mounted at this very name.
    MountPoint,
    /// The file or directory has this attribute.
    Attribute(PathBuf, char),
}

impl Obstacle {
    pub fn reason(&self) -> Reason {
        match self {
            Self::MountPoint => Reason {
                kind: Some(Kind::Unsupported),
                advice:
                    "it is a mount point, whose name no other file can take; mount its directory \
                         instead"
                        .to_owned(),
            },
            Self::Attribute(path, letter) => Reason {
                kind: Some(Kind::Denied),
                advice: format!(
                    "{0} has the attribute `{letter}` (see lsattr), which forbids that even to root; \
                     `chattr -{letter} {0}` takes it away",
                    path.display()
                ),
            },
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
pub(super) fn explain(path: &Path, cause: &io::Error) -> Option<Reason> {
    let advice = match cause.raw_os_error().map(Errno::from_raw_os_error)? {
        Errno::BUSY => {
            let found = of_replacing(path).filter(|found| *found == Obstacle::MountPoint);
            return found.map(|obstacle| obstacle.reason());
        }
        Errno::PERM => match attribute(path).or_else(|| attribute(&parent(path))) {
            Some(obstacle) => return Some(obstacle.reason()),
            None => {
                "check the attributes of it and of its directory (lsattr), and what a security module \
                 forbids"
            }
        },
        Errno::MFILE => "the limit on open files is reached (ulimit -n)",
        _ => return None,
    };
    Some(Reason { kind: None, advice: advice.to_owned() })
}
