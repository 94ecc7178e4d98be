//! The Papyra persistence engine: all policy, no I/O.
//!
//! The same code runs in the sandbox (see `component`) and natively, for tests, fuzzing and
//! measurements. It reaches its one store and the clock through [`host::Host`], and nothing else.
//!
//! | module | what it decides |
//! |---|---|
//! | [`json`] | whether a line is a record, and its kind and time |
//! | [`walk`] | where entries begin and end, forward and backward, in bounded memory |
//! | [`health`] | what is wrong with a store, its repair, and the verdict before a start |
//! | [`index`] | what is known of each block of a store, so that it need not be read again |
//! | [`retention`] | which records are visible, and the removal of the others |
//! | [`read`] | which records to return, and where to go on |
//! | [`write`] | what may be written, audit records included |
//! | [`consumer`] | what the consumers of a group are given, and what becomes of poison |
//! | [`operations`] | recovery and compaction with their audit records |
//! | [`component`] | what `wit/` exports, in terms of all these |
//!
//! The types of the contract are those that are generated from `wit/`, see [`bindings`].

#![allow(missing_docs, reason = "types and traits mirror wit/, where they are documented")]

pub mod amount;
pub mod anomaly;
pub mod bindings;
pub mod component;
pub mod consumer;
pub mod failure;
pub mod groups;
pub mod hash;
pub mod health;
pub mod host;
pub mod index;
pub mod json;
pub mod operations;
pub mod read;
pub mod retention;
#[cfg(feature = "testing")]
pub mod testing;
pub mod time;
pub mod walk;
pub mod write;

/// The longest entry that is looked at as a whole, in bytes without its line end. Longer ones are
/// `oversized_entry`, and are never held in memory.
pub const MAX_ENTRY: usize = 16 << 20;

/// The deepest nesting accepted in new records. What is stored already may be nested to any depth.
pub const MAX_DEPTH: u32 = 512;
