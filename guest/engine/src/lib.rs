//! The Papyra persistence engine: all policy, no I/O.
//!
//! The same code runs in the sandbox (see `component`) and natively, for tests, fuzzing and
//! measurements. It reaches its one store and the clock through [`host::Host`], and nothing else.
//!
//! | module | what it decides |
//! |---|---|
//! | [`json`] | whether a line is a record, and of what kind and time |
//! | [`walk`] | where entries begin and end, forward and backward, in bounded memory |
//! | [`scan`], [`anomaly`] | what is wrong with a store |
//! | [`recover`] | what to remove or complete so that it is sound |
//! | [`retention`], [`survey`], [`compact`] | what is too old or too much, and its removal |
//! | [`query`], [`cursor`], `trail` | which records to return, and where to go on |
//! | [`append`] | what may be written |
//! | [`audit record`] | the audit record that recovery and compaction leave of what they did |
//! | [`consumer`] | what consumers of a group are given, and what becomes of poison |
//! | [`inspect`] | overviews |
//! | [`startup`], [`checkpoint`] | the verdict at start, and what need not be read again for it |

#![allow(
    missing_docs,
    reason = "reports and host types mirror wit/, where each field is documented"
)]

pub mod anomaly;
pub mod append;
pub mod audit;
pub mod bindings;
pub mod checkpoint;
pub mod compact;
pub mod component;
pub mod consumer;
pub mod cursor;
mod cuts;
pub mod failure;
pub mod groups;
pub mod host;
pub mod inspect;
pub mod json;
pub mod plan;
pub mod query;
pub mod recover;
pub mod retention;
pub mod scan;
pub mod select;
pub mod startup;
pub mod survey;
pub mod tally;
pub mod time;
mod trail;
pub mod walk;

/// The longest entry that is looked at as a whole, in bytes without its line end. Longer ones are
/// `oversized_entry`, and are never held in memory.
pub const MAX_ENTRY: usize = 16 << 20;

/// The deepest nesting accepted in new records. What is stored already may be nested to any depth.
pub const MAX_DEPTH: u32 = 512;
