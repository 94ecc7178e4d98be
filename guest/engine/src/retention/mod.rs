//! How much of a journal is visible, and the removal of the rest.

pub(crate) mod boundaries;
pub mod compact;
mod compactor;
mod policy;
mod retainer;
pub mod survey;
mod told;

pub use self::policy::{Limits, Retention};
pub use self::retainer::{Retainer, Verdict};
