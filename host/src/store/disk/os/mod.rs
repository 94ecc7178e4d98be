//! The disk that the operating system has. This is the only place of the stores with system calls.

mod background;
mod file;
mod obstacle;

use std::fs::{self, OpenOptions};
use std::io;
use std::os::unix::fs::{FileTypeExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock};
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use papyra_file_store::disk::{Create, FileId, FileKind, How, Metadata, Reason};
use papyra_file_store::{Disk, DiskFile};
use rustix::fs::{CWD, OFlags, RenameFlags, renameat_with};
use rustix::io::Errno;

use self::background::Background;
use self::file::OsFile;
#[cfg(test)]
pub(in crate::store) use self::file::tried;

/// Never wait in `open`, never follow a FIFO into a hang, never become a controlling terminal.
const CAREFUL: OFlags = OFlags::NONBLOCK.union(OFlags::NOCTTY).union(OFlags::CLOEXEC);

/// The moment from which [`Disk::now`] counts.
static BEGAN: LazyLock<Instant> = LazyLock::new(Instant::now);

/// The files of this system. Each store has a value of its own.
#[derive(Debug, Default)]
pub(in crate::store) struct OsDisk {
    background: Background,
}

/// Opens a regular file to be read, and nothing else: devices are not even opened, since that alone can have
/// effects.
#[cfg(feature = "config")]
pub(crate) fn open_regular(path: &Path) -> io::Result<(fs::File, fs::Metadata)> {
    let file = open(path, How::READ)?;
    let metadata = file.metadata()?;
    Ok((file, metadata))
}

fn open(path: &Path, how: How) -> io::Result<fs::File> {
    let looked = if how.here { fs::symlink_metadata(path) } else { fs::metadata(path) };
    match looked {
        Err(cause) if cause.kind() == io::ErrorKind::NotFound => {}
        looked => regular(&looked?)?,
    }
    let careful = if how.here { CAREFUL | OFlags::NOFOLLOW } else { CAREFUL };
    let mut options = OpenOptions::new();
    options.custom_flags(i32::try_from(careful.bits()).map_err(io::Error::other)?);
    options.read(true).write(how.write && !how.append).append(how.append);
    match how.create {
        Create::No => {}
        Create::IfMissing => drop(options.create(true)),
        Create::New => drop(options.create_new(true)),
    }
    if how.private {
        options.mode(0o600);
    }
    let file = options.open(path)?;
    regular(&file.metadata()?)?;
    Ok(file)
}

fn regular(metadata: &fs::Metadata) -> io::Result<()> {
    kind_of(metadata).may_be_a_journal()
}

fn kind_of(metadata: &fs::Metadata) -> FileKind {
    let kind = metadata.file_type();
    if kind.is_file() {
        FileKind::Regular
    } else if kind.is_dir() {
        FileKind::Directory
    } else if kind.is_fifo() {
        FileKind::Pipe
    } else if kind.is_socket() {
        FileKind::Socket
    } else if kind.is_symlink() {
        FileKind::Link
    } else {
        FileKind::Device
    }
}

fn id_of(metadata: &fs::Metadata) -> FileId {
    FileId { device: metadata.dev(), inode: metadata.ino() }
}

fn metadata_of(metadata: &fs::Metadata) -> Metadata {
    Metadata {
        id: id_of(metadata),
        length: metadata.len(),
        links: metadata.nlink(),
        modified: u64::try_from(metadata.mtime()).ok().map(Duration::from_secs),
        owner: Some(metadata.uid()),
        kind: kind_of(metadata),
    }
}

/// A call that the file system does not have, by one of these numbers.
fn unsupported(cause: io::Error, numbers: &[Errno]) -> io::Error {
    let number = cause.raw_os_error().map(Errno::from_raw_os_error);
    if number.is_some_and(|number| numbers.contains(&number)) {
        io::Error::new(io::ErrorKind::Unsupported, cause)
    } else {
        cause
    }
}

/// What a file system that cannot sync a directory answers is no failure of the device.
pub(in crate::store) fn synced_dir(synced: io::Result<()>) -> io::Result<()> {
    synced.map_err(|cause| unsupported(cause, &[Errno::INVAL, Errno::OPNOTSUPP]))
}

impl Disk for OsDisk {
    fn open(&self, path: &Path, how: How) -> io::Result<Arc<dyn DiskFile>> {
        Ok(Arc::new(OsFile::new(open(path, how)?, how.append)?))
    }

    fn metadata(&self, path: &Path, follow: bool) -> io::Result<Metadata> {
        let found = if follow { fs::metadata(path) } else { fs::symlink_metadata(path) };
        Ok(metadata_of(&found?))
    }

    fn real_path(&self, path: &Path) -> io::Result<PathBuf> {
        fs::canonicalize(path)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        fs::rename(from, to)
    }

    fn rename_new(&self, from: &Path, to: &Path) -> io::Result<()> {
        let renamed = renameat_with(CWD, from, CWD, to, RenameFlags::NOREPLACE);
        let missing = [Errno::INVAL, Errno::NOSYS, Errno::OPNOTSUPP];
        renamed.map_err(|errno| unsupported(errno.into(), &missing))
    }

    fn link(&self, from: &Path, to: &Path) -> io::Result<()> {
        fs::hard_link(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        fs::remove_file(path)
    }

    fn create_dir(&self, path: &Path) -> io::Result<()> {
        fs::create_dir(path)
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<String>> {
        let name =
            |entry: io::Result<fs::DirEntry>| Ok(entry?.file_name().to_string_lossy().into_owned());
        fs::read_dir(dir)?.map(name).collect()
    }

    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        let opened = OpenOptions::new().read(true).open(dir);
        synced_dir(opened.and_then(|dir| dir.sync_all()))
    }

    fn may_replace(&self, path: &Path) -> Result<(), Reason> {
        obstacle::of_replacing(path).map_or(Ok(()), |obstacle| Err(obstacle.reason()))
    }

    fn may_write_in(&self, dir: &Path) -> io::Result<()> {
        obstacle::may_write_in(dir)
    }

    fn explain(&self, path: &Path, error: &io::Error) -> Option<Reason> {
        obstacle::explain(path, error)
    }

    fn user(&self) -> Option<u32> {
        Some(rustix::process::geteuid().as_raw())
    }

    fn now(&self) -> Duration {
        BEGAN.elapsed()
    }

    fn wall_clock(&self) -> Duration {
        SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default()
    }

    fn sleep(&self, duration: Duration) {
        thread::sleep(duration);
    }

    fn later(&self, work: Box<dyn FnOnce() + Send>) {
        self.background.count(work);
    }

    fn let_go(&self, file: Arc<dyn DiskFile>) {
        self.background.free(file);
    }
}
