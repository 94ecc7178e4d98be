//! Losses are written into the journal: an audit record says how many records were lost, why, and when.
//!
//! It does not go through the queue, so that it is neither counted as a record that was handed in nor can make
//! another such record when it fails.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Mutex;
use tokio::time::sleep;

use super::losses::Losses;
use super::queue::Queue;
use crate::journal::{FailureCode, Journal, LossReason};

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
