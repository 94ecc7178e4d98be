//! Consumer groups, as the bindings reach them.

use super::imports::Imports;
use super::papyra::persistence::{groups as wit, storage};
use crate::groups::{
    AutoClaimed, ConsumerGroups, ConsumerPending, Delivered, DeliveredFrame, GroupInfo,
    PendingEntry, PendingFilter, PendingSummary, Source, Wait,
};
use crate::host::StorageError;
use crate::json::Kind;

impl ConsumerGroups for Imports {
    fn ensure_group(&mut self, kind: Kind, group: &str, start: &str) -> Result<bool, StorageError> {
        Ok(wit::ensure_group(kind.into(), group, start)?)
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
        let source = match source {
            Source::Fresh => wit::Source::Fresh,
            Source::OwnPending(after) => wit::Source::OwnPending(after.clone()),
        };
        let wait = match wait {
            Wait::None => wit::Wait::None,
            Wait::Millis(millis) => wit::Wait::Millis(millis),
            Wait::Forever => wit::Wait::Forever,
        };
        Ok(wit::fetch(kind.into(), group, consumer, &source, count, wait)?.into())
    }

    fn ack(&mut self, kind: Kind, group: &str, ids: &[String]) -> Result<u64, StorageError> {
        Ok(wit::ack(kind.into(), group, ids)?)
    }

    fn summarize_pending(
        &mut self,
        kind: Kind,
        group: &str,
    ) -> Result<PendingSummary, StorageError> {
        Ok(wit::summarize_pending(kind.into(), group)?.into())
    }

    fn list_pending(
        &mut self,
        kind: Kind,
        group: &str,
        filter: &PendingFilter,
    ) -> Result<Vec<PendingEntry>, StorageError> {
        let PendingFilter { start, end, count, min_idle_ms, consumer } = filter.clone();
        let filter = wit::PendingFilter { start, end, count, min_idle_ms, consumer };
        let entries = wit::list_pending(kind.into(), group, &filter)?;
        Ok(entries.into_iter().map(Into::into).collect())
    }

    fn claim(
        &mut self,
        kind: Kind,
        group: &str,
        consumer: &str,
        min_idle_ms: u64,
        ids: &[String],
    ) -> Result<Delivered, StorageError> {
        Ok(wit::claim(kind.into(), group, consumer, min_idle_ms, ids)?.into())
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
        let wit::AutoClaimed { entries, next } =
            wit::auto_claim(kind.into(), group, consumer, min_idle_ms, start, count)?;
        Ok(AutoClaimed { entries: entries.into(), next })
    }

    fn list_groups(&mut self, kind: Kind) -> Result<Vec<GroupInfo>, StorageError> {
        Ok(wit::list_groups(kind.into())?.into_iter().map(Into::into).collect())
    }

    fn set_id(&mut self, kind: Kind, group: &str, id: &str) -> Result<(), StorageError> {
        Ok(wit::set_id(kind.into(), group, id)?)
    }

    fn quarantine(
        &mut self,
        kind: Kind,
        group: &str,
        id: &str,
        reason: &str,
    ) -> Result<(), StorageError> {
        Ok(wit::quarantine(kind.into(), group, id, reason)?)
    }
}

impl From<wit::Delivered> for Delivered {
    fn from(delivered: wit::Delivered) -> Self {
        let wit::Delivered { data, frames, deleted } = delivered;
        let data = match data {
            storage::Payload::Text(text) => text.into_bytes(),
            storage::Payload::Raw(bytes) => bytes,
        };
        let frames = frames.into_iter().map(|frame| {
            let wit::DeliveredFrame { id, end, missing, deliveries } = frame;
            DeliveredFrame { id, end, missing, deliveries }
        });
        Self { data, frames: frames.collect(), deleted }
    }
}

impl From<wit::PendingSummary> for PendingSummary {
    fn from(summary: wit::PendingSummary) -> Self {
        let wit::PendingSummary { count, min, max, consumers } = summary;
        let consumers = consumers.into_iter().map(|share| {
            let wit::ConsumerPending { consumer, count } = share;
            ConsumerPending { consumer, count }
        });
        Self { count, min, max, consumers: consumers.collect() }
    }
}

impl From<PendingSummary> for wit::PendingSummary {
    fn from(summary: PendingSummary) -> Self {
        let PendingSummary { count, min, max, consumers } = summary;
        let consumers = consumers.into_iter().map(|share| {
            let ConsumerPending { consumer, count } = share;
            wit::ConsumerPending { consumer, count }
        });
        Self { count, min, max, consumers: consumers.collect() }
    }
}

impl From<wit::PendingEntry> for PendingEntry {
    fn from(entry: wit::PendingEntry) -> Self {
        let wit::PendingEntry { id, consumer, idle_ms, deliveries } = entry;
        Self { id, consumer, idle_ms, deliveries }
    }
}

impl From<PendingEntry> for wit::PendingEntry {
    fn from(entry: PendingEntry) -> Self {
        let PendingEntry { id, consumer, idle_ms, deliveries } = entry;
        Self { id, consumer, idle_ms, deliveries }
    }
}

impl From<wit::PendingFilter> for PendingFilter {
    fn from(filter: wit::PendingFilter) -> Self {
        let wit::PendingFilter { start, end, count, min_idle_ms, consumer } = filter;
        Self { start, end, count, min_idle_ms, consumer }
    }
}

impl From<wit::GroupInfo> for GroupInfo {
    fn from(info: wit::GroupInfo) -> Self {
        let wit::GroupInfo { name, consumers, pending, last_delivered, lag } = info;
        Self { name, consumers, pending, last_delivered, lag }
    }
}

impl From<GroupInfo> for wit::GroupInfo {
    fn from(info: GroupInfo) -> Self {
        let GroupInfo { name, consumers, pending, last_delivered, lag } = info;
        Self { name, consumers, pending, last_delivered, lag }
    }
}

impl From<wit::Wait> for Wait {
    fn from(wait: wit::Wait) -> Self {
        match wait {
            wit::Wait::None => Self::None,
            wit::Wait::Millis(millis) => Self::Millis(millis),
            wit::Wait::Forever => Self::Forever,
        }
    }
}

impl From<wit::Source> for Source {
    fn from(source: wit::Source) -> Self {
        match source {
            wit::Source::Fresh => Self::Fresh,
            wit::Source::OwnPending(after) => Self::OwnPending(after),
        }
    }
}
