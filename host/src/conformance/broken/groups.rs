//! The consumer groups of [`Streams`].

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use async_trait::async_trait;

use super::streams::{Id, Shelf, Stream, Streams, after, error};
use crate::store::groups::{
    AutoClaimed, ConsumerGroups, ConsumerInfo, ConsumerPending, Delivered, DeliveredFrame,
    GroupInfo, PendingEntry, PendingFilter, PendingSummary, Source, Wait,
};
use crate::store::{Kind, Payload, StoreError, StoreErrorKind};

#[derive(Default)]
pub struct Group {
    /// The last id that was handed out.
    pub last: Id,
    pub pending: BTreeMap<Id, Pending>,
    /// Consumers, and when they last asked.
    consumers: BTreeMap<String, Instant>,
}

pub struct Pending {
    consumer: String,
    since: Instant,
    deliveries: u64,
}

impl Pending {
    fn idle_ms(&self) -> u64 {
        self.since.elapsed().as_millis() as u64
    }

    fn hand_to(&mut self, consumer: &str) {
        consumer.clone_into(&mut self.consumer);
        self.since = Instant::now();
        self.deliveries += 1;
    }
}

fn format(id: Id) -> String {
    format!("{}-{}", id.0, id.1)
}

fn parse(text: &str) -> Result<Id, StoreError> {
    let (major, minor) = text.split_once('-').unwrap_or((text, "0"));
    let id = major.parse().ok().zip(minor.parse().ok());
    id.ok_or_else(|| error(StoreErrorKind::Failed, "an id is two numbers, such as 12-0"))
}

fn not_found() -> StoreError {
    error(StoreErrorKind::NotFound, "there is no such stream or group")
}

impl Shelf {
    fn group(&mut self, kind: Kind, name: &str) -> Result<(&Stream, &Group), StoreError> {
        let stream = &*self.streams.get_mut(kind);
        Ok((stream, stream.groups.get(name).ok_or_else(not_found)?))
    }

    /// Changes a group, for which it is taken out of its stream.
    fn change<T>(
        &mut self,
        kind: Kind,
        name: &str,
        change: impl FnOnce(&Stream, &mut Group) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let stream = self.streams.get_mut(kind);
        let mut group = stream.groups.remove(name).ok_or_else(not_found)?;
        let result = change(stream, &mut group);
        stream.groups.insert(name.to_owned(), group);
        result
    }
}

/// The entries of these pending ids; what no longer exists is in `deleted`.
fn delivered(stream: &Stream, group: &Group, ids: &[Id]) -> Delivered {
    let (mut data, mut frames, mut deleted) = (Vec::new(), Vec::new(), Vec::new());
    for at in ids {
        let Some(bytes) = stream.entries.get(at) else {
            deleted.push(format(*at));
            continue;
        };
        data.extend_from_slice(bytes);
        let deliveries = group.pending.get(at).map_or(0, |pending| pending.deliveries);
        let end = data.len() as u32;
        frames.push(DeliveredFrame { id: format(*at), end, missing: false, deliveries });
    }
    Delivered { data: Payload::Raw(data), frames, deleted }
}

impl Streams {
    fn fetch_now(
        &self,
        kind: Kind,
        (name, consumer): (&str, &str),
        source: &Source,
        count: u32,
    ) -> Result<Delivered, StoreError> {
        self.lock().change(kind, name, |stream, group| {
            group.consumers.insert(consumer.to_owned(), Instant::now());
            let ids: Vec<Id> = match source {
                Source::Fresh => {
                    let fresh = stream.entries.range(after(group.last)..);
                    fresh.take(count as usize).map(|(id, _)| *id).collect()
                }
                Source::OwnPending(from) => {
                    let pending = group.pending.range(after(parse(from)?)..);
                    let own = pending.filter(|(_, pending)| pending.consumer == consumer);
                    own.take(count as usize).map(|(id, _)| *id).collect()
                }
            };
            for id in &ids {
                let since = Instant::now();
                let new = || Pending { consumer: consumer.to_owned(), since, deliveries: 0 };
                group.pending.entry(*id).or_insert_with(new).hand_to(consumer);
                group.last = group.last.max(*id);
            }
            Ok(delivered(stream, group, &ids))
        })
    }
}

#[async_trait]
impl ConsumerGroups for Streams {
    async fn ensure_group(&self, kind: Kind, name: &str, start: &str) -> Result<bool, StoreError> {
        let mut shelf = self.lock();
        let stream = shelf.streams.get_mut(kind);
        if stream.groups.contains_key(name) {
            return Ok(false);
        }
        let last = if start == "$" { stream.last } else { parse(start)? };
        stream.exists = true;
        stream.groups.insert(name.to_owned(), Group { last, ..Group::default() });
        Ok(true)
    }

    async fn fetch(
        &self,
        kind: Kind,
        name: &str,
        consumer: &str,
        source: Source,
        count: u32,
        wait: Wait,
    ) -> Result<Delivered, StoreError> {
        let patience = match (&source, wait) {
            (Source::OwnPending(_), _) | (_, Wait::None) => Duration::ZERO,
            (_, Wait::Millis(millis)) => Duration::from_millis(millis.into()),
            (_, Wait::Forever) => Duration::from_secs(u64::from(u32::MAX)),
        };
        let end = tokio::time::Instant::now() + patience;
        loop {
            let appended = self.appended.notified();
            let mut appended = std::pin::pin!(appended);
            appended.as_mut().enable();
            let found = self.fetch_now(kind, (name, consumer), &source, count)?;
            let some = !found.frames.is_empty() || !found.deleted.is_empty();
            if some || tokio::time::timeout_at(end, appended).await.is_err() {
                return Ok(found);
            }
        }
    }

    async fn ack(&self, kind: Kind, name: &str, ids: &[String]) -> Result<u64, StoreError> {
        let ids: Vec<Id> = ids.iter().map(|id| parse(id)).collect::<Result<_, _>>()?;
        let mut shelf = self.lock();
        let Some(group) = shelf.streams.get_mut(kind).groups.get_mut(name) else { return Ok(0) };
        Ok(ids.iter().filter(|id| group.pending.remove(id).is_some()).count() as u64)
    }

    async fn summarize_pending(
        &self,
        kind: Kind,
        name: &str,
    ) -> Result<PendingSummary, StoreError> {
        let mut shelf = self.lock();
        let (_, group) = shelf.group(kind, name)?;
        let mut counts = BTreeMap::<&str, u64>::new();
        group.pending.values().for_each(|one| *counts.entry(&one.consumer).or_default() += 1);
        let of =
            |(consumer, count): (&str, u64)| ConsumerPending { consumer: consumer.into(), count };
        Ok(PendingSummary {
            count: group.pending.len() as u64,
            min: group.pending.keys().next().copied().map(format),
            max: group.pending.keys().next_back().copied().map(format),
            consumers: counts.into_iter().map(of).collect(),
        })
    }

    async fn list_pending(
        &self,
        kind: Kind,
        name: &str,
        filter: &PendingFilter,
    ) -> Result<Vec<PendingEntry>, StoreError> {
        let start = if filter.start == "-" { (0, 0) } else { parse(&filter.start)? };
        let end = if filter.end == "+" { (u64::MAX, u64::MAX) } else { parse(&filter.end)? };
        let mut shelf = self.lock();
        let (_, group) = shelf.group(kind, name)?;
        let matching = group.pending.iter().filter(|(id, pending)| {
            let of = filter.consumer.as_ref().is_none_or(|consumer| *consumer == pending.consumer);
            **id >= start && **id <= end && of && pending.idle_ms() >= filter.min_idle_ms
        });
        let entry = |(id, pending): (&Id, &Pending)| PendingEntry {
            id: format(*id),
            consumer: pending.consumer.clone(),
            idle_ms: pending.idle_ms(),
            deliveries: pending.deliveries,
        };
        Ok(matching.take(filter.count as usize).map(entry).collect())
    }

    async fn claim(
        &self,
        kind: Kind,
        name: &str,
        consumer: &str,
        min_idle_ms: u64,
        ids: &[String],
    ) -> Result<Delivered, StoreError> {
        let ids: Vec<Id> = ids.iter().map(|id| parse(id)).collect::<Result<_, _>>()?;
        self.lock().change(kind, name, |stream, group| {
            group.consumers.insert(consumer.to_owned(), Instant::now());
            Ok(take_over(stream, group, consumer, min_idle_ms, &ids))
        })
    }

    async fn auto_claim(
        &self,
        kind: Kind,
        name: &str,
        consumer: &str,
        min_idle_ms: u64,
        start: &str,
        count: u32,
    ) -> Result<AutoClaimed, StoreError> {
        let start = parse(start)?;
        self.lock().change(kind, name, |stream, group| {
            group.consumers.insert(consumer.to_owned(), Instant::now());
            let idle = |(_, pending): &(&Id, &Pending)| pending.idle_ms() >= min_idle_ms;
            let old = group.pending.range(start..).filter(idle).map(|(id, _)| *id);
            let ids: Vec<Id> = old.take(count as usize).collect();
            let rest = ids.last().and_then(|last| group.pending.range(after(*last)..).next());
            let next = rest.filter(|_| ids.len() == count as usize).map_or((0, 0), |(id, _)| *id);
            let entries = take_over(stream, group, consumer, min_idle_ms, &ids);
            Ok(AutoClaimed { entries, next: format(next) })
        })
    }

    async fn list_groups(&self, kind: Kind) -> Result<Vec<GroupInfo>, StoreError> {
        let mut shelf = self.lock();
        let stream = &*shelf.streams.get_mut(kind);
        let info = |(name, group): (&String, &Group)| GroupInfo {
            name: name.clone(),
            consumers: group.consumers.len() as u64,
            pending: group.pending.len() as u64,
            last_delivered: format(group.last),
            lag: Some(stream.entries.range(after(group.last)..).count() as u64),
        };
        Ok(stream.groups.iter().map(info).collect())
    }

    async fn list_consumers(
        &self,
        kind: Kind,
        name: &str,
    ) -> Result<Vec<ConsumerInfo>, StoreError> {
        let mut shelf = self.lock();
        let (_, group) = shelf.group(kind, name)?;
        let info = |(name, seen): (&String, &Instant)| ConsumerInfo {
            name: name.clone(),
            pending: group.pending.values().filter(|one| one.consumer == *name).count() as u64,
            idle_ms: seen.elapsed().as_millis() as u64,
            inactive_ms: None,
        };
        Ok(group.consumers.iter().map(info).collect())
    }

    async fn delete_group(&self, kind: Kind, name: &str) -> Result<bool, StoreError> {
        Ok(self.lock().streams.get_mut(kind).groups.remove(name).is_some())
    }

    async fn delete_consumer(
        &self,
        kind: Kind,
        name: &str,
        consumer: &str,
    ) -> Result<u64, StoreError> {
        self.lock().change(kind, name, |_, group| {
            let before = group.pending.len();
            group.pending.retain(|_, pending| pending.consumer != consumer);
            group.consumers.remove(consumer);
            Ok((before - group.pending.len()) as u64)
        })
    }

    async fn set_id(&self, kind: Kind, name: &str, id: &str) -> Result<(), StoreError> {
        let mut shelf = self.lock();
        let stream = shelf.streams.get_mut(kind);
        let last = if id == "$" { stream.last } else { parse(id)? };
        stream.groups.get_mut(name).ok_or_else(not_found)?.last = last;
        Ok(())
    }

    async fn quarantine(
        &self,
        kind: Kind,
        name: &str,
        id: &str,
        _reason: &str,
    ) -> Result<(), StoreError> {
        let id = parse(id)?;
        let mut shelf = self.lock();
        shelf.group(kind, name)?;
        if let Some(data) = shelf.streams.get(kind).entries.get(&id).cloned() {
            shelf.quarantine.push((format!("quarantine-{}", kind.plural()), id, data));
        }
        shelf.change(kind, name, |_, group| {
            group.pending.remove(&id);
            Ok(())
        })
    }
}

/// Ids whose entries no longer exist are pending no longer.
fn take_over(
    stream: &Stream,
    group: &mut Group,
    consumer: &str,
    min_idle_ms: u64,
    ids: &[Id],
) -> Delivered {
    let mut taken = Vec::new();
    for id in ids {
        let Some(pending) = group.pending.get_mut(id) else { continue };
        if pending.idle_ms() < min_idle_ms {
            continue;
        }
        pending.hand_to(consumer);
        taken.push(*id);
    }
    taken.sort_unstable();
    let found = delivered(stream, group, &taken);
    group.pending.retain(|id, _| !taken.contains(id) || stream.entries.contains_key(id));
    found
}
