//! A store in memory whose reads can be made as small and uneven as one likes.
#![allow(dead_code, reason = "every test file uses a part of it")]

pub mod consumers;
pub mod files;
pub mod groups;
pub mod streams;

use papyra_engine::anomaly::Finding;
use papyra_engine::host::{
    Chunk, Description, Framing, Host, Layout, Position, Range, RewriteOptions, Rewritten, Role,
    Run, Segment, StorageError,
};
use papyra_engine::scan::ScanReport;

/// 2026-11-21T00:00:00Z
pub const NOW: f64 = 1_795_219_200.0;

pub struct VecHost {
    pub data: Vec<u8>,
    pub quarantine: Vec<u8>,
    pub now: f64,
    /// No read returns more than this.
    pub largest_read: usize,
    pub reads: usize,
    pub rewrites: usize,
    pub bytes_read: usize,
    pub checkpoint: String,
    /// Where the journal ends, if the store is to lie about that.
    pub claimed_end: Option<Position>,
    /// A segment of the same bytes lies beside the journal, at positions of this `major`.
    pub beside: Option<u64>,
    removed: Option<(Vec<Range>, RewriteOptions)>,
}

impl VecHost {
    pub fn new(data: impl Into<Vec<u8>>) -> Self {
        Self {
            data: data.into(),
            quarantine: Vec::new(),
            now: NOW,
            largest_read: usize::MAX,
            reads: 0,
            rewrites: 0,
            bytes_read: 0,
            checkpoint: String::new(),
            claimed_end: None,
            beside: None,
            removed: None,
        }
    }

    pub fn reading_at_most(mut self, bytes: usize) -> Self {
        self.largest_read = bytes;
        self
    }
}

pub fn at(offset: usize) -> Position {
    Position { major: 0, minor: offset as u64 }
}

impl Host for VecHost {
    fn now(&mut self) -> f64 {
        self.now
    }

    fn describe(&mut self) -> Description {
        Description {
            backend: "vec".into(),
            location: "memory".into(),
            framing: Framing::Lines,
            layout: if self.beside.is_some() { Layout::Parallel } else { Layout::Sequence },
            volatile: false,
        }
    }

    fn segments(&mut self) -> Result<Vec<Segment>, StorageError> {
        let journal = Segment {
            name: "journal".into(),
            role: Role::Active,
            number: 0,
            start: at(0),
            end: self.claimed_end.unwrap_or(at(self.data.len())),
            bytes: self.data.len() as u64,
            entries: None,
            kind: None,
            pinned: None,
        };
        let beside = self.beside.map(|major| Segment {
            name: "beside".into(),
            start: Position { major, ..journal.start },
            end: Position { major, ..journal.end },
            ..journal.clone()
        });
        Ok(beside.into_iter().chain([journal]).collect())
    }

    fn read(&mut self, _: &str, from: Position, max: u32) -> Result<Chunk, StorageError> {
        self.reads += 1;
        assert!(self.reads < 1_000_000, "the engine goes in circles");
        // Like the file store: an empty chunk would mean that nothing more is there.
        let max = max.max(1);
        let start = (from.minor as usize).min(self.data.len());
        let end = (start + (max as usize).min(self.largest_read)).min(self.data.len());
        self.bytes_read += end - start;
        Ok(Chunk {
            start: from,
            data: self.data[start..end].to_vec(),
            frames: Vec::new(),
            last: end == self.data.len(),
        })
    }

    fn read_back(&mut self, _: &str, before: Position, max: u32) -> Result<Chunk, StorageError> {
        self.reads += 1;
        let end = (before.minor as usize).min(self.data.len());
        let start = end.saturating_sub((max as usize).min(self.largest_read));
        Ok(Chunk {
            start: at(start),
            data: self.data[start..end].to_vec(),
            frames: Vec::new(),
            last: start == 0,
        })
    }

    fn append(&mut self, lines: &str, runs: &[Run]) -> Result<(), StorageError> {
        let count: u32 = runs.iter().map(|run| run.lines).sum();
        assert_eq!(count as usize, lines.matches('\n').count(), "runs add up to the lines");
        self.data.extend_from_slice(lines.as_bytes());
        Ok(())
    }

    fn rewrite_begin(&mut self, _: &str, options: RewriteOptions) -> Result<(), StorageError> {
        assert!(self.removed.is_none(), "one rewrite at a time");
        self.removed = Some((Vec::new(), options));
        Ok(())
    }

    fn rewrite_remove(&mut self, ranges: &[Range]) -> Result<(), StorageError> {
        let (removed, _) = self.removed.as_mut().expect("a rewrite is open");
        for range in ranges {
            assert!(range.start < range.end, "ranges are not empty");
            let last = removed.last().map_or(at(0), |last| last.end);
            assert!(last <= range.start, "ranges ascend");
            removed.push(*range);
        }
        Ok(())
    }

    fn rewrite_commit(&mut self, terminate_tail: bool) -> Result<Rewritten, StorageError> {
        let (removed, options) = self.removed.take().expect("a rewrite is open");
        self.rewrites += 1;
        let before = self.data.len() as u64;
        let mut kept = Vec::new();
        let mut from = 0;
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
            assert_ne!(kept.last(), Some(&b'\n'), "the tail lacks its line end");
            kept.push(b'\n');
        }
        self.data = kept;
        Ok(Rewritten {
            bytes_before: before,
            bytes_after: self.data.len() as u64,
            removed_entries: None,
            quarantine: Vec::new(),
        })
    }

    fn rewrite_abort(&mut self) {
        self.removed = None;
    }

    fn load_checkpoint(&mut self) -> Result<String, StorageError> {
        Ok(self.checkpoint.clone())
    }

    fn save_checkpoint(&mut self, text: &str) -> Result<(), StorageError> {
        text.clone_into(&mut self.checkpoint);
        Ok(())
    }
}

/// The findings of a report.
pub fn findings(report: &ScanReport) -> Vec<Finding> {
    let lines = report.findings.lines();
    let findings: Vec<Finding> = lines.map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(findings.len() as u64, report.findings_listed);
    findings
}

/// A sound record with this timestamp and filler.
pub fn record(kind: &str, timestamp: f64, filler: usize) -> String {
    format!(
        "{{\"kind\": \"{kind}\", \"timestamp\": {timestamp:?}, \"text\": \"{}\"}}\n",
        "x".repeat(filler)
    )
}
