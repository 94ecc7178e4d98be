//! Appending to a route: the engine judges the whole batch and says which kind each line has; the
//! host hands every store its lines.
//!
//! A batch with a line that is not a record is refused as a whole, before anything is written. After
//! that, each store writes all of its lines or none, independently of the other stores.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use tokio::task::JoinSet;

use super::RoutedJournal;
use crate::journal::json::{by_kind, object};
use crate::journal::{Appended, Draft, FailureCode, Journal, JournalError, KindCount};
use crate::store::{
    self, Description, Framing, Kind, Layout, Run, Snapshot, Store, StoreError, StoreErrorKind,
};

/// The result of an append to a route.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct RoutedAppend {
    /// Records that are written, in all stores.
    pub records: u64,
    /// Bytes that are written, line ends included.
    pub bytes: u64,
    /// Records that are suspect, of the written and the dropped; 0 unless the append was lenient.
    pub suspects: u64,
    /// Records of kinds that are dropped.
    pub dropped: u64,
    /// The part of each store; stores without a part are left out.
    pub stores: Vec<Written>,
    /// The dropped records by kind; kinds without any are left out.
    pub discarded: Vec<KindCount>,
}

impl RoutedAppend {
    /// Adds what another append has written.
    pub fn add(&mut self, more: Self) {
        self.records += more.records;
        self.bytes += more.bytes;
        self.suspects += more.suspects;
        self.dropped += more.dropped;
        for store in more.stores {
            match self.stores.iter_mut().find(|known| known.location == store.location) {
                Some(known) => {
                    known.records += store.records;
                    known.bytes += store.bytes;
                }
                None => self.stores.push(store),
            }
        }
        for count in more.discarded {
            discard(self, count.kind, count.records, count.bytes);
            self.dropped -= count.records;
        }
    }
}

object! { RoutedAppend, r,
    records, bytes, suspects, dropped, stores, discarded: by_kind(&r.discarded),
}

object! { Written, w, location, records, bytes }

/// The part of an append that one store has written.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Written {
    /// Location of the store, without secrets.
    pub location: String,
    /// Records.
    pub records: u64,
    /// Bytes, line ends included.
    pub bytes: u64,
}

/// A store that has not written its part, or not all of it.
#[derive(Debug)]
#[non_exhaustive]
pub struct StoreFailure {
    /// Location of the store, without secrets.
    pub location: String,
    /// Records of its part. [`JournalError::written`] says how many of them are written all the same.
    pub records: u64,
    /// The reason.
    pub error: JournalError,
}

/// An append that some stores have written, and others have not.
#[derive(Debug)]
#[non_exhaustive]
pub struct PartialAppend {
    /// The records that are written or dropped.
    pub done: RoutedAppend,
    /// The stores that have failed; never empty.
    pub failed: Vec<StoreFailure>,
}

/// The failure of an append to a route.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RoutedError {
    /// The batch was refused; no store has got anything of it.
    #[error("{0}")]
    Refused(#[source] JournalError),
    /// At least one store has failed. Appending the whole batch again would double what is written.
    #[error("{}", summary(.0))]
    Partial(Box<PartialAppend>),
}

fn summary(partial: &PartialAppend) -> String {
    let mut parts = Vec::new();
    for failure in &partial.failed {
        let (records, location) = (failure.records, &failure.location);
        let state = match failure.error.written() {
            None | Some(store::Written::None) => "are not written",
            Some(store::Written::All) => "are written, but may not be durable",
            Some(store::Written::Some) => "are written in part, from the first on",
            Some(store::Written::Unknown) => {
                "may be written or not, look there before you try again"
            }
        };
        parts.push(format!("{records} records for {location} {state}: {}", failure.error));
    }
    for written in &partial.done.stores {
        parts.push(format!("{} records are written to {}", written.records, written.location));
    }
    parts.join("; ")
}

impl RoutedJournal {
    /// Writes records, each to the store of its kind; see [`Journal::append`].
    ///
    /// # Errors
    ///
    /// [`RoutedError::Refused`] if a draft is not acceptable, [`RoutedError::Partial`] if a store
    /// fails.
    pub async fn append(&self, drafts: &[Draft]) -> Result<RoutedAppend, RoutedError> {
        if let Some(only) = self.only() {
            return whole(only, || drafts.len(), only.append(drafts).await);
        }
        let judge = Judge::default();
        let journal = Journal::new(&self.engine, judge.clone());
        let appended = journal.append(drafts).await.map_err(RoutedError::Refused)?;
        self.distribute(judge, appended.suspects).await
    }

    /// Writes ready lines verbatim, each to the store of its kind; see [`Journal::append_lines`].
    ///
    /// # Errors
    ///
    /// [`RoutedError::Refused`] if a line is no sound record, [`RoutedError::Partial`] if a store
    /// fails.
    pub async fn append_lines(&self, lines: &str) -> Result<RoutedAppend, RoutedError> {
        self.judged(lines, Journal::append_lines).await
    }

    /// Like [`append_lines`](RoutedJournal::append_lines), and also takes suspect records; see
    /// [`Journal::append_lines_leniently`].
    ///
    /// # Errors
    ///
    /// [`RoutedError::Refused`] if a line is no whole record, [`RoutedError::Partial`] if a store fails.
    pub async fn append_lines_leniently(&self, lines: &str) -> Result<RoutedAppend, RoutedError> {
        self.judged(lines, Journal::append_lines_leniently).await
    }

    async fn judged(
        &self,
        lines: &str,
        append: impl AsyncFn(&Journal, &str) -> Result<Appended, JournalError>,
    ) -> Result<RoutedAppend, RoutedError> {
        if let Some(only) = self.only() {
            return whole(only, || lines.lines().count(), append(only, lines).await);
        }
        let judge = Judge::default();
        let journal = Journal::new(&self.engine, judge.clone());
        let appended = append(&journal, lines).await.map_err(RoutedError::Refused)?;
        self.distribute(judge, appended.suspects).await
    }

    /// The journal, where every kind goes to the same one: then nothing has to be split.
    fn only(&self) -> Option<&Journal> {
        match self.journals.as_slice() {
            [only] if self.route.discarded().is_empty() => Some(only),
            _ => None,
        }
    }

    async fn distribute(&self, judge: Judge, suspects: u64) -> Result<RoutedAppend, RoutedError> {
        let judged = std::mem::take(&mut *judge.0.lock().unwrap_or_else(PoisonError::into_inner));
        let mut done = RoutedAppend { suspects, ..RoutedAppend::default() };
        let shares = self.split(&judged, &mut done);
        let mut tasks = JoinSet::new();
        let mut begun = HashMap::new();
        for (journal, share) in self.journals.iter().zip(shares) {
            if share.lines.is_empty() {
                continue;
            }
            let what = (journal.describe().location, share.records);
            let journal = journal.clone();
            let task =
                tasks.spawn(async move { journal.append_judged(share.lines, &share.runs).await });
            begun.insert(task.id(), what);
        }
        let mut failed = Vec::new();
        while let Some(joined) = tasks.join_next_with_id().await {
            let (id, result) = match joined {
                Ok(ended) => ended,
                Err(error) => (error.id(), Err(ended_early(&error))),
            };
            let Some((location, records)) = begun.remove(&id) else { continue };
            match result {
                Ok(Appended { records, bytes, .. }) => {
                    done.records += records;
                    done.bytes += bytes;
                    done.stores.push(Written { location, records, bytes });
                }
                Err(error) => failed.push(StoreFailure { location, records, error }),
            }
        }
        done.stores.sort_by(|a, b| a.location.cmp(&b.location));
        if failed.is_empty() {
            return Ok(done);
        }
        failed.sort_by(|a, b| a.location.cmp(&b.location));
        Err(RoutedError::Partial(Box::new(PartialAppend { done, failed })))
    }

    /// Splits the lines by store, in their order.
    fn split(&self, judged: &Judged, done: &mut RoutedAppend) -> Vec<Share> {
        let mut shares: Vec<Share> = self.journals.iter().map(|_| Share::default()).collect();
        let mut lines = judged.lines.split_inclusive('\n');
        for run in &judged.runs {
            let target = self.route.target(run.kind);
            let mut share = target.and_then(|index| shares.get_mut(index));
            let mut bytes = 0;
            for line in lines.by_ref().take(run.lines as usize) {
                bytes += line.len() as u64;
                if let Some(share) = &mut share {
                    share.lines.push_str(line);
                }
            }
            match share {
                Some(share) => share.add(*run),
                None => discard(done, run.kind, run.lines.into(), bytes),
            }
        }
        shares
    }
}

/// The outcome of an append to one store as that of a route. The records are counted only for a failure:
/// that is one more pass over a batch that no longer is in the processor's cache.
fn whole(
    journal: &Journal,
    records: impl FnOnce() -> usize,
    result: Result<Appended, JournalError>,
) -> Result<RoutedAppend, RoutedError> {
    let location = journal.describe().location;
    match result {
        Ok(Appended { records, bytes, suspects }) => Ok(RoutedAppend {
            records,
            bytes,
            suspects,
            stores: vec![Written { location, records, bytes }],
            ..RoutedAppend::default()
        }),
        Err(error) if error.code() == Some(FailureCode::InvalidRecord) => {
            Err(RoutedError::Refused(error))
        }
        Err(error) => {
            let failed = vec![StoreFailure { location, records: records() as u64, error }];
            let done = RoutedAppend::default();
            Err(RoutedError::Partial(Box::new(PartialAppend { done, failed })))
        }
    }
}

fn discard(done: &mut RoutedAppend, kind: Kind, records: u64, bytes: u64) {
    done.dropped += records;
    match done.discarded.iter_mut().find(|count| count.kind == kind) {
        Some(count) => {
            count.records += records;
            count.bytes += bytes;
        }
        None => done.discarded.push(KindCount { kind, records, bytes }),
    }
}

fn ended_early(error: &tokio::task::JoinError) -> JournalError {
    JournalError::failed("append", format!("an append ended early: {error}"))
}

/// The lines for one store.
#[derive(Default)]
struct Share {
    lines: String,
    runs: Vec<Run>,
    records: u64,
}

impl Share {
    fn add(&mut self, run: Run) {
        self.records += u64::from(run.lines);
        match self.runs.last_mut() {
            Some(last) if last.kind == run.kind => {
                last.lines = last.lines.saturating_add(run.lines);
            }
            _ => self.runs.push(run),
        }
    }
}

/// Keeps the lines that the engine has accepted, and stores nothing.
#[derive(Clone, Default)]
struct Judge(Arc<Mutex<Judged>>);

#[derive(Default)]
struct Judged {
    lines: String,
    runs: Vec<Run>,
}

#[async_trait]
impl Store for Judge {
    fn describe(&self) -> Description {
        Description {
            backend: "route".into(),
            location: "the stores of a route".into(),
            framing: Framing::Lines,
            layout: Layout::Sequence,
            volatile: true,
            profile: None,
        }
    }

    async fn append(&self, lines: String, runs: &[Run]) -> Result<(), StoreError> {
        let runs = runs.to_vec();
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Judged { lines, runs };
        Ok(())
    }

    async fn snapshot(&self) -> Result<Arc<dyn Snapshot>, StoreError> {
        let message = "nothing is kept here; read the stores of the route";
        Err(StoreError::new(StoreErrorKind::Unsupported, message))
    }
}

#[cfg(test)]
mod tests {
    use super::super::Route;
    use super::*;
    use crate::{Engine, MemoryStore};

    fn line(kind: &str, n: u32) -> String {
        format!("{{\"kind\": \"{kind}\", \"timestamp\": 1738000000, \"n\": {n}}}\n")
    }

    #[tokio::test]
    async fn lines_go_to_the_store_of_their_kind_and_keep_their_order() {
        let (events, rest) = (MemoryStore::new(), MemoryStore::new());
        let route = Route::builder()
            .store(Kind::Event, Arc::new(events.clone()))
            .discard(Kind::Metric)
            .default_store(Arc::new(rest.clone()))
            .build()
            .unwrap();
        let engine = Engine::new().unwrap();
        let journal = RoutedJournal::new(&engine, route);
        let batch: String = [
            ("event", 1),
            ("metric", 2),
            ("event", 3),
            ("audit", 4),
            ("dead_letter", 5),
            ("event", 6),
        ]
        .map(|(kind, n)| line(kind, n))
        .concat();
        let done = journal.append_lines(batch.trim_end()).await.unwrap();
        assert_eq!((done.records, done.dropped), (5, 1));
        assert_eq!(done.bytes, (batch.len() - line("metric", 2).len()) as u64);
        let stored = async |store: MemoryStore| {
            let mut pages = Journal::new(&engine, store).query(Default::default());
            pages.next().await.unwrap().unwrap().records
        };
        let lines = |kinds: &[(&str, u32)]| -> String {
            kinds.iter().map(|(kind, n)| line(kind, *n)).collect()
        };
        assert_eq!(stored(events).await, lines(&[("event", 1), ("event", 3), ("event", 6)]));
        assert_eq!(stored(rest).await, lines(&[("audit", 4), ("dead_letter", 5)]));
        assert_eq!(journal.journal(Kind::Event).unwrap().metrics().records_written, 3);
    }

    #[tokio::test]
    async fn a_line_that_is_no_record_keeps_its_batch_from_every_store() {
        let store = MemoryStore::new();
        let route = Route::single(Arc::new(store.clone()));
        let engine = Engine::new().unwrap();
        let batch = line("event", 1) + "{\"kind\": \"evnt\", \"timestamp\": 1}\n";
        let refused = RoutedJournal::new(&engine, route).append_lines(&batch).await;
        match refused.unwrap_err() {
            RoutedError::Refused(JournalError::Failure { failure, .. }) => {
                assert_eq!(failure.line, Some(2));
            }
            other => panic!("{other:?}"),
        }
        let page = Journal::new(&engine, store).query(Default::default()).next().await.unwrap();
        assert_eq!(page.unwrap().count, 0);
    }

    #[tokio::test]
    async fn a_store_that_fails_does_not_keep_the_others_from_their_share() {
        let (small, good) = (MemoryStore::with_max_bytes(1), MemoryStore::new());
        let route = Route::builder()
            .store(Kind::Event, Arc::new(small))
            .default_store(Arc::new(good))
            .build()
            .unwrap();
        let journal = RoutedJournal::new(&Engine::new().unwrap(), route);
        let batch = line("event", 1) + &line("audit", 2);
        match journal.append_lines(&batch).await.unwrap_err() {
            RoutedError::Partial(partial) => {
                assert_eq!(partial.done.records, 1);
                assert_eq!(partial.failed.len(), 1);
                assert_eq!(partial.failed[0].error.code(), Some(FailureCode::Full));
            }
            other => panic!("{other:?}"),
        }
        assert_eq!(journal.journal(Kind::Event).unwrap().metrics().write_errors, 1);
    }

    /// A store with a bug.
    struct Panics;

    #[async_trait]
    impl Store for Panics {
        fn describe(&self) -> Description {
            Description { location: "the broken one".into(), ..MemoryStore::new().describe() }
        }

        async fn append(&self, _lines: String, _runs: &[Run]) -> Result<(), StoreError> {
            panic!("a bug of this store")
        }

        async fn snapshot(&self) -> Result<Arc<dyn Snapshot>, StoreError> {
            MemoryStore::new().snapshot().await
        }
    }

    #[tokio::test]
    async fn a_store_that_panics_is_named_with_its_share() {
        let route = Route::builder()
            .store(Kind::Event, Arc::new(Panics))
            .default_store(Arc::new(MemoryStore::new()))
            .build()
            .unwrap();
        let journal = RoutedJournal::new(&Engine::new().unwrap(), route);
        let batch = line("event", 1) + &line("audit", 2) + &line("event", 3);
        match journal.append_lines(&batch).await.unwrap_err() {
            RoutedError::Partial(partial) => {
                assert_eq!(partial.done.records, 1);
                let failed = &partial.failed[0];
                assert_eq!((failed.location.as_str(), failed.records), ("the broken one", 2));
            }
            other => panic!("{other:?}"),
        }
    }
}
