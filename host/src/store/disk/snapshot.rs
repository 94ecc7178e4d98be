//! A consistent view: the open files and the lengths they had.

use std::fs::{File, OpenOptions};
use std::io::IoSliceMut;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use rustix::buffer::spare_capacity;
use rustix::fs::{FlockOperation, flock};
use rustix::io::{Errno, ReadWriteFlags};
use tokio::runtime::Handle;

use super::config::{Config, name_of};
use super::rewrite::FileRewrite;
use super::sys::{self, FileId, failure};
use super::temporary::{Use, temporary_path};
use crate::store::{
    Chunk, Payload, Position, Rewrite, RewriteOptions, Role, Segment, Snapshot, StoreError,
    StoreErrorKind,
};

/// No more than this is read at once, however much the guest asks for.
const MAX_READ: u64 = 8 << 20;
/// How long a line without its end may still be in the making, by a program that takes no locks.
const SETTLING: Duration = Duration::from_millis(30);

/// One file of the journal, as it was.
#[derive(Debug)]
pub(in crate::store) struct Member {
    pub name: String,
    pub role: Role,
    /// See [`Segment::number`].
    pub number: u32,
    pub length: u64,
    /// Absent for a file that the next append will create.
    pub file: Option<(Arc<File>, FileId)>,
}

impl Drop for Member {
    /// Whoever is the last to close a file that a rewrite has replaced gives back its blocks, which
    /// takes about 30 ms for 100 MB. No thread that runs tasks should have to.
    fn drop(&mut self) {
        let Some((file, _)) = self.file.take() else { return };
        let replaced = file.metadata().is_ok_and(|metadata| metadata.nlink() == 0);
        if let (true, Ok(runtime)) = (replaced, Handle::try_current()) {
            drop(runtime.spawn_blocking(move || drop(file)));
        }
    }
}

/// The files of a journal, opened, and the lengths that they had.
#[derive(Debug)]
pub(in crate::store) struct DiskSnapshot {
    config: Arc<Config>,
    members: Vec<Member>,
    segments: Vec<Segment>,
}

impl DiskSnapshot {
    /// `members` are in order, oldest first; `besides` does not belong to the journal.
    pub fn new(config: Arc<Config>, members: Vec<Member>, besides: Vec<Segment>) -> Self {
        let of = |member: &Member| {
            let length = member.length;
            segment(member.name.clone(), member.role, member.number, length, length)
        };
        let mut segments: Vec<Segment> = members.iter().map(of).collect();
        segments.extend(besides);
        Self { config, members, segments }
    }

    /// A segment that may be read.
    fn member(&self, name: &str) -> Result<Option<&Member>, StoreError> {
        if !self.segments.iter().any(|segment| segment.name == name) {
            return Err(StoreError::new(
                StoreErrorKind::NotFound,
                format!("{} has no segment of that name", self.config.path.display()),
            ));
        }
        // What does not belong to the journal is listed with nothing in it.
        Ok(self.members.iter().find(|member| member.name == name))
    }

    async fn bytes(
        &self,
        member: Option<&Member>,
        start: u64,
        end: u64,
    ) -> Result<Payload, StoreError> {
        let Some((file, _)) = member.and_then(|member| member.file.as_ref()) else {
            return Ok(Payload::Raw(Vec::new()));
        };
        if let Some(bytes) = read_cached(file, start, end) {
            return Ok(Payload::Raw(bytes));
        }
        let file = Arc::clone(file);
        let config = Arc::clone(&self.config);
        sys::blocking(move || read(&file, start, end, &config.path)).await.map(Payload::Raw)
    }
}

/// Something that may still be in the making, and since when it has been looked at.
#[derive(Debug, Default)]
pub(in crate::store) struct Settling(Option<Instant>);

impl Settling {
    /// How long to wait before the next look; `None` if it has had its time. That begins with the first
    /// look: to wait for a lock before it does not count.
    pub fn pause(&mut self) -> Option<Duration> {
        let began = *self.0.get_or_insert_with(Instant::now);
        (began.elapsed() < SETTLING).then_some(SETTLING / 6)
    }
}

/// What lies beside a journal, or holds nothing of it.
pub(in crate::store) fn beside(name: String, role: Role, bytes: u64) -> Segment {
    segment(name, role, 0, 0, bytes)
}

fn segment(name: String, role: Role, number: u32, end: u64, bytes: u64) -> Segment {
    Segment {
        name,
        role,
        number,
        start: Position { major: 0, minor: 0 },
        end: Position { major: 0, minor: end },
        bytes,
        entries: None,
        kind: None,
        pinned: None,
    }
}

/// The temporary of an operation that was killed: it is there, and nobody holds its lock. Whoever has just
/// made one locks it a moment later, so an empty one is looked at twice.
pub(in crate::store) fn leftover(home: &Path, purpose: Use) -> Option<Segment> {
    leftover_after(home, purpose, || thread::sleep(SETTLING / 6))
}

fn leftover_after(home: &Path, purpose: Use, wait: impl FnOnce()) -> Option<Segment> {
    let path = temporary_path(home, purpose);
    let (id, bytes) = unlocked(&path)?;
    if bytes == 0 {
        wait();
        unlocked(&path).filter(|again| *again == (id, bytes))?;
    }
    Some(beside(name_of(&path), Role::Leftover, bytes))
}

/// Whether somebody is at work on the temporary, and so holds its lock.
pub(in crate::store) fn is_in_use(home: &Path, purpose: Use) -> bool {
    let path = temporary_path(home, purpose);
    sys::open_own(&path, OpenOptions::new().read(true)).is_ok_and(|(file, _)| {
        flock(&file, FlockOperation::NonBlockingLockShared) == Err(Errno::WOULDBLOCK)
    })
}

/// The file at this path and its length, if nobody holds its lock for writing.
fn unlocked(path: &Path) -> Option<(FileId, u64)> {
    let (file, metadata) = sys::open_own(path, OpenOptions::new().read(true)).ok()?;
    flock(&file, FlockOperation::NonBlockingLockShared).ok()?;
    // It may have been put in place, or removed, before we had the lock.
    let id = FileId::of(&metadata);
    (sys::named(path).ok()? == Some(id)).then_some((id, metadata.len()))
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
            Err(Errno::INTR) => continue,
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
impl Snapshot for DiskSnapshot {
    fn segments(&self) -> &[Segment] {
        &self.segments
    }

    async fn read(&self, segment: &str, at: Position, max_bytes: u32) -> Result<Chunk, StoreError> {
        let member = self.member(segment)?;
        let end = member.map_or(0, |member| member.length);
        let start = if at.major == 0 { at.minor.min(end) } else { end };
        let stop = start.saturating_add(clamped(max_bytes)).min(end);
        let data = self.bytes(member, start, stop).await?;
        Ok(chunk(start, data, stop == end))
    }

    async fn read_back(
        &self,
        segment: &str,
        before: Position,
        max_bytes: u32,
    ) -> Result<Chunk, StoreError> {
        let member = self.member(segment)?;
        let end = member.map_or(0, |member| member.length);
        if before.major != 0 || before.minor > end {
            return Ok(chunk(end, Payload::Raw(Vec::new()), true));
        }
        let stop = before.minor;
        let start = stop.saturating_sub(clamped(max_bytes));
        let data = self.bytes(member, start, stop).await?;
        Ok(chunk(start, data, start == 0))
    }

    async fn rewrite(
        &self,
        segment: &str,
        options: RewriteOptions,
    ) -> Result<Box<dyn Rewrite>, StoreError> {
        let member = self.member(segment)?;
        let Some((_, id)) = member.and_then(|member| member.file.as_ref()) else {
            return Err(StoreError::new(
                StoreErrorKind::Unsupported,
                format!("{segment} does not belong to the journal and is never changed"),
            ));
        };
        let length = member.map_or(0, |member| member.length);
        let config = Arc::clone(&self.config);
        Ok(Box::new(FileRewrite::begin(config, *id, length, options).await?))
    }
}

/// At least one byte, since an empty chunk means that nothing more is there.
fn clamped(max_bytes: u32) -> u64 {
    u64::from(max_bytes).clamp(1, MAX_READ)
}

fn chunk(start: u64, data: Payload, last: bool) -> Chunk {
    Chunk { start: Position { major: 0, minor: start }, data, frames: Vec::new(), last }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn a_temporary_that_is_just_being_made_is_no_leftover() {
        let dir = std::env::temp_dir().join(format!("papyra-leftover-{}", std::process::id()));
        fs::create_dir_all(&dir).unwrap();
        let home = dir.join("a");
        let temporary = File::create(temporary_path(&home, Use::Rewrite)).unwrap();
        assert!(leftover(&home, Use::Rewrite).is_some(), "nobody locks it");

        let lock = || flock(&temporary, FlockOperation::NonBlockingLockExclusive).unwrap();
        assert!(leftover_after(&home, Use::Rewrite, lock).is_none(), "it is locked a moment later");
        fs::remove_dir_all(&dir).unwrap();
    }
}
