//! A store that frames entries and has a segment per kind, side by side.

use papyra_engine::host::{
    Chunk, Description, Frame, Framing, Host, Layout, Position, Range, RewriteOptions, Rewritten,
    Role, Run, Segment, StorageError,
};
use papyra_engine::json::Kind;

use super::NOW;

/// An entry: its position, and its bytes unless it has none.
pub type Stored = (Position, Option<Vec<u8>>);

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
    pub removing: Option<(usize, Vec<Range>)>,
}

pub fn at(major: u64, minor: u64) -> Position {
    Position { major, minor }
}

fn after(position: Position) -> Position {
    at(position.major, position.minor + 1)
}

fn index(name: &str) -> usize {
    Kind::ALL.iter().position(|kind| kind.as_str() == name).expect("a segment of the list")
}

impl Streams {
    pub fn new() -> Self {
        Self {
            streams: Default::default(),
            pinned: [None; 4],
            largest_chunk: usize::MAX,
            spares: 0,
            segments: 4,
            reads: 0,
            ranges: 0,
            removing: None,
        }
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

    fn append(&mut self, lines: &str, runs: &[Run]) -> Result<(), StorageError> {
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

    fn rewrite_begin(&mut self, segment: &str, _: RewriteOptions) -> Result<(), StorageError> {
        assert!(self.removing.is_none(), "one rewrite at a time");
        self.removing = Some((index(segment), Vec::new()));
        Ok(())
    }

    fn rewrite_remove(&mut self, ranges: &[Range]) -> Result<(), StorageError> {
        let (_, removing) = self.removing.as_mut().expect("a rewrite is open");
        for range in ranges {
            assert!(range.start < range.end, "ranges are not empty");
            assert!(removing.last().is_none_or(|last| last.end <= range.start), "ranges ascend");
            removing.push(*range);
        }
        Ok(())
    }

    fn rewrite_commit(&mut self, _: bool) -> Result<Rewritten, StorageError> {
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
}
