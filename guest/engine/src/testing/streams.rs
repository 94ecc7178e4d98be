//! A store that frames entries and has a segment per kind, side by side, with consumer groups.

use std::collections::{BTreeMap, VecDeque};

use super::{NOW, at};
use crate::groups::Delivered;
use crate::host::{
    AppendError, Chunk, Description, Edit, Frame, Framing, Host, Layout, Position, RewriteOptions,
    Rewritten, Role, Run, Segment, StorageError, Written,
};
use crate::json::Kind;

/// An entry: its position, and its bytes unless it has none.
pub type Stored = (Position, Option<Vec<u8>>);

#[derive(Clone, Debug)]
pub struct Pending {
    pub consumer: String,
    pub deliveries: u64,
    pub idle_ms: u64,
}

#[derive(Clone, Debug)]
pub struct Group {
    pub delivered: Position,
    pub pending: BTreeMap<Position, Pending>,
}

pub struct Streams {
    /// Entries per kind.
    pub streams: [Vec<Stored>; 4],
    pub pinned: [Option<Position>; 4],
    /// No chunk has more entries than this.
    pub largest_chunk: usize,
    /// This many of the entries that are to go stay, as with approximate trimming.
    pub spares: usize,
    /// How many segments the store says it has; those beyond the kinds repeat the first one.
    pub segments: usize,
    pub reads: usize,
    pub ranges: usize,
    pub index: String,
    /// A rewrite was told to keep what it removes.
    pub kept_quarantine: bool,
    pub removing: Option<(usize, Vec<Edit>)>,
    pub groups: BTreeMap<(usize, String), Group>,
    /// Whatever was called of groups, and each `append`, in order.
    pub calls: Vec<String>,
    /// The next calls of this name fail with this.
    pub failures: VecDeque<(&'static str, StorageError)>,
    /// Failures from the next call on.
    pub later_failures: VecDeque<(&'static str, StorageError)>,
    /// Entries that were quarantined, and why.
    pub aside: Vec<(String, String)>,
    /// What `fetch` returns whatever is there.
    pub lie: Option<Delivered>,
    /// How long all that is pending has been idle once it has been listed.
    pub idle_after_listing: Option<u64>,
}

fn after(position: Position) -> Position {
    at(position.major, position.minor + 1)
}

fn index(name: &str) -> usize {
    Kind::ALL.iter().position(|kind| kind.as_str() == name).expect("a segment of the list")
}

impl Default for Streams {
    fn default() -> Self {
        Self {
            streams: Default::default(),
            pinned: [None; 4],
            largest_chunk: usize::MAX,
            spares: 0,
            segments: 4,
            reads: 0,
            ranges: 0,
            index: String::new(),
            kept_quarantine: false,
            removing: None,
            groups: BTreeMap::new(),
            calls: Vec::new(),
            failures: VecDeque::new(),
            later_failures: VecDeque::new(),
            aside: Vec::new(),
            lie: None,
            idle_after_listing: None,
        }
    }
}

impl Streams {
    pub fn new() -> Self {
        Self::default()
    }

    pub fn push(&mut self, stream: usize, position: Position, entry: impl Into<Vec<u8>>) {
        self.streams[stream].push((position, Some(entry.into())));
    }

    /// All entries as the lines they would be in a file, in order.
    pub fn lines(&self) -> String {
        let mut all: Vec<_> = self
            .streams
            .iter()
            .enumerate()
            .flat_map(|(index, stream)| stream.iter().map(move |entry| (entry.0, index, &entry.1)))
            .collect();
        all.sort();
        let text = all.into_iter().filter_map(|(_, _, bytes)| bytes.as_ref());
        text.map(|bytes| format!("{}\n", String::from_utf8_lossy(bytes))).collect()
    }

    pub(super) fn called(&mut self, name: &'static str, what: &str) -> Result<(), StorageError> {
        self.calls.push(format!("{name} {what}").trim_end().to_owned());
        match self.failures.front() {
            Some((failing, _)) if *failing == name => {
                Err(self.failures.pop_front().expect("there is one").1)
            }
            _ => {
                self.failures.append(&mut self.later_failures);
                Ok(())
            }
        }
    }

    fn chunk<'a>(
        &mut self,
        asked: Position,
        entries: impl Iterator<Item = &'a Stored>,
        max: u32,
        backward: bool,
    ) -> Chunk {
        self.reads += 1;
        assert!(self.reads < 1_000_000, "the engine goes in circles");
        let mut picked: Vec<&Stored> = Vec::new();
        let (mut bytes, mut last) = (0, true);
        for entry in entries {
            let length = entry.1.as_ref().map_or(0, Vec::len);
            if picked.len() >= self.largest_chunk
                || (!picked.is_empty() && bytes + length > max as usize)
            {
                last = false;
                break;
            }
            bytes += length;
            picked.push(entry);
        }
        if backward {
            picked.reverse();
        }
        let mut chunk = Chunk { start: asked, last, ..Chunk::default() };
        if let Some(first) = picked.first() {
            chunk.start = first.0;
        }
        for (position, bytes) in picked {
            chunk.data.extend(bytes.iter().flatten());
            let end = chunk.data.len() as u32;
            chunk.frames.push(Frame { at: *position, end, missing: bytes.is_none() });
        }
        chunk
    }
}

impl Host for Streams {
    fn now(&mut self) -> f64 {
        NOW
    }

    fn describe(&mut self) -> Description {
        Description {
            backend: "streams".into(),
            location: "memory".into(),
            framing: Framing::Entries,
            layout: Layout::Parallel,
            volatile: false,
            profile: None,
        }
    }

    fn segments(&mut self) -> Result<Vec<Segment>, StorageError> {
        let of = |(index, kind): (usize, &Kind)| {
            let stream = &self.streams[index];
            Segment {
                name: kind.as_str().into(),
                role: Role::Active,
                number: 0,
                start: stream.first().map_or(at(0, 0), |entry| entry.0),
                end: stream.last().map_or(at(0, 0), |entry| after(entry.0)),
                bytes: 0,
                entries: Some(stream.len() as u64),
                kind: Some(*kind),
                partition: None,
                pinned: self.pinned[index],
            }
        };
        let mut segments: Vec<_> = Kind::ALL.iter().enumerate().map(of).collect();
        while segments.len() < self.segments {
            let name = format!("more-{}", segments.len());
            segments.push(Segment { name, ..segments[0].clone() });
        }
        Ok(segments)
    }

    fn read(&mut self, segment: &str, from: Position, max: u32) -> Result<Chunk, StorageError> {
        let stream = self.streams[index(segment)].clone();
        Ok(self.chunk(from, stream.iter().filter(|entry| entry.0 >= from), max, false))
    }

    fn read_back(
        &mut self,
        segment: &str,
        before: Position,
        max: u32,
    ) -> Result<Chunk, StorageError> {
        let stream = self.streams[index(segment)].clone();
        Ok(self.chunk(before, stream.iter().rev().filter(|entry| entry.0 < before), max, true))
    }

    fn append(&mut self, lines: &str, runs: &[Run]) -> Result<(), AppendError> {
        let called = self.called("append", "");
        called.map_err(|error| AppendError { error, written: Written::Unknown })?;
        let mut lines = lines.lines();
        for run in runs {
            for line in lines.by_ref().take(run.lines as usize) {
                let newest = self.streams.iter().flatten().map(|entry| entry.0).max();
                let next = newest.map_or(at(1, 0), |newest| at(newest.major + 1, 0));
                self.push(run.kind.index(), next, line);
            }
        }
        Ok(())
    }

    fn rewrite_begin(
        &mut self,
        segment: &str,
        options: RewriteOptions,
    ) -> Result<(), StorageError> {
        self.kept_quarantine |= options.keep_quarantine;
        assert!(self.removing.is_none(), "one rewrite at a time");
        self.removing = Some((index(segment), Vec::new()));
        Ok(())
    }

    fn rewrite_edit(&mut self, edits: &[Edit]) -> Result<(), StorageError> {
        let (_, removing) = self.removing.as_mut().expect("a rewrite is open");
        for edit in edits {
            assert!(edit.start < edit.end, "edits are not empty");
            assert!(!edit.line_end, "entries have no line ends");
            assert!(removing.last().is_none_or(|last| last.end <= edit.start), "edits ascend");
            removing.push(*edit);
        }
        Ok(())
    }

    fn rewrite_commit(&mut self) -> Result<Rewritten, StorageError> {
        let (stream, ranges) = self.removing.take().expect("a rewrite is open");
        self.ranges += ranges.len();
        let goes = |entry: &Stored| {
            ranges.iter().any(|range| range.start <= entry.0 && entry.0 < range.end)
        };
        let planned = self.streams[stream].iter().filter(|entry| goes(entry)).count();
        let mut left = planned.saturating_sub(self.spares);
        let removed = left as u64;
        self.streams[stream].retain(|entry| {
            let gone = left > 0 && goes(entry);
            left -= usize::from(gone);
            !gone
        });
        let removed_entries = (self.spares > 0).then_some(removed);
        Ok(Rewritten { bytes_before: 0, bytes_after: 0, removed_entries, quarantine: Vec::new() })
    }

    fn rewrite_abort(&mut self) {
        self.removing = None;
    }

    fn load_index(&mut self) -> Result<String, StorageError> {
        Ok(self.index.clone())
    }

    fn save_index(&mut self, text: &str) -> Result<(), StorageError> {
        text.clone_into(&mut self.index);
        Ok(())
    }
}
