//! The components for other runtimes: the store over WASI, the program, and a plugin.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests fail by panicking")]

mod dist;
mod plugin;
mod program;
mod wasi_store;
