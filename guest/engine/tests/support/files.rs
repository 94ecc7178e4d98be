//! A journal in several files, oldest first, that can be rotated.

use papyra_engine::host::{
    Chunk, Description, Framing, Host, Layout, Position, Range, RewriteOptions, Rewritten, Role,
    Run, Segment, StorageError,
};

use super::{NOW, at};

pub struct Files(Vec<Vec<u8>>);

impl Files {
    pub fn new(files: impl IntoIterator<Item = String>) -> Self {
        Self(files.into_iter().map(String::into_bytes).collect())
    }

    /// Every file gets the name of the next older one, and there is a new one.
    pub fn rotate(&mut self, data: &str) {
        self.0.push(data.as_bytes().to_vec());
    }

    fn name(&self, index: usize) -> String {
        match self.0.len() - 1 - index {
            0 => "journal".to_owned(),
            number => format!("journal.{number}"),
        }
    }

    fn file(&self, name: &str) -> &[u8] {
        let index = (0..self.0.len()).find(|index| self.name(*index) == name);
        &self.0[index.expect("a segment of the list")]
    }
}

impl Host for Files {
    fn now(&mut self) -> f64 {
        NOW
    }

    fn describe(&mut self) -> Description {
        Description {
            backend: "files".into(),
            location: "memory".into(),
            framing: Framing::Lines,
            layout: Layout::Sequence,
            volatile: false,
        }
    }

    fn segments(&mut self) -> Result<Vec<Segment>, StorageError> {
        let of = |(index, data): (usize, &Vec<u8>)| {
            let number = self.0.len() - 1 - index;
            Segment {
                name: self.name(index),
                role: if number == 0 { Role::Active } else { Role::Sealed },
                number: number as u32,
                start: at(0),
                end: at(data.len()),
                bytes: data.len() as u64,
                entries: None,
                kind: None,
                pinned: None,
            }
        };
        Ok(self.0.iter().enumerate().map(of).collect())
    }

    fn read(&mut self, segment: &str, from: Position, max: u32) -> Result<Chunk, StorageError> {
        let data = self.file(segment);
        let start = (from.minor as usize).min(data.len());
        let end = (start + max.max(1) as usize).min(data.len());
        let last = end == data.len();
        Ok(Chunk { start: from, data: data[start..end].to_vec(), frames: Vec::new(), last })
    }

    fn read_back(
        &mut self,
        segment: &str,
        before: Position,
        max: u32,
    ) -> Result<Chunk, StorageError> {
        let data = self.file(segment);
        let end = (before.minor as usize).min(data.len());
        let start = end.saturating_sub(max as usize);
        let data = data[start..end].to_vec();
        Ok(Chunk { start: at(start), data, frames: Vec::new(), last: start == 0 })
    }

    fn append(&mut self, lines: &str, _: &[Run]) -> Result<(), StorageError> {
        self.0.last_mut().expect("there is a file").extend_from_slice(lines.as_bytes());
        Ok(())
    }

    fn rewrite_begin(&mut self, _: &str, _: RewriteOptions) -> Result<(), StorageError> {
        Err(StorageError::Unsupported("these files are not rewritten".to_owned()))
    }

    fn rewrite_remove(&mut self, _: &[Range]) -> Result<(), StorageError> {
        unreachable!("no rewrite is begun")
    }

    fn rewrite_commit(&mut self, _: bool) -> Result<Rewritten, StorageError> {
        unreachable!("no rewrite is begun")
    }

    fn rewrite_abort(&mut self) {}
}
