//! The consumer groups of [`Streams`], as Redis keeps them, with failures on demand.

use std::collections::BTreeMap;

use super::at;
use super::streams::{Group, Pending, Streams};
use crate::groups::{
    AutoClaimed, ConsumerGroups, ConsumerPending, Delivered, DeliveredFrame, GroupInfo,
    PendingEntry, PendingFilter, PendingSummary, Source, Wait,
};
use crate::host::{Position, StorageError};
use crate::json::Kind;

fn id(position: Position) -> String {
    format!("{}-{}", position.major, position.minor)
}

fn position(id: &str) -> Position {
    match id.split_once('-') {
        Some((major, minor)) => at(major.parse().unwrap(), minor.parse().unwrap()),
        None => at(id.parse().unwrap(), 0),
    }
}

impl Streams {
    fn group(&mut self, kind: Kind, group: &str) -> Result<&mut Group, StorageError> {
        let key = (kind.index(), group.to_owned());
        self.groups.get_mut(&key).ok_or_else(|| StorageError::NotFound("no such group".into()))
    }

    fn hand_out(
        &mut self,
        kind: Kind,
        group: &str,
        consumer: &str,
        ids: &[Position],
    ) -> Result<Delivered, StorageError> {
        let stream = self.streams[kind.index()].clone();
        let group = self.group(kind, group)?;
        let mut delivered = Delivered::default();
        for at in ids {
            let Some((_, bytes)) = stream.iter().find(|entry| entry.0 == *at) else {
                delivered.deleted.push(id(*at));
                continue;
            };
            let pending = group.pending.entry(*at).or_insert(Pending {
                consumer: String::new(),
                deliveries: 0,
                idle_ms: 0,
            });
            consumer.clone_into(&mut pending.consumer);
            pending.deliveries += 1;
            pending.idle_ms = 0;
            delivered.data.extend(bytes.iter().flatten());
            delivered.frames.push(DeliveredFrame {
                id: id(*at),
                end: delivered.data.len() as u32,
                missing: bytes.is_none(),
                deliveries: pending.deliveries,
            });
        }
        Ok(delivered)
    }
}

impl ConsumerGroups for Streams {
    fn ensure_group(&mut self, kind: Kind, group: &str, start: &str) -> Result<bool, StorageError> {
        self.called("ensure-group", start)?;
        let key = (kind.index(), group.to_owned());
        if self.groups.contains_key(&key) {
            return Ok(false);
        }
        let newest = self.streams[kind.index()].last().map_or(at(0, 0), |entry| entry.0);
        let delivered = if start == "$" { newest } else { position(start) };
        self.groups.insert(key, Group { delivered, pending: BTreeMap::new() });
        Ok(true)
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
        self.called("fetch", &format!("{count} {wait:?}").replace("Wait::", ""))?;
        if let Some(lie) = &self.lie {
            return Ok(lie.clone());
        }
        let stream = self.streams[kind.index()].clone();
        let of = self.group(kind, group)?;
        let ids: Vec<_> = match source {
            Source::Fresh => {
                let fresh = stream.iter().map(|entry| entry.0).filter(|at| *at > of.delivered);
                let ids: Vec<_> = fresh.take(count as usize).collect();
                of.delivered = ids.last().copied().unwrap_or(of.delivered);
                ids
            }
            Source::OwnPending(after) => {
                let after = position(after);
                let own = of
                    .pending
                    .iter()
                    .filter(|(at, pending)| **at > after && pending.consumer == consumer);
                own.map(|(at, _)| *at).take(count as usize).collect()
            }
        };
        self.hand_out(kind, group, consumer, &ids)
    }

    fn ack(&mut self, kind: Kind, group: &str, ids: &[String]) -> Result<u64, StorageError> {
        self.called("ack", &ids.join(" "))?;
        let Ok(group) = self.group(kind, group) else { return Ok(0) };
        let gone = ids.iter().filter(|id| group.pending.remove(&position(id)).is_some());
        Ok(gone.count() as u64)
    }

    fn summarize_pending(
        &mut self,
        kind: Kind,
        group: &str,
    ) -> Result<PendingSummary, StorageError> {
        let group = self.group(kind, group)?;
        let mut consumers = BTreeMap::<_, u64>::new();
        for pending in group.pending.values() {
            *consumers.entry(pending.consumer.clone()).or_default() += 1;
        }
        let consumers = consumers.into_iter();
        Ok(PendingSummary {
            count: group.pending.len() as u64,
            min: group.pending.keys().next().map(|at| id(*at)),
            max: group.pending.keys().next_back().map(|at| id(*at)),
            consumers: consumers
                .map(|(consumer, count)| ConsumerPending { consumer, count })
                .collect(),
        })
    }

    fn list_pending(
        &mut self,
        kind: Kind,
        group: &str,
        filter: &PendingFilter,
    ) -> Result<Vec<PendingEntry>, StorageError> {
        let from = if filter.start == "-" { at(0, 0) } else { position(&filter.start) };
        let of = self.group(kind, group)?;
        let entries = of.pending.range(from..).filter(|(_, pending)| {
            pending.idle_ms >= filter.min_idle_ms
                && filter.consumer.as_ref().is_none_or(|name| *name == pending.consumer)
        });
        let entries = entries.take(filter.count as usize).map(|(at, pending)| PendingEntry {
            id: id(*at),
            consumer: pending.consumer.clone(),
            idle_ms: pending.idle_ms,
            deliveries: pending.deliveries,
        });
        let entries = entries.collect();
        if let Some(idle_ms) = self.idle_after_listing {
            let group = self.groups.get_mut(&(kind.index(), group.to_owned()));
            let pending = group.into_iter().flat_map(|group| group.pending.values_mut());
            pending.for_each(|pending| pending.idle_ms = idle_ms);
        }
        Ok(entries)
    }

    fn claim(
        &mut self,
        kind: Kind,
        group: &str,
        consumer: &str,
        min_idle_ms: u64,
        ids: &[String],
    ) -> Result<Delivered, StorageError> {
        self.called("claim", &ids.len().to_string())?;
        let of = self.group(kind, group)?;
        let pending = ids
            .iter()
            .map(|id| position(id))
            .filter(|at| of.pending.get(at).is_some_and(|pending| pending.idle_ms >= min_idle_ms));
        let ids: Vec<_> = pending.collect();
        self.hand_out(kind, group, consumer, &ids)
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
        self.called("auto-claim", &format!("{start} {count}"))?;
        let of = self.group(kind, group)?;
        // Like Redis, it looks at a bounded number of entries, and may find none among them.
        let from = position(start);
        let seen: Vec<_> = of.pending.range(from..).take(count as usize).collect();
        let last = seen.last().map(|(at, _)| **at);
        let idle = seen.into_iter().filter(|(_, pending)| pending.idle_ms >= min_idle_ms);
        let ids: Vec<_> = idle.map(|(at, _)| *at).collect();
        let next = last.and_then(|last| of.pending.keys().find(|at| **at > last).copied());
        let next = next.map_or("0-0".to_owned(), id);
        Ok(AutoClaimed { entries: self.hand_out(kind, group, consumer, &ids)?, next })
    }

    fn list_groups(&mut self, kind: Kind) -> Result<Vec<GroupInfo>, StorageError> {
        let groups = self.groups.iter().filter(|((index, _), _)| *index == kind.index());
        let info = groups.map(|((_, name), group)| GroupInfo {
            name: name.clone(),
            consumers: 0,
            pending: group.pending.len() as u64,
            last_delivered: id(group.delivered),
            lag: None,
        });
        Ok(info.collect())
    }

    fn set_id(&mut self, kind: Kind, group: &str, id: &str) -> Result<(), StorageError> {
        self.group(kind, group)?.delivered = position(id);
        Ok(())
    }

    fn quarantine(
        &mut self,
        kind: Kind,
        group: &str,
        id: &str,
        reason: &str,
    ) -> Result<(), StorageError> {
        self.called("quarantined", id)?;
        self.aside.push((id.to_owned(), reason.to_owned()));
        self.group(kind, group)?.pending.remove(&position(id));
        Ok(())
    }
}
