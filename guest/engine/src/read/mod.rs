//! Which records to return, and where to go on.

pub mod cursor;
mod landmarks;
pub mod query;
pub mod select;
