//! Losses are written into the journal: an audit record says how many records were lost, why, and when.
//!
//! It does not go through the queue, so that it is neither counted as a record that was handed in nor can make
//! another such record when it fails.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use tokio::sync::Mutex;
use tokio::time::sleep;

use super::queue::Queue;
use super::tally::DropReason;
use crate::journal::{FailureCode, Journal, Loss, LossReason, Lost};

/// Losses that no audit record tells of yet.
#[derive(Clone, Debug, Default)]
pub(super) struct Losses {
    by_reason: Vec<Lost>,
    /// When the first and the last of them was lost, in seconds since the epoch.
    span: Option<(f64, f64)>,
}

impl Losses {
    /// Adds records that are lost at this moment.
    pub fn add(&mut self, reason: LossReason, records: u64) {
        if records > 0 {
            let now = now();
            self.count(reason, records);
            self.cover((now, now));
        }
    }

    pub fn records(&self) -> u64 {
        self.by_reason.iter().map(|lost| lost.records).sum()
    }

    fn count(&mut self, reason: LossReason, records: u64) {
        match self.by_reason.iter_mut().find(|lost| lost.reason == reason) {
            Some(lost) => lost.records += records,
            None => self.by_reason.push(Lost { reason, records }),
        }
    }

    fn cover(&mut self, (since, until): (f64, f64)) {
        let (first, last) = self.span.unwrap_or((since, until));
        self.span = Some((first.min(since), last.max(until)));
    }

    fn merge(&mut self, other: &Self) {
        other.by_reason.iter().for_each(|lost| self.count(lost.reason, lost.records));
        other.span.into_iter().for_each(|span| self.cover(span));
    }

    /// An audit record tells of these now.
    pub fn forget(&mut self, told: &Self) {
        for told in &told.by_reason {
            if let Some(lost) = self.by_reason.iter_mut().find(|lost| lost.reason == told.reason) {
                lost.records = lost.records.saturating_sub(told.records);
            }
        }
        self.by_reason.retain(|lost| lost.records > 0);
        // What has come since is later than what was told.
        self.span = match (self.span, told.span) {
            (Some((_, until)), Some((_, told))) if !self.by_reason.is_empty() => {
                Some((told.min(until), until))
            }
            _ => None,
        };
    }

    fn loss(self) -> Option<Loss> {
        let (since, until) = self.span?;
        Some(Loss { lost: self.by_reason, since, until })
    }
}

fn now() -> f64 {
    SystemTime::UNIX_EPOCH.elapsed().map_or(0.0, |since| since.as_secs_f64())
}

impl DropReason {
    /// How an audit record names it. A kind without a store is not lost: it was set up that way.
    pub(super) fn lost(self) -> Option<LossReason> {
        match self {
            Self::Overflow => Some(LossReason::Overflow),
            Self::Invalid => Some(LossReason::Invalid),
            Self::Failed => Some(LossReason::Failed),
            Self::Closed => Some(LossReason::Closed),
            Self::Unrouted => None,
        }
    }
}

/// Tells the journal of audits what the queues of a recorder, and its stores, have lost.
pub(super) struct LossLog {
    every: Duration,
    audits: Journal,
    /// Each queue, with the journal that it is written to.
    sources: Vec<(Arc<Queue>, Journal)>,
    rotations: Mutex<Rotations>,
}

/// What rotations have dropped.
#[derive(Default)]
struct Rotations {
    /// Number of records that the stores had dropped when they were last asked.
    seen: u64,
    /// Number of records that the recorder had written when an audit record last told of a loss.
    written: u64,
    untold: Losses,
}

impl LossLog {
    pub fn new(every: Duration, audits: Journal, sources: Vec<(Arc<Queue>, Journal)>) -> Self {
        let log = Self { every, audits, sources, rotations: Mutex::default() };
        let rotations = Rotations { seen: log.dropped_by_stores(), ..Rotations::default() };
        Self { rotations: Mutex::new(rotations), ..log }
    }

    pub fn is_written_to(&self, journal: &Journal) -> bool {
        self.audits.is_same(journal)
    }

    /// Tells of losses, at most once in each period. It never ends.
    pub async fn keep(&self) {
        loop {
            sleep(self.every).await;
            if !self.tell().await {
                return std::future::pending().await;
            }
        }
    }

    /// Tells of the last losses, once all queues are empty.
    pub async fn conclude(&self) {
        for (queue, _) in &self.sources {
            queue.passed(queue.hurry()).await;
        }
        self.tell().await;
    }

    /// Returns false if this journal takes no such record.
    async fn tell(&self) -> bool {
        let mut rotations = self.rotations.lock().await;
        let seen = self.dropped_by_stores();
        let dropped = seen.saturating_sub(rotations.seen);
        rotations.untold.add(LossReason::Rotation, dropped);
        rotations.seen = seen;

        let of_queues: Vec<_> = self.sources.iter().map(|(queue, _)| queue.losses()).collect();
        let mut all = Losses::default();
        of_queues.iter().for_each(|losses| all.merge(losses));
        // The audit record can itself make a file too many, which alone is no reason for another one.
        let written = self.written();
        if all.records() > 0 || written != rotations.written {
            all.merge(&rotations.untold);
        }
        let Some(loss) = all.loss() else { return true };
        if let Err(error) = self.audits.record_loss(&loss).await {
            tracing::warn!(%error, "no audit record tells yet which records were lost");
            return error.code() != Some(FailureCode::Unsupported);
        }
        for ((queue, _), losses) in self.sources.iter().zip(&of_queues) {
            queue.forget(losses);
        }
        rotations.untold = Losses::default();
        rotations.written = written;
        true
    }

    fn dropped_by_stores(&self) -> u64 {
        self.sources.iter().map(|(_, journal)| journal.dropped_records()).sum()
    }

    fn written(&self) -> u64 {
        self.sources.iter().map(|(queue, _)| queue.tally().written).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recorder::Recorder;
    use crate::recorder::config::Config;
    use crate::store::Kind;
    use crate::{Engine, MemoryStore};

    #[test]
    fn what_was_told_is_forgotten_and_what_came_since_is_not() {
        let mut losses = Losses::default();
        losses.add(LossReason::Overflow, 3);
        let told = losses.clone();
        losses.add(LossReason::Overflow, 2);
        losses.add(LossReason::Failed, 0);
        losses.forget(&told);
        assert_eq!(losses.records(), 2);
        let rest = losses.clone().loss().unwrap();
        assert!(rest.since >= told.loss().unwrap().until && rest.until >= rest.since);
        let told = losses.clone();
        losses.forget(&told);
        assert_eq!((losses.records(), losses.loss()), (0, None));
    }

    #[tokio::test]
    async fn losses_are_told_while_the_recorder_is_open_and_only_once() {
        let journal = Journal::new(&Engine::new().unwrap(), MemoryStore::new());
        let every = Duration::from_millis(10);
        let config = Config { loss_every: Some(every), ..Config::default() };
        let recorder = Recorder::start(&Arc::new(config), |_| Some(journal.clone())).unwrap();
        recorder.record_at(Kind::Event, f64::NAN, &());
        while recorder.tally().untold > 0 {
            sleep(every).await;
        }
        sleep(every * 10).await;
        recorder.close(Duration::from_secs(60)).await;
        let page =
            journal.query(crate::journal::Selection::default()).next().await.unwrap().unwrap();
        assert_eq!((page.count, page.records.matches("\"action\":\"loss\"").count()), (1, 1));
    }
}
