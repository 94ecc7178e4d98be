//! Stores in memory, for tests of the engine and of what embeds it natively. They check what the engine
//! asks of them, and panic when it asks for what no store has to do.

#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "tests fail by panicking"
)]

mod groups;
mod lines;
mod streams;

pub use self::lines::Lines;
pub use self::streams::{Group, Streams};
use crate::host::Position;
use crate::retention::compact::CompactOptions;

/// The time in these stores: 2026-11-21T00:00:00Z.
pub const NOW: f64 = 1_795_219_200.0;

/// A compaction that is not tried only, without an audit record, by a clock that may say anything.
pub const COMPACT: CompactOptions = CompactOptions {
    dry_run: false,
    force: false,
    keep_quarantine: false,
    as_of: None,
    record_audit: false,
    allow_expire_all: true,
    full: false,
};

/// A position in a store that frames entries.
pub fn at(major: u64, minor: u64) -> Position {
    Position { major, minor }
}

/// A sound record with this timestamp and filler.
pub fn record(kind: &str, timestamp: f64, filler: usize) -> String {
    format!(
        "{{\"kind\": \"{kind}\", \"timestamp\": {timestamp:?}, \"text\": \"{}\"}}\n",
        "x".repeat(filler)
    )
}
