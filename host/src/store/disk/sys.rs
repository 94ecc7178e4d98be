//! Opening, locking and telling files apart, with errors that say which file it was and what to do.

use std::collections::BTreeSet;
use std::fs::{self, File, Metadata, OpenOptions};
use std::io;
use std::ops::Deref;
use std::os::fd::{AsFd, AsRawFd};
use std::os::unix::fs::{FileExt, FileTypeExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use rustix::fs::{CWD, FlockOperation, OFlags, RenameFlags, SeekFrom, flock, renameat_with, seek};
use rustix::io::Errno;

pub(in crate::store) use super::dir::parent;
use super::faults::{Faults, Op};
use super::obstacle;
use crate::store::{StoreError, StoreErrorKind};

/// Never wait in `open`, never follow a FIFO into a hang, never become a controlling terminal.
const CAREFUL: OFlags = OFlags::NONBLOCK.union(OFlags::NOCTTY).union(OFlags::CLOEXEC);

/// Which file a path names or a descriptor holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(in crate::store) struct FileId {
    pub device: u64,
    pub inode: u64,
}

impl FileId {
    pub fn of(metadata: &Metadata) -> Self {
        Self { device: metadata.dev(), inode: metadata.ino() }
    }
}

/// The file that the path names now, following symlinks; `None` if there is none.
pub(in crate::store) fn named(path: &Path) -> Result<Option<FileId>, StoreError> {
    match fs::metadata(path) {
        Ok(metadata) => Ok(Some(FileId::of(&metadata))),
        Err(cause) if cause.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(cause) => Err(failure("look at", path, cause)),
    }
}

/// Opens a regular file, and nothing else: devices are not even opened, since that alone can have
/// effects.
pub(crate) fn open(path: &Path, options: &mut OpenOptions) -> io::Result<(File, Metadata)> {
    may_open(fs::metadata(path))?;
    open_careful(path, OFlags::empty(), options)
}

/// Like [`open`], where a symlink cannot serve: renaming it would not rename the file.
pub(in crate::store) fn open_here(
    path: &Path,
    options: &mut OpenOptions,
) -> io::Result<(File, Metadata)> {
    may_open(fs::symlink_metadata(path))?;
    open_careful(path, OFlags::NOFOLLOW, options)
}

fn may_open(found: io::Result<Metadata>) -> io::Result<()> {
    match found {
        Ok(metadata) => regular(&metadata),
        Err(cause) if cause.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(cause) => Err(cause),
    }
}

/// Returns true if the file has no name any more, and no other descriptor has it open or mapped, in this
/// process or another: it is out of reach then, and its content is ours to throw away. False where the
/// file system cannot tell.
///
/// The kernel grants a lease for writing on just this condition (`fcntl(2)`, `F_SETLEASE`). It is given
/// back at once; a signal that is ignored would announce a process that came in between, through `/proc`.
#[allow(unsafe_code, reason = "no crate that we use offers leases")]
pub(in crate::store) fn is_ours_alone(file: &File) -> bool {
    // From asm-generic/fcntl.h, missing in `libc`: chooses the signal.
    const F_SETSIG: libc::c_int = 10;
    let control = |command, argument: libc::c_int| {
        // SAFETY: The descriptor is open for as long as `file` is borrowed, and these three commands take
        // an integer and touch no memory of ours.
        unsafe { libc::fcntl(file.as_raw_fd(), command, argument) == 0 }
    };
    let nameless = file.metadata().is_ok_and(|metadata| metadata.nlink() == 0);
    nameless
        && control(F_SETSIG, libc::SIGURG)
        && control(libc::F_SETLEASE, libc::F_WRLCK)
        && control(libc::F_SETLEASE, libc::F_UNLCK)
}

/// Like [`open`], for our own files: a symlink in their place is refused.
pub(in crate::store) fn open_own(
    path: &Path,
    options: &mut OpenOptions,
) -> io::Result<(File, Metadata)> {
    open_careful(path, OFlags::NOFOLLOW, options)
}

fn open_careful(
    path: &Path,
    flags: OFlags,
    options: &mut OpenOptions,
) -> io::Result<(File, Metadata)> {
    let flags = i32::try_from((CAREFUL | flags).bits()).map_err(io::Error::other)?;
    let file = options.custom_flags(flags).open(path)?;
    let metadata = file.metadata()?;
    regular(&metadata)?;
    Ok((file, metadata))
}

pub(in crate::store) fn regular(metadata: &Metadata) -> io::Result<()> {
    let kind = metadata.file_type();
    if kind.is_file() {
        return Ok(());
    }
    let what = if kind.is_dir() {
        "it is a directory; give the path of a file in it"
    } else if kind.is_fifo() {
        "it is a named pipe, not a regular file"
    } else if kind.is_socket() {
        "it is a socket, not a regular file"
    } else if kind.is_symlink() {
        "it is a symbolic link; give the path that it leads to"
    } else {
        "it is a device, not a regular file"
    };
    Err(io::Error::new(io::ErrorKind::Unsupported, what))
}

/// The byte before `end`, or `None` for an empty file.
pub(in crate::store) fn last_byte(file: &File, end: u64) -> io::Result<Option<u8>> {
    let Some(at) = end.checked_sub(1) else { return Ok(None) };
    let mut byte = [0];
    file.read_exact_at(&mut byte, at)?;
    Ok(Some(byte[0]))
}

/// The number of lines that end in these bytes.
pub(in crate::store) fn line_ends(bytes: &[u8]) -> u64 {
    memchr::memchr_iter(b'\n', bytes).count() as u64
}

/// The length, and whether the last line lacks its end.
pub(in crate::store) fn end(file: &File) -> io::Result<(u64, bool)> {
    let length = file.metadata()?.len();
    Ok((length, last_byte(file, length)?.is_some_and(|byte| byte != b'\n')))
}

/// Where the next data begins and ends, `start` at the earliest and `end` at the latest. A file system that
/// knows of no holes has nothing but data. The place of the descriptor moves.
pub(in crate::store) fn next_data(file: &File, start: u64, end: u64) -> (u64, u64) {
    let data = match seek(file, SeekFrom::Data(start)) {
        Ok(data) => data.clamp(start, end),
        // There is none up to the end of the file.
        Err(Errno::NXIO) => return (end, end),
        Err(_) => return (start, end),
    };
    let hole = if data < end { seek(file, SeekFrom::Hole(data)) } else { Ok(end) };
    (data, hole.map_or(end, |hole| hole.clamp(data, end)))
}

/// Makes the names in a directory durable, where the file system has a call for that.
pub(in crate::store) fn sync_dir(dir: &Path, faults: &Faults) -> io::Result<()> {
    let synced = faults
        .check(Op::SyncDir)
        .and_then(|()| OpenOptions::new().read(true).open(dir))
        .and_then(|dir| dir.sync_all());
    match synced {
        Err(cause) if is_missing(&cause, &[Errno::INVAL, Errno::OPNOTSUPP]) => {
            warn_once(
                dir,
                "this file system cannot sync a directory: after a power cut the name of a new file, or \
                 what was rewritten, can be as before",
            );
            Ok(())
        }
        synced => synced,
    }
}

/// The file system lacks the call, which is no failure of the device.
fn is_missing(cause: &io::Error, errors: &[Errno]) -> bool {
    cause.raw_os_error().is_some_and(|raw| errors.contains(&Errno::from_raw_os_error(raw)))
}

/// Logs what a file system lacks, once for each path and process.
fn warn_once(path: &Path, message: &'static str) {
    static SAID: Mutex<BTreeSet<(PathBuf, &'static str)>> = Mutex::new(BTreeSet::new());
    if locked(&SAID).insert((path.to_owned(), message)) {
        tracing::warn!(path = %path.display(), "{message}");
    }
}

/// Renames, but never over something.
pub(in crate::store) fn rename_new(from: &Path, to: &Path) -> io::Result<()> {
    match renameat_with(CWD, from, CWD, to, RenameFlags::NOREPLACE) {
        // Not every file system can do that.
        Err(Errno::INVAL | Errno::NOSYS | Errno::OPNOTSUPP) => {
            fs::hard_link(from, to)?;
            fs::remove_file(from)
        }
        result => result.map_err(io::Error::from),
    }
}

/// An advisory lock that is held until this is dropped.
#[derive(Debug)]
pub(in crate::store) struct Held<F: AsFd>(F);

impl<F: AsFd> Held<F> {
    /// Takes over a file that is locked already.
    pub fn adopt(file: F) -> Self {
        Self(file)
    }
}

impl<F: AsFd> Deref for Held<F> {
    type Target = F;

    fn deref(&self) -> &F {
        &self.0
    }
}

impl<F: AsFd> Drop for Held<F> {
    fn drop(&mut self) {
        // Closing the file would release it as well, so a failure does not matter.
        let _ = flock(&self.0, FlockOperation::Unlock);
    }
}

/// What `flock` has to say where it does not block.
pub(in crate::store) enum Tried {
    Locked,
    /// Somebody else holds the lock.
    Busy,
    /// The file system has no locks.
    Unsupported,
}

/// Asks for the file's lock.
pub(in crate::store) fn try_lock(
    file: impl AsFd,
    exclusive: bool,
    faults: &Faults,
) -> io::Result<Tried> {
    let operation = if exclusive {
        FlockOperation::NonBlockingLockExclusive
    } else {
        FlockOperation::NonBlockingLockShared
    };
    loop {
        match faults.check(Op::Lock).and_then(|()| Ok(flock(&file, operation)?)) {
            Ok(()) => return Ok(Tried::Locked),
            Err(cause) if is_missing(&cause, &[Errno::INTR]) => {}
            Err(cause) if is_missing(&cause, &[Errno::WOULDBLOCK]) => return Ok(Tried::Busy),
            Err(cause) if is_missing(&cause, &[Errno::NOSYS, Errno::OPNOTSUPP, Errno::NOLCK]) => {
                return Ok(Tried::Unsupported);
            }
            Err(cause) => return Err(cause),
        }
    }
}

/// Says that no process is kept from writing at the same time.
pub(in crate::store) fn warn_of_no_locks(path: &Path) {
    warn_once(
        path,
        "this file system has no locks: let only one process at a time write to the journal",
    );
}

/// Waits for the file's lock until the deadline, on a thread that may block. Where the file system has no
/// locks, reading goes on without one, and writing with a warning.
///
/// Waiting in `flock` itself could not be bounded, so this asks again and again: quickly at first,
/// because writers hold the lock for the time of one write.
pub(in crate::store) fn lock<F: AsFd>(
    file: F,
    exclusive: bool,
    deadline: Instant,
    path: &Path,
    faults: &Faults,
) -> Result<Held<F>, StoreError> {
    let mut pause = Duration::from_micros(50);
    loop {
        match try_lock(&file, exclusive, faults).map_err(|cause| failure("lock", path, cause))? {
            Tried::Locked => return Ok(Held(file)),
            Tried::Unsupported => {
                if exclusive {
                    warn_of_no_locks(path);
                }
                return Ok(Held(file));
            }
            Tried::Busy => {}
        }
        if Instant::now() >= deadline {
            return Err(StoreError::new(
                StoreErrorKind::Locked,
                format!(
                    "another process holds the lock of {}; `fuser -v` shows which, try again later",
                    path.display()
                ),
            ));
        }
        thread::sleep(pause);
        pause = (pause * 3 / 2).min(Duration::from_micros(500));
    }
}

/// An I/O failure, with the path and what helps. This is where the number of an error becomes a class.
pub(in crate::store) fn failure(doing: &str, path: &Path, cause: io::Error) -> StoreError {
    let place = path.display();
    if let Some(obstacle) = obstacle::explain(path, &cause) {
        let message = format!("cannot {doing} {place}; {}", obstacle.advice());
        return StoreError::new(obstacle.kind(), message).caused_by(cause);
    }
    let advice = match cause.kind() {
        io::ErrorKind::PermissionDenied if cause.raw_os_error() == Some(libc::EPERM) => {
            "; check the attributes of it and of its directory (lsattr), and what a security module forbids"
        }
        io::ErrorKind::PermissionDenied => "; check the owner and mode of it and of its directory",
        io::ErrorKind::ReadOnlyFilesystem => "; the file system is mounted read-only",
        io::ErrorKind::StorageFull => "; free some space and try again",
        io::ErrorKind::QuotaExceeded => "; the user's disk quota is used up",
        io::ErrorKind::FileTooLarge => "; the limit on the size of files is reached (ulimit -f)",
        _ => match cause.raw_os_error() {
            Some(libc::EMFILE) => "; the limit on open files is reached (ulimit -n)",
            _ => "",
        },
    };
    StoreError::io(format!("cannot {doing} {place}{advice}"), cause)
}

/// Another process, or something that is not a journal of ours, changed the file under a rewrite.
pub(in crate::store) fn changed_meanwhile(path: &Path) -> StoreError {
    StoreError::new(
        StoreErrorKind::Locked,
        format!("{} was replaced or changed meanwhile; try again", path.display()),
    )
}

/// A panic elsewhere does not make this data worse than an error would.
pub(in crate::store) fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Runs what can block where it may.
pub(in crate::store) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, StoreError> + Send + 'static,
) -> Result<T, StoreError> {
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result,
        Err(cause) => Err(StoreError::new(
            StoreErrorKind::Failed,
            "the operation was cut off because the runtime is shutting down",
        )
        .caused_by(cause)),
    }
}
