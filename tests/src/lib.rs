//! What the tests and benchmarks across crates share: journals, damage, sizes.

pub mod acl;
pub mod command;
pub mod documents;
pub mod download;
pub mod embed;
pub mod hostile;
pub mod moody;
pub mod native;
pub mod numbered;
pub mod place;
pub mod portable;
pub mod process;
pub mod python;
pub mod redis;
pub mod scale;
pub mod served;
pub mod survival;
pub mod watch;

pub use papyra_generate::{damage, generate, random};
