//! Appending, by instances that are kept from batch to batch.
//!
//! One instance is busy until the store has made its batch durable. So that the next batch can be
//! judged meanwhile, concurrent appends get instances of their own, up to [`WRITERS`]; the store
//! makes what they hand over durable together.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::Semaphore;

use super::Session;
use super::logging;
use super::{Appended, Counters, Draft, Journal, JournalError, Loss};
use crate::store::{Run, StoreError};

/// The most instances that append at once. Each holds a few MiB while it is kept.
const WRITERS: usize = 4;

/// The instances that append for one journal and its clones.
pub(super) struct Writers {
    idle: Mutex<Vec<Session>>,
    free: Semaphore,
}

impl Default for Writers {
    fn default() -> Self {
        Self { idle: Mutex::default(), free: Semaphore::new(WRITERS) }
    }
}

impl Journal {
    /// Writes records, all or none, in this order, with `kind` first and `timestamp` second.
    ///
    /// Returns once the store's durability policy has been met. Appends that wait for each other keep
    /// their order; concurrent ones are written in any order, each as a whole.
    ///
    /// # Errors
    ///
    /// `invalid-record` names the first draft that is not acceptable; nothing was written. Otherwise
    /// as the store says, see [`FailureCode`](super::FailureCode).
    pub async fn append(&self, drafts: &[Draft]) -> Result<Appended, JournalError> {
        self.write(async |session| session.append("append", drafts).await).await
    }

    /// Writes ready lines verbatim, all or none. Every line must be a sound record.
    ///
    /// Otherwise like [`append`](Journal::append).
    ///
    /// # Errors
    ///
    /// `invalid-record` names the first line that is not; nothing was written.
    pub async fn append_lines(&self, lines: &str) -> Result<Appended, JournalError> {
        self.write(async |session| session.append_lines("append", lines, false).await).await
    }

    /// Like [`append_lines`](Journal::append_lines), and also takes suspect records, so that all that
    /// [`query`](Journal::query) returns can be written again. [`Appended::suspects`] counts them.
    ///
    /// A record without a known kind goes where events go.
    ///
    /// # Errors
    ///
    /// `invalid-record` names the first line that is not a whole JSON object of at most 16 MiB; nothing was
    /// written.
    pub async fn append_lines_leniently(&self, lines: &str) -> Result<Appended, JournalError> {
        self.write(async |session| session.append_lines("append", lines, true).await).await
    }

    /// Appends an audit record that says which records were lost. A [recorder](crate::recorder) does so by itself.
    ///
    /// # Errors
    ///
    /// `invalid-argument` if nothing was lost. Otherwise like [`append`](Journal::append).
    pub async fn record_loss(&self, loss: &Loss) -> Result<Appended, JournalError> {
        self.write(async |session| session.record_loss("record-loss", loss).await).await
    }

    /// Hands lines to the store that an instance of the engine has judged already. None of them is counted as
    /// suspect.
    pub(crate) async fn append_judged(
        &self,
        lines: String,
        runs: &[Run],
    ) -> Result<Appended, JournalError> {
        let records = runs.iter().map(|run| u64::from(run.lines)).sum();
        let bytes = lines.len() as u64;
        let limit = self.engine.limits().storage_timeout;
        let began = Instant::now();
        let taken = tokio::time::timeout(limit, self.store.append(lines, runs)).await;
        let result = taken
            .unwrap_or_else(|_| Err(StoreError::timed_out(limit)))
            .map(|()| Appended { records, bytes, suspects: 0 })
            .map_err(|error| JournalError::store("append", &error));
        self.settle_append(&result, began.elapsed());
        result
    }

    async fn write(
        &self,
        run: impl AsyncFnOnce(&mut Session) -> Result<Appended, JournalError>,
    ) -> Result<Appended, JournalError> {
        let began = Instant::now();
        let writers = &self.shared.writers;
        // The semaphore is never closed.
        let _permit = writers.free.acquire().await.ok();
        // Taken out while it works: a trap, or a caller that gives up, must not leave a poisoned
        // instance behind.
        let idle = writers.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let mut session = match idle {
            Some(session) => session,
            None => Session::open(&self.engine, self.work()).await.inspect_err(|_| {
                self.count(&Counters { write_errors: 1, ..Counters::default() });
            })?,
        };
        let result = run(&mut session).await;
        self.settle_append(&result, began.elapsed());
        if !matches!(result, Err(JournalError::Trap { .. })) {
            writers.idle.lock().unwrap_or_else(PoisonError::into_inner).push(session);
        }
        result
    }

    /// Counts and logs. Counted here and not by asking the instance, which a trap can take with it.
    fn settle_append(&self, result: &Result<Appended, JournalError>, took: Duration) {
        let mut delta = Counters::default();
        match result {
            Ok(appended) => {
                delta.records_written = appended.records;
                delta.bytes_written = appended.bytes;
                self.measuring().appended(appended.records, took);
            }
            Err(_) => delta.write_errors = 1,
        }
        self.count(&delta);
        logging::log_outcome("append", &self.store.describe().location, took, result);
    }
}
