//! Which records to return, and where to go on.

pub mod cursor;
mod landmarks;
mod needle;
pub mod query;
pub mod select;
