//! A journal of lines, in one file or several, whose reads can be small and uneven.

use std::fmt;

use super::NOW;
use crate::host::{
    AppendError, Chunk, Description, Edit, Framing, Host, Layout, Position, Profile,
    RewriteOptions, Rewritten, Role, Run, Segment, StorageError,
};

/// The maximum number of reads in one test: beyond it, the engine goes in circles.
const MAX_READS: usize = 1_000_000;

/// A journal of lines in memory.
pub struct Lines {
    /// The active file.
    pub data: Vec<u8>,
    /// Sealed files, oldest first.
    pub sealed: Vec<Vec<u8>>,
    /// What rewrites were told to keep, in order.
    pub quarantine: Vec<u8>,
    /// What the clock says.
    pub now: f64,
    /// Calls of `read` and `read_back`, and the bytes that `read` returned.
    pub reads: usize,
    pub bytes_read: usize,
    /// Rewrites that were finished.
    pub rewrites: usize,
    pub index: String,
    /// Where the journal ends, if the store is to lie about that.
    pub claimed_end: Option<Position>,
    /// What the records look like, if not as Papyra writes them.
    pub profile: Option<Profile>,
    /// A segment of the same bytes lies beside the journal, at positions of this `major`.
    pub beside: Option<u64>,
    /// The maximum length of the next read.
    lengths: Box<dyn FnMut() -> usize>,
    /// A segment that may not be rewritten.
    pub refused: Option<String>,
    open: Option<Open>,
}

/// A rewrite.
struct Open {
    segment: String,
    edits: Vec<Edit>,
    options: RewriteOptions,
}

impl Lines {
    /// A journal in one file.
    pub fn new(data: impl Into<Vec<u8>>) -> Self {
        Self {
            data: data.into(),
            sealed: Vec::new(),
            quarantine: Vec::new(),
            now: NOW,
            reads: 0,
            bytes_read: 0,
            rewrites: 0,
            index: String::new(),
            claimed_end: None,
            profile: None,
            beside: None,
            lengths: Box::new(|| usize::MAX),
            refused: None,
            open: None,
        }
    }

    /// A journal in several files, oldest first.
    ///
    /// # Panics
    ///
    /// If there is no file.
    pub fn in_files(files: impl IntoIterator<Item = String>) -> Self {
        let mut sealed: Vec<_> = files.into_iter().map(String::into_bytes).collect();
        let active = sealed.pop().expect("a file");
        Self { sealed, ..Self::new(active) }
    }

    /// No read returns more than this.
    pub fn reading_at_most(self, bytes: usize) -> Self {
        self.reading(move || bytes)
    }

    /// Each read returns at most the next of these lengths.
    pub fn reading(mut self, lengths: impl FnMut() -> usize + 'static) -> Self {
        self.lengths = Box::new(lengths);
        self
    }

    /// Every file gets the name of the next older one, and a new one begins with `data`.
    pub fn rotate(&mut self, data: &str) {
        self.sealed.push(std::mem::replace(&mut self.data, data.into()));
    }

    fn file(&self, segment: &str) -> &[u8] {
        match segment.strip_prefix("journal.") {
            Some(number) => {
                let number: usize = number.parse().expect("a segment of the list");
                &self.sealed[self.sealed.len() - number]
            }
            None => &self.data,
        }
    }

    fn next_length(&mut self, max: u32) -> usize {
        self.reads += 1;
        assert!(self.reads < MAX_READS, "the engine goes in circles");
        // As in the file store: an empty chunk would mean that nothing more is there.
        (max.max(1) as usize).min((self.lengths)())
    }
}

impl fmt::Debug for Lines {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lines").field("bytes", &self.data.len()).finish_non_exhaustive()
    }
}

fn at(offset: usize) -> Position {
    Position { major: 0, minor: offset as u64 }
}

fn segment(number: usize, data: &[u8]) -> Segment {
    Segment {
        name: if number == 0 { "journal".to_owned() } else { format!("journal.{number}") },
        role: if number == 0 { Role::Active } else { Role::Sealed },
        number: number as u32,
        start: at(0),
        end: at(data.len()),
        bytes: data.len() as u64,
        entries: None,
        kind: None,
        partition: None,
        pinned: None,
    }
}

impl Host for Lines {
    fn now(&mut self) -> f64 {
        self.now
    }

    fn describe(&mut self) -> Description {
        Description {
            backend: "lines".to_owned(),
            location: "memory".to_owned(),
            framing: Framing::Lines,
            layout: if self.beside.is_some() { Layout::Parallel } else { Layout::Sequence },
            volatile: false,
            profile: self.profile.clone(),
        }
    }

    fn segments(&mut self) -> Result<Vec<Segment>, StorageError> {
        let mut journal = segment(0, &self.data);
        journal.end = self.claimed_end.unwrap_or(journal.end);
        let beside = self.beside.map(|major| Segment {
            name: "beside".to_owned(),
            start: Position { major, ..journal.start },
            end: Position { major, ..journal.end },
            ..journal.clone()
        });
        let numbers = (1..=self.sealed.len()).rev();
        let sealed = numbers.zip(&self.sealed).map(|(number, data)| segment(number, data));
        Ok(sealed.chain(beside).chain([journal]).collect())
    }

    fn read(&mut self, segment: &str, from: Position, max: u32) -> Result<Chunk, StorageError> {
        let length = self.next_length(max);
        let data = self.file(segment);
        let start = (from.minor as usize).min(data.len());
        let end = start.saturating_add(length).min(data.len());
        let last = end == data.len();
        let data = data[start..end].to_vec();
        self.bytes_read += data.len();
        Ok(Chunk { start: from, data, frames: Vec::new(), last })
    }

    fn read_back(
        &mut self,
        segment: &str,
        before: Position,
        max: u32,
    ) -> Result<Chunk, StorageError> {
        let length = self.next_length(max);
        let data = self.file(segment);
        let end = (before.minor as usize).min(data.len());
        let start = end.saturating_sub(length);
        let data = data[start..end].to_vec();
        Ok(Chunk { start: at(start), data, frames: Vec::new(), last: start == 0 })
    }

    /// Isolates a torn tail, as every store must.
    fn append(&mut self, lines: &str, runs: &[Run]) -> Result<(), AppendError> {
        let count: usize = runs.iter().map(|run| run.lines as usize).sum();
        assert_eq!(count, lines.matches('\n').count(), "the runs add up to the lines");
        if self.data.last().is_some_and(|byte| *byte != b'\n') {
            self.data.push(b'\n');
        }
        self.data.extend_from_slice(lines.as_bytes());
        Ok(())
    }

    fn rewrite_begin(
        &mut self,
        segment: &str,
        options: RewriteOptions,
    ) -> Result<(), StorageError> {
        assert!(self.open.is_none(), "one rewrite at a time");
        if self.refused.as_deref() == Some(segment) {
            return Err(StorageError::Denied("may not be rewritten".to_owned()));
        }
        self.open = Some(Open { segment: segment.to_owned(), edits: Vec::new(), options });
        Ok(())
    }

    fn rewrite_edit(&mut self, edits: &[Edit]) -> Result<(), StorageError> {
        let mut open = self.open.take().expect("a rewrite is open");
        let length = self.file(&open.segment).len();
        for edit in edits {
            let last = open.edits.last().map_or(at(0), |last| last.end);
            assert!(last <= edit.start && edit.start <= edit.end, "edits ascend");
            assert!(edit.line_end || edit.start < edit.end, "every edit changes something");
            assert!(edit.end <= at(length), "edits lie inside");
            open.edits.push(*edit);
        }
        self.open = Some(open);
        Ok(())
    }

    fn rewrite_commit(&mut self) -> Result<Rewritten, StorageError> {
        let Open { segment, edits, options } = self.open.take().expect("a rewrite is open");
        self.rewrites += 1;
        let data = self.file(&segment).to_vec();
        let (mut kept, mut from) = (Vec::new(), 0);
        for edit in &edits {
            let (start, end) = (edit.start.minor as usize, edit.end.minor as usize);
            kept.extend_from_slice(&data[from..start]);
            if options.keep_quarantine {
                self.quarantine.extend_from_slice(&data[start..end]);
            }
            if edit.line_end {
                assert_ne!(kept.last(), Some(&b'\n'), "a line is ended once");
                kept.push(b'\n');
            }
            from = end;
        }
        kept.extend_from_slice(&data[from..]);
        let (bytes_before, bytes_after) = (data.len() as u64, kept.len() as u64);
        match segment.strip_prefix("journal.") {
            Some(number) => {
                let number: usize = number.parse().expect("a segment of the list");
                let index = self.sealed.len() - number;
                self.sealed[index] = kept;
            }
            None => self.data = kept,
        }
        Ok(Rewritten { bytes_before, bytes_after, removed_entries: None, quarantine: Vec::new() })
    }

    fn rewrite_abort(&mut self) {
        self.open = None;
    }

    fn load_index(&mut self) -> Result<String, StorageError> {
        Ok(self.index.clone())
    }

    fn save_index(&mut self, text: &str) -> Result<(), StorageError> {
        text.clone_into(&mut self.index);
        Ok(())
    }
}
