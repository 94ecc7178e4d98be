//! Papyra persistence: journals of what happened in a running system, kept healthy by a sandboxed
//! engine.
//!
//! All policy is in one WebAssembly component that is embedded in this crate; all I/O is here. An
//! embedder holds a [`Journal`]: a [`Store`](store::Store) and an [`Engine`].
//!
//! ```
//! use papyra::journal::{Draft, ScanOptions};
//! use papyra::store::{Kind, MemoryStore};
//! use papyra::{Engine, Journal};
//!
//! #[tokio::main]
//! async fn main() -> Result<(), Box<dyn std::error::Error>> {
//!     let engine = Engine::new()?;
//!     let journal = Journal::new(&engine, MemoryStore::new());
//!     let fields = r#"{"actor": "local:7"}"#.to_owned();
//!     journal.append(&[Draft { kind: Kind::Event, timestamp: None, fields }]).await?;
//!     let inspection = journal.inspect(papyra::journal::InspectOptions { limit: 100 }).await?;
//!     assert_eq!(inspection.records, 1);
//!     let report = journal.scan(ScanOptions { max_findings: 10, sample: None }).await?;
//!     assert_eq!(report.damaged, 0);
//!     Ok(())
//! }
//! ```
//!
//! | module | what it holds |
//! |---|---|
//! | [`journal`] | the operations, their options and their reports |
//! | [`engine`] | loading the engine, its limits, the cache of compiled code |
//! | [`store`] | the storage trait, and the stores that come with this crate |
//! | [`conformance`] | the suite that a store of your own can be put through |
//!
//! The feature `cli` (on by default) builds the `papyra` command; the library does not need it.
//!
//! Bytes from a store and values from the engine are hostile until they have been checked; where they
//! enter, the code says so.

#![deny(missing_docs)]

pub mod conformance;
pub mod engine;
pub mod journal;
pub mod store;

pub use engine::{Engine, EngineBuilder, EngineError};
pub use journal::{Journal, JournalError};

/// Compiles and runs the examples of the README.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
struct Readme;
