//! Consumer groups with one defect, wrapped around sound ones.

use std::sync::Arc;

use async_trait::async_trait;

use super::wrapper::{Base, Doing, go};
use crate::store::groups::{
    AutoClaimed, ConsumerGroups, ConsumerInfo, Delivered, GroupInfo, PendingEntry, PendingFilter,
    PendingSummary, Source, Wait,
};
use crate::store::{Kind, StoreError, StoreErrorKind};

/// The sound groups, and the group that is meant.
#[derive(Clone, Copy)]
pub struct Call<'a> {
    pub base: &'a Base,
    pub groups: &'a dyn ConsumerGroups,
    pub kind: Kind,
    pub group: &'a str,
}

#[derive(Clone, Debug)]
pub struct Fetch {
    pub consumer: String,
    pub source: Source,
    pub count: u32,
    pub wait: Wait,
}

#[derive(Clone, Debug)]
pub struct Claim {
    pub consumer: String,
    pub min_idle_ms: u64,
    pub ids: Vec<String>,
    /// Of `auto_claim`.
    pub start: String,
    pub count: u32,
}

impl<'a> Call<'a> {
    pub async fn fetch(self, fetch: Fetch) -> Result<Delivered, StoreError> {
        let Fetch { consumer, source, count, wait } = fetch;
        self.groups.fetch(self.kind, self.group, &consumer, source, count, wait).await
    }

    pub async fn claim(self, claim: Claim) -> Result<Delivered, StoreError> {
        let Claim { consumer, min_idle_ms, ids, .. } = claim;
        self.groups.claim(self.kind, self.group, &consumer, min_idle_ms, &ids).await
    }

    pub async fn auto_claim(self, claim: Claim) -> Result<AutoClaimed, StoreError> {
        let Claim { consumer, min_idle_ms, start, count, .. } = claim;
        let group = self.group;
        self.groups.auto_claim(self.kind, group, &consumer, min_idle_ms, &start, count).await
    }

    pub async fn ack(self, ids: &[String]) -> Result<u64, StoreError> {
        self.groups.ack(self.kind, self.group, ids).await
    }
}

/// What is different from sound groups: one of these.
#[derive(Clone, Copy)]
pub struct GroupDefect {
    pub ensure: for<'a> fn(Call<'a>, &'a str) -> Doing<'a, bool>,
    pub fetch: for<'a> fn(Call<'a>, Fetch) -> Doing<'a, Delivered>,
    pub ack: for<'a> fn(Call<'a>, &'a [String]) -> Doing<'a, u64>,
    pub summarize: for<'a> fn(Call<'a>) -> Doing<'a, PendingSummary>,
    pub list_pending: for<'a> fn(Call<'a>, PendingFilter) -> Doing<'a, Vec<PendingEntry>>,
    pub claim: for<'a> fn(Call<'a>, Claim) -> Doing<'a, Delivered>,
    pub auto_claim: for<'a> fn(Call<'a>, Claim) -> Doing<'a, AutoClaimed>,
    pub list_groups: for<'a> fn(Call<'a>) -> Doing<'a, Vec<GroupInfo>>,
    pub list_consumers: for<'a> fn(Call<'a>) -> Doing<'a, Vec<ConsumerInfo>>,
    pub delete_group: for<'a> fn(Call<'a>) -> Doing<'a, bool>,
    pub delete_consumer: for<'a> fn(Call<'a>, &'a str) -> Doing<'a, u64>,
    pub set_id: for<'a> fn(Call<'a>, &'a str) -> Doing<'a, ()>,
    pub quarantine: for<'a> fn(Call<'a>, &'a str, &'a str) -> Doing<'a, ()>,
}

pub const SOUND: GroupDefect = GroupDefect {
    ensure: |call, start| call.groups.ensure_group(call.kind, call.group, start),
    fetch: |call, fetch| go(call.fetch(fetch)),
    ack: |call, ids| call.groups.ack(call.kind, call.group, ids),
    summarize: |call| call.groups.summarize_pending(call.kind, call.group),
    list_pending: |call, filter| {
        go(async move { call.groups.list_pending(call.kind, call.group, &filter).await })
    },
    claim: |call, claim| go(call.claim(claim)),
    auto_claim: |call, claim| go(call.auto_claim(claim)),
    list_groups: |call| call.groups.list_groups(call.kind),
    list_consumers: |call| call.groups.list_consumers(call.kind, call.group),
    delete_group: |call| call.groups.delete_group(call.kind, call.group),
    delete_consumer: |call, name| call.groups.delete_consumer(call.kind, call.group, name),
    set_id: |call, id| call.groups.set_id(call.kind, call.group, id),
    quarantine: |call, id, reason| call.groups.quarantine(call.kind, call.group, id, reason),
};

pub struct BrokenGroups {
    base: Arc<Base>,
    defect: GroupDefect,
}

impl BrokenGroups {
    pub fn new(base: Arc<Base>, defect: GroupDefect) -> Self {
        Self { base, defect }
    }

    fn call<'a>(&'a self, kind: Kind, group: &'a str) -> Result<Call<'a>, StoreError> {
        let missing = || StoreError::new(StoreErrorKind::Unsupported, "there are no groups");
        let groups = self.base.store.groups().ok_or_else(missing)?;
        Ok(Call { base: &self.base, groups, kind, group })
    }
}

#[async_trait]
impl ConsumerGroups for BrokenGroups {
    async fn ensure_group(&self, kind: Kind, group: &str, start: &str) -> Result<bool, StoreError> {
        (self.defect.ensure)(self.call(kind, group)?, start).await
    }

    async fn fetch(
        &self,
        kind: Kind,
        group: &str,
        consumer: &str,
        source: Source,
        count: u32,
        wait: Wait,
    ) -> Result<Delivered, StoreError> {
        let fetch = Fetch { consumer: consumer.to_owned(), source, count, wait };
        (self.defect.fetch)(self.call(kind, group)?, fetch).await
    }

    async fn ack(&self, kind: Kind, group: &str, ids: &[String]) -> Result<u64, StoreError> {
        (self.defect.ack)(self.call(kind, group)?, ids).await
    }

    async fn summarize_pending(
        &self,
        kind: Kind,
        group: &str,
    ) -> Result<PendingSummary, StoreError> {
        (self.defect.summarize)(self.call(kind, group)?).await
    }

    async fn list_pending(
        &self,
        kind: Kind,
        group: &str,
        filter: &PendingFilter,
    ) -> Result<Vec<PendingEntry>, StoreError> {
        (self.defect.list_pending)(self.call(kind, group)?, filter.clone()).await
    }

    async fn claim(
        &self,
        kind: Kind,
        group: &str,
        consumer: &str,
        min_idle_ms: u64,
        ids: &[String],
    ) -> Result<Delivered, StoreError> {
        let (consumer, ids) = (consumer.to_owned(), ids.to_vec());
        let claim = Claim { consumer, min_idle_ms, ids, start: String::new(), count: 0 };
        (self.defect.claim)(self.call(kind, group)?, claim).await
    }

    async fn auto_claim(
        &self,
        kind: Kind,
        group: &str,
        consumer: &str,
        min_idle_ms: u64,
        start: &str,
        count: u32,
    ) -> Result<AutoClaimed, StoreError> {
        let (consumer, start) = (consumer.to_owned(), start.to_owned());
        let claim = Claim { consumer, min_idle_ms, ids: Vec::new(), start, count };
        (self.defect.auto_claim)(self.call(kind, group)?, claim).await
    }

    async fn list_groups(&self, kind: Kind) -> Result<Vec<GroupInfo>, StoreError> {
        (self.defect.list_groups)(self.call(kind, "")?).await
    }

    async fn list_consumers(
        &self,
        kind: Kind,
        group: &str,
    ) -> Result<Vec<ConsumerInfo>, StoreError> {
        (self.defect.list_consumers)(self.call(kind, group)?).await
    }

    async fn delete_group(&self, kind: Kind, group: &str) -> Result<bool, StoreError> {
        (self.defect.delete_group)(self.call(kind, group)?).await
    }

    async fn delete_consumer(
        &self,
        kind: Kind,
        group: &str,
        consumer: &str,
    ) -> Result<u64, StoreError> {
        (self.defect.delete_consumer)(self.call(kind, group)?, consumer).await
    }

    async fn set_id(&self, kind: Kind, group: &str, id: &str) -> Result<(), StoreError> {
        (self.defect.set_id)(self.call(kind, group)?, id).await
    }

    async fn quarantine(
        &self,
        kind: Kind,
        group: &str,
        id: &str,
        reason: &str,
    ) -> Result<(), StoreError> {
        (self.defect.quarantine)(self.call(kind, group)?, id, reason).await
    }
}
