//! Papyra persistence.
pub mod conformance;
pub mod engine;
pub mod journal;
pub mod store;
pub use engine::{Engine, EngineBuilder, EngineError};
pub use journal::{Journal, JournalError};
