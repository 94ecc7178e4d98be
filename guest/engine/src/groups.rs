//! What the engine can reach of consumer groups. The types are those of `wit/groups.wit` and
//! `wit/claims.wit`.

use crate::bindings::papyra::persistence::groups;
pub use crate::bindings::papyra::persistence::groups::DeliveredFrame;
pub use crate::bindings::papyra::persistence::types::{
    ConsumerInfo, ConsumerPending, GroupInfo, PendingEntry, PendingFilter, PendingSummary, Source,
    Wait,
};
use crate::host::{Host, StorageError};
use crate::json::Kind;

/// Entries that were handed out, whichever way their bytes crossed the sandbox.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Delivered {
    pub data: Vec<u8>,
    pub frames: Vec<DeliveredFrame>,
    pub deleted: Vec<String>,
}

impl From<groups::Delivered> for Delivered {
    fn from(delivered: groups::Delivered) -> Self {
        let groups::Delivered { data, frames, deleted } = delivered;
        Self { data: data.into_bytes(), frames, deleted }
    }
}

/// Entries that were taken over, and the id to continue with.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct AutoClaimed {
    pub entries: Delivered,
    pub next: String,
}

/// Consumer groups. Each method is documented at its namesake in `wit/groups.wit` or
/// `wit/claims.wit`. A store without
/// groups leaves them as they are.
#[allow(unused_variables, reason = "a store without groups answers every question alike")]
pub trait ConsumerGroups: Host {
    fn ensure_group(&mut self, kind: Kind, group: &str, start: &str) -> Result<bool, StorageError> {
        no_groups()
    }
    fn fetch(
        &mut self,
        kind: Kind,
        group: &str,
        consumer: &str,
        source: &Source,
        count: u32,
        wait: Wait,
    ) -> Result<Delivered, StorageError> {
        no_groups()
    }
    fn ack(&mut self, kind: Kind, group: &str, ids: &[String]) -> Result<u64, StorageError> {
        no_groups()
    }
    fn summarize_pending(
        &mut self,
        kind: Kind,
        group: &str,
    ) -> Result<PendingSummary, StorageError> {
        no_groups()
    }
    fn list_pending(
        &mut self,
        kind: Kind,
        group: &str,
        filter: &PendingFilter,
    ) -> Result<Vec<PendingEntry>, StorageError> {
        no_groups()
    }
    fn claim(
        &mut self,
        kind: Kind,
        group: &str,
        consumer: &str,
        min_idle_ms: u64,
        ids: &[String],
    ) -> Result<Delivered, StorageError> {
        no_groups()
    }
    fn auto_claim(
        &mut self,
        kind: Kind,
        group: &str,
        consumer: &str,
        min_idle_ms: u64,
        start: &str,
        count: u32,
    ) -> Result<AutoClaimed, StorageError> {
        no_groups()
    }
    fn list_groups(&mut self, kind: Kind) -> Result<Vec<GroupInfo>, StorageError> {
        no_groups()
    }
    fn list_consumers(
        &mut self,
        kind: Kind,
        group: &str,
    ) -> Result<Vec<ConsumerInfo>, StorageError> {
        no_groups()
    }
    fn delete_group(&mut self, kind: Kind, group: &str) -> Result<bool, StorageError> {
        no_groups()
    }
    fn delete_consumer(
        &mut self,
        kind: Kind,
        group: &str,
        consumer: &str,
    ) -> Result<u64, StorageError> {
        no_groups()
    }
    fn set_id(&mut self, kind: Kind, group: &str, id: &str) -> Result<(), StorageError> {
        no_groups()
    }
    fn quarantine(
        &mut self,
        kind: Kind,
        group: &str,
        id: &str,
        reason: &str,
    ) -> Result<(), StorageError> {
        no_groups()
    }
}

/// What a store without groups answers.
pub fn no_groups<T>() -> Result<T, StorageError> {
    Err(StorageError::Unsupported(
        "this store has no consumer groups; use one that has, such as Redis".to_owned(),
    ))
}
