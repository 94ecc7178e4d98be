//! Scan, recovery, compaction and the startup check: each on fresh instances.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::StartupOutcome;
use super::parallel::Task;
use super::{
    CompactOptions, Compaction, Journal, JournalError, RecoverOptions, Recovery, ScanOptions,
    ScanReport, StartupOptions, StartupReport,
};

impl Journal {
    /// Looks at every entry and reports what is wrong. Changes nothing.
    ///
    /// # Errors
    ///
    /// As the store says. Anomalies are not errors: see [`ScanReport::damaged`] and its neighbours.
    pub async fn scan(&self, options: ScanOptions) -> Result<ScanReport, JournalError> {
        let sample = options.sample.or_else(|| self.store.scan_sample());
        let options = ScanOptions { sample, ..options };
        let work = self.pinned_work("scan").await?;
        self.run_on("scan", work.clone(), async |session| {
            let shares = match options.sample {
                Some(_) => Vec::new(),
                None => self.shares(session, &work, "scan", options.max_findings).await?,
            };
            if shares.is_empty() {
                return session.scan("scan", options).await;
            }
            let results = self.run_shares(&work, shares, &Task::Scan(options)).await?;
            session.scan_conclude("scan", &results, options).await
        })
        .await
    }

    /// Repairs what is damaged, or with `dry_run` reports what would be repaired.
    ///
    /// # Errors
    ///
    /// As the store says. A file is then either as it was or replaced as a whole. Of rotating files, and
    /// of Redis, some may have been worked on already; recovering again goes on with the rest.
    pub async fn recover(&self, options: RecoverOptions) -> Result<Recovery, JournalError> {
        self.run("recover", async |session| session.recover("recover", options).await).await
    }

    /// Removes what retention hides, or with `dry_run` reports what would be removed.
    ///
    /// # Errors
    ///
    /// `invalid-argument` if the journal has no retention limits. Otherwise as the store says, and as for
    /// [`Journal::recover`].
    pub async fn compact(&self, options: CompactOptions) -> Result<Compaction, JournalError> {
        let retention = &self.retention;
        let work = self.pinned_work("compact").await?;
        let as_of = options.as_of.unwrap_or_else(now);
        let options = CompactOptions { as_of: Some(as_of), ..options };
        self.run_on("compact", work.clone(), async |session| {
            let shares = match self.number_of_shares(&work, 0) {
                0 => Vec::new(),
                most => session.survey_partitions("compact", most, retention, options).await?,
            };
            if shares.len() < 2 {
                return session.compact("compact", retention, options).await;
            }
            let task = Task::Survey { retention: retention.clone(), as_of };
            let surveys = self.run_shares(&work, shares, &task).await?;
            session.compact_surveyed("compact", &surveys, retention, options).await
        })
        .await
    }

    /// Decides whether a system may start on this store, within `limit` if there is one.
    ///
    /// A clean check leaves an index with the store, if the store has a place for it, and the
    /// next check reads what was appended since. See [`StartupOptions::full`].
    ///
    /// # Errors
    ///
    /// As the store says, except that a store which does not exist, but could be made, is
    /// [`Absent`](super::StartupOutcome::Absent). [`JournalError::TimedOut`] at the limit.
    pub async fn startup_check(
        &self,
        options: StartupOptions,
        limit: Option<Duration>,
    ) -> Result<StartupReport, JournalError> {
        let operation = "startup-check";
        let check = self.run(operation, async |session| {
            let report = session.startup_check(operation, options).await?;
            if report.outcome == StartupOutcome::Absent {
                let place = self.store.can_create();
                place.map_err(|error| JournalError::store(operation, &error))?;
            }
            Ok(report)
        });
        match limit {
            None => check.await,
            Some(limit) => tokio::time::timeout(limit, check).await.unwrap_or_else(|_| {
                Err(self.failed(operation, limit, JournalError::TimedOut { operation, limit }))
            }),
        }
    }
}

fn now() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0.0, |since| since.as_secs_f64())
}
