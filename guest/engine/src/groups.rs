//! What the engine can reach of consumer groups.
//!
//! The types mirror `wit/groups.wit`, where they are documented.

use crate::host::{Host, StorageError};
use crate::json::Kind;

/// How long `fetch` may wait when nothing is there yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wait {
    None,
    Millis(u32),
    Forever,
}

/// Which entries `fetch` returns.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    Fresh,
    /// Those that this consumer was given and has not acknowledged, after this id.
    OwnPending(String),
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DeliveredFrame {
    pub id: String,
    pub end: u32,
    pub missing: bool,
    pub deliveries: u64,
}

/// Entries that were handed out.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Delivered {
    pub data: Vec<u8>,
    pub frames: Vec<DeliveredFrame>,
    pub deleted: Vec<String>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AutoClaimed {
    pub entries: Delivered,
    pub next: String,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PendingSummary {
    pub count: u64,
    pub min: Option<String>,
    pub max: Option<String>,
    pub consumers: Vec<ConsumerPending>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConsumerPending {
    pub consumer: String,
    pub count: u64,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PendingEntry {
    pub id: String,
    pub consumer: String,
    pub idle_ms: u64,
    pub deliveries: u64,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PendingFilter {
    pub start: String,
    pub end: String,
    pub count: u32,
    pub min_idle_ms: u64,
    pub consumer: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupInfo {
    pub name: String,
    pub consumers: u64,
    pub pending: u64,
    pub last_delivered: String,
    pub lag: Option<u64>,
}

/// Consumer groups. Each method is documented at its namesake in `wit/groups.wit`. A store without
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
