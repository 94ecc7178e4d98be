//! What may be written: records, audit records, and the ranges that a rewrite removes.

pub mod append;
pub mod audit;
pub mod plan;
