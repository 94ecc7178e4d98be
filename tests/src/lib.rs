//! What the tests and benchmarks across crates share: journals, damage, sizes.

pub mod damage;
pub mod generate;
pub mod random;
pub mod scale;
