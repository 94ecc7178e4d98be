//! Papyra persistence.
pub mod conformance;
pub mod engine;
pub mod store;
