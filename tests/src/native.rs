//! The engine compiled for this machine, on a file: what the sandbox is compared with.

use std::fs::File;
use std::io;
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use papyra_engine::host::{
    AppendError, Chunk, Description, Edit, Framing, Host, Layout, Position, RewriteOptions,
    Rewritten, Role, Run, Segment, StorageError, Written,
};

/// A file that can be read, and nothing else.
pub struct NativeFile {
    file: File,
    length: u64,
}

impl NativeFile {
    /// Opens it.
    ///
    /// # Errors
    ///
    /// Those of opening a file.
    pub fn open(path: &Path) -> io::Result<Self> {
        let file = File::open(path)?;
        let length = file.metadata()?.len();
        Ok(Self { file, length })
    }

    fn chunk(&self, start: u64, end: u64) -> Result<Chunk, StorageError> {
        let mut data = Vec::with_capacity((end - start) as usize);
        while (data.len() as u64) < end - start {
            let at = start + data.len() as u64;
            let read = rustix::io::pread(&self.file, rustix::buffer::spare_capacity(&mut data), at);
            match read {
                Ok(0) => break,
                Ok(_) => {}
                Err(error) => return Err(StorageError::Failed(error.to_string())),
            }
        }
        data.truncate((end - start) as usize);
        let last = end == self.length;
        Ok(Chunk { start: at(start), data, frames: Vec::new(), last })
    }
}

fn at(minor: u64) -> Position {
    Position { major: 0, minor }
}

fn read_only<T>() -> Result<T, StorageError> {
    Err(StorageError::Unsupported("this store can only be read".to_owned()))
}

impl Host for NativeFile {
    fn now(&mut self) -> f64 {
        SystemTime::now().duration_since(UNIX_EPOCH).map_or(0.0, |since| since.as_secs_f64())
    }

    fn describe(&mut self) -> Description {
        Description {
            backend: "native".to_owned(),
            location: "file".to_owned(),
            framing: Framing::Lines,
            layout: Layout::Sequence,
            volatile: false,
            profile: None,
        }
    }

    fn segments(&mut self) -> Result<Vec<Segment>, StorageError> {
        Ok(vec![Segment {
            name: "file".to_owned(),
            role: Role::Active,
            number: 0,
            start: at(0),
            end: at(self.length),
            bytes: self.length,
            entries: None,
            kind: None,
            partition: None,
            pinned: None,
        }])
    }

    fn read(&mut self, _: &str, from: Position, max: u32) -> Result<Chunk, StorageError> {
        let start = from.minor.min(self.length);
        self.chunk(start, (start + u64::from(max)).min(self.length))
    }

    fn read_back(&mut self, _: &str, before: Position, max: u32) -> Result<Chunk, StorageError> {
        let end = before.minor.min(self.length);
        self.chunk(end.saturating_sub(u64::from(max)), end)
    }

    fn append(&mut self, _: &str, _: &[Run]) -> Result<(), AppendError> {
        read_only().map_err(|error| AppendError { error, written: Written::None })
    }

    fn rewrite_begin(&mut self, _: &str, _: RewriteOptions) -> Result<(), StorageError> {
        read_only()
    }

    fn rewrite_edit(&mut self, _: &[Edit]) -> Result<(), StorageError> {
        read_only()
    }

    fn rewrite_commit(&mut self) -> Result<Rewritten, StorageError> {
        read_only()
    }

    fn rewrite_abort(&mut self) {}
}
