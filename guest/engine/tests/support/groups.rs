//! Consumer groups over [`Streams`], as Redis keeps them, with failures on demand.

use std::collections::{BTreeMap, VecDeque};

use papyra_engine::groups::{
    AutoClaimed, ConsumerGroups, ConsumerPending, Delivered, DeliveredFrame, GroupInfo,
    PendingEntry, PendingFilter, PendingSummary, Source, Wait,
};
use papyra_engine::host::{
    Chunk, Description, Host, Position, Range, RewriteOptions, Rewritten, Run, Segment,
    StorageError,
};
use papyra_engine::json::Kind;

use super::streams::{Streams, at};

#[derive(Clone, Debug)]
pub struct Pending {
    pub consumer: String,
    pub deliveries: u64,
    pub idle_ms: u64,
}

#[derive(Clone, Debug)]
pub struct Group {
    pub delivered: Position,
    pub pending: BTreeMap<Position, Pending>,
}

pub struct Groups {
    pub store: Streams,
    pub groups: BTreeMap<(usize, String), Group>,
    /// Whatever was called, in order.
    pub calls: Vec<String>,
    /// The next calls of this name fail with this.
    pub failures: VecDeque<(&'static str, StorageError)>,
    /// Failures from the next call on.
    pub later_failures: VecDeque<(&'static str, StorageError)>,
    pub aside: Vec<(String, String)>,
    /// What `fetch` returns whatever is there.
    pub lie: Option<Delivered>,
    /// How long all that is pending has been idle once it has been listed.
    pub idle_after_listing: Option<u64>,
}

pub fn id(position: Position) -> String {
    format!("{}-{}", position.major, position.minor)
}

fn position(id: &str) -> Position {
    match id.split_once('-') {
        Some((major, minor)) => at(major.parse().unwrap(), minor.parse().unwrap()),
        None => at(id.parse().unwrap(), 0),
    }
}

impl Groups {
    pub fn new(store: Streams) -> Self {
        Self {
            store,
            groups: BTreeMap::new(),
            calls: Vec::new(),
            failures: VecDeque::new(),
            later_failures: VecDeque::new(),
            aside: Vec::new(),
            lie: None,
            idle_after_listing: None,
        }
    }

    fn called(&mut self, name: &'static str, what: &str) -> Result<(), StorageError> {
        self.calls.push(format!("{name} {what}").trim_end().to_owned());
        match self.failures.front() {
            Some((failing, _)) if *failing == name => {
                Err(self.failures.pop_front().expect("there is one").1)
            }
            _ => {
                self.failures.append(&mut self.later_failures);
                Ok(())
            }
        }
    }

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
        let stream = self.store.streams[kind.index()].clone();
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

impl ConsumerGroups for Groups {
    fn ensure_group(&mut self, kind: Kind, group: &str, start: &str) -> Result<bool, StorageError> {
        self.called("ensure-group", start)?;
        let key = (kind.index(), group.to_owned());
        if self.groups.contains_key(&key) {
            return Ok(false);
        }
        let newest = self.store.streams[kind.index()].last().map_or(at(0, 0), |entry| entry.0);
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
        self.called("fetch", &format!("{count} {wait:?}"))?;
        if let Some(lie) = &self.lie {
            return Ok(lie.clone());
        }
        let stream = self.store.streams[kind.index()].clone();
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

impl Host for Groups {
    fn now(&mut self) -> f64 {
        self.store.now()
    }

    fn describe(&mut self) -> Description {
        self.store.describe()
    }

    fn segments(&mut self) -> Result<Vec<Segment>, StorageError> {
        self.store.segments()
    }

    fn read(&mut self, segment: &str, at: Position, max: u32) -> Result<Chunk, StorageError> {
        self.store.read(segment, at, max)
    }

    fn read_back(
        &mut self,
        segment: &str,
        before: Position,
        max: u32,
    ) -> Result<Chunk, StorageError> {
        self.store.read_back(segment, before, max)
    }

    fn append(&mut self, lines: &str, runs: &[Run]) -> Result<(), StorageError> {
        self.called("append", "")?;
        self.store.append(lines, runs)
    }

    fn rewrite_begin(
        &mut self,
        segment: &str,
        options: RewriteOptions,
    ) -> Result<(), StorageError> {
        self.store.rewrite_begin(segment, options)
    }

    fn rewrite_remove(&mut self, ranges: &[Range]) -> Result<(), StorageError> {
        self.store.rewrite_remove(ranges)
    }

    fn rewrite_commit(&mut self, terminate_tail: bool) -> Result<Rewritten, StorageError> {
        self.store.rewrite_commit(terminate_tail)
    }

    fn rewrite_abort(&mut self) {
        self.store.rewrite_abort();
    }
}
