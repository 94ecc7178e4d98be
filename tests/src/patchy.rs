//! A store in memory for the native engine: honest, but its chunks are as uneven as can be.

use papyra_engine::host::{
    Chunk, Description, Framing, Host, Layout, Position, Range, RewriteOptions, Rewritten, Role,
    Run, Segment, StorageError,
};

use crate::random::Random;

/// A journal in memory. No two reads need to return equally much.
pub struct Patchy {
    /// What is in the journal.
    pub data: Vec<u8>,
    /// What rewrites were told to keep, in order.
    pub quarantine: Vec<u8>,
    /// How many rewrites were finished.
    pub rewrites: usize,
    random: Random,
    largest: usize,
    open: Option<(Vec<Range>, RewriteOptions)>,
}

impl Patchy {
    /// A journal whose chunks have 1 to `largest` bytes, each time another number.
    pub fn new(data: Vec<u8>, largest: usize, seed: u64) -> Self {
        let random = Random::new(seed);
        Self { data, quarantine: Vec::new(), rewrites: 0, random, largest, open: None }
    }

    fn length(&mut self, room: usize, max: u32) -> usize {
        room.min(max as usize).min(self.random.between(1, self.largest))
    }
}

fn at(offset: usize) -> Position {
    Position { major: 0, minor: offset as u64 }
}

impl Host for Patchy {
    fn now(&mut self) -> f64 {
        1_795_219_200.0
    }

    fn describe(&mut self) -> Description {
        Description {
            backend: "patchy".to_owned(),
            location: "memory".to_owned(),
            framing: Framing::Lines,
            layout: Layout::Sequence,
            volatile: false,
        }
    }

    fn segments(&mut self) -> Result<Vec<Segment>, StorageError> {
        Ok(vec![Segment {
            name: "journal".to_owned(),
            role: Role::Active,
            number: 0,
            start: at(0),
            end: at(self.data.len()),
            bytes: self.data.len() as u64,
            entries: None,
            kind: None,
            pinned: None,
        }])
    }

    fn read(&mut self, _: &str, from: Position, max: u32) -> Result<Chunk, StorageError> {
        let start = usize::try_from(from.minor).unwrap().min(self.data.len());
        let end = start + self.length(self.data.len() - start, max);
        let data = self.data[start..end].to_vec();
        Ok(Chunk { start: at(start), data, frames: Vec::new(), last: end == self.data.len() })
    }

    fn read_back(&mut self, _: &str, before: Position, max: u32) -> Result<Chunk, StorageError> {
        let end = usize::try_from(before.minor).unwrap().min(self.data.len());
        let start = end - self.length(end, max);
        let data = self.data[start..end].to_vec();
        Ok(Chunk { start: at(start), data, frames: Vec::new(), last: start == 0 })
    }

    fn append(&mut self, lines: &str, runs: &[Run]) -> Result<(), StorageError> {
        let count: usize = runs.iter().map(|run| run.lines as usize).sum();
        assert_eq!(count, lines.matches('\n').count(), "the runs add up to the lines");
        if self.data.last().is_some_and(|byte| *byte != b'\n') {
            self.data.push(b'\n');
        }
        self.data.extend_from_slice(lines.as_bytes());
        Ok(())
    }

    fn rewrite_begin(&mut self, _: &str, options: RewriteOptions) -> Result<(), StorageError> {
        assert!(self.open.is_none(), "one rewrite at a time");
        self.open = Some((Vec::new(), options));
        Ok(())
    }

    fn rewrite_remove(&mut self, ranges: &[Range]) -> Result<(), StorageError> {
        let (removed, _) = self.open.as_mut().expect("a rewrite is open");
        for range in ranges {
            let last = removed.last().map_or(at(0), |last| last.end);
            assert!(last <= range.start && range.start < range.end, "ranges ascend");
            assert!(range.end <= at(self.data.len()), "ranges lie inside");
            removed.push(*range);
        }
        Ok(())
    }

    fn rewrite_commit(&mut self, terminate_tail: bool) -> Result<Rewritten, StorageError> {
        let (removed, options) = self.open.take().expect("a rewrite is open");
        self.rewrites += 1;
        let (mut kept, mut from) = (Vec::new(), 0);
        for range in &removed {
            let (start, end) = (range.start.minor as usize, range.end.minor as usize);
            kept.extend_from_slice(&self.data[from..start]);
            if options.keep_quarantine {
                self.quarantine.extend_from_slice(&self.data[start..end]);
            }
            from = end;
        }
        kept.extend_from_slice(&self.data[from..]);
        if terminate_tail {
            assert_ne!(kept.last(), Some(&b'\n'), "the last line lacks its end");
            kept.push(b'\n');
        }
        let bytes_before = self.data.len() as u64;
        self.data = kept;
        let bytes_after = self.data.len() as u64;
        Ok(Rewritten { bytes_before, bytes_after, removed_entries: None, quarantine: Vec::new() })
    }

    fn rewrite_abort(&mut self) {
        self.open = None;
    }
}
