//! Realistic journals of any size, the same ones for the same seed.
//!
//! Most records are events, then come audits, dead letters and a few metrics, 100 to 2,000 bytes
//! long with most below 500. They have every shape that a journal has in the field: those that
//! Papyra writes (`kind` first with raw UTF-8, `kind` last with `\u` escapes, both with spaces after
//! separators) and compact ones. Text comes in several scripts and with escapes; numbers come in all
//! shapes; values nest. Timestamps are seconds since the epoch and strictly increase, so no two lines
//! of a journal are equal.
//!
//! To be fast enough for files of several GB, a pool of a few thousand records is composed once, and
//! each line is one of them, chosen at random, with its own timestamp and sequence number.

mod compose;
mod json;

use std::io::{self, Write};

use self::json::{Hole, Template};
use crate::random::Random;

/// Shorter lines than this are not generated.
pub const SHORTEST: usize = 100;
/// Longer lines than this, with their newline, are not generated.
pub const LONGEST: usize = 2_000;

/// More than the branch predictor and the first-level caches remember.
const POOL: usize = 4_096;
/// 2023-11-14, a round number of seconds.
const FIRST_MILLIS: u64 = 1_700_000_000_000;
/// A chunk of output, about what a writer hands to the kernel at once.
const CHUNK: usize = 256 * 1024;

/// An endless journal.
#[derive(Debug)]
pub struct Generator {
    random: Random,
    pool: Vec<Template>,
    millis: u64,
    sequence: u64,
}

/// What [`Generator::write`] wrote.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Written {
    /// Lines, each a record.
    pub records: u64,
    /// Bytes, newlines included.
    pub bytes: u64,
}

impl Generator {
    /// A journal that depends on the seed alone.
    pub fn new(seed: u64) -> Self {
        Self::with_pool(seed, POOL)
    }

    /// Like [`new`](Self::new) with fewer distinct records, for tests that need thousands of small
    /// journals.
    pub fn with_pool(seed: u64, size: usize) -> Self {
        let mut random = Random::new(seed);
        let pool = (0..size).map(|_| compose::record(&mut random)).collect();
        Self { random, pool, millis: FIRST_MILLIS, sequence: 0 }
    }

    /// Appends the next record to `out`, with its newline.
    pub fn line(&mut self, out: &mut Vec<u8>) {
        let template = &self.pool[self.random.below(self.pool.len())];
        self.millis += 1 + self.random.below(40) as u64;
        self.sequence += 1;
        let micros = self.random.below(1000);
        let (millis, sequence) = (&mut self.millis, self.sequence);
        template.fill(out, |hole, out| fill(hole, millis, micros, sequence, out));
        out.push(b'\n');
    }

    /// The next `records` records as one journal.
    pub fn journal(&mut self, records: usize) -> Vec<u8> {
        let mut out = Vec::new();
        for _ in 0..records {
            self.line(&mut out);
        }
        out
    }

    /// Writes whole records until there are at least `bytes` bytes.
    ///
    /// # Errors
    ///
    /// What the writer returns.
    pub fn write(&mut self, out: &mut impl Write, bytes: u64) -> io::Result<Written> {
        let mut written = Written { records: 0, bytes: 0 };
        let mut chunk = Vec::with_capacity(CHUNK + LONGEST);
        while written.bytes < bytes {
            chunk.clear();
            while chunk.len() < CHUNK && written.bytes + (chunk.len() as u64) < bytes {
                self.line(&mut chunk);
                written.records += 1;
            }
            out.write_all(&chunk)?;
            written.bytes += chunk.len() as u64;
        }
        Ok(written)
    }
}

/// Whole seconds, milliseconds (three digits) and microseconds (six digits) are each at most the
/// clock and above every earlier value, because the clock moves by at least a millisecond and is
/// first moved to the next second where only seconds are written.
fn fill(hole: Hole, millis: &mut u64, micros: usize, sequence: u64, out: &mut Vec<u8>) {
    let result = match hole {
        Hole::Sequence => write!(out, "{sequence}"),
        Hole::Seconds => {
            *millis = millis.next_multiple_of(1000);
            write!(out, "{}", *millis / 1000)
        }
        Hole::Millis => write!(out, "{}.{:03}", *millis / 1000, *millis % 1000),
        Hole::Micros => write!(out, "{}.{:03}{micros:03}", *millis / 1000, *millis % 1000),
        Hole::Exponent => {
            let (first, rest) = (*millis / 1_000_000_000_000, *millis % 1_000_000_000_000);
            write!(out, "{first}.{rest:012}e9")
        }
    };
    result.expect("writing to memory does not fail");
}
