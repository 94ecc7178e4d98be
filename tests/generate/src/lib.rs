//! Journals for tests, benchmarks and the demo: realistic, and damaged in every known way.

pub mod damage;
pub mod generate;
pub mod random;
