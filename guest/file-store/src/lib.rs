//! The file protocol of Papyra journals: names, locks, appending, taking back, rotating, rewriting,
//! quarantine, index and snapshot, once for every host, as synchronous code over a [`Disk`].
//!
//! What is about threads (sharing one sync among many appends, timers, cancelling) is the host's. Which bytes
//! are records is the engine's.

#[cfg(test)]
mod sim;

mod active;
mod defects;
mod dirs;
pub mod disk;
mod error;
mod extent;
mod failed;
mod file_set;
mod followed;
pub mod index;
mod lock;
mod member;
mod mutex;
mod names;
mod one_file;
mod rewrite;
mod rotating;
mod settings;
mod settled;
mod syncing;
mod temporary;
mod unsynced;
mod writer;

pub use self::disk::{Disk, DiskFile};
pub use self::error::{Error, Kind, Result};
pub use self::failed::{Failed, Written};
pub use self::file_set::{FileSet, can_create};
pub use self::member::{Beside, Member, View, Why};
pub use self::names::{name_of, numbered, parent};
pub use self::one_file::OneFile;
pub use self::rewrite::{Cancel, Edit, Rewrite, Rewritten};
pub use self::rotating::{Dropped, Limits, MAX_FILES, Rotating};
pub use self::settings::{Durability, Settings};
pub use self::syncing::Syncing;
pub use self::writer::Writer;
