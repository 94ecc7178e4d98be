//! A store with consumer groups whose answers can be lost or kept back at will. It shows what the host
//! does with a backend that fails; what a real one does is tested against a real one.

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use async_trait::async_trait;
use papyra_persistence::store::groups::{
    AutoClaimed, ConsumerGroups, ConsumerInfo, Delivered, DeliveredFrame, GroupInfo, PendingEntry,
    PendingFilter, PendingSummary, Source, Wait,
};
use papyra_persistence::store::{
    Description, Framing, Kind, Layout, Payload, Run, Snapshot, Store, StoreError, StoreErrorKind,
};
use tokio::sync::Notify;

#[derive(Clone, Default)]
pub struct Flock(Arc<Inner>);

#[derive(Default)]
pub struct Inner {
    state: Mutex<State>,
    arrived: Notify,
    /// So many fetches do what they are asked, and then their answer is lost.
    pub lose: AtomicU64,
    /// Fetches do what they are asked and never answer.
    pub hold: AtomicBool,
    /// Nothing can be quarantined.
    pub refuse: AtomicBool,
    /// Acknowledging never answers.
    pub hang: AtomicBool,
}

#[derive(Default)]
struct State {
    entries: BTreeMap<u64, String>,
    next: u64,
    groups: HashMap<String, Group>,
}

#[derive(Default)]
struct Group {
    delivered: u64,
    pending: BTreeMap<u64, (String, u64)>,
}

impl Flock {
    pub fn knobs(&self) -> &Inner {
        &self.0
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap()
    }

    pub fn push(&self, record: &str) {
        let mut state = self.state();
        state.next += 1;
        let id = state.next;
        state.entries.insert(id, record.to_owned());
        drop(state);
        self.0.arrived.notify_waiters();
    }

    pub fn remove(&self, id: u64) {
        self.state().entries.remove(&id);
    }

    pub fn destroy_groups(&self) {
        self.state().groups.clear();
    }

    pub fn pending(&self, group: &str) -> Vec<u64> {
        self.state().groups[group].pending.keys().copied().collect()
    }

    fn take(&self, group: &str, consumer: &str, source: &Source, count: u32) -> Taken {
        let state = &mut *self.state();
        let group = state.groups.get_mut(group).ok_or_else(missing)?;
        let ids: Vec<u64> = match source {
            Source::Fresh => {
                let fresh = state.entries.range(group.delivered + 1..);
                fresh.map(|(id, _)| *id).take(count as usize).collect()
            }
            Source::OwnPending(after) => {
                let own = group.pending.range(number(after) + 1..);
                let own = own.filter(|(_, (owner, _))| owner == consumer);
                own.map(|(id, _)| *id).take(count as usize).collect()
            }
        };
        Ok(hand_out(&state.entries, group, consumer, ids))
    }
}

fn hand_out(
    entries: &BTreeMap<u64, String>,
    group: &mut Group,
    consumer: &str,
    ids: Vec<u64>,
) -> Delivered {
    let mut delivered =
        Delivered { data: Payload::Raw(Vec::new()), frames: Vec::new(), deleted: Vec::new() };
    let mut data = Vec::new();
    for id in ids {
        let Some(record) = entries.get(&id) else {
            delivered.deleted.push(format!("{id}-0"));
            continue;
        };
        group.delivered = group.delivered.max(id);
        let (owner, deliveries) = group.pending.entry(id).or_default();
        consumer.clone_into(owner);
        *deliveries += 1;
        data.extend_from_slice(record.as_bytes());
        delivered.frames.push(DeliveredFrame {
            id: format!("{id}-0"),
            end: u32::try_from(data.len()).unwrap(),
            missing: false,
            deliveries: *deliveries,
        });
    }
    delivered.data = Payload::Raw(data);
    delivered
}

type Taken = Result<Delivered, StoreError>;

fn number(id: &str) -> u64 {
    id.split('-').next().unwrap().parse().unwrap()
}

fn missing() -> StoreError {
    StoreError::new(StoreErrorKind::NotFound, "there is no such group")
}

#[async_trait]
impl Store for Flock {
    fn describe(&self) -> Description {
        Description {
            backend: "flock".into(),
            location: "memory".into(),
            framing: Framing::Entries,
            layout: Layout::Parallel,
            volatile: false,
            profile: None,
        }
    }

    async fn append(&self, lines: String, _: &[Run]) -> Result<(), StoreError> {
        lines.lines().for_each(|line| self.push(line));
        Ok(())
    }

    async fn snapshot(&self) -> Result<Arc<dyn Snapshot>, StoreError> {
        Err(StoreError::new(StoreErrorKind::Unsupported, "only groups are tested here"))
    }

    fn groups(&self) -> Option<&dyn ConsumerGroups> {
        Some(self)
    }
}

#[async_trait]
impl ConsumerGroups for Flock {
    async fn ensure_group(&self, _: Kind, group: &str, start: &str) -> Result<bool, StoreError> {
        let state = &mut *self.state();
        let delivered = if start == "$" { state.next } else { number(start) };
        let before = state.groups.len();
        state.groups.entry(group.to_owned()).or_insert(Group { delivered, ..Group::default() });
        Ok(state.groups.len() > before)
    }

    async fn fetch(
        &self,
        _: Kind,
        group: &str,
        consumer: &str,
        source: Source,
        count: u32,
        wait: Wait,
    ) -> Taken {
        let until = match wait {
            Wait::None => Some(tokio::time::Instant::now()),
            Wait::Millis(millis) => {
                Some(tokio::time::Instant::now() + Duration::from_millis(millis.into()))
            }
            Wait::Forever => None,
        };
        loop {
            let arrived = self.0.arrived.notified();
            let taken = self.take(group, consumer, &source, count)?;
            if !taken.frames.is_empty() && self.0.hold.load(Ordering::Relaxed) {
                std::future::pending::<()>().await;
            }
            let lost = |left: u64| left.checked_sub(1);
            if !taken.frames.is_empty()
                && self.0.lose.fetch_update(Ordering::Relaxed, Ordering::Relaxed, lost).is_ok()
            {
                return Err(StoreError::new(StoreErrorKind::Unavailable, "connection lost"));
            }
            let waits = matches!(source, Source::Fresh) && taken.frames.is_empty();
            match until {
                _ if !waits => return Ok(taken),
                Some(until) => {
                    if tokio::time::timeout_at(until, arrived).await.is_err() {
                        return Ok(taken);
                    }
                }
                None => arrived.await,
            }
        }
    }

    async fn ack(&self, _: Kind, group: &str, ids: &[String]) -> Result<u64, StoreError> {
        if self.0.hang.load(Ordering::Relaxed) {
            std::future::pending::<()>().await;
        }
        let state = &mut *self.state();
        let Some(group) = state.groups.get_mut(group) else { return Ok(0) };
        let gone = ids.iter().filter(|id| group.pending.remove(&number(id)).is_some());
        Ok(gone.count() as u64)
    }

    async fn summarize_pending(&self, _: Kind, _: &str) -> Result<PendingSummary, StoreError> {
        Err(missing())
    }

    async fn list_pending(
        &self,
        _: Kind,
        group: &str,
        filter: &PendingFilter,
    ) -> Result<Vec<PendingEntry>, StoreError> {
        let state = self.state();
        let group = state.groups.get(group).ok_or_else(missing)?;
        let from = if filter.start == "-" { 0 } else { number(&filter.start) };
        // All of these ids end in `-0`.
        let from = if filter.start.ends_with("-0") || from == 0 { from } else { from + 1 };
        let own = group.pending.range(from..);
        let own = own.filter(|(_, (owner, _))| filter.consumer.as_ref().is_none_or(|c| c == owner));
        let entry = |(id, (owner, deliveries)): (&u64, &(String, u64))| PendingEntry {
            id: format!("{id}-0"),
            consumer: owner.clone(),
            idle_ms: 0,
            deliveries: *deliveries,
        };
        Ok(own.map(entry).take(filter.count as usize).collect())
    }

    async fn claim(&self, _: Kind, group: &str, consumer: &str, _: u64, ids: &[String]) -> Taken {
        let state = &mut *self.state();
        let group = state.groups.get_mut(group).ok_or_else(missing)?;
        let ids = ids.iter().map(|id| number(id)).filter(|id| group.pending.contains_key(id));
        let ids = ids.collect::<Vec<_>>();
        Ok(hand_out(&state.entries, group, consumer, ids))
    }

    async fn auto_claim(
        &self,
        _: Kind,
        _: &str,
        _: &str,
        _: u64,
        _: &str,
        _: u32,
    ) -> Result<AutoClaimed, StoreError> {
        Err(missing())
    }

    async fn list_groups(&self, _: Kind) -> Result<Vec<GroupInfo>, StoreError> {
        Ok(Vec::new())
    }

    async fn list_consumers(&self, _: Kind, _: &str) -> Result<Vec<ConsumerInfo>, StoreError> {
        Err(missing())
    }

    async fn delete_group(&self, _: Kind, group: &str) -> Result<bool, StoreError> {
        Ok(self.state().groups.remove(group).is_some())
    }

    async fn delete_consumer(&self, _: Kind, _: &str, _: &str) -> Result<u64, StoreError> {
        Err(missing())
    }

    async fn set_id(&self, _: Kind, group: &str, id: &str) -> Result<(), StoreError> {
        self.state().groups.get_mut(group).ok_or_else(missing)?.delivered = number(id);
        Ok(())
    }

    async fn quarantine(&self, _: Kind, group: &str, id: &str, _: &str) -> Result<(), StoreError> {
        if self.0.refuse.load(Ordering::Relaxed) {
            return Err(StoreError::new(StoreErrorKind::Full, "no room for quarantine"));
        }
        self.state().groups.get_mut(group).unwrap().pending.remove(&number(id));
        Ok(())
    }
}
