//! The components for other runtimes: the program, and a plugin.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests fail by panicking")]

mod dist;
mod plugin;
mod program;
