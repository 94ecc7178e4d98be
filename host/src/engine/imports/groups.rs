//! The imports `groups` and `claims`, served by the consumer groups of the store.
//!
//! What arrives here is guest-controlled: counts and lists are clamped here, and every call ends
//! within the storage timeout, except that fetching may wait as long as it was asked to.

use std::sync::Arc;
use std::time::Duration;

use super::storage::{Reply, bounded, to_wit};
use crate::bindings::papyra::persistence::claims::{self, AutoClaimed};
use crate::bindings::papyra::persistence::groups::{
    self, ConsumerInfo, Delivered, GroupInfo, PendingSummary, Source, Wait,
};
use crate::bindings::papyra::persistence::storage::{Payload, StorageError};
use crate::bindings::papyra::persistence::types::{Kind, PendingEntry, PendingFilter};
use crate::engine::context::PapyraCtx;
use crate::store::{ConsumerGroups, Store, StoreError, StoreErrorKind};

/// The most entries, or ids, of one call.
const MAX_COUNT: u32 = 10_000;

/// The most bytes of entries that are handed to the engine at once: one entry of the greatest length
/// and then some. The engine holds them twice, and must stay within its memory.
const MAX_DELIVERED: usize = 20 << 20;

type Answer<T> = Result<T, StorageError>;

impl groups::Host for PapyraCtx {
    async fn ensure_group(
        &mut self,
        kind: Kind,
        partition: Option<u32>,
        group: String,
        start: String,
    ) -> Reply<bool> {
        let store = self.work.store.clone();
        Ok(bounded(self.storage_timeout, async {
            groups(&store, partition)?.ensure_group(kind, &group, &start).await
        })
        .await)
    }

    async fn fetch(
        &mut self,
        kind: Kind,
        partition: Option<u32>,
        group: String,
        consumer: String,
        source: Source,
        count: u32,
        wait: Wait,
    ) -> Reply<Delivered> {
        let store = self.work.store.clone();
        let patience = match (&source, wait) {
            (Source::OwnPending(_), _) | (_, Wait::None) => Some(Duration::ZERO),
            (_, Wait::Millis(millis)) => Some(Duration::from_millis(millis.into())),
            (_, Wait::Forever) => None,
        };
        let count = count.clamp(1, MAX_COUNT);
        let call = async {
            groups(&store, partition)?.fetch(kind, &group, &consumer, source, count, wait).await
        };
        let delivered = match patience {
            Some(patience) => bounded(self.storage_timeout.saturating_add(patience), call).await,
            // Ends when something comes, or when whoever asked drops the call.
            None => call.await.map_err(|error| to_wit(&error)),
        };
        Ok(delivered.and_then(measured))
    }

    async fn ack(
        &mut self,
        kind: Kind,
        partition: Option<u32>,
        group: String,
        ids: Vec<String>,
    ) -> Reply<u64> {
        let store = self.work.store.clone();
        Ok(bounded(self.storage_timeout, async {
            few(&ids)?;
            groups(&store, partition)?.ack(kind, &group, &ids).await
        })
        .await)
    }

    async fn summarize_pending(
        &mut self,
        kind: Kind,
        partition: Option<u32>,
        group: String,
    ) -> Reply<PendingSummary> {
        let store = self.work.store.clone();
        Ok(bounded(self.storage_timeout, async {
            groups(&store, partition)?.summarize_pending(kind, &group).await
        })
        .await)
    }

    async fn list_groups(&mut self, kind: Kind, partition: Option<u32>) -> Reply<Vec<GroupInfo>> {
        let store = self.work.store.clone();
        Ok(bounded(self.storage_timeout, async {
            groups(&store, partition)?.list_groups(kind).await
        })
        .await)
    }

    async fn set_id(
        &mut self,
        kind: Kind,
        partition: Option<u32>,
        group: String,
        id: String,
    ) -> Reply<()> {
        let store = self.work.store.clone();
        Ok(bounded(self.storage_timeout, async {
            groups(&store, partition)?.set_id(kind, &group, &id).await
        })
        .await)
    }

    async fn quarantine(
        &mut self,
        kind: Kind,
        partition: Option<u32>,
        group: String,
        id: String,
        reason: String,
    ) -> Reply<()> {
        let store = self.work.store.clone();
        Ok(bounded(self.storage_timeout, async {
            groups(&store, partition)?.quarantine(kind, &group, &id, &reason).await
        })
        .await)
    }

    async fn list_consumers(
        &mut self,
        kind: Kind,
        partition: Option<u32>,
        group: String,
    ) -> Reply<Vec<ConsumerInfo>> {
        let store = self.work.store.clone();
        Ok(bounded(self.storage_timeout, async {
            groups(&store, partition)?.list_consumers(kind, &group).await
        })
        .await)
    }

    async fn delete_group(
        &mut self,
        kind: Kind,
        partition: Option<u32>,
        group: String,
    ) -> Reply<bool> {
        let store = self.work.store.clone();
        Ok(bounded(self.storage_timeout, async {
            groups(&store, partition)?.delete_group(kind, &group).await
        })
        .await)
    }

    async fn delete_consumer(
        &mut self,
        kind: Kind,
        partition: Option<u32>,
        group: String,
        consumer: String,
    ) -> Reply<u64> {
        let store = self.work.store.clone();
        Ok(bounded(self.storage_timeout, async {
            groups(&store, partition)?.delete_consumer(kind, &group, &consumer).await
        })
        .await)
    }
}

impl claims::Host for PapyraCtx {
    async fn list_pending(
        &mut self,
        kind: Kind,
        partition: Option<u32>,
        group: String,
        mut filter: PendingFilter,
    ) -> Reply<Vec<PendingEntry>> {
        let store = self.work.store.clone();
        filter.count = filter.count.clamp(1, MAX_COUNT);
        Ok(bounded(self.storage_timeout, async {
            groups(&store, partition)?.list_pending(kind, &group, &filter).await
        })
        .await)
    }

    async fn claim(
        &mut self,
        kind: Kind,
        partition: Option<u32>,
        group: String,
        consumer: String,
        min_idle_ms: u64,
        ids: Vec<String>,
    ) -> Reply<Delivered> {
        let store = self.work.store.clone();
        let claimed = bounded(self.storage_timeout, async {
            few(&ids)?;
            groups(&store, partition)?.claim(kind, &group, &consumer, min_idle_ms, &ids).await
        });
        Ok(claimed.await.and_then(measured))
    }

    async fn auto_claim(
        &mut self,
        kind: Kind,
        partition: Option<u32>,
        group: String,
        consumer: String,
        min_idle_ms: u64,
        start: String,
        count: u32,
    ) -> Reply<AutoClaimed> {
        let store = self.work.store.clone();
        let count = count.clamp(1, MAX_COUNT);
        let claimed = bounded(self.storage_timeout, async {
            groups(&store, partition)?
                .auto_claim(kind, &group, &consumer, min_idle_ms, &start, count)
                .await
        });
        Ok(claimed.await.and_then(|AutoClaimed { entries, next }| {
            Ok(AutoClaimed { entries: measured(entries)?, next })
        }))
    }
}

/// The store's groups. A store never pretends to have some.
fn groups(
    store: &Arc<dyn Store>,
    partition: Option<u32>,
) -> Result<&dyn ConsumerGroups, StoreError> {
    if partition.is_some() {
        let message = "every store has one stream per kind so far; name no partition";
        return Err(StoreError::new(StoreErrorKind::Unsupported, message));
    }
    store.groups().ok_or_else(|| {
        let backend = store.describe().backend;
        let message = format!(
            "a {backend} store has no consumer groups; of the stores that come with papyra, only those \
             of Redis (redis:, redis+cluster:, redis+sentinel:) have them"
        );
        StoreError::new(StoreErrorKind::Unsupported, message)
    })
}

fn few(ids: &[String]) -> Result<(), StoreError> {
    if ids.len() <= MAX_COUNT as usize {
        return Ok(());
    }
    let message = format!("more than {MAX_COUNT} ids at once; nothing was done");
    Err(StoreError::new(StoreErrorKind::Failed, message))
}

/// Refuses what the engine could not hold. The entries stay pending, so they are not lost: fewer at
/// a time can be had.
fn measured(delivered: Delivered) -> Answer<Delivered> {
    let bytes = match &delivered.data {
        Payload::Raw(bytes) => bytes.len(),
        Payload::Text(text) => text.len(),
    };
    if bytes <= MAX_DELIVERED || delivered.frames.len() <= 1 {
        return Ok(delivered);
    }
    Err(StorageError::Failed(format!(
        "{} entries of {bytes} bytes came at once; they stay pending with this consumer: ask for its \
         own pending entries, fewer at a time",
        delivered.frames.len()
    )))
}
