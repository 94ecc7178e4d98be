//! Running one operation: its instance, its counters, its line in the log.

use std::time::{Duration, Instant};

use super::logging::{self, Figures};
use super::{Counters, Journal, JournalError, Session};
use crate::engine::Work;

impl Journal {
    /// Runs one operation on a fresh instance and adds up its counters.
    pub(super) async fn run<T: Figures>(
        &self,
        operation: &'static str,
        run: impl AsyncFnOnce(&mut Session) -> Result<T, JournalError>,
    ) -> Result<T, JournalError> {
        self.run_on(operation, self.work(), run).await
    }

    pub(super) async fn run_on<T: Figures>(
        &self,
        operation: &'static str,
        work: Work,
        run: impl AsyncFnOnce(&mut Session) -> Result<T, JournalError>,
    ) -> Result<T, JournalError> {
        let began = Instant::now();
        let result = match Session::open(&self.engine, work).await {
            Ok(mut session) => {
                let result = run(&mut session).await;
                match session.counters().await {
                    Some(counters) => self.count(&counters),
                    // A trap takes the instance's counters with it.
                    None => self.count(&trapped(operation)),
                }
                result
            }
            Err(error) => {
                self.count(&trapped(operation));
                Err(error)
            }
        };
        if result.is_ok() {
            self.measuring().succeeded(operation);
        }
        logging::log_outcome(operation, &self.store.describe().location, began.elapsed(), &result);
        result
    }

    /// Counts and logs an operation that failed without an instance that could count it: before there
    /// was one, or after it was dropped.
    pub(super) fn failed(
        &self,
        operation: &'static str,
        elapsed: Duration,
        error: JournalError,
    ) -> JournalError {
        self.count(&trapped(operation));
        logging::log_failure(operation, &self.store.describe().location, elapsed, &error);
        error
    }
}

/// What an operation counts that came to no end.
pub(super) fn trapped(operation: &'static str) -> Counters {
    let mut counters = Counters::default();
    match operation {
        "scan" | "startup-check" => (counters.scans, counters.scan_errors) = (1, 1),
        "recover" => (counters.recoveries, counters.recovery_errors) = (1, 1),
        "compact" => (counters.compactions, counters.compaction_errors) = (1, 1),
        _ => counters.read_errors = 1,
    }
    counters
}
