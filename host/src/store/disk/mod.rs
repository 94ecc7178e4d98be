//! The common part of the stores in files: writing, syncing, reading, rewriting.
//!
//! A [`FileSet`](file_set::FileSet) defines how many files make up a journal and which one is appended
//! to; everything else is the same for all of them.

pub(super) mod active;
mod create_dir;
mod dir;
mod extent;
pub(super) mod faults;
pub(super) mod file_set;
mod index;
mod interval;
pub(super) mod member;
pub(super) mod obstacle;
mod queue;
mod rewrite;
pub mod settings;
mod snapshot;
pub mod store;
pub(super) mod sys;
pub(super) mod temporary;
mod unsynced;
mod writer;
#[cfg(test)]
mod written_tests;
