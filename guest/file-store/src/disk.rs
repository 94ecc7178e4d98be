//! All that the protocol asks of an operating system: a disk, the files that are open on it, and time.
//!
//! Implementations are the system itself (the Rust host), a simulated disk that loses whatever was not
//! synced (the tests of this crate), and what a component can reach of a file system.
//!
//! Errors are [`io::Error`]s whose kind is right; where a call says that a kind has a meaning, no other
//! error may have it. An error never says that nothing has happened: the protocol looks.

use std::fmt;
use std::io::{self, IoSlice};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use crate::error::Kind;

/// Tells files apart, whatever their names. Never given to another file while this one is open.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FileId {
    /// The file system.
    pub device: u64,
    /// The file in it.
    pub inode: u64,
}

/// A file, as the disk knows it now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Metadata {
    /// Which one it is.
    pub id: FileId,
    /// Its length in bytes.
    pub length: u64,
    /// How many names it has; 1 where the disk cannot tell.
    pub links: u64,
    /// When it was last written to, as [`Disk::wall_clock`] counts, if the disk can tell.
    pub modified: Option<Duration>,
    /// The user that it belongs to, if there are users.
    pub owner: Option<u32>,
    /// See [`FileKind`].
    pub kind: FileKind,
}

/// The kind of a file. A journal is a regular one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileKind {
    /// Bytes under a name.
    Regular,
    /// A directory.
    Directory,
    /// A symbolic link.
    Link,
    /// A named pipe.
    Pipe,
    /// A socket.
    Socket,
    /// A device, or anything else.
    Device,
}

impl FileKind {
    /// Fails unless a journal can be such a file.
    ///
    /// # Errors
    ///
    /// `Unsupported`, saying what it is.
    pub fn may_be_a_journal(self) -> io::Result<()> {
        let what = match self {
            Self::Regular => return Ok(()),
            Self::Directory => "it is a directory; give the path of a file in it",
            Self::Pipe => "it is a named pipe, not a regular file",
            Self::Socket => "it is a socket, not a regular file",
            Self::Link => "it is a symbolic link; give the path that it leads to",
            Self::Device => "it is a device, not a regular file",
        };
        Err(io::Error::new(io::ErrorKind::Unsupported, what))
    }
}

/// How to open a file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct How {
    /// Also for writing. Some network file systems lock exclusively only what is open for that.
    pub write: bool,
    /// See [`DiskFile::append`].
    pub append: bool,
    /// Whether to make it.
    pub create: Create,
    /// A symbolic link at the path is not followed, but refused.
    pub here: bool,
    /// A file that this makes can be read by its owner only.
    pub private: bool,
}

/// Whether opening a file makes it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Create {
    /// It must be there.
    #[default]
    No,
    /// If it is not there.
    IfMissing,
    /// It must not be there: otherwise the error is `AlreadyExists`.
    New,
}

impl How {
    /// To be read.
    pub const READ: Self =
        Self { write: false, append: false, create: Create::No, here: false, private: false };
    /// To be read, and written anywhere.
    pub const WRITE: Self = Self { write: true, ..Self::READ };
    /// To be read, and written at its end.
    pub const APPEND: Self = Self { write: true, append: true, ..Self::READ };

    /// The file has this very name.
    #[must_use]
    pub const fn here(self) -> Self {
        Self { here: true, ..self }
    }

    /// Whether to make it.
    #[must_use]
    pub const fn create(self, create: Create) -> Self {
        Self { create, ..self }
    }

    /// See [`How::private`].
    #[must_use]
    pub const fn private(self) -> Self {
        Self { private: true, ..self }
    }
}

/// The answer to a request for a lock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tried {
    /// It is held now.
    Locked,
    /// Somebody else holds it.
    Busy,
    /// The file system has no locks.
    Unsupported,
}

/// A reason, known to the disk, why something cannot be done, beyond the kind of an error.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reason {
    /// The class of the failure, if that differs from the one of the error's kind.
    pub kind: Option<Kind>,
    /// What is the matter and what to do, as the end of a sentence.
    pub advice: String,
}

/// The disk. Every call may block.
pub trait Disk: fmt::Debug + Send + Sync {
    /// Opens a regular file, and nothing else: whatever is none is refused as `Unsupported`, saying what it
    /// is, and unopened, since opening a pipe can wait for ever and opening a device can have effects.
    ///
    /// # Errors
    ///
    /// `NotFound`: there is no such file, or no directory to make it in.
    fn open(&self, path: &Path, how: How) -> io::Result<Arc<dyn DiskFile>>;

    /// Looks at what has this name; `follow` looks at what a symbolic link leads to.
    ///
    /// # Errors
    ///
    /// `NotFound`: there is nothing.
    fn metadata(&self, path: &Path, follow: bool) -> io::Result<Metadata>;

    /// The path without symbolic links.
    ///
    /// # Errors
    ///
    /// `NotFound`: there is nothing.
    fn real_path(&self, path: &Path) -> io::Result<PathBuf>;

    /// Gives a file another name, atomically, in place of whatever has that. An error may be reported
    /// although it is done.
    ///
    /// # Errors
    ///
    /// Any.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;

    /// Gives a file another name, atomically, if nothing has that.
    ///
    /// # Errors
    ///
    /// `AlreadyExists`: the name is taken. `Unsupported`: the file system has no call for that.
    fn rename_new(&self, from: &Path, to: &Path) -> io::Result<()>;

    /// Gives a file one more name, if nothing has that. Called only where [`rename_new`](Disk::rename_new) is
    /// `Unsupported`.
    ///
    /// # Errors
    ///
    /// `AlreadyExists`: the name is taken.
    fn link(&self, from: &Path, to: &Path) -> io::Result<()>;

    /// Takes a file's name away.
    ///
    /// # Errors
    ///
    /// `NotFound`: there is nothing.
    fn remove(&self, path: &Path) -> io::Result<()>;

    /// Makes one directory.
    ///
    /// # Errors
    ///
    /// `AlreadyExists`: something has that name.
    fn create_dir(&self, path: &Path) -> io::Result<()>;

    /// The names in a directory, in any order.
    ///
    /// # Errors
    ///
    /// `NotFound`: there is no such directory.
    fn list(&self, dir: &Path) -> io::Result<Vec<String>>;

    /// Makes durable which names there are in a directory, and what they lead to.
    ///
    /// # Errors
    ///
    /// `Unsupported`: the file system has no call for that.
    fn sync_dir(&self, dir: &Path) -> io::Result<()>;

    /// Fails if it is known beforehand that the file at this path can be neither replaced nor removed.
    ///
    /// # Errors
    ///
    /// The reason.
    fn may_replace(&self, path: &Path) -> Result<(), Reason> {
        let _ = path;
        Ok(())
    }

    /// Fails if it is known beforehand that no file can be made in this directory, or no such directory.
    ///
    /// # Errors
    ///
    /// Any.
    fn may_write_in(&self, dir: &Path) -> io::Result<()> {
        let _ = dir;
        Ok(())
    }

    /// What an error of a call about this path means, beyond its kind.
    fn explain(&self, path: &Path, error: &io::Error) -> Option<Reason> {
        let _ = (path, error);
        None
    }

    /// The user that asks, if there are users.
    fn user(&self) -> Option<u32> {
        None
    }

    /// The time since some moment, which no clock that is set can change.
    fn now(&self) -> Duration;

    /// The time since 1970-01-01 UTC.
    fn wall_clock(&self) -> Duration;

    /// Waits. Others get on meanwhile.
    fn sleep(&self, duration: Duration);

    /// Does this some time, beside other calls, or never.
    fn later(&self, work: Box<dyn FnOnce() + Send>) {
        drop(work);
    }

    /// Closes a file that has lost its name, which gives back its space. The disk may do that by and by.
    fn let_go(&self, file: Arc<dyn DiskFile>) {
        drop(file);
    }
}

/// An open file. What a clone of the handle does, this does: they have one lock and are told of a failed sync
/// once between them. Closing it makes nothing durable.
pub trait DiskFile: fmt::Debug + Send + Sync {
    /// Which file it is.
    fn id(&self) -> FileId;

    /// The file as it is now, whatever its name has become.
    ///
    /// # Errors
    ///
    /// Any.
    fn metadata(&self) -> io::Result<Metadata>;

    /// Reads what lies at `at`, fewer bytes than there is room for if that suits the disk; none at the end.
    ///
    /// # Errors
    ///
    /// Any but `Interrupted`.
    fn read_at(&self, buffer: &mut [u8], at: u64) -> io::Result<usize>;

    /// Reads these bytes.
    ///
    /// # Errors
    ///
    /// `UnexpectedEof`: the file ends before.
    fn read(&self, start: u64, end: u64) -> io::Result<Vec<u8>> {
        let length = usize::try_from(end.saturating_sub(start)).map_err(io::Error::other)?;
        let mut bytes = vec![0; length];
        let mut done = 0;
        while let Some(rest) = bytes.get_mut(done..).filter(|rest| !rest.is_empty()) {
            match self.read_at(rest, start.saturating_add(done as u64))? {
                0 => return Err(io::ErrorKind::UnexpectedEof.into()),
                count => done += count,
            }
        }
        Ok(bytes)
    }

    /// Reads these bytes if that takes no waiting.
    fn read_cached(&self, start: u64, end: u64) -> Option<Vec<u8>> {
        let _ = (start, end);
        None
    }

    /// Writes at the end, wherever that is by now, and returns how much of it was written. Only for a file
    /// that was opened for appending, or after [`start_appending`](DiskFile::start_appending).
    ///
    /// # Errors
    ///
    /// Any but `Interrupted`; nothing was written.
    fn append(&self, pieces: &[IoSlice<'_>]) -> io::Result<usize>;

    /// From now on the file is one that is appended to.
    ///
    /// # Errors
    ///
    /// Any.
    fn start_appending(&self) -> io::Result<()>;

    /// Writes all of this at `at`, also in a file that was opened for appending. Nothing may be appended
    /// through this handle at the same time.
    ///
    /// # Errors
    ///
    /// Any; some of it may have been written.
    fn write_at(&self, bytes: &[u8], at: u64) -> io::Result<()>;

    /// Cuts the file off, or adds zeros that take no space.
    ///
    /// # Errors
    ///
    /// Any.
    fn set_len(&self, length: u64) -> io::Result<()>;

    /// Makes durable what was written through any handle before this was called, and the length. After a
    /// failure the disk may have what was written, or zeros, or what was there before; and the next call
    /// may succeed without a change to that.
    ///
    /// # Errors
    ///
    /// Any.
    fn sync_data(&self) -> io::Result<()>;

    /// Like [`sync_data`](DiskFile::sync_data), with mode, owner and attributes.
    ///
    /// # Errors
    ///
    /// As for that.
    fn sync_all(&self) -> io::Result<()> {
        self.sync_data()
    }

    /// Asks for the file's lock, alone or with others. It holds until [`unlock`](DiskFile::unlock), or until
    /// the last clone of this handle is gone, by whatever death.
    ///
    /// # Errors
    ///
    /// Any but `Interrupted`.
    fn lock(&self, exclusive: bool) -> io::Result<Tried>;

    /// Gives the lock back.
    fn unlock(&self);

    /// Copies bytes of another file to `at`, without reading them here, and returns how many; 0 if the disk
    /// cannot do that.
    ///
    /// # Errors
    ///
    /// Any but `Interrupted`.
    fn copy_from(&self, source: &dyn DiskFile, start: u64, end: u64, at: u64) -> io::Result<u64> {
        let _ = (source, start, end, at);
        Ok(0)
    }

    /// Where the next data begins and ends, `start` at the earliest and `end` at the latest. What lies
    /// before it is a hole, and reads as zeros.
    fn next_data(&self, start: u64, end: u64) -> (u64, u64) {
        (start, end)
    }

    /// Reserves space for what is about to be written, if that helps.
    ///
    /// # Errors
    ///
    /// `StorageFull`: there is not as much.
    fn reserve(&self, at: u64, bytes: u64) -> io::Result<()> {
        let _ = (at, bytes);
        Ok(())
    }

    /// Takes over the other file's mode, owner, group and extended attributes. `quarantine`: only those of
    /// who may read it and whose it is, as far as this user may give them.
    ///
    /// # Errors
    ///
    /// Any.
    fn resemble(&self, other: &dyn DiskFile, quarantine: bool) -> Result<(), NotAlike> {
        let _ = (other, quarantine);
        Ok(())
    }

    /// For implementations, to know their own again.
    fn as_any(&self) -> &dyn std::any::Any;
}

/// Why a file cannot be made like another.
#[derive(Debug)]
pub enum NotAlike {
    /// This user cannot give a file to the owner or group of the other.
    Owner(io::Error),
    /// Mode or attributes.
    Other(io::Error),
}

/// Writes everything; returns how much of it was written even on an error.
pub(crate) fn append_all(
    file: &dyn DiskFile,
    mut pieces: &mut [IoSlice<'_>],
) -> (u64, io::Result<()>) {
    let mut written: u64 = 0;
    // `advance_slices` also drops empty slices at the front.
    IoSlice::advance_slices(&mut pieces, 0);
    while !pieces.is_empty() {
        match file.append(pieces) {
            Ok(0) => return (written, Err(io::ErrorKind::WriteZero.into())),
            Ok(count) => {
                written = written.saturating_add(count as u64);
                IoSlice::advance_slices(&mut pieces, count);
            }
            Err(cause) => return (written, Err(cause)),
        }
    }
    (written, Ok(()))
}

/// The byte before `end`, or `None` for an empty file.
pub(crate) fn last_byte(file: &dyn DiskFile, end: u64) -> io::Result<Option<u8>> {
    let Some(at) = end.checked_sub(1) else { return Ok(None) };
    Ok(file.read(at, end)?.last().copied())
}

/// The length, and whether the last line lacks its end.
pub(crate) fn end(file: &dyn DiskFile) -> io::Result<(u64, bool)> {
    let length = file.metadata()?.length;
    Ok((length, last_byte(file, length)?.is_some_and(|byte| byte != b'\n')))
}

/// The number of lines that end in these bytes.
pub(crate) fn line_ends(bytes: &[u8]) -> u64 {
    memchr::memchr_iter(b'\n', bytes).count() as u64
}
