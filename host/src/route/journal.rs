//! The operations on all stores of a route.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Duration;

use super::Route;
use crate::engine::Engine;
use crate::journal::{
    CompactOptions, Compaction, IndexOptions, IndexReport, InspectOptions, Inspection, Journal,
    JournalError, Progress, RecoverOptions, Recovery, Retention, ScanOptions, ScanReport,
    StartupOptions, StartupReport,
};
use crate::store::{Description, Kind};

/// A journal whose kinds are in different stores. Cheap to clone.
///
/// Retention applies to each store on its own: `max_records` is a maximum for each of them.
#[derive(Clone)]
pub struct RoutedJournal {
    pub(super) engine: Engine,
    pub(super) route: Route,
    pub(super) journals: Vec<Journal>,
}

/// The outcome of an operation in one store of a route.
#[derive(Debug)]
#[non_exhaustive]
pub struct Outcome<T> {
    /// The store.
    pub store: Description,
    /// The kinds that go there.
    pub kinds: Vec<Kind>,
    /// The report, or the failure.
    pub result: Result<T, JournalError>,
}

impl RoutedJournal {
    /// The journal of a route, without retention limits.
    pub fn new(engine: &Engine, route: Route) -> Self {
        let journal = |store: &Arc<dyn crate::Store>| Journal::with_store(engine, store.clone());
        let journals = route.stores().map(|(store, _)| journal(store)).collect();
        Self { engine: engine.clone(), route, journals }
    }

    fn map(mut self, change: impl Fn(Journal) -> Journal) -> Self {
        self.journals = self.journals.into_iter().map(change).collect();
        self
    }

    /// The limits that reads and compaction apply in each store.
    #[must_use]
    pub fn with_retention(self, retention: &Retention) -> Self {
        self.map(|journal| journal.with_retention(retention.clone()))
    }

    /// See [`Journal::with_jobs`].
    #[must_use]
    pub fn with_jobs(self, jobs: usize) -> Self {
        self.map(|journal| journal.with_jobs(jobs))
    }

    /// See [`Journal::without_index`].
    #[must_use]
    pub fn without_index(self) -> Self {
        self.map(Journal::without_index)
    }

    /// See [`Journal::with_progress`]; it counts anew for each store.
    #[must_use]
    pub fn with_progress(
        self,
        progress: impl Fn(Progress) -> ControlFlow<()> + Send + Sync + 'static,
    ) -> Self {
        let progress = Arc::new(progress);
        self.map(|journal| {
            let progress = progress.clone();
            journal.with_progress(move |so_far| progress(so_far))
        })
    }

    /// The store of each kind.
    #[must_use]
    pub fn route(&self) -> &Route {
        &self.route
    }

    /// The journal in the store of a kind; `None` if its records are dropped.
    #[must_use]
    pub fn journal(&self, kind: Kind) -> Option<&Journal> {
        self.route.target(kind).and_then(|index| self.journals.get(index))
    }

    /// The journal in every store, with the kinds that go there.
    pub fn journals(&self) -> impl ExactSizeIterator<Item = (&Journal, Vec<Kind>)> {
        self.journals.iter().zip(self.route.stores()).map(|(journal, (_, kinds))| (journal, kinds))
    }

    /// Runs an operation on each store, one after the other. A cancelled operation ends it.
    pub async fn each<T>(
        &self,
        operation: impl AsyncFn(&Journal) -> Result<T, JournalError>,
    ) -> Vec<Outcome<T>> {
        let mut outcomes = Vec::new();
        for (journal, kinds) in self.journals() {
            let result = operation(journal).await;
            let cancelled = matches!(result, Err(JournalError::Cancelled { .. }));
            outcomes.push(Outcome { store: journal.describe(), kinds, result });
            if cancelled {
                break;
            }
        }
        outcomes
    }

    /// See [`Journal::scan`].
    pub async fn scan(&self, options: ScanOptions) -> Vec<Outcome<ScanReport>> {
        self.each(async |journal| journal.scan(options).await).await
    }

    /// See [`Journal::recover`].
    pub async fn recover(&self, options: RecoverOptions) -> Vec<Outcome<Recovery>> {
        self.each(async |journal| journal.recover(options).await).await
    }

    /// See [`Journal::compact`].
    pub async fn compact(&self, options: CompactOptions) -> Vec<Outcome<Compaction>> {
        self.each(async |journal| journal.compact(options).await).await
    }

    /// See [`Journal::inspect`].
    pub async fn inspect(&self, options: InspectOptions) -> Vec<Outcome<Inspection>> {
        self.each(async |journal| journal.inspect(options).await).await
    }

    /// See [`Journal::index`].
    pub async fn index(&self, options: IndexOptions) -> Vec<Outcome<IndexReport>> {
        self.each(async |journal| journal.index(options).await).await
    }

    /// See [`Journal::startup_check`]; `limit` is for each store. The system may start if every store
    /// says so.
    pub async fn startup_check(
        &self,
        options: StartupOptions,
        limit: Option<Duration>,
    ) -> Vec<Outcome<StartupReport>> {
        self.each(async |journal| journal.startup_check(options, limit).await).await
    }
}
