//! Consuming records in groups: each record goes to one consumer of the group, stays pending until it
//! is acknowledged, and goes to the dead letters when it has been delivered too often.
//!
//! Delivery is at least once: a consumer can see a record again after a crash, so what it does must
//! be idempotent. Only stores whose backend has groups can do this (see [`Store::groups`]); with the
//! others every call is the failure `unsupported`.
//!
//! ```no_run
//! # async fn run(journal: papyra_persistence::Journal) -> Result<(), papyra_persistence::JournalError> {
//! use std::time::Duration;
//! use papyra_persistence::Kind;
//! use papyra_persistence::consumer::Wait;
//!
//! let mut consumer = journal
//!     .consumer(Kind::Event, "billing", "billing-1")
//!     .wait(Wait::For(Duration::from_secs(5)))
//!     .max_deliveries(3)
//!     .build();
//! loop {
//!     let batch = consumer.next().await?;
//!     for entry in &batch.entries {
//!         println!("{} for the {}. time: {}", entry.id, entry.deliveries, entry.record);
//!     }
//!     consumer.ack(batch.ids()).await?;
//! }
//! # }
//! ```
//!
//! A future of this module can be dropped at any `.await`. Entries that the backend has handed out to
//! a call that was dropped, or that failed, are not lost: the next call of [`Consumer::next`] asks for
//! them first.
//!
//! [`Store::groups`]: crate::store::Store::groups

mod batch;
mod groups;
mod marks;

use std::time::Duration;

pub use self::batch::{Batch, Entry};
pub use self::groups::Group;
use self::marks::Marks;
use crate::bindings::exports::papyra::persistence::consumer::Subscription;
use crate::bindings::papyra::persistence::groups::{Source, Wait as WitWait};
use crate::journal::Session;
use crate::journal::{Counters, FailureCode, Journal, JournalError};
use crate::store::Kind;
pub use crate::store::groups::{
    ConsumerInfo, ConsumerPending, GroupInfo, PendingEntry, PendingFilter, PendingSummary,
};

/// Start of the list of pending entries.
const FIRST: &str = "-";

/// Maximum number of pending entries to list at once.
const LISTED: u32 = 1_000;

/// The time that [`Consumer::next`] waits for records.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wait {
    /// Not at all.
    None,
    /// For this duration, rounded up to whole milliseconds; zero is [`Wait::None`].
    For(Duration),
    /// Until something comes. Drop the call to end it.
    Forever,
}

impl From<Wait> for WitWait {
    fn from(wait: Wait) -> Self {
        match wait {
            Wait::None | Wait::For(Duration::ZERO) => Self::None,
            Wait::For(time) => {
                let millis = time.as_nanos().div_ceil(1_000_000);
                Self::Millis(u32::try_from(millis).unwrap_or(u32::MAX))
            }
            Wait::Forever => Self::Forever,
        }
    }
}

/// The start of a new group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Start {
    /// With the oldest record.
    Everything,
    /// With what is appended from now on.
    Now,
    /// After the entry with this id, such as `1763700000123-0`.
    After(String),
}

impl Start {
    pub(super) fn word(&self) -> &str {
        match self {
            Self::Everything => "0",
            Self::Now => "$",
            Self::After(id) => id,
        }
    }
}

/// Configures a [`Consumer`].
#[derive(Clone)]
pub struct ConsumerBuilder {
    journal: Journal,
    subscription: Subscription,
}

impl Journal {
    /// Starts to configure a consumer of records of one kind. `name` tells the consumers of a group
    /// apart; a process that takes the name of one that has crashed takes over what it left pending.
    pub fn consumer(
        &self,
        kind: Kind,
        group: impl Into<String>,
        name: impl Into<String>,
    ) -> ConsumerBuilder {
        ConsumerBuilder {
            journal: self.clone(),
            subscription: Subscription {
                kind,
                group: group.into(),
                consumer: name.into(),
                start: Start::Everything.word().to_owned(),
                resume: None,
                count: 100,
                wait: WitWait::None,
                max_deliveries: 0,
            },
        }
    }
}

impl ConsumerBuilder {
    /// Sets the start of the group if it does not exist yet. Default: everything.
    #[must_use]
    pub fn start(mut self, start: &Start) -> Self {
        start.word().clone_into(&mut self.subscription.start);
        self
    }

    /// Sets the maximum number of entries in a batch, 1 to 10,000. Default 100. A batch of large records is
    /// smaller: about 1 MiB.
    #[must_use]
    pub fn count(mut self, count: u32) -> Self {
        self.subscription.count = count;
        self
    }

    /// Sets the time to wait for records. Default: none.
    #[must_use]
    pub fn wait(mut self, wait: Wait) -> Self {
        self.subscription.wait = wait.into();
        self
    }

    /// A record that is delivered more often than this goes to the dead letters. Default 0: never.
    /// So that one that kills its consumer does not take others along, a record that is delivered for
    /// the last time comes alone (with 1 that is every record).
    #[must_use]
    pub fn max_deliveries(mut self, max: u32) -> Self {
        self.subscription.max_deliveries = max;
        self
    }

    /// The consumer. Nothing is asked of the store yet; the group is made when it is missed.
    pub fn build(self) -> Consumer {
        Consumer {
            journal: self.journal,
            subscription: self.subscription,
            session: None,
            marks: Marks::default(),
            unseen_from: None,
        }
    }
}

/// One consumer of a group, with an instance of the engine of its own, which is replaced after a
/// trap.
pub struct Consumer {
    journal: Journal,
    subscription: Subscription,
    session: Option<Session>,
    /// The entries that it has received and acknowledged.
    marks: Marks,
    /// A call was interrupted: entries from this id on may be pending without having been returned.
    unseen_from: Option<String>,
}

impl Consumer {
    /// Returns the next records that no consumer of the group has received. Empty if none came in time.
    ///
    /// If an earlier call has failed or was dropped, it first returns what that one had been given:
    /// whatever is pending under this name and unknown to this consumer.
    ///
    /// # Errors
    ///
    /// As the store says. A missing group is not an error: it is made, and if it had existed, to go on
    /// after what this consumer has acknowledged; [`Batch::made`] tells.
    pub async fn next(&mut self) -> Result<Batch, JournalError> {
        if let Some(batch) = self.unseen().await? {
            return Ok(batch);
        }
        self.unseen_from = Some(FIRST.to_owned());
        let batch = self.ask(Source::Fresh).await?;
        // After a partial failure, something may have been handed out that is not in the batch.
        if batch.partial_failure.is_none() {
            self.unseen_from = None;
        }
        Ok(batch)
    }

    /// Returns entries that interrupted calls have received; `None` if there are no more.
    ///
    /// Its ids may be less than those that have been seen: a group that was moved back, or made again,
    /// hands out such. What has been seen is not asked for again: that would count as a delivery.
    async fn unseen(&mut self) -> Result<Option<Batch>, JournalError> {
        while let Some(from) = self.unseen_from.clone() {
            let pending = self.list_own(from).await?;
            let ids = pending.iter().map(|entry| &entry.id).filter(|id| !self.marks.is_open(id));
            let ids: Vec<String> = ids.take(self.subscription.count as usize).cloned().collect();
            let batch = match ids.is_empty() {
                true => Batch::default(),
                false => self.claim(&ids, Duration::ZERO).await?,
            };
            let seen = batch.last.as_ref().or(ids.last());
            let seen = seen.or(pending.last().map(|entry| &entry.id));
            self.unseen_from = match batch.partial_failure {
                Some(_) => Some(FIRST.to_owned()),
                None => seen.and_then(|id| marks::following(id)),
            };
            if batch.last.is_some() {
                return Ok(Some(batch));
            }
        }
        Ok(None)
    }

    /// Some of what is pending with this consumer, from an id on; nothing if there is no group.
    async fn list_own(&mut self, start: String) -> Result<Vec<PendingEntry>, JournalError> {
        let filter = PendingFilter {
            start,
            end: "+".to_owned(),
            count: LISTED,
            min_idle_ms: 0,
            consumer: Some(self.subscription.consumer.clone()),
        };
        let listed = self.with_session(async |session, subscription| {
            let Subscription { kind, group, .. } = subscription;
            session.list_pending("consume", *kind, group, &filter).await
        });
        match listed.await {
            Err(error) if error.code() == Some(FailureCode::NotFound) => Ok(Vec::new()),
            listed => listed,
        }
    }

    /// Returns entries that this consumer has received but not acknowledged, after this id (`None`:
    /// all), also by an earlier process of the same name. Go on after [`Batch::last`] until that is
    /// `None`.
    ///
    /// # Errors
    ///
    /// As for [`next`](Self::next).
    pub async fn own_pending(&mut self, after: Option<&str>) -> Result<Batch, JournalError> {
        self.ask(Source::OwnPending(after.unwrap_or("0").to_owned())).await
    }

    /// Acknowledges entries that are done. Returns how many were pending.
    ///
    /// # Errors
    ///
    /// As the store says.
    pub async fn ack(
        &mut self,
        ids: impl IntoIterator<Item = impl Into<String>>,
    ) -> Result<u64, JournalError> {
        let ids: Vec<String> = ids.into_iter().map(Into::into).collect();
        if ids.is_empty() {
            return Ok(0);
        }
        let (kind, group) = (self.subscription.kind, self.subscription.group.clone());
        let acked = self.with_session(async |s, _| s.ack("ack", kind, &group, &ids).await).await?;
        self.marks.settle(&ids);
        Ok(acked)
    }

    /// Takes over these entries if another consumer has left them idle for at least this duration.
    /// [`Batch::next`] names the first id that did not fit any more, if any.
    ///
    /// # Errors
    ///
    /// `not-found` if there is no such group; otherwise as the store says.
    pub async fn claim(
        &mut self,
        ids: &[String],
        min_idle: Duration,
    ) -> Result<Batch, JournalError> {
        let idle = millis(min_idle);
        let batch = self.with_session(async |session, subscription| {
            session.claim("claim", subscription, idle, ids).await
        });
        let batch = batch.await?;
        self.receive(batch)
    }

    /// Takes over entries that other consumers have left idle for at least this duration, from `start` (`None`:
    /// the oldest) on. Go on with [`Batch::next`] until that is `None`.
    ///
    /// # Errors
    ///
    /// As for [`claim`](Self::claim).
    pub async fn claim_idle(
        &mut self,
        min_idle: Duration,
        start: Option<&str>,
    ) -> Result<Batch, JournalError> {
        let (idle, start) = (millis(min_idle), start.unwrap_or("0"));
        let batch = self.with_session(async |session, subscription| {
            session.claim_idle("claim", subscription, idle, start).await
        });
        let batch = batch.await?;
        self.receive(batch)
    }

    async fn ask(&mut self, source: Source) -> Result<Batch, JournalError> {
        self.subscription.resume = self.marks.resume(&self.subscription.start);
        let batch = self.with_session(async |session, subscription| {
            session.next("consume", subscription, &source).await
        });
        let batch = batch.await?;
        self.receive(batch)
    }

    fn receive(&mut self, batch: batch::WitBatch) -> Result<Batch, JournalError> {
        let batch = Batch::read(batch)?;
        batch.entries.iter().for_each(|entry| self.marks.give(&entry.id));
        for settled in [&batch.quarantined, &batch.dead_lettered, &batch.deleted] {
            self.marks.settle(settled);
        }
        let records_read = batch.entries.len() as u64;
        self.journal.count(&Counters { records_read, ..Counters::default() });
        Ok(batch)
    }

    /// Runs one call on the consumer's instance. A call that traps, or that is dropped, takes the
    /// instance with it.
    async fn with_session<T>(
        &mut self,
        run: impl AsyncFnOnce(&mut Session, &Subscription) -> Result<T, JournalError>,
    ) -> Result<T, JournalError> {
        let mut session = match self.session.take() {
            Some(session) => session,
            None => self.journal.session().await?,
        };
        let result = run(&mut session, &self.subscription).await;
        if result.is_err() {
            self.journal.count(&Counters { read_errors: 1, ..Counters::default() });
        }
        if !matches!(result, Err(JournalError::Trap { .. })) {
            self.session = Some(session);
        }
        result
    }
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
