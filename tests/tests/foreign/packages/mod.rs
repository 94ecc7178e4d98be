//! What npm and pip install, and nothing beside it, runs the programs of the pages.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests fail by panicking")]

mod npm;
mod wheel;

/// What a package may take, in bytes: the one for npm unpacked, the wheel as it is.
const MAXIMUM: u64 = 3_000_000;
