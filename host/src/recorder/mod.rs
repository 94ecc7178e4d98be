//! The write path of a running system: it never blocks its callers and accounts for every record.
//!
//! A [`Recorder`] takes records from hot code of any kind, sync or async, on any thread. A call costs
//! the serialisation of the record and the copy of its bytes into a queue; it never waits for a store,
//! never fails and never panics. One writer per journal, on a thread of its own, hands the queue to
//! the engine in batches.
//!
//! ```
//! use papyra_persistence::recorder::{Accepted, Event, Recorder};
//! use papyra_persistence::{Engine, Journal, MemoryStore};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let journal = Journal::new(&Engine::new()?, MemoryStore::new());
//! let recorder = Recorder::new(&journal)?;
//! let restarts = std::collections::BTreeMap::from([("restarts", 3)]);
//! let queued = recorder.event(Event::new("local", "local:7", "ActorRestarted").payload(&restarts));
//! assert_eq!(queued, Accepted::Queued);
//!
//! let tally = recorder.close_blocking(std::time::Duration::from_secs(10));
//! assert_eq!((tally.accepted, tally.written, tally.dropped()), (1, 1, 0));
//! # Ok(())
//! # }
//! ```
//!
//! # What is promised
//!
//! * **The account is exact.** [`Recorder::tally`] shows `accepted == written + dropped + queued` at
//!   every moment, whatever the store does.
//! * **The order is kept** in which calls have taken the queue's lock: records of one thread, and of
//!   threads that wait for each other, are written in the order in which they were handed in. A record's
//!   time is read before that, so neighbours from different threads can differ in it by microseconds.
//! * **What can pass is tried again**: a store that is unavailable, full or locked, for as long as
//!   [`RecorderBuilder::retry_for`] says. A batch that times out may have been written all the same,
//!   and is then written twice. What cannot pass is dropped and counted.
//! * **A record that the engine refuses is dropped alone**, not with its batch. After a trap the engine
//!   starts afresh; a record that makes it trap again and again is found and dropped.
//! * **After [`flush`](Recorder::flush)** everything that was queued before it is settled: written, to
//!   the durability of the store, or dropped and counted.
//!
//! # What is not
//!
//! Records that are queued in memory die with the process. The lock that guards the queue is held for
//! less than a microsecond, but a thread that the system suspends just then holds up the others. While
//! the queue is full, records are dropped: [`Overflow`] says which.
//!
//! # Values
//!
//! Numbers that are not finite are written as `null`; a *timestamp* that is not finite makes the
//! record invalid. A free field named `kind` or `timestamp` makes it invalid as well: it would occur
//! twice.

mod config;
#[cfg(feature = "tracing-layer")]
mod layer;
mod line;
mod loss;
mod losses;
mod models;
mod queue;
mod tally;
mod writer;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use serde::Serialize;

pub use self::config::{Overflow, RecorderBuilder, RecorderError};
#[cfg(feature = "tracing-layer")]
pub use self::layer::TracingLayer;
pub use self::models::{Address, Audit, AuditCounts, DeadLetter, Event, Metric, Nothing};
pub use self::tally::{DropReason, Tally};

use self::config::Config;
use self::line::{Line, Unfit};
use self::loss::LossLog;
use self::models::{Free, Model};
use self::queue::Queue;
use self::writer::Writer;
use crate::journal::Journal;
use crate::store::{Kind, PerKind};

/// The immediate fate of a record. A caller need not act on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Accepted {
    /// It waits to be written.
    Queued,
    /// It is not written. The [`Tally`] says why.
    Dropped,
}

/// Takes records without blocking. Cheap to clone; see the [module](self).
///
/// When the last clone is dropped, the writer continues with queued records for the duration of
/// [`RecorderBuilder::drain_for`], if the process lives that long. [`close`](Self::close) waits.
#[derive(Clone)]
pub struct Recorder {
    shared: Arc<Shared>,
}

struct Shared {
    config: Arc<Config>,
    queues: Vec<Arc<Queue>>,
    /// The index of each kind's queue.
    by_kind: PerKind<Option<usize>>,
    unrouted: AtomicU64,
}

impl Recorder {
    /// A recorder with default settings, all of whose records go to one journal.
    ///
    /// # Errors
    ///
    /// [`RecorderError::Thread`] if there is no thread for the writer.
    pub fn new(journal: &Journal) -> Result<Self, RecorderError> {
        Self::builder().start(journal)
    }

    /// Starts a configuration.
    pub fn builder() -> RecorderBuilder {
        RecorderBuilder::default()
    }

    fn start(
        config: &Arc<Config>,
        route: impl Fn(Kind) -> Option<Journal>,
    ) -> Result<Self, RecorderError> {
        let mut journals: Vec<Journal> = Vec::new();
        let by_kind = PerKind::from_fn(|kind| {
            let journal = route(kind)?;
            let known = journals.iter().position(|known| known.is_same(&journal));
            Some(known.unwrap_or_else(|| {
                journals.push(journal);
                journals.len() - 1
            }))
        });
        let queues: Vec<_> = journals.iter().map(|_| Arc::new(Queue::new(config))).collect();
        // From here on a failure drops `shared`, which ends the writers that have been started.
        let unrouted = AtomicU64::new(0);
        let shared = Arc::new(Shared { config: Arc::clone(config), queues, by_kind, unrouted });
        let sources: Vec<_> = shared.queues.iter().cloned().zip(journals).collect();
        let mut losses = config.loss_every.and_then(|every| {
            let audits = sources.get((*shared.by_kind.get(Kind::Audit))?)?.1.clone();
            Some(LossLog::new(every, audits, sources.clone()))
        });
        for (queue, journal) in sources {
            let losses = losses.take_if(|losses| losses.is_written_to(&journal));
            let config = Arc::clone(config);
            Writer { queue, journal, config, losses }.start().map_err(RecorderError::Thread)?;
        }
        Ok(Self { shared })
    }

    /// Records an event of an actor.
    #[allow(clippy::needless_pass_by_value, reason = "a model is a handful of references")]
    pub fn event<P, X>(&self, event: Event<'_, P, X>) -> Accepted
    where
        P: Serialize + ?Sized,
        X: Serialize + ?Sized,
    {
        self.model(&event)
    }

    /// Records a snapshot of a system's health.
    #[allow(clippy::needless_pass_by_value, reason = "a model is a handful of references")]
    pub fn audit<X: Serialize + ?Sized>(&self, audit: Audit<'_, X>) -> Accepted {
        self.model(&audit)
    }

    /// Records a message that could not be delivered.
    #[allow(clippy::needless_pass_by_value, reason = "a model is a handful of references")]
    pub fn dead_letter<P, X>(&self, letter: DeadLetter<'_, P, X>) -> Accepted
    where
        P: Serialize + ?Sized,
        X: Serialize + ?Sized,
    {
        self.model(&letter)
    }

    /// Records a sample of a measurement.
    #[allow(clippy::needless_pass_by_value, reason = "a model is a handful of references")]
    pub fn metric<X: Serialize + ?Sized>(&self, metric: Metric<'_, X>) -> Accepted {
        self.model(&metric)
    }

    /// Records anything, now. `fields` must serialise as an object without `kind` and `timestamp`.
    pub fn record<X: Serialize + ?Sized>(&self, kind: Kind, fields: &X) -> Accepted {
        self.push(kind, None, |line| Free { more: fields }.fields(line))
    }

    /// Records anything, with a time of its own in seconds since the epoch.
    pub fn record_at<X: Serialize + ?Sized>(
        &self,
        kind: Kind,
        timestamp: f64,
        fields: &X,
    ) -> Accepted {
        self.push(kind, Some(timestamp), |line| Free { more: fields }.fields(line))
    }

    fn model<M: Model>(&self, model: &M) -> Accepted {
        self.push(M::KIND, model.timestamp(), |line| model.fields(line))
    }

    fn push(
        &self,
        kind: Kind,
        timestamp: Option<f64>,
        fields: impl FnOnce(&mut Line<'_>) -> Result<(), Unfit>,
    ) -> Accepted {
        let index = self.shared.by_kind.get(kind);
        let Some(queue) = index.and_then(|index| self.shared.queues.get(index)) else {
            self.shared.unrouted.fetch_add(1, Ordering::Relaxed);
            return Accepted::Dropped;
        };
        line::compose(kind, timestamp, fields, |line| match line {
            Some(line) => queue.push(line),
            None => queue.refuse(DropReason::Invalid),
        })
    }

    /// Returns the account of all records so far. It is exact, also while other threads record.
    pub fn tally(&self) -> Tally {
        let unrouted = self.shared.unrouted.load(Ordering::Relaxed);
        let none = Tally { accepted: unrouted, dropped_unrouted: unrouted, ..Tally::default() };
        self.shared.queues.iter().fold(none, |sum, queue| sum + queue.tally())
    }

    /// Counts from zero again. What is queued at this moment counts as just accepted.
    pub fn reset_tally(&self) {
        self.shared.unrouted.store(0, Ordering::Relaxed);
        self.shared.queues.iter().for_each(|queue| queue.reset_tally());
    }

    /// Waits until everything that was queued before this call is written or dropped, and returns the
    /// account of that moment. Nothing was lost if its [`dropped`](Tally::dropped) has not grown.
    ///
    /// A store that fails is tried again first, so this can take as long as
    /// [`RecorderBuilder::retry_for`] for each batch that waits. Needs no particular runtime.
    pub async fn flush(&self) -> Tally {
        let targets: Vec<_> = self.shared.queues.iter().map(|queue| queue.hurry()).collect();
        for (queue, target) in self.shared.queues.iter().zip(targets) {
            queue.passed(target).await;
        }
        self.tally()
    }

    /// Like [`flush`](Self::flush), for code that is not async, with a time limit. Must not be called in an
    /// async task.
    ///
    /// At the limit, the rest shows as [`queued`](Tally::queued).
    pub fn flush_blocking(&self, at_most: Duration) -> Tally {
        let until = later(at_most);
        let targets: Vec<_> = self.shared.queues.iter().map(|queue| queue.hurry()).collect();
        for (queue, target) in self.shared.queues.iter().zip(targets) {
            queue.passed_by(target, until);
        }
        self.tally()
    }

    /// Takes no more records, writes what is queued, and counts as dropped what is not written when time
    /// is up. Returns the final account, in which nothing is queued.
    ///
    /// A batch that the store is working on at that moment counts as dropped, but may be written.
    pub async fn close(&self, at_most: Duration) -> Tally {
        let (done, is_done) = tokio::sync::oneshot::channel();
        let this = self.clone();
        // A thread keeps the time, so that this works in every runtime and whatever the store blocks.
        let close = move || {
            // The caller may have stopped waiting.
            let _ = done.send(this.close_blocking(at_most));
        };
        match std::thread::Builder::new().name("papyra-close".into()).spawn(close) {
            Ok(_) => is_done.await.unwrap_or_else(|_| self.tally()),
            Err(_) => {
                let until = later(at_most);
                self.shared.queues.iter().for_each(|queue| queue.close(Some(until)));
                self.flush().await
            }
        }
    }

    /// The same for code that is not async. Must not be called in an async task.
    pub fn close_blocking(&self, at_most: Duration) -> Tally {
        let until = later(at_most);
        self.shared.queues.iter().for_each(|queue| queue.close(Some(until)));
        for queue in &self.shared.queues {
            queue.hurry();
            if !queue.ended_by(until) {
                queue.abandon();
            }
        }
        self.tally()
    }
}

/// The moment after this duration; decades ahead if it cannot be computed.
fn later(after: Duration) -> Instant {
    let now = Instant::now();
    now.checked_add(after).unwrap_or_else(|| now + Duration::from_secs(u32::MAX.into()))
}

impl Drop for Shared {
    fn drop(&mut self) {
        let until = later(self.config.drain_for);
        self.queues.iter().for_each(|queue| queue.close(Some(until)));
    }
}

impl std::fmt::Debug for Recorder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Recorder").field("tally", &self.tally()).finish_non_exhaustive()
    }
}
