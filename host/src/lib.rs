//! Papyra persistence.
pub mod engine;
pub mod store;
