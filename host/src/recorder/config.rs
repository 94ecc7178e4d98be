use std::sync::Arc;
use std::time::Duration;

use super::Recorder;
use crate::journal::Journal;
use crate::route::RoutedJournal;
use crate::store::Kind;

/// The least time between two audit records of losses.
const LOSS_EVERY: Duration = Duration::from_secs(60);

/// The record to drop when the queue is full.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Overflow {
    /// The new record: the oldest records are kept.
    #[default]
    DropNewest,
    /// The oldest record that the writer has not taken yet: the newest records are kept.
    DropOldest,
}

/// The reason why a recorder could not be started.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RecorderError {
    /// The system gives this process no further thread.
    #[error("cannot start the thread that writes; raise the limit on threads of this process")]
    Thread(#[source] std::io::Error),
}

/// Settings of a [`Recorder`]; see [`Recorder::builder`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[must_use]
pub struct RecorderBuilder {
    config: Config,
}

impl RecorderBuilder {
    /// Maximum number of records that wait for a store. Default 1,000,000.
    pub fn max_records(mut self, records: u64) -> Self {
        self.config.max_records = records;
        self
    }

    /// Maximum size of the records that wait for a store. Default 64 MiB. The queue takes that much
    /// memory, and up to 2 MiB more for buffers.
    pub fn max_bytes(mut self, bytes: u64) -> Self {
        self.config.max_bytes = bytes;
        self
    }

    /// The record to drop when one of the two is reached. Default: the new record.
    pub fn overflow(mut self, overflow: Overflow) -> Self {
        self.config.overflow = overflow;
        self
    }

    /// Duration for which the writer gathers records before it writes them. Default 2 ms. With zero, a
    /// record that finds the writer asleep has to wake it, which costs its caller some microseconds.
    pub fn gather_for(mut self, time: Duration) -> Self {
        self.config.gather_for = time;
        self
    }

    /// Duration for which a batch is retried while the store is unavailable, full or locked, before it is
    /// dropped and counted. Default 60 s; zero never retries.
    pub fn retry_for(mut self, time: Duration) -> Self {
        self.config.retry_for = time;
        self
    }

    /// The first and the longest pause between two attempts; each is twice the one before. Default
    /// 50 ms and 5 s.
    pub fn retry_pauses(mut self, first: Duration, longest: Duration) -> Self {
        self.config.first_pause = first.max(Duration::from_millis(1));
        self.config.longest_pause = longest.max(self.config.first_pause);
        self
    }

    /// Duration for which the writer may continue after the last handle is dropped without
    /// [`close`](Recorder::close). Default 30 s.
    pub fn drain_for(mut self, time: Duration) -> Self {
        self.config.drain_for = time;
        self
    }

    /// How often the writer adds to the index of the journal what was written since, when it has nothing else to do.
    /// Default: never; maintenance does. The first index of a large journal takes as long as a scan.
    pub fn index_every(mut self, time: Duration) -> Self {
        self.config.index_every = Some(time);
        self
    }

    /// Whether an audit record tells of records that were lost: how many, why and when. Default: true.
    ///
    /// It is written once writing works again, at most once a minute and when the recorder is closed, to where
    /// audits go. It tells of records that the recorder has dropped, and of those in files that a rotation has
    /// dropped. It is not counted as a record that was handed in; [`Tally::untold`](super::Tally::untold) counts
    /// the losses that no audit record tells of.
    pub fn loss_records(mut self, wanted: bool) -> Self {
        self.config.loss_every = wanted.then_some(LOSS_EVERY);
        self
    }

    /// Starts a recorder that writes everything to one journal.
    ///
    /// # Errors
    ///
    /// [`RecorderError::Thread`] if there is no thread for the writer.
    pub fn start(self, journal: &Journal) -> Result<Recorder, RecorderError> {
        self.start_routed(|_| Some(journal.clone()))
    }

    /// Starts a recorder that writes each kind to its store of a route; kinds that go nowhere are dropped
    /// and counted. See [`start_routed`](Self::start_routed).
    ///
    /// # Errors
    ///
    /// [`RecorderError::Thread`] if there is no thread for a writer.
    pub fn start_on_route(self, journal: &RoutedJournal) -> Result<Recorder, RecorderError> {
        self.start_routed(|kind| journal.journal(kind).cloned())
    }

    /// Starts a recorder that writes each kind to the journal that `route` names, which is asked once
    /// per kind. Kinds without one are dropped and counted.
    ///
    /// Every journal has a queue with all the bounds above, and a writer of its own: one that fails does
    /// not delay the others. Order is kept per journal. Clones of one journal count as one.
    ///
    /// # Errors
    ///
    /// [`RecorderError::Thread`] if there is no thread for a writer.
    pub fn start_routed(
        self,
        route: impl Fn(Kind) -> Option<Journal>,
    ) -> Result<Recorder, RecorderError> {
        Recorder::start(&Arc::new(self.config), route)
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Config {
    pub max_records: u64,
    pub max_bytes: u64,
    pub overflow: Overflow,
    pub gather_for: Duration,
    pub retry_for: Duration,
    pub first_pause: Duration,
    pub longest_pause: Duration,
    pub drain_for: Duration,
    pub index_every: Option<Duration>,
    /// The time between two audit records of losses.
    pub loss_every: Option<Duration>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            max_records: 1_000_000,
            max_bytes: 64 << 20,
            overflow: Overflow::default(),
            gather_for: Duration::from_millis(2),
            retry_for: Duration::from_secs(60),
            first_pause: Duration::from_millis(50),
            longest_pause: Duration::from_secs(5),
            drain_for: Duration::from_secs(30),
            index_every: None,
            loss_every: Some(LOSS_EVERY),
        }
    }
}
