//! An open file of the operating system.

use std::fs::{self, File};
use std::io::{self, IoSlice, Write};
use std::num::NonZeroU64;
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileExt, MetadataExt, PermissionsExt, fchown};
use std::sync::atomic::{AtomicBool, Ordering};

use papyra_file_store::DiskFile;
use papyra_file_store::disk::{FileId, Metadata, NotAlike, Tried};
use rustix::buffer::spare_capacity;
use rustix::fs::{
    Advice, FallocateFlags, FlockOperation, OFlags, SeekFrom, XattrFlags, fcntl_getfl, fcntl_setfl,
    flock, seek,
};
use rustix::io::Errno;
use tokio::runtime::Handle;

use super::{id_of, metadata_of};

/// `statfs` calls ext4 this.
const EXT4: u64 = 0xEF53;

/// To look for a shorter hole costs more than to read it.
const HOLE: usize = 64 << 10;

#[derive(Debug)]
pub(in crate::store) struct OsFile {
    /// Absent while it is being dropped.
    file: Option<File>,
    id: FileId,
    /// What is written goes to the end, wherever it is told to go.
    appending: AtomicBool,
}

impl OsFile {
    pub fn new(file: File, appending: bool) -> io::Result<Self> {
        let id = id_of(&file.metadata()?);
        Ok(Self { file: Some(file), id, appending: AtomicBool::new(appending) })
    }

    fn file(&self) -> io::Result<&File> {
        self.file.as_ref().ok_or_else(|| io::Error::other("the file is closed"))
    }

    fn set_appending(&self, appending: bool) -> io::Result<()> {
        let file = self.file()?;
        let mut flags = fcntl_getfl(file)?;
        flags.set(OFlags::APPEND, appending);
        fcntl_setfl(file, flags)?;
        self.appending.store(appending, Ordering::Relaxed);
        Ok(())
    }

    /// Returns true if the file has no name any more, and no other descriptor has it open or mapped, in this
    /// process or another: it is out of reach then, and its content is ours to throw away. False where the
    /// file system cannot tell.
    ///
    /// The kernel grants a lease for writing on just this condition (`fcntl(2)`, `F_SETLEASE`). It is given
    /// back at once; a signal that is ignored would announce a process that came in between, through `/proc`.
    #[allow(unsafe_code, reason = "no crate that we use offers leases")]
    pub(super) fn is_ours_alone(&self) -> bool {
        // From asm-generic/fcntl.h, missing in `libc`: chooses the signal.
        const F_SETSIG: libc::c_int = 10;
        let Ok(file) = self.file() else { return false };
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
}

impl Drop for OsFile {
    /// The last close of a file that a rewrite has replaced gives back its blocks, which takes about
    /// 30 ms for 100 MB: too long for a thread that runs tasks.
    fn drop(&mut self) {
        let Some(file) = self.file.take() else { return };
        let replaced = || file.metadata().is_ok_and(|metadata| metadata.nlink() == 0);
        if let Ok(runtime) = Handle::try_current()
            && replaced()
        {
            drop(runtime.spawn_blocking(move || drop(OwnedFd::from(file))));
        }
    }
}

/// What the system has to say to a request for a lock that does not wait.
pub(in crate::store) fn tried(answer: io::Result<()>) -> io::Result<Tried> {
    let Err(cause) = answer else { return Ok(Tried::Locked) };
    match cause.raw_os_error().map(Errno::from_raw_os_error) {
        Some(Errno::WOULDBLOCK) => Ok(Tried::Busy),
        Some(Errno::NOSYS | Errno::OPNOTSUPP | Errno::NOLCK) => Ok(Tried::Unsupported),
        _ => Err(cause),
    }
}

/// Reads into the spare capacity of `bytes` what the kernel has cached, and returns how much that was. The memory is
/// not cleared first.
#[allow(unsafe_code, reason = "rustix reads into cleared memory only when it may not wait")]
fn read_without_waiting(file: &File, bytes: &mut Vec<u8>, at: u64) -> usize {
    let Ok(at) = libc::off_t::try_from(at) else { return 0 };
    let spare = bytes.spare_capacity_mut();
    let piece = libc::iovec { iov_base: spare.as_mut_ptr().cast(), iov_len: spare.len() };
    // SAFETY: The one piece is the spare capacity of `bytes`, which nothing else refers to.
    let count =
        unsafe { libc::preadv2(file.as_raw_fd(), &raw const piece, 1, at, libc::RWF_NOWAIT) };
    let Ok(count) = usize::try_from(count) else { return 0 };
    // SAFETY: The kernel has written these bytes, which are part of the spare capacity.
    unsafe { bytes.set_len(bytes.len() + count) };
    count
}

/// The result of a call that no signal has interrupted.
fn uninterrupted<T>(mut call: impl FnMut() -> io::Result<T>) -> io::Result<T> {
    loop {
        match call() {
            Err(cause) if cause.kind() == io::ErrorKind::Interrupted => {}
            result => return result,
        }
    }
}

impl DiskFile for OsFile {
    fn id(&self) -> FileId {
        self.id
    }

    fn metadata(&self) -> io::Result<Metadata> {
        Ok(metadata_of(&self.file()?.metadata()?))
    }

    fn read_at(&self, buffer: &mut [u8], at: u64) -> io::Result<usize> {
        let file = self.file()?;
        uninterrupted(|| file.read_at(buffer, at))
    }

    /// Reads into memory that is not cleared first.
    fn read(&self, start: u64, end: u64) -> io::Result<Vec<u8>> {
        let file = self.file()?;
        let length = usize::try_from(end.saturating_sub(start)).map_err(io::Error::other)?;
        let mut bytes = Vec::with_capacity(length);
        while bytes.len() < length {
            let at = start + bytes.len() as u64;
            match rustix::io::pread(file, spare_capacity(&mut bytes), at) {
                Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(_) | Err(Errno::INTR) => {}
                Err(errno) => return Err(errno.into()),
            }
        }
        // The allocator may have given more than was asked for.
        bytes.truncate(length);
        Ok(bytes)
    }

    fn read_cached(&self, start: u64, end: u64) -> Option<Vec<u8>> {
        let length = usize::try_from(end.saturating_sub(start)).ok()?;
        let file = self.file().ok()?;
        // Of a hole the kernel would fill its cache with zeros, ahead of what is asked for as well.
        if length >= HOLE && self.next_data(start, end).0 >= end {
            let there = file.metadata().is_ok_and(|metadata| metadata.len() >= end);
            return there.then(|| vec![0; length]);
        }
        let mut bytes = Vec::with_capacity(length);
        (read_without_waiting(file, &mut bytes, start) >= length).then(|| {
            // The allocator may have given more than was asked for.
            bytes.truncate(length);
            bytes
        })
    }

    fn append(&self, pieces: &[IoSlice<'_>]) -> io::Result<usize> {
        let mut file = self.file()?;
        uninterrupted(|| file.write_vectored(pieces))
    }

    fn start_appending(&self) -> io::Result<()> {
        self.set_appending(true)
    }

    fn write_at(&self, bytes: &[u8], at: u64) -> io::Result<()> {
        // `pwrite` on a descriptor that appends would append.
        if self.appending.load(Ordering::Relaxed) {
            self.set_appending(false)?;
        }
        self.file()?.write_all_at(bytes, at)
    }

    fn set_len(&self, length: u64) -> io::Result<()> {
        self.file()?.set_len(length)
    }

    fn sync_data(&self) -> io::Result<()> {
        self.file()?.sync_data()
    }

    fn sync_all(&self) -> io::Result<()> {
        self.file()?.sync_all()
    }

    fn lock(&self, exclusive: bool) -> io::Result<Tried> {
        let file = self.file()?;
        let operation = if exclusive {
            FlockOperation::NonBlockingLockExclusive
        } else {
            FlockOperation::NonBlockingLockShared
        };
        tried(uninterrupted(|| Ok(flock(file, operation)?)))
    }

    fn unlock(&self) {
        if let Ok(file) = self.file() {
            // Closing the file would release it as well, so a failure does not matter.
            let _ = flock(file, FlockOperation::Unlock);
        }
    }

    /// Inside the kernel, which shares the blocks where the file system can.
    fn copy_from(&self, source: &dyn DiskFile, start: u64, end: u64, at: u64) -> io::Result<u64> {
        let Some(source) = source.as_any().downcast_ref::<Self>() else { return Ok(0) };
        let (from, to) = (source.file()?, self.file()?);
        let length = usize::try_from(end.saturating_sub(start)).unwrap_or(usize::MAX);
        let mut done = 0;
        loop {
            let (mut from_at, mut to_at) = (start, at);
            let copied =
                rustix::fs::copy_file_range(from, Some(&mut from_at), to, Some(&mut to_at), length);
            match copied {
                Ok(count) => done += count as u64,
                Err(Errno::INTR) => continue,
                // 0 is also what some file systems in user space pretend.
                Err(Errno::XDEV | Errno::INVAL | Errno::NOSYS | Errno::OPNOTSUPP | Errno::PERM) => {
                }
                Err(errno) => return Err(errno.into()),
            }
            break;
        }
        // Starts writing to the disk while more is copied; otherwise the sync at the end would take as
        // long again as the copy. This advice does just that to pages that are dirty.
        let _ = rustix::fs::fadvise(to, at, NonZeroU64::new(done), Advice::DontNeed);
        Ok(done)
    }

    /// A file system that knows of no holes has nothing but data. The place of the descriptor moves.
    fn next_data(&self, start: u64, end: u64) -> (u64, u64) {
        let Ok(file) = self.file() else { return (start, end) };
        let data = match seek(file, SeekFrom::Data(start)) {
            Ok(data) => data.clamp(start, end),
            // There is none up to the end of the file.
            Err(Errno::NXIO) => return (end, end),
            Err(_) => return (start, end),
        };
        let hole = if data < end { seek(file, SeekFrom::Hole(data)) } else { Ok(end) };
        (data, hole.map_or(end, |hole| hole.clamp(data, end)))
    }

    /// Where blocks cannot be shared instead: ext4 then copies faster (43 ms instead of 60 ms for 150 MB),
    /// and a disk that is too small shows at once.
    fn reserve(&self, at: u64, bytes: u64) -> io::Result<()> {
        let file = self.file()?;
        let ext4 = rustix::fs::fstatfs(file).is_ok_and(|fs| u64::try_from(fs.f_type) == Ok(EXT4));
        if !ext4 {
            return Ok(());
        }
        match rustix::fs::fallocate(file, FallocateFlags::KEEP_SIZE, at, bytes) {
            Err(Errno::NOSPC) => Err(Errno::NOSPC.into()),
            // It is only a help.
            _ => Ok(()),
        }
    }

    fn resemble(&self, other: &dyn DiskFile, quarantine: bool) -> Result<(), NotAlike> {
        let Some(other) = other.as_any().downcast_ref::<Self>() else { return Ok(()) };
        let other = other.file().map_err(NotAlike::Other)?;
        let file = self.file().map_err(NotAlike::Other)?;
        let was = other.metadata().map_err(NotAlike::Other)?;
        let is = file.metadata().map_err(NotAlike::Other)?;
        let mut given = Ok(());
        if (was.uid(), was.gid()) != (is.uid(), is.gid()) {
            // First, because it clears the set-id bits.
            given = fchown(file, Some(was.uid()), Some(was.gid()));
        }
        if quarantine {
            // Only root can give files away; any other user keeps the quarantine file as its own.
            let grouped = given.is_ok() || fchown(file, None, Some(was.gid())).is_ok();
            return share(other, file, was.mode(), grouped).map_err(NotAlike::Other);
        }
        given.map_err(NotAlike::Owner)?;
        let mode = fs::Permissions::from_mode(was.mode() & 0o7777);
        file.set_permissions(mode).map_err(NotAlike::Other)?;
        copy_attributes(other, file).map_err(NotAlike::Other)
    }

    fn as_any(&self) -> &dyn std::any::Any {
        self
    }
}

/// Lets those read and write `to` who may do so with `from`, whose mode this is; in doubt fewer. `grouped`: both
/// have the same group.
fn share(from: &File, to: &File, mode: u32, grouped: bool) -> io::Result<()> {
    const LIST: &str = "system.posix_acl_access";
    let mut list = vec![0; 64 * 1024];
    let listed = rustix::fs::fgetxattr(from, LIST, &mut list[..]);
    // Beside an access list the group's rights in the mode are the most that anybody in the list has.
    let mask = if grouped && listed.is_err() { 0o666 } else { 0o606 };
    to.set_permissions(fs::Permissions::from_mode(mode & mask))?;
    if let (true, Ok(length)) = (grouped, listed) {
        // Refused by a file system that has no lists.
        let list = list.get(..length).unwrap_or_default();
        let _ = rustix::fs::fsetxattr(to, LIST, list, XattrFlags::empty());
    }
    Ok(())
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
