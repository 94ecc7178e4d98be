//! Standard input as a store, for one command.
//!
//! The engine reads a journal from both ends, so what cannot be read at any place, such as a pipe, is first
//! copied to a temporary file without a name: memory stays bounded, and nothing is left behind. A file on
//! standard input is read where it is, from where the input stands.

use std::fs::File;
use std::io::{self, Seek, Write};
use std::os::fd::AsFd;
use std::os::unix::fs::FileExt;
use std::sync::Arc;

use async_trait::async_trait;
use papyra_persistence::store::{
    Chunk, Description, Edit, Framing, Layout, Payload, Position, Profile, Rewrite, RewriteOptions,
    Rewritten, Role, Run, Segment, Snapshot, Store, StoreError, StoreErrorKind, Written,
};
use tokio::sync::Mutex;

use crate::output::Output;
use crate::problem::Problem;

const NAME: &str = "standard input";

/// The maximum size of one read, whatever the guest asks for.
const MAX_READ: u64 = 8 << 20;

/// The size of the pieces that are copied.
const PIECE: usize = 256 << 10;

/// Standard input. It is read when it is first needed. What is rewritten or appended stays in a temporary
/// file, from which [`Input::write_to`] takes it.
#[derive(Clone)]
pub(super) struct Input {
    content: Arc<Mutex<Option<Content>>>,
    profile: Option<Profile>,
}

/// Bytes of a file.
#[derive(Clone)]
struct Content {
    file: Arc<File>,
    /// Where the journal begins in the file.
    base: u64,
    length: u64,
    /// The file is a temporary one, which can be written to.
    own: bool,
}

impl Input {
    /// What its records look like, if not as Papyra writes them.
    pub fn new(profile: Option<Profile>) -> Self {
        Self { content: Arc::default(), profile }
    }

    async fn content(&self) -> Result<Content, StoreError> {
        let mut content = self.content.lock().await;
        if let Some(content) = &*content {
            return Ok(content.clone());
        }
        let read = blocking("cannot read standard input", Content::of_stdin).await?;
        Ok(content.insert(read).clone())
    }

    /// Writes the journal as it is now to standard output.
    pub async fn write_to(&self, output: &mut Output) -> Result<(), Problem> {
        let content = self.content().await?;
        let mut at = 0;
        while at < content.length && !output.is_closed() {
            let end = content.length.min(at + PIECE as u64);
            let bytes = content.read(at, end).map_err(failed_read)?;
            output.data(&bytes)?;
            at = end;
        }
        output.flush()
    }
}

impl Content {
    fn of_stdin() -> io::Result<Self> {
        let mut stdin = File::from(io::stdin().as_fd().try_clone_to_owned()?);
        let metadata = stdin.metadata()?;
        if metadata.is_file() {
            let base = stdin.stream_position()?;
            let length = metadata.len().saturating_sub(base);
            return Ok(Self { file: Arc::new(stdin), base, length, own: false });
        }
        let mut spool = temporary()?;
        let length = io::copy(&mut stdin, &mut spool)?;
        Ok(Self { file: Arc::new(spool), base: 0, length, own: true })
    }

    fn read(&self, start: u64, end: u64) -> io::Result<Vec<u8>> {
        let mut bytes = vec![0; usize::try_from(end.saturating_sub(start)).unwrap_or(0)];
        self.file.read_exact_at(&mut bytes, self.base + start)?;
        Ok(bytes)
    }

    async fn chunk(&self, start: u64, end: u64, last: bool) -> Result<Chunk, StoreError> {
        let content = self.clone();
        let read = move || content.read(start, end).map(Payload::Raw);
        let data = blocking("cannot read standard input", read).await?;
        Ok(Chunk { start: Position { major: 0, minor: start }, data, frames: Vec::new(), last })
    }
}

fn temporary() -> io::Result<File> {
    tempfile::tempfile().map_err(|error| {
        let kind = match error.kind() {
            // It is not the journal that is missing.
            io::ErrorKind::NotFound => io::ErrorKind::Other,
            kind => kind,
        };
        let place = std::env::temp_dir();
        io::Error::new(kind, format!("no temporary file in {}: {error}", place.display()))
    })
}

async fn blocking<T: Send + 'static>(
    what: &str,
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> Result<T, StoreError> {
    let done = tokio::task::spawn_blocking(work).await.unwrap_or_else(|error| Err(error.into()));
    done.map_err(|error| StoreError::io(what, error))
}

fn failed_read(error: io::Error) -> StoreError {
    StoreError::io("cannot read standard input", error)
}

#[async_trait]
impl Store for Input {
    fn describe(&self) -> Description {
        Description {
            backend: "file".to_owned(),
            location: NAME.to_owned(),
            framing: Framing::Lines,
            layout: Layout::Sequence,
            volatile: false,
            profile: self.profile.clone(),
        }
    }

    /// The audit record of a recovery, behind what it has rewritten.
    async fn append(&self, lines: String, _runs: &[Run]) -> Result<(), StoreError> {
        let mut content = self.content.lock().await;
        let Some(content) = content.as_mut().filter(|content| content.own) else {
            let message = "standard input cannot be appended to";
            return Err(StoreError::new(StoreErrorKind::Unsupported, message).wrote(Written::None));
        };
        content
            .file
            .write_all_at(lines.as_bytes(), content.base + content.length)
            .map_err(|error| StoreError::io("cannot write the audit record", error))?;
        content.length += lines.len() as u64;
        Ok(())
    }

    async fn snapshot(&self) -> Result<Arc<dyn Snapshot>, StoreError> {
        let content = self.content().await?;
        let at = |minor| Position { major: 0, minor };
        let segment = Segment {
            name: NAME.to_owned(),
            role: Role::Active,
            number: 0,
            start: at(0),
            end: at(content.length),
            bytes: content.length,
            entries: None,
            kind: None,
            partition: None,
            pinned: None,
        };
        Ok(Arc::new(View { input: self.clone(), content, segments: [segment] }))
    }
}

struct View {
    input: Input,
    content: Content,
    segments: [Segment; 1],
}

/// At least one byte, since an empty chunk means that nothing more is there.
fn clamped(max_bytes: u32) -> u64 {
    u64::from(max_bytes).clamp(1, MAX_READ)
}

#[async_trait]
impl Snapshot for View {
    fn segments(&self) -> &[Segment] {
        &self.segments
    }

    async fn read(&self, segment: &str, at: Position, max_bytes: u32) -> Result<Chunk, StoreError> {
        known(segment)?;
        let length = self.content.length;
        let start = if at.major == 0 { at.minor.min(length) } else { length };
        let end = start.saturating_add(clamped(max_bytes)).min(length);
        self.content.chunk(start, end, end == length).await
    }

    async fn read_back(
        &self,
        segment: &str,
        before: Position,
        max_bytes: u32,
    ) -> Result<Chunk, StoreError> {
        known(segment)?;
        let length = self.content.length;
        if before.major != 0 || before.minor > length {
            return self.content.chunk(length, length, true).await;
        }
        let start = before.minor.saturating_sub(clamped(max_bytes));
        self.content.chunk(start, before.minor, start == 0).await
    }

    async fn rewrite(
        &self,
        segment: &str,
        options: RewriteOptions,
    ) -> Result<Box<dyn Rewrite>, StoreError> {
        known(segment)?;
        if options.keep_quarantine {
            let message = "standard input has no quarantine; recover a file, or use --mode repair";
            return Err(StoreError::new(StoreErrorKind::Unsupported, message));
        }
        let target = blocking("cannot rewrite standard input", temporary).await?;
        let copy = Copy { source: self.content.clone(), at: 0, target, written: 0 };
        Ok(Box::new(Rewriting { input: self.input.clone(), copy: Some(copy) }))
    }
}

fn known(segment: &str) -> Result<(), StoreError> {
    if segment == NAME {
        return Ok(());
    }
    Err(StoreError::new(StoreErrorKind::NotFound, "standard input has no segment of that name"))
}

struct Rewriting {
    input: Input,
    /// None after an error.
    copy: Option<Copy>,
}

/// A copy of the content with edits.
struct Copy {
    source: Content,
    /// How far the source is copied or left out.
    at: u64,
    target: File,
    written: u64,
}

impl Copy {
    fn edit(mut self, edits: &[Edit]) -> io::Result<Self> {
        for edit in edits {
            let (start, end) = (edit.start.minor, edit.end.minor);
            if start < self.at || end < start || end > self.source.length {
                return Err(io::Error::other("the edits are not in order"));
            }
            self.keep_until(start)?;
            self.at = end;
            if edit.line_end {
                self.target.write_all(b"\n")?;
                self.written += 1;
            }
        }
        Ok(self)
    }

    fn keep_until(&mut self, end: u64) -> io::Result<()> {
        while self.at < end {
            let until = end.min(self.at + PIECE as u64);
            self.target.write_all(&self.source.read(self.at, until)?)?;
            self.written += until - self.at;
            self.at = until;
        }
        Ok(())
    }

    fn finish(mut self) -> io::Result<Content> {
        self.keep_until(self.source.length)?;
        Ok(Content { file: Arc::new(self.target), base: 0, length: self.written, own: true })
    }
}

impl Rewriting {
    fn take(&mut self) -> Result<Copy, StoreError> {
        self.copy
            .take()
            .ok_or_else(|| StoreError::new(StoreErrorKind::Failed, "the rewrite has failed before"))
    }
}

#[async_trait]
impl Rewrite for Rewriting {
    async fn edit(&mut self, edits: &[Edit]) -> Result<(), StoreError> {
        let (copy, edits) = (self.take()?, edits.to_vec());
        let edited = blocking("cannot rewrite standard input", move || copy.edit(&edits)).await?;
        self.copy = Some(edited);
        Ok(())
    }

    async fn commit(mut self: Box<Self>) -> Result<Rewritten, StoreError> {
        let copy = self.take()?;
        let bytes_before = copy.source.length;
        let content = blocking("cannot rewrite standard input", || copy.finish()).await?;
        let bytes_after = content.length;
        *self.input.content.lock().await = Some(content);
        let (removed_entries, quarantine) = (None, Vec::new());
        Ok(Rewritten { bytes_before, bytes_after, removed_entries, quarantine })
    }
}
