//! The state of a store: what is wrong with it, its repair, and the verdict before a start.

pub mod inspect;
mod likely;
pub mod look;
pub mod recover;
pub mod salvage;
pub mod scan;
mod shape;
pub mod startup;
pub mod tally;
