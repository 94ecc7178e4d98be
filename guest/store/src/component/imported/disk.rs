//! The host's files as a disk for the file protocol.

use std::io::{self, ErrorKind, IoSlice};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use papyra_file_store::disk::{Create, FileId, FileKind, How, Metadata, NotAlike, Tried};
use papyra_file_store::{Disk, DiskFile};

use super::transfer;
use crate::component::bytes::{joined, read_all};
use crate::component::papyra::persistence::disk as host;
#[cfg(feature = "python")]
use crate::component::preopened::Roots;
use crate::component::wasi::clocks::wall_clock;

/// The most that is read in one call, as much as the engine asks for.
const PIECE: u64 = 1 << 20;

#[derive(Debug)]
pub(super) struct HostDisk {
    user: Option<u32>,
    #[cfg(feature = "python")]
    roots: Option<Arc<Roots>>,
}

impl HostDisk {
    pub fn new(user: Option<u32>, read_by_wasi: bool) -> Self {
        #[cfg(not(feature = "python"))]
        let _ = read_by_wasi;
        Self {
            user,
            #[cfg(feature = "python")]
            roots: read_by_wasi.then(|| Arc::new(Roots::new(None))),
        }
    }
}

fn failed(failure: host::Failure) -> io::Error {
    let kind = match failure.cause {
        host::Cause::NotFound => ErrorKind::NotFound,
        host::Cause::AlreadyExists => ErrorKind::AlreadyExists,
        host::Cause::Denied => ErrorKind::PermissionDenied,
        host::Cause::ReadOnly => ErrorKind::ReadOnlyFilesystem,
        host::Cause::Full => ErrorKind::StorageFull,
        host::Cause::Quota => ErrorKind::QuotaExceeded,
        host::Cause::TooLarge => ErrorKind::FileTooLarge,
        host::Cause::Unsupported => ErrorKind::Unsupported,
        host::Cause::Other => ErrorKind::Other,
    };
    io::Error::new(kind, failure.message)
}

fn metadata_of(found: host::Metadata) -> Metadata {
    Metadata {
        id: FileId { device: found.device, inode: found.inode },
        length: found.length,
        links: found.links,
        modified: Some(Duration::from_nanos(found.modified)),
        owner: found.owner,
        kind: match found.kind {
            host::FileKind::Regular => FileKind::Regular,
            host::FileKind::Directory => FileKind::Directory,
            host::FileKind::Link => FileKind::Link,
            host::FileKind::Pipe => FileKind::Pipe,
            host::FileKind::Socket => FileKind::Socket,
            host::FileKind::Device => FileKind::Device,
        },
    }
}

/// A path as the host knows it: it is made of what the host has said, so it is text.
fn told(path: &Path) -> io::Result<&str> {
    path.to_str().ok_or_else(|| io::Error::new(ErrorKind::InvalidInput, "the path is no text"))
}

fn nanoseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

impl Disk for HostDisk {
    fn open(&self, path: &Path, how: How) -> io::Result<Arc<dyn DiskFile>> {
        let How { write, append, create, here, private } = how;
        let create = match create {
            Create::No => host::Create::No,
            Create::IfMissing => host::Create::IfMissing,
            Create::New => host::Create::New,
        };
        let how = host::How { write, append, create, here, private };
        let opened = Opened(host::open(told(path)?, how).map_err(failed)?);
        let id = metadata_of(transfer::fstat(opened.0).map_err(failed)?).id;
        Ok(Arc::new(HostFile {
            opened,
            id,
            #[cfg(feature = "python")]
            path: path.to_owned(),
            #[cfg(feature = "python")]
            roots: self.roots.clone(),
        }))
    }

    fn metadata(&self, path: &Path, follow: bool) -> io::Result<Metadata> {
        transfer::stat(told(path)?, follow).map(metadata_of).map_err(failed)
    }

    fn real_path(&self, path: &Path) -> io::Result<PathBuf> {
        host::real_path(told(path)?).map(PathBuf::from).map_err(failed)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        host::rename(told(from)?, told(to)?).map_err(failed)
    }

    fn rename_new(&self, from: &Path, to: &Path) -> io::Result<()> {
        host::rename_new(told(from)?, told(to)?).map_err(failed)
    }

    fn link(&self, from: &Path, to: &Path) -> io::Result<()> {
        host::link(told(from)?, told(to)?).map_err(failed)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        host::remove(told(path)?).map_err(failed)
    }

    fn create_dir(&self, path: &Path) -> io::Result<()> {
        host::create_dir(told(path)?).map_err(failed)
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<String>> {
        host::list_dir(told(dir)?).map_err(failed)
    }

    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        host::sync_dir(told(dir)?).map_err(failed)
    }

    fn user(&self) -> Option<u32> {
        self.user
    }

    fn now(&self) -> Duration {
        Duration::from_nanos(host::monotonic())
    }

    fn wall_clock(&self) -> Duration {
        let wall_clock::Datetime { seconds, nanoseconds } = wall_clock::now();
        Duration::new(seconds, nanoseconds)
    }

    fn sleep(&self, duration: Duration) {
        host::sleep(nanoseconds(duration));
    }
}

/// Closes the file when it is dropped.
#[derive(Debug)]
struct Opened(host::File);

impl Drop for Opened {
    fn drop(&mut self) {
        host::close(self.0);
    }
}

#[derive(Debug)]
pub(super) struct HostFile {
    opened: Opened,
    id: FileId,
    /// The name by which it was opened.
    #[cfg(feature = "python")]
    pub path: PathBuf,
    #[cfg(feature = "python")]
    pub roots: Option<Arc<Roots>>,
}

impl HostFile {
    /// Which file its name leads to now.
    #[cfg(feature = "python")]
    pub fn named(&self) -> io::Result<FileId> {
        let found = transfer::stat(told(&self.path)?, true).map_err(failed)?;
        Ok(metadata_of(found).id)
    }

    fn piece(&self, at: u64, length: u64) -> io::Result<Vec<u8>> {
        let length = length.min(PIECE);
        let most = u32::try_from(length).unwrap_or(u32::MAX);
        let mut bytes = transfer::read(self.opened.0, at, most).map_err(failed)?;
        // A host that gives more than was asked for is not trusted.
        bytes.truncate(usize::try_from(length).unwrap_or(usize::MAX));
        Ok(bytes)
    }
}

impl DiskFile for HostFile {
    fn id(&self) -> FileId {
        self.id
    }

    fn metadata(&self) -> io::Result<Metadata> {
        transfer::fstat(self.opened.0).map(metadata_of).map_err(failed)
    }

    fn read_at(&self, buffer: &mut [u8], at: u64) -> io::Result<usize> {
        let bytes = self.piece(at, buffer.len() as u64)?;
        if let Some(room) = buffer.get_mut(..bytes.len()) {
            room.copy_from_slice(&bytes);
        }
        Ok(bytes.len())
    }

    fn read(&self, start: u64, end: u64) -> io::Result<Vec<u8>> {
        read_all(start, end, |at, length| self.piece(at, length))
    }

    fn append(&self, pieces: &[IoSlice<'_>]) -> io::Result<usize> {
        let bytes = joined(pieces);
        let written = transfer::append(self.opened.0, &bytes).map_err(failed)?;
        Ok(usize::try_from(written).unwrap_or(usize::MAX).min(bytes.len()))
    }

    fn start_appending(&self) -> io::Result<()> {
        host::start_appending(self.opened.0).map_err(failed)
    }

    fn write_at(&self, bytes: &[u8], at: u64) -> io::Result<()> {
        transfer::write(self.opened.0, at, bytes).map_err(failed)
    }

    fn set_len(&self, length: u64) -> io::Result<()> {
        host::set_length(self.opened.0, length).map_err(failed)
    }

    fn sync_data(&self) -> io::Result<()> {
        transfer::sync(self.opened.0, false).map_err(failed)
    }

    fn sync_all(&self) -> io::Result<()> {
        transfer::sync(self.opened.0, true).map_err(failed)
    }

    fn lock(&self, exclusive: bool) -> io::Result<Tried> {
        Ok(match transfer::lock(self.opened.0, exclusive).map_err(failed)? {
            host::Tried::Locked => Tried::Locked,
            host::Tried::Busy => Tried::Busy,
            host::Tried::Unsupported => Tried::Unsupported,
        })
    }

    fn unlock(&self) {
        host::unlock(self.opened.0);
    }

    fn copy_from(&self, source: &dyn DiskFile, start: u64, end: u64, at: u64) -> io::Result<u64> {
        let Some(source) = source.as_any().downcast_ref::<Self>() else { return Ok(0) };
        let copied = host::copy(source.opened.0, start, end, self.opened.0, at).map_err(failed)?;
        Ok(copied.min(end.saturating_sub(start)))
    }

    fn resemble(&self, other: &dyn DiskFile, quarantine: bool) -> Result<(), NotAlike> {
        let Some(other) = other.as_any().downcast_ref::<Self>() else { return Ok(()) };
        let done = host::resemble(self.opened.0, other.opened.0, quarantine);
        done.map_err(|failure| match failure.cause {
            host::Cause::Denied => NotAlike::Owner(failed(failure)),
            _ => NotAlike::Other(failed(failure)),
        })
    }

    fn as_any(&self) -> &dyn std::any::Any {
        self
    }
}
