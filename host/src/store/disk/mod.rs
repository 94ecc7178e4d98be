//! What the stores share that keep a journal in files: writing, syncing, reading, rewriting.
//!
//! A [`Shape`](shape::Shape) says of how many files such a journal is made and which one is appended
//! to; everything else is the same for all of them.

pub(super) mod active;
mod checkpoint;
pub mod config;
mod dirs;
pub(super) mod faults;
mod handle;
mod interval;
mod queue;
mod rewrite;
pub(super) mod shape;
pub(super) mod snapshot;
mod stretch;
pub(super) mod sys;
pub(super) mod temporary;
mod unsynced;
mod writer;

pub(super) use self::config::Config;
pub(super) use self::handle::Handle;
