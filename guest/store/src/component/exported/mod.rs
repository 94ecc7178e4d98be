//! What a store exports to an engine that it is composed with.

mod groups;
mod storage;
