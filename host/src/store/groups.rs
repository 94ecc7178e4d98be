//! Consumer groups, as a backend provides them. A store that has them says so in
//! [`Store::groups`](super::Store::groups).

use async_trait::async_trait;

use super::{Kind, StoreError};
pub use crate::bindings::papyra::persistence::claims::AutoClaimed;
pub use crate::bindings::papyra::persistence::groups::{
    ConsumerInfo, ConsumerPending, Delivered, DeliveredFrame, GroupInfo, PendingSummary, Source,
    Wait,
};
pub use crate::bindings::papyra::persistence::types::{PendingEntry, PendingFilter};

/// The entries that a group has lost to forced compactions.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct GroupLoss {
    /// The kind of records that it consumes.
    pub kind: Kind,
    /// Its name.
    pub group: String,
    /// Entries that were removed before it had been given them, or before it had acknowledged them.
    pub entries: u64,
}

impl GroupLoss {
    /// The loss of `entries` entries by one group.
    pub fn new(kind: Kind, group: impl Into<String>, entries: u64) -> Self {
        Self { kind, group: group.into(), entries }
    }
}

/// The consumer groups of a store, in the words of `wit/groups.wit` and `wit/claims.wit`.
///
/// Entries are named by the backend's own ids, two numbers as in `1763700000123-0`; ids ascend with
/// time. Every kind is a stream of its own with groups of its own. An entry that was handed out
/// stays pending with its consumer until it is acknowledged, also when the answer that handed it out
/// was lost on the way: delivery is at least once.
///
/// Names, ids and counts that arrive here are *guest-controlled*. Counts are within their documented
/// bounds, and lists of ids hold at most 10,000; the text of names and ids is whatever it is.
/// A call can be dropped at any `.await`.
///
/// # Errors
///
/// Every method returns `NotFound` if there is no such group or stream, except where it says
/// otherwise, and the other classes as usual.
#[async_trait]
pub trait ConsumerGroups: Send + Sync {
    /// Returns the entries that forced rewrites by this store and its clones have taken from groups so
    /// far.
    fn losses(&self) -> Vec<GroupLoss> {
        Vec::new()
    }

    /// Makes the group if it does not exist, and the stream if that does not exist either, so that
    /// the group starts after `start` (`"0"`: everything, `"$"`: only what comes from now on, or an
    /// id). Returns whether it was made; a group that exists is left as it is.
    async fn ensure_group(&self, kind: Kind, group: &str, start: &str) -> Result<bool, StoreError>;

    /// Hands up to `count` entries to a consumer. They are pending until acknowledged.
    ///
    /// With [`Source::Fresh`] it waits as told when there are none; [`Source::OwnPending`] never
    /// waits. Nothing there is an empty answer, not an error. The caller allows for the waiting time
    /// on top of its usual limit, and ends a wait for ever by dropping the call.
    async fn fetch(
        &self,
        kind: Kind,
        group: &str,
        consumer: &str,
        source: Source,
        count: u32,
        wait: Wait,
    ) -> Result<Delivered, StoreError>;

    /// Acknowledges. Returns how many of the ids were pending; 0 if there is no such group.
    async fn ack(&self, kind: Kind, group: &str, ids: &[String]) -> Result<u64, StoreError>;

    /// Summarizes the pending entries.
    async fn summarize_pending(
        &self,
        kind: Kind,
        group: &str,
    ) -> Result<PendingSummary, StoreError>;

    /// Lists pending entries, in ascending order of ids.
    async fn list_pending(
        &self,
        kind: Kind,
        group: &str,
        filter: &PendingFilter,
    ) -> Result<Vec<PendingEntry>, StoreError>;

    /// Takes over entries that have been idle for at least `min_idle_ms`. Ids that are not pending, or no
    /// longer exist, are left out; the latter are listed in `deleted`.
    async fn claim(
        &self,
        kind: Kind,
        group: &str,
        consumer: &str,
        min_idle_ms: u64,
        ids: &[String],
    ) -> Result<Delivered, StoreError>;

    /// Takes over up to `count` entries that have been idle for at least `min_idle_ms`, walking the
    /// pending list from `start`.
    async fn auto_claim(
        &self,
        kind: Kind,
        group: &str,
        consumer: &str,
        min_idle_ms: u64,
        start: &str,
        count: u32,
    ) -> Result<AutoClaimed, StoreError>;

    /// All groups of a kind; none if the stream does not exist.
    async fn list_groups(&self, kind: Kind) -> Result<Vec<GroupInfo>, StoreError>;

    /// The consumers of a group.
    async fn list_consumers(
        &self,
        kind: Kind,
        group: &str,
    ) -> Result<Vec<ConsumerInfo>, StoreError>;

    /// Deletes the group with its position and its pending entries. Returns whether there was one; false
    /// too if the stream does not exist.
    async fn delete_group(&self, kind: Kind, group: &str) -> Result<bool, StoreError>;

    /// Deletes a consumer. Returns the number of its pending entries, which are pending no longer; 0 if
    /// there is no such consumer.
    async fn delete_consumer(
        &self,
        kind: Kind,
        group: &str,
        consumer: &str,
    ) -> Result<u64, StoreError>;

    /// Moves the group's position, so that it continues after `id`.
    async fn set_id(&self, kind: Kind, group: &str, id: &str) -> Result<(), StoreError>;

    /// Copies an entry with its id, all its fields and `reason` to the quarantine, durably, then
    /// acknowledges it, both or neither where the backend can. The entry itself stays in its
    /// stream. An entry that no longer exists is only acknowledged.
    async fn quarantine(
        &self,
        kind: Kind,
        group: &str,
        id: &str,
        reason: &str,
    ) -> Result<(), StoreError>;
}
