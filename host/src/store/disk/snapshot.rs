//! A consistent view: the open files and the lengths they had.

use std::io;
use std::sync::Arc;

use async_trait::async_trait;
use papyra_file_store::{Beside, DiskFile, FileSet, Member, View, Why};

use super::blocking;
use super::rewrite::FileRewrite;
use crate::store::{
    Chunk, Payload, Position, Rewrite, RewriteOptions, Role, Segment, Snapshot, StoreError,
    StoreErrorKind,
};

/// The maximum size of one read, whatever the guest asks for.
const MAX_READ: u64 = 8 << 20;

/// What is given at once of a cached file to a guest that asks for up to [`ANY`]: the processor's cache then holds
/// these bytes from the kernel's copy of them until they have been judged.
const NEAR: u64 = 256 << 10;

/// A guest that asks for more than this wants all of it, such as the rest of a long line.
const ANY: u64 = 1 << 20;

/// The files of a journal, opened, and the lengths that they had.
#[derive(Debug)]
pub(super) struct DiskSnapshot {
    files: Arc<dyn FileSet>,
    members: Vec<Member>,
    segments: Vec<Segment>,
}

impl DiskSnapshot {
    pub fn new(files: Arc<dyn FileSet>, View { members, besides }: View) -> Self {
        let besides = besides.into_iter().map(beside);
        let segments = members.iter().map(segment).chain(besides).collect();
        Self { files, members, segments }
    }

    /// A segment that may be read.
    fn member(&self, name: &str) -> Result<Option<&Member>, StoreError> {
        if !self.segments.iter().any(|segment| segment.name == name) {
            return Err(StoreError::new(
                StoreErrorKind::NotFound,
                format!("{} has no segment of that name", self.files.settings().path.display()),
            ));
        }
        // A file that does not belong to the journal is listed with nothing in it.
        Ok(self.members.iter().find(|member| member.name == name))
    }

    /// Reads what the kernel has cached. That cannot block, and so needs no other thread: a scan is a tenth faster
    /// for it.
    fn cached(member: Option<&Member>, start: u64, end: u64) -> Option<Payload> {
        member?.file.as_ref()?.read_cached(start, end).map(Payload::Raw)
    }

    async fn fetched(
        &self,
        member: Option<&Member>,
        start: u64,
        end: u64,
    ) -> Result<Payload, StoreError> {
        let Some(file) = member.and_then(|member| member.file.as_ref()) else {
            return Ok(Payload::Raw(Vec::new()));
        };
        let file = Arc::clone(file);
        let files = Arc::clone(&self.files);
        blocking(move || read(&*files, &*file, start, end)).await.map(Payload::Raw)
    }
}

fn read(
    files: &dyn FileSet,
    file: &dyn DiskFile,
    start: u64,
    end: u64,
) -> Result<Vec<u8>, StoreError> {
    file.read(start, end).map_err(|cause| match cause.kind() {
        io::ErrorKind::UnexpectedEof => StoreError::new(
            StoreErrorKind::Corrupt,
            format!("{} was cut short while it was read", files.settings().path.display()),
        ),
        _ => files.settings().cannot("read", cause).into(),
    })
}

fn segment(member: &Member) -> Segment {
    let role = if member.number == 0 { Role::Active } else { Role::Sealed };
    let bytes = member.length;
    Segment { number: member.number, ..of_file(member.name.clone(), role, bytes, bytes) }
}

/// A file that lies beside a journal, and holds nothing of it.
fn beside(file: Beside) -> Segment {
    let role = match file.why {
        Why::Leftover => Role::Leftover,
        Why::Stray => Role::Stray,
    };
    of_file(file.name, role, 0, file.bytes)
}

fn of_file(name: String, role: Role, end: u64, bytes: u64) -> Segment {
    Segment {
        name,
        role,
        number: 0,
        start: Position { major: 0, minor: 0 },
        end: Position { major: 0, minor: end },
        bytes,
        entries: None,
        kind: None,
        partition: None,
        pinned: None,
    }
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
        if let Some(member) = member.filter(|_| start < end) {
            self.files.reads(member.number, start);
        }
        let near = start.saturating_add(near(max_bytes)).min(end);
        if let Some(data) = Self::cached(member, start, near) {
            return Ok(chunk(start, data, near == end));
        }
        let stop = start.saturating_add(clamped(max_bytes)).min(end);
        let data = self.fetched(member, start, stop).await?;
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
        let near = stop.saturating_sub(near(max_bytes));
        if let Some(data) = Self::cached(member, near, stop) {
            return Ok(chunk(near, data, near == 0));
        }
        let start = stop.saturating_sub(clamped(max_bytes));
        let data = self.fetched(member, start, stop).await?;
        Ok(chunk(start, data, start == 0))
    }

    async fn rewrite(
        &self,
        segment: &str,
        options: RewriteOptions,
    ) -> Result<Box<dyn Rewrite>, StoreError> {
        let member = self.member(segment)?;
        let Some((file, length)) =
            member.and_then(|member| Some((member.file.as_ref()?, member.length)))
        else {
            return Err(StoreError::new(
                StoreErrorKind::Unsupported,
                format!("{segment} does not belong to the journal and is never changed"),
            ));
        };
        let files = Arc::clone(&self.files);
        Ok(Box::new(FileRewrite::begin(files, file.id(), length, options).await?))
    }
}

/// At least one byte, since an empty chunk means that nothing more is there.
fn clamped(max_bytes: u32) -> u64 {
    u64::from(max_bytes).clamp(1, MAX_READ)
}

/// The same for a cached file.
fn near(max_bytes: u32) -> u64 {
    match clamped(max_bytes) {
        asked @ 0..=ANY => asked.min(NEAR),
        asked => asked,
    }
}

fn chunk(start: u64, data: Payload, last: bool) -> Chunk {
    Chunk { start: Position { major: 0, minor: start }, data, frames: Vec::new(), last }
}
