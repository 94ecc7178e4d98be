//! The storage trait, which you implement to keep journals in a place of your own, and the stores that
//! come with this crate.
//!
//! The engine decides and a store only stores: it never looks into entries, never judges them, and
//! knows nothing about retention. Each method states its guarantees, in the same words as
//! `wit/storage.wit`; the suite behind the feature `conformance` checks them.
//!
//! Positions, names and lengths that arrive here come from the sandboxed engine and are
//! *guest-controlled*: a store clamps or refuses what is outside its snapshot, with checked
//! arithmetic, and never joins a segment name to a path.

mod disk;
mod error;
pub mod file;
pub mod groups;
mod kind;
mod memory;
mod profile;
mod read_only;
mod redact;
#[cfg(feature = "redis")]
pub mod redis;
mod registry;
pub mod rotating;
mod url;

use std::sync::Arc;

use async_trait::async_trait;

#[cfg(feature = "config")]
pub(crate) use self::disk::os::open_regular;
pub use self::disk::settings::{DiskBuilder, Durability};
pub use self::disk::store::DiskStore;
pub use self::error::{StoreError, StoreErrorKind};
pub use self::file::{FileStore, FileStoreBuilder};
pub use self::groups::ConsumerGroups;
pub(crate) use self::kind::PerKind;
pub use self::memory::MemoryStore;
pub use self::profile::ProfileOptions;
pub use self::read_only::ReadOnlyStore;
#[cfg(feature = "redis")]
pub use self::redis::{RedisConfig, RedisStore};
pub use self::registry::{Opened, Registry};
pub use self::rotating::{Dropped, RotatingStore, RotatingStoreBuilder};
pub use self::url::{Defaults, Source, StoreUrl, UrlError};
#[cfg(feature = "config")]
pub(crate) use self::{redact::redacted, url::file_word};
pub use crate::bindings::papyra::persistence::storage::{
    Chunk, Description, Edit, Frame, Framing, Layout, Payload, Position, Profile, Purpose,
    RewriteOptions, Rewritten, Role, Run, Segment, TimeFormat,
};
pub use crate::bindings::papyra::persistence::types::{Kind, Written};

/// The maximum size of an index in bytes; a longer text is none.
pub const MAX_INDEX: usize = 8 << 20;

impl Edit {
    /// Removes what lies from `start` up to, not including, `end`.
    pub fn removal(start: Position, end: Position) -> Self {
        Self { start, end, line_end: false }
    }

    /// Inserts a line end.
    pub fn line_end(at: Position) -> Self {
        Self { start: at, end: at, line_end: true }
    }
}

/// A place where a journal lies.
///
/// One value serves any number of operations at once, from any thread. Methods are called on an async
/// runtime: whatever can block belongs on [`tokio::task::spawn_blocking`]. A call can be dropped at
/// any `.await`; that must leave the store as if the call had failed or had succeeded.
#[async_trait]
pub trait Store: Send + Sync + 'static {
    /// Describes this store. Constant, cheap, without secrets.
    fn describe(&self) -> Description;

    /// Appends whole lines, each ending with `\n`, in this order, all of them or none.
    ///
    /// `runs` says which kinds the lines have; the counts add up to the number of lines. When this
    /// returns, the store's durability policy has been met. Appends from several tasks and processes
    /// never interleave within a batch. A line is never merged with a torn one that an earlier crash
    /// left at the end.
    ///
    /// Called once per batch; concurrent calls may be made durable together.
    ///
    /// # Errors
    ///
    /// [`StoreError::written`] says how much of the batch is visible nevertheless; an error that does not
    /// say it counts as [`Written::Unknown`]. `Full`: there is no space, and appending works again once
    /// there is some. `Unavailable`, `Locked`: trying again can help.
    async fn append(&self, lines: String, runs: &[Run]) -> Result<(), StoreError>;

    /// Nothing more will be appended for now: what the durability policy has left for later is made durable.
    ///
    /// # Errors
    ///
    /// The class of the failure. Everything that was acknowledged is still there as long as the system lives.
    async fn settle(&self) -> Result<(), StoreError> {
        Ok(())
    }

    /// Takes a consistent view for one operation.
    ///
    /// It never ends inside a write that is still going on. Taking one changes nothing in the store,
    /// and needs no more than permission to read.
    ///
    /// # Errors
    ///
    /// `NotFound` if the store does not exist. An empty store exists.
    async fn snapshot(&self) -> Result<Arc<dyn Snapshot>, StoreError>;

    /// Checks that the first append could create a store that does not exist. Cheap; called before a
    /// system is told that it may start without a journal.
    ///
    /// # Errors
    ///
    /// `NotFound` if the place for it is missing, such as a directory on a volume that is not mounted.
    fn can_create(&self) -> Result<(), StoreError> {
        Ok(())
    }

    /// Dangers to the journal that lie in how its backend is set up, such as a server that may evict it: a
    /// line each for people, saying what to do. What cannot be found out is left out.
    async fn warnings(&self) -> Vec<String> {
        Vec::new()
    }

    /// The number of records that this store has dropped by itself to make room, as a set of rotating files
    /// does. It never falls.
    fn dropped_records(&self) -> u64 {
        0
    }

    /// The same store for one reader that comes back for more: what was moved away since it was last looked
    /// at is still read to its end. `None`: any look at this store does as well.
    fn reader(&self) -> Option<Arc<dyn Store>> {
        None
    }

    /// The default number of the newest entries of each segment that a scan looks at; `None`: all.
    fn scan_sample(&self) -> Option<u64> {
        None
    }

    /// The store's consumer groups, if its backend has such. Constant, cheap.
    fn groups(&self) -> Option<&dyn ConsumerGroups> {
        None
    }

    /// The text that [`save_index`](Store::save_index) was last given, at most
    /// [`MAX_INDEX`] bytes, or an empty one if there is none. The engine does not trust it:
    /// losing it, or returning an old one, only costs time.
    ///
    /// # Errors
    ///
    /// Any; the startup check then reads everything.
    async fn load_index(&self) -> Result<String, StoreError> {
        Ok(String::new())
    }

    /// Keeps a text beside the entries, in place of the one before; after a crash either is there. An empty one
    /// removes it.
    ///
    /// # Errors
    ///
    /// `Unsupported` if the store has no place for it, which is what happens unless you write this
    /// method. Any other error is passed on as a note of the startup check.
    async fn save_index(&self, text: String) -> Result<(), StoreError> {
        drop(text);
        Err(StoreError::new(StoreErrorKind::Unsupported, "this store keeps no index"))
    }
}

/// A consistent view of a store. It keeps returning what was there when it was taken, whatever is
/// appended, rotated or rewritten meanwhile, by this process or another. (From a backend that removes
/// entries in place, such as Redis, what has been removed is missing; nothing else changes.)
#[async_trait]
pub trait Snapshot: Send + Sync + 'static {
    /// The segments, oldest first; names are unique.
    fn segments(&self) -> &[Segment];

    /// Reads forward, from `at`, up to about `max_bytes` bytes (framed stores: at least one entry,
    /// whatever its size). Fewer are fine; none is allowed only together with `last`.
    ///
    /// Called about once per MiB that the engine looks at.
    ///
    /// # Errors
    ///
    /// `NotFound` for a name that is not in [`segments`](Snapshot::segments). A position outside the
    /// snapshot is not an error: it returns an empty chunk with `last`.
    async fn read(&self, segment: &str, at: Position, max_bytes: u32) -> Result<Chunk, StoreError>;

    /// Reads backward: what lies directly before `before`, in ascending order, so that the next call
    /// continues with the returned `start`. Otherwise like [`read`](Snapshot::read).
    ///
    /// # Errors
    ///
    /// As for [`read`](Snapshot::read).
    async fn read_back(
        &self,
        segment: &str,
        before: Position,
        max_bytes: u32,
    ) -> Result<Chunk, StoreError>;

    /// Begins to rewrite a segment of this snapshot. Nothing is visible before
    /// [`Rewrite::commit`].
    ///
    /// # Errors
    ///
    /// `Locked` if another rewrite of the store is open, in this process or another, or if the segment
    /// was rewritten after this snapshot was taken and its positions no longer hold; at the latest
    /// [`Rewrite::commit`] must say so. `Unsupported` if the options ask for a quarantine and none has been
    /// set up, or if the store cannot rewrite.
    async fn rewrite(
        &self,
        segment: &str,
        options: RewriteOptions,
    ) -> Result<Box<dyn Rewrite>, StoreError>;
}

/// An open rewrite of one segment. Dropping it gives up, and leaves nothing behind.
#[async_trait]
pub trait Rewrite: Send {
    /// Makes these changes; everything else stays, byte for byte. Each edit replaces the bytes of its
    /// range by one line end, or by nothing; an empty range with `line_end` inserts one. Stores that frame
    /// entries are never asked for line ends. Edits are inside the snapshot, ascending, and continue those
    /// of earlier calls; the number of calls is not bounded. The quarantine gets the replaced bytes, in
    /// order, and nothing else.
    ///
    /// # Errors
    ///
    /// `Failed` if the edits are not as described. After an error the rewrite can only be dropped.
    async fn edit(&mut self, edits: &[Edit]) -> Result<(), StoreError>;

    /// Makes the quarantine durable, then switches to the new content atomically, together with
    /// everything that was appended since the snapshot. After a crash at any moment, the old or the
    /// new content is there, whole.
    ///
    /// If the snapshot's last line has no line end, and an edit ends there, and a later append has isolated
    /// that torn tail with a line end, that line end goes as well: the edit says what comes in its place.
    ///
    /// # Errors
    ///
    /// Whatever the error, the old content is in place; unless it says that the switch has happened but
    /// could not be made durable, and then it is the old or the new content, whole.
    async fn commit(self: Box<Self>) -> Result<Rewritten, StoreError>;
}
