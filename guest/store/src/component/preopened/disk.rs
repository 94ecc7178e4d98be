//! The preopened directories as a disk for the file protocol. What WASI lacks is said there: it has no
//! locks, no modes and owners, and cannot refuse to rename onto a name that is taken.

use std::io::{self, ErrorKind, IoSlice};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use papyra_file_store::disk::{Create, FileId, FileKind, How, Metadata, Tried};
use papyra_file_store::{Disk, DiskFile, parent};

use super::errors::{error, stream_error};
use super::{Ahead, Roots};
use crate::component::bytes::{joined, read_all};
use crate::component::wasi::cli::environment;
use crate::component::wasi::clocks::wall_clock;
use crate::component::wasi::filesystem::types::{
    Descriptor, DescriptorFlags, DescriptorStat, DescriptorType, ErrorCode, MetadataHashValue,
    OpenFlags, PathFlags,
};

/// The maximum number of symlinks that are followed one after another.
const MAX_LINKS: u32 = 16;

#[derive(Debug)]
pub(super) struct WasiDisk {
    roots: Roots,
    /// How long was waited so far, in nanoseconds. WASI can wait, but not for so short a time.
    waited: AtomicU64,
}

impl WasiDisk {
    /// The directories that this component may use.
    pub fn new() -> Self {
        Self { roots: Roots::new(environment::initial_cwd()), waited: AtomicU64::new(0) }
    }

    fn stat(&self, path: &Path, follow: bool) -> io::Result<(DescriptorStat, FileId)> {
        let (root, name) = self.roots.find(path)?;
        let name = if name.is_empty() { "." } else { &name };
        let flags = if follow { PathFlags::SYMLINK_FOLLOW } else { PathFlags::empty() };
        let stat = root.stat_at(flags, name).map_err(error)?;
        Ok((stat, id(root.metadata_hash_at(flags, name).map_err(error)?)))
    }
}

/// Only the half that a runtime does not derive from the time of the last change.
fn id(hash: MetadataHashValue) -> FileId {
    FileId { device: 0, inode: hash.lower }
}

fn kind_of(type_: DescriptorType) -> FileKind {
    match type_ {
        DescriptorType::RegularFile => FileKind::Regular,
        DescriptorType::Directory => FileKind::Directory,
        DescriptorType::SymbolicLink => FileKind::Link,
        DescriptorType::Fifo => FileKind::Pipe,
        DescriptorType::Socket => FileKind::Socket,
        _ => FileKind::Device,
    }
}

fn metadata_of(stat: &DescriptorStat, id: FileId) -> Metadata {
    let modified = stat.data_modification_timestamp;
    Metadata {
        id,
        length: stat.size,
        links: stat.link_count,
        modified: modified.map(|at| Duration::new(at.seconds, at.nanoseconds)),
        owner: None,
        kind: kind_of(stat.type_),
    }
}

fn time() -> Duration {
    let wall_clock::Datetime { seconds, nanoseconds } = wall_clock::now();
    Duration::new(seconds, nanoseconds)
}

impl Disk for WasiDisk {
    fn open(&self, path: &Path, how: How) -> io::Result<Arc<dyn DiskFile>> {
        // Opening a pipe can wait for ever.
        match self.stat(path, !how.here) {
            Ok((stat, _)) if stat.type_ == DescriptorType::RegularFile => {}
            Ok(_) => {
                let what = "it is no regular file, and a journal must be one";
                return Err(io::Error::new(ErrorKind::Unsupported, what));
            }
            Err(cause) if cause.kind() == ErrorKind::NotFound && how.create != Create::No => {}
            Err(cause) => return Err(cause),
        }
        let follow = if how.here { PathFlags::empty() } else { PathFlags::SYMLINK_FOLLOW };
        let create = match how.create {
            Create::No => OpenFlags::empty(),
            Create::IfMissing => OpenFlags::CREATE,
            Create::New => OpenFlags::CREATE | OpenFlags::EXCLUSIVE,
        };
        let write = if how.write { DescriptorFlags::WRITE } else { DescriptorFlags::empty() };
        let file = self.roots.open(path, follow, create, DescriptorFlags::READ | write)?;
        let id = id(file.metadata_hash().map_err(error)?);
        Ok(Arc::new(WasiFile { file, id }))
    }

    fn metadata(&self, path: &Path, follow: bool) -> io::Result<Metadata> {
        self.stat(path, follow).map(|(stat, id)| metadata_of(&stat, id))
    }

    /// A rewrite replaces what is there, not the link to it.
    fn real_path(&self, path: &Path) -> io::Result<PathBuf> {
        let mut path = path.to_owned();
        for _ in 0..MAX_LINKS {
            if self.stat(&path, false)?.0.type_ != DescriptorType::SymbolicLink {
                return Ok(path);
            }
            let (root, name) = self.roots.find(&path)?;
            let target = root.readlink_at(&name).map_err(error)?;
            if target.starts_with('/') {
                let what = "it is a link to an absolute path, which WASI does not follow; give the \
                            path of the file itself";
                return Err(io::Error::new(ErrorKind::Unsupported, what));
            }
            path = parent(&path).join(target);
        }
        Err(error(ErrorCode::Loop))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let ((from, old), (to, new)) = (self.roots.find(from)?, self.roots.find(to)?);
        from.rename_at(&old, to, &new).map_err(error)
    }

    fn rename_new(&self, _: &Path, _: &Path) -> io::Result<()> {
        Err(ErrorKind::Unsupported.into())
    }

    fn link(&self, from: &Path, to: &Path) -> io::Result<()> {
        let ((from, old), (to, new)) = (self.roots.find(from)?, self.roots.find(to)?);
        from.link_at(PathFlags::empty(), &old, to, &new).map_err(error)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        let (root, name) = self.roots.find(path)?;
        root.unlink_file_at(&name).map_err(error)
    }

    fn create_dir(&self, path: &Path) -> io::Result<()> {
        let (root, name) = self.roots.find(path)?;
        root.create_directory_at(&name).map_err(error)
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        let entries = self.open_dir(dir)?.read_directory().map_err(error)?;
        while let Some(entry) = entries.read_directory_entry().map_err(error)? {
            names.push(entry.name);
        }
        Ok(names)
    }

    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        match self.open_dir(dir)?.sync() {
            Err(
                ErrorCode::Unsupported
                | ErrorCode::Invalid
                | ErrorCode::BadDescriptor
                | ErrorCode::IsDirectory,
            ) => Err(ErrorKind::Unsupported.into()),
            synced => synced.map_err(error),
        }
    }

    fn now(&self) -> Duration {
        time() + Duration::from_nanos(self.waited.load(Ordering::Relaxed))
    }

    fn wall_clock(&self) -> Duration {
        time()
    }

    /// Does not wait: without locks there is nobody to wait for. But time passes, so that every wait ends.
    fn sleep(&self, duration: Duration) {
        let nanoseconds = u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
        self.waited.fetch_add(nanoseconds, Ordering::Relaxed);
    }
}

impl WasiDisk {
    fn open_dir(&self, dir: &Path) -> io::Result<Descriptor> {
        let (follow, flags) = (PathFlags::SYMLINK_FOLLOW, OpenFlags::DIRECTORY);
        self.roots.open(dir, follow, flags, DescriptorFlags::READ)
    }
}

/// Reads a file from one end to the other.
#[derive(Default)]
pub(in crate::component) struct Reading(Ahead);

impl Reading {
    /// See [`Ahead::read`].
    pub fn read(&mut self, file: &dyn DiskFile, range: (u64, u64, u64)) -> io::Result<Vec<u8>> {
        let Some(file) = file.as_any().downcast_ref::<WasiFile>() else {
            return Err(io::Error::other("the file is none of this component"));
        };
        self.0.read(&file.file, range)
    }
}

#[derive(Debug)]
struct WasiFile {
    file: Descriptor,
    id: FileId,
}

impl WasiFile {
    /// Writes at the end, wherever that is by now: what another program has appended is never overwritten
    /// where the runtime keeps its word (wasmtime does; Node's shim writes at the end it has last seen).
    fn write_at_end(&self, mut bytes: &[u8]) -> io::Result<()> {
        let stream = self.file.append_via_stream().map_err(error)?;
        let cause = |cause| stream_error(&cause);
        while !bytes.is_empty() {
            let room = usize::try_from(stream.check_write().map_err(cause)?).unwrap_or(usize::MAX);
            let Some((now, later)) = bytes.split_at_checked(room.min(bytes.len())) else { break };
            if !now.is_empty() {
                stream.write(now).map_err(cause)?;
            }
            stream.blocking_flush().map_err(cause)?;
            bytes = later;
        }
        // A runtime may keep an error for the next call.
        stream.check_write().map_err(cause)?;
        Ok(())
    }

    fn length(&self) -> io::Result<u64> {
        Ok(self.file.stat().map_err(error)?.size)
    }
}

impl DiskFile for WasiFile {
    fn id(&self) -> FileId {
        self.id
    }

    fn metadata(&self) -> io::Result<Metadata> {
        Ok(metadata_of(&self.file.stat().map_err(error)?, self.id))
    }

    fn read_at(&self, buffer: &mut [u8], at: u64) -> io::Result<usize> {
        let (bytes, _) = self.file.read(buffer.len() as u64, at).map_err(error)?;
        let count = bytes.len().min(buffer.len());
        if let (Some(room), Some(bytes)) = (buffer.get_mut(..count), bytes.get(..count)) {
            room.copy_from_slice(bytes);
        }
        Ok(count)
    }

    fn read(&self, start: u64, end: u64) -> io::Result<Vec<u8>> {
        read_all(start, end, |at, length| Ok(self.file.read(length, at).map_err(error)?.0))
    }

    fn append(&self, pieces: &[IoSlice<'_>]) -> io::Result<usize> {
        let bytes = joined(pieces);
        let before = self.length()?;
        let Err(cause) = self.write_at_end(&bytes) else { return Ok(bytes.len()) };
        // What was written before it failed is known by the length only.
        let written = self.length().map_or(0, |now| now.saturating_sub(before));
        let written = usize::try_from(written).unwrap_or(usize::MAX).min(bytes.len());
        if written == 0 { Err(cause) } else { Ok(written) }
    }

    fn start_appending(&self) -> io::Result<()> {
        Ok(())
    }

    fn write_at(&self, bytes: &[u8], at: u64) -> io::Result<()> {
        let mut done = 0_usize;
        while let Some(rest) = bytes.get(done..).filter(|rest| !rest.is_empty()) {
            let written = self.file.write(rest, at.saturating_add(done as u64)).map_err(error)?;
            if written == 0 {
                return Err(ErrorKind::WriteZero.into());
            }
            done = done.saturating_add(usize::try_from(written).unwrap_or(usize::MAX));
        }
        Ok(())
    }

    fn set_len(&self, length: u64) -> io::Result<()> {
        self.file.set_size(length).map_err(error)
    }

    fn sync_data(&self) -> io::Result<()> {
        self.file.sync_data().map_err(error)
    }

    fn sync_all(&self) -> io::Result<()> {
        self.file.sync().map_err(error)
    }

    fn lock(&self, _: bool) -> io::Result<Tried> {
        Ok(Tried::Unsupported)
    }

    fn unlock(&self) {}

    fn as_any(&self) -> &dyn std::any::Any {
        self
    }
}
