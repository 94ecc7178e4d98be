//! Working on one store with several instances at once.
//!
//! The engine divides the store and puts the results together; the host only runs the shares, on one
//! snapshot that all instances see.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::task::JoinSet;

use super::run::trapped;
use super::{IndexOptions, Journal, JournalError, Retention, ScanOptions, Session};
use crate::bindings::exports::papyra::persistence::journal::Partition;
use crate::engine::{Engine, Work};
use crate::store::StoreError;

/// Stores smaller than this are not worth a second instance.
const PARALLEL_FROM: u64 = 4 << 20;

/// More shares than instances, so that a slow share does not keep the others waiting.
const SHARES_PER_JOB: usize = 4;

/// Each share can list as many findings as the whole report. One instance puts them together, in
/// memory that has room for about so many.
const FINDINGS_TOGETHER: usize = 100_000;

/// The engine lists no more than this, whatever it is asked for.
const MAX_FINDINGS: usize = 10_000;

/// What to do with each share.
#[derive(Clone)]
pub(super) enum Task {
    Scan(ScanOptions),
    Survey { retention: Retention, as_of: f64 },
    Index(IndexOptions),
    Verify,
}

impl Task {
    fn operation(&self) -> &'static str {
        match self {
            Self::Scan(_) => "scan",
            Self::Survey { .. } => "compact",
            Self::Index(_) => "index",
            Self::Verify => "verify",
        }
    }
}

impl Journal {
    /// The work of one operation, all of it on one snapshot.
    pub(super) async fn pinned_work(&self, operation: &'static str) -> Result<Work, JournalError> {
        let mut work = self.work();
        let limit = self.engine.limits().storage_timeout;
        let taken = tokio::time::timeout(limit, self.store.snapshot()).await;
        let taken = taken.unwrap_or_else(|_| Err(StoreError::timed_out(limit)));
        let snapshot = taken.map_err(|error| {
            self.failed(operation, Duration::ZERO, JournalError::store(operation, &error))
        })?;
        work.expect(&*snapshot);
        work.snapshot = Some(snapshot);
        Ok(work)
    }

    /// The shares to work on at once, or none if one instance is the better choice.
    pub(super) async fn shares(
        &self,
        session: &mut Session,
        work: &Work,
        operation: &'static str,
        max_findings: u32,
    ) -> Result<Vec<Partition>, JournalError> {
        match self.number_of_shares(work, max_findings) {
            0 => Ok(Vec::new()),
            shares => session.partitions(operation, shares).await,
        }
    }

    /// How many shares to cut a store into; 0 if one instance is the better choice.
    pub(super) fn number_of_shares(&self, work: &Work, max_findings: u32) -> u32 {
        if self.jobs == 1 || work.total() < PARALLEL_FROM || self.describe().volatile {
            return 0;
        }
        let fitting = FINDINGS_TOGETHER / (max_findings as usize).clamp(1, MAX_FINDINGS);
        let shares = self.jobs.saturating_mul(SHARES_PER_JOB).min(fitting);
        u32::try_from(shares).unwrap_or(u32::MAX)
    }

    /// Runs `task` on every share, and returns the results in the order of the shares.
    pub(super) async fn run_shares(
        &self,
        work: &Work,
        shares: Vec<Partition>,
        task: &Task,
    ) -> Result<Vec<String>, JournalError> {
        let queue = Arc::new(Queue { shares, next: AtomicUsize::new(0) });
        let mut workers = JoinSet::new();
        for _ in 0..self.jobs.min(queue.shares.len()) {
            workers.spawn(run_worker(
                self.engine.clone(),
                work.clone(),
                queue.clone(),
                task.clone(),
            ));
        }
        let mut results = vec![String::new(); queue.shares.len()];
        while let Some(joined) = workers.join_next().await {
            let done = joined.unwrap_or_else(|error| Err(lost_worker(task, &error)));
            // The instances that met it are gone, and so are their counters.
            for (index, result) in done.inspect_err(|_| self.count(&trapped(task.operation())))? {
                if let Some(slot) = results.get_mut(index) {
                    *slot = result;
                }
            }
        }
        Ok(results)
    }
}

struct Queue {
    shares: Vec<Partition>,
    next: AtomicUsize,
}

async fn run_worker(
    engine: Engine,
    work: Work,
    queue: Arc<Queue>,
    task: Task,
) -> Result<Vec<(usize, String)>, JournalError> {
    let mut session = Session::open(&engine, work).await?;
    let mut results = Vec::new();
    loop {
        let index = queue.next.fetch_add(1, Ordering::Relaxed);
        let Some(share) = queue.shares.get(index) else { return Ok(results) };
        let operation = task.operation();
        let result = match &task {
            Task::Scan(options) => session.scan_partition(operation, share, *options),
            Task::Survey { retention, as_of } => {
                session.survey_partition(operation, share, retention, *as_of)
            }
            Task::Index(options) => session.index_partition(operation, share, *options),
            Task::Verify => session.verify_partition(operation, share),
        };
        results.push((index, result.await?));
    }
}

fn lost_worker(task: &Task, error: &tokio::task::JoinError) -> JournalError {
    let message = format!("a worker of this operation ended early: {error}");
    JournalError::failed(task.operation(), message)
}
