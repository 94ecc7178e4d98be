//! Journals of newline-delimited JSON, checked, repaired, shrunk, read and written by one sandboxed
//! engine.
//!
//! All decisions are made by a WebAssembly component, the *engine*, which sees nothing but one store
//! and the clock. All input and output is done by a [`Store`]: the crate has them for
//! files, rotating files, Redis and memory, and you can write your own. A [`Journal`] puts an engine and a store together.
//!
//! ```
//! use papyra_persistence::journal::{RecoverOptions, RecoveryMode, ScanOptions};
//! use papyra_persistence::{Draft, Engine, FileStore, Journal, Kind, Selection};
//!
//! #[tokio::main]
//! async fn main() -> Result<(), Box<dyn std::error::Error>> {
//!     let directory = std::env::temp_dir().join(format!("papyra-doc-{}", std::process::id()));
//!     std::fs::create_dir_all(&directory)?;
//!     let path = directory.join("events.ndjson");
//!     // What a crash left behind: one record, and the beginning of another.
//!     std::fs::write(&path, "{\"kind\": \"event\", \"timestamp\": 1738000000}\n{\"kind\": \"ev")?;
//!
//!     let engine = Engine::new()?; // one per process: it is compiled once, and cheap to clone
//!     let store = FileStore::builder(&path).quarantine_dir(directory.join("quarantine")).build();
//!     let journal = Journal::new(&engine, store);
//!
//!     let report = journal.scan(ScanOptions::default()).await?;
//!     assert_eq!((report.records, report.damaged), (1, 1));
//!
//!     let mode = RecoveryMode::Quarantine;
//!     let done = journal.recover(RecoverOptions { mode, ..Default::default() }).await?;
//!     assert_eq!((done.removed_entries, done.remaining), (1, 0));
//!     println!("quarantined in {:?}", done.quarantine);
//!
//!     let draft = Draft { kind: Kind::Audit, timestamp: None, fields: r#"{"actors": 3}"#.into() };
//!     journal.append(&[draft]).await?; // on the disk when this returns
//!
//!     let newest_first = Selection { order: papyra_persistence::journal::Order::NewestFirst, ..Default::default() };
//!     let mut pages = journal.query(newest_first);
//!     while let Some(page) = pages.next().await? {
//!         assert_eq!(page.count, 3); // recovery has left an audit record of what it did
//!         print!("{}", page.records);
//!     }
//! #   std::fs::remove_dir_all(&directory)?;
//!     Ok(())
//! }
//! ```
//!
//! # Where to look
//!
//! | module | what is in it |
//! |---|---|
//! | [`engine`] | loading the engine: cache, limits, another component |
//! | [`journal`] | the operations, their options and reports, [`JournalError`] |
//! | [`recorder`] | writing from a running system without ever being in its way |
//! | [`metrics`] | counters and histograms of both, also for Prometheus |
//! | [`consumer`] | consuming records in groups, on stores that have them |
//! | [`route`] | each kind of record to a store of its own |
//! | [`config`] | `papyra.toml`, the environment and their settings (feature `config`) |
//! | [`store`] | the trait [`Store`] and its parts, URLs, and the stores of this crate |
//! | `serve` (feature `serve`) | metrics, probes and a page over HTTP |
//! | [`store::file`] | one NDJSON file: what it promises and what it does not |
//! | [`units`] | durations, sizes and sync policies as words |
//! | `conformance` (feature `conformance`) | a suite that checks a store of your own against the trait's contract |
//!
//! The [`guide`] explains how to use all of it, page by page. `wit/` describes every field; the types
//! in [`journal`] and [`store`] are generated from there.
//!
//! # Cancelling
//!
//! Operations are futures on a tokio runtime with time enabled. Dropping one cancels it: a rewrite
//! that is not committed has no effect. A batch that a [`FileStore`] has already queued is written
//! even so. [`Journal::with_progress`] reports how far an operation is, and can cancel it as well.
//!
//! # Features
//!
//! Files, rotating files and memory need none. The command is a crate of its own, `papyra-cli`.
//!
//! | feature | what it adds |
//! |---|---|
//! | `redis` | [`store`]`::RedisStore`: one server, TLS, Cluster and Sentinel |
//! | `config` | the module of that name |
//! | `serve` | the module of that name |
//! | `conformance` | the module of that name, for tests of a store of your own |
//! | `tracing-layer` | [`recorder`]`::TracingLayer`, which records the events of `tracing` |
//!
//! # Building
//!
//! The crate contains the finished engine. In a checkout of the repository the build script compiles it instead, which
//! takes the standard library for `wasm32-unknown-unknown`. With `PAPYRA_ENGINE_WASM` set to the absolute path of a
//! finished engine it embeds that one.

#![deny(missing_docs)]

pub mod bindings;
#[cfg(feature = "config")]
pub mod config;
#[cfg(feature = "conformance")]
pub mod conformance;
pub mod consumer;
pub mod engine;
pub mod journal;
pub mod metrics;
pub mod recorder;
pub mod route;
#[cfg(feature = "serve")]
pub mod serve;
pub mod store;
pub mod units;

pub use consumer::Consumer;
pub use engine::{Engine, EngineBuilder, EngineError};
pub use journal::{Draft, Journal, JournalError, Limits, Retention, Selection};
pub use metrics::Metrics;
pub use recorder::Recorder;
pub use store::{Durability, FileStore, Kind, MemoryStore, Store, StoreError};

#[cfg(any(doc, doctest))]
pub mod guide;
