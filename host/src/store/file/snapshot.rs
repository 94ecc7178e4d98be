//! A consistent view: the open file and the length it had.

use std::fs::{File, OpenOptions};
use std::io::{self, IoSliceMut};
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use rustix::buffer::spare_capacity;
use rustix::fs::{FlockOperation, flock};
use rustix::io::ReadWriteFlags;
use tokio::runtime::Handle;

use super::config::{Config, name_of};
use super::rewrite::{FileRewrite, temporary_path};
use super::sys::{self, FileId, failure};
use crate::store::{
    Chunk, Payload, Position, Rewrite, RewriteOptions, Role, Segment, Snapshot, StoreError,
    StoreErrorKind,
};

/// No more than this is read at once, however much the guest asks for.
const MAX_READ: u64 = 8 << 20;
/// How long a line without its end may still be in the making, by a program that takes no locks.
const SETTLING: Duration = Duration::from_millis(30);

#[derive(Debug)]
pub(super) struct FileSnapshot {
    config: Arc<Config>,
    file: Arc<File>,
    id: FileId,
    length: u64,
    segments: Vec<Segment>,
}

impl FileSnapshot {
    /// Opens the file and reads a length at which no write was going on. Blocks.
    pub fn take(config: Arc<Config>) -> Result<Self, StoreError> {
        let deadline = Instant::now() + config.lock_wait;
        let (mut file, mut id) = open(&config)?;
        let length = loop {
            match settled(&file, deadline, &config.path)? {
                // A rewrite may have switched files while we waited for the lock of the old one.
                length if sys::named(&config.path)? == Some(id) => break length,
                _ if Instant::now() >= deadline => {
                    return Err(sys::changed_meanwhile(&config.path));
                }
                _ => (file, id) = open(&config)?,
            }
        };
        let mut segments = vec![segment(config.file_name(), Role::Active, length, length)];
        segments.extend(leftover(&config));
        Ok(Self { config, file: Arc::new(file), id, length, segments })
    }

    /// The bounds of a segment that may be read.
    fn bounds(&self, name: &str) -> Result<u64, StoreError> {
        let found = self.segments.iter().find(|segment| segment.name == name);
        let Some(found) = found else {
            return Err(StoreError::new(
                StoreErrorKind::NotFound,
                format!("{} has no segment of that name", self.config.path.display()),
            ));
        };
        // What does not belong to the journal is listed with nothing in it.
        Ok(found.end.minor)
    }

    async fn bytes(&self, start: u64, end: u64) -> Result<Payload, StoreError> {
        if let Some(bytes) = read_cached(&self.file, start, end) {
            return Ok(Payload::Raw(bytes));
        }
        let file = Arc::clone(&self.file);
        let config = Arc::clone(&self.config);
        sys::blocking(move || read(&file, start, end, &config.path)).await.map(Payload::Raw)
    }
}

impl Drop for FileSnapshot {
    /// Whoever is the last to close a file that a rewrite has replaced gives back its blocks, which
    /// takes about 30 ms for 100 MB. No thread that runs tasks should have to.
    fn drop(&mut self) {
        if self.file.metadata().map_or(1, |metadata| metadata.nlink()) > 0 {
            return;
        }
        if let (Ok(runtime), Ok(nothing)) = (Handle::try_current(), File::open("/dev/null")) {
            let replaced = std::mem::replace(&mut self.file, Arc::new(nothing));
            drop(runtime.spawn_blocking(move || drop(replaced)));
        }
    }
}

fn open(config: &Config) -> Result<(File, FileId), StoreError> {
    match sys::open(&config.path, OpenOptions::new().read(true)) {
        Ok((file, metadata)) => Ok((file, FileId::of(&metadata))),
        Err(cause) if cause.kind() == io::ErrorKind::NotFound => Err(StoreError::new(
            StoreErrorKind::NotFound,
            format!("there is no journal at {}", config.path.display()),
        )),
        Err(cause) => Err(failure("read", &config.path, cause)),
    }
}

/// A length that does not lie inside a write.
fn settled(file: &File, deadline: Instant, path: &Path) -> Result<u64, StoreError> {
    let cannot = |cause| failure("read", path, cause);
    let began = Instant::now();
    loop {
        // Our own writers hold the lock while they write.
        let held = sys::lock(file, false, deadline, path)?;
        let length = file.metadata().map_err(cannot)?.len();
        let last = sys::last_byte(file, length).map_err(cannot)?;
        drop(held);
        if last.is_none_or(|byte| byte == b'\n') || began.elapsed() >= SETTLING {
            return Ok(length);
        }
        thread::sleep(SETTLING / 6);
    }
}

fn segment(name: String, role: Role, end: u64, bytes: u64) -> Segment {
    Segment {
        name,
        role,
        number: 0,
        start: Position { major: 0, minor: 0 },
        end: Position { major: 0, minor: end },
        bytes,
        entries: None,
        kind: None,
        pinned: None,
    }
}

/// The temporary of a rewrite that was killed: it is there, and nobody holds its lock.
fn leftover(config: &Config) -> Option<Segment> {
    let path = temporary_path(&std::fs::canonicalize(&config.path).ok()?);
    let (file, metadata) = sys::open_own(&path, OpenOptions::new().read(true)).ok()?;
    flock(&file, FlockOperation::NonBlockingLockShared).ok()?;
    // It may have been put in place, or removed, before we had the lock.
    if sys::named(&path).ok()? != Some(FileId::of(&metadata)) {
        return None;
    }
    Some(segment(name_of(&path), Role::Leftover, 0, metadata.len()))
}

/// Reads what the page cache holds, which cannot block, and so needs no other thread. A scan of a
/// cached file is a tenth faster for it, not least because the bytes stay in this processor's cache.
fn read_cached(file: &File, start: u64, end: u64) -> Option<Vec<u8>> {
    let length = usize::try_from(end.saturating_sub(start)).ok()?;
    let mut bytes = vec![0; length];
    let mut pieces = [IoSliceMut::new(&mut bytes)];
    let count = rustix::io::preadv2(file, &mut pieces, start, ReadWriteFlags::NOWAIT).ok()?;
    (count == length).then_some(bytes)
}

/// Reads exactly these bytes into memory that nobody has to clear first.
fn read(file: &File, start: u64, end: u64, path: &Path) -> Result<Vec<u8>, StoreError> {
    let length = usize::try_from(end.saturating_sub(start)).unwrap_or(0);
    let mut bytes = Vec::with_capacity(length);
    while bytes.len() < length {
        let at = start + bytes.len() as u64;
        let count = match rustix::io::pread(file, spare_capacity(&mut bytes), at) {
            Ok(count) => count,
            Err(rustix::io::Errno::INTR) => continue,
            Err(errno) => return Err(failure("read", path, errno.into())),
        };
        if count == 0 {
            return Err(StoreError::new(
                StoreErrorKind::Corrupt,
                format!("{} was cut short at byte {at} while it was read", path.display()),
            ));
        }
    }
    // The allocator may have given more than was asked for.
    bytes.truncate(length);
    Ok(bytes)
}

#[async_trait]
impl Snapshot for FileSnapshot {
    fn segments(&self) -> &[Segment] {
        &self.segments
    }

    async fn read(&self, segment: &str, at: Position, max_bytes: u32) -> Result<Chunk, StoreError> {
        let end = self.bounds(segment)?;
        let start = if at.major == 0 { at.minor.min(end) } else { end };
        let stop = start.saturating_add(clamped(max_bytes)).min(end);
        let data = self.bytes(start, stop).await?;
        Ok(chunk(start, data, stop == end))
    }

    async fn read_back(
        &self,
        segment: &str,
        before: Position,
        max_bytes: u32,
    ) -> Result<Chunk, StoreError> {
        let end = self.bounds(segment)?;
        if before.major != 0 || before.minor > end {
            return Ok(chunk(end, Payload::Raw(Vec::new()), true));
        }
        let stop = before.minor;
        let start = stop.saturating_sub(clamped(max_bytes));
        let data = self.bytes(start, stop).await?;
        Ok(chunk(start, data, start == 0))
    }

    async fn rewrite(
        &self,
        segment: &str,
        options: RewriteOptions,
    ) -> Result<Box<dyn Rewrite>, StoreError> {
        self.bounds(segment)?;
        if segment != self.config.file_name() {
            return Err(StoreError::new(
                StoreErrorKind::Unsupported,
                format!("{segment} does not belong to the journal and is never changed"),
            ));
        }
        let (config, id, length) = (Arc::clone(&self.config), self.id, self.length);
        Ok(Box::new(FileRewrite::begin(config, id, length, options).await?))
    }
}

/// At least one byte, since an empty chunk means that nothing more is there.
fn clamped(max_bytes: u32) -> u64 {
    u64::from(max_bytes).clamp(1, MAX_READ)
}

fn chunk(start: u64, data: Payload, last: bool) -> Chunk {
    Chunk { start: Position { major: 0, minor: start }, data, frames: Vec::new(), last }
}
