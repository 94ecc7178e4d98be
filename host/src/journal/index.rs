//! The index of a journal, and comparing a journal with it.

use super::parallel::Task;
use super::{
    IndexOptions, IndexReport, Journal, JournalError, VerifyOptions, VerifyOutcome, VerifyReport,
};

impl Journal {
    /// Makes the index, or adds to it what was appended since. With it an answer costs what is in the answer.
    ///
    /// # Errors
    ///
    /// `unsupported` if the store keeps no index, otherwise as the store says.
    pub async fn index(&self, options: IndexOptions) -> Result<IndexReport, JournalError> {
        let operation = "index";
        let work = self.pinned_work(operation).await?;
        self.run_on(operation, work.clone(), async |session| {
            let shares = self.number_of_shares(&work, 0);
            let parts = match shares {
                0 => Vec::new(),
                most => session.index_partitions(operation, most, options).await?,
            };
            if parts.len() < 2 {
                return session.index(operation, options).await;
            }
            let task = Task::Index(options);
            let results = self.run_shares(&work, parts, &task).await?;
            session.index_conclude(operation, &results, options).await
        })
        .await
    }

    /// Removes the index. Everything works without, and reads more.
    ///
    /// # Errors
    ///
    /// `unsupported` if the store keeps no index, otherwise as the store says.
    pub async fn drop_index(&self) -> Result<(), JournalError> {
        self.session().await?.drop_index("index").await
    }

    /// Tells whether the journal is what it was when its index was made with hashes, or when a head was noted.
    /// What was appended since does not matter.
    ///
    /// Anybody who can write the journal can make its index anew: only a head that is kept elsewhere proves
    /// anything.
    ///
    /// # Errors
    ///
    /// `not-found` if there is nothing to compare with, otherwise as the store says.
    pub async fn verify(&self, options: &VerifyOptions) -> Result<VerifyReport, JournalError> {
        let operation = "verify";
        let work = self.pinned_work(operation).await?;
        self.run_on(operation, work.clone(), async |session| {
            let shares = self.shares(session, &work, operation, 0).await?;
            if shares.is_empty() {
                return session.verify(operation, options).await;
            }
            let results = self.run_shares(&work, shares, &Task::Verify).await?;
            session.verify_conclude(operation, &results, options).await
        })
        .await
    }
}

#[allow(clippy::derivable_impls, reason = "the type is generated and cannot derive it")]
impl Default for IndexOptions {
    /// With hashes, from what is known on.
    fn default() -> Self {
        Self { hash: true, full: false }
    }
}

#[allow(clippy::derivable_impls, reason = "the type is generated and cannot derive it")]
impl Default for VerifyOptions {
    /// Compare with the index.
    fn default() -> Self {
        Self { head: None }
    }
}

impl VerifyReport {
    /// Whether every byte is what it was.
    #[must_use]
    pub fn is_intact(&self) -> bool {
        self.outcome == VerifyOutcome::Intact
    }
}
