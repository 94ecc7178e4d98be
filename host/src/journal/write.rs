//! Appending: one instance, kept from batch to batch.

use super::{Appended, Draft, Journal, JournalError};
use crate::engine::Session;

impl Journal {
    /// Writes records, all or none, in this order, with `kind` first and `timestamp` second.
    ///
    /// Returns once the store's durability policy has been met.
    ///
    /// # Errors
    ///
    /// `invalid-record` names the first draft that is not acceptable; nothing was written. Otherwise
    /// as the store says, see [`FailureCode`](super::FailureCode).
    pub async fn append(&self, drafts: &[Draft]) -> Result<Appended, JournalError> {
        self.write(async |session| {
            session.call("append", async |j, store| j.call_append(store, drafts).await).await
        })
        .await
    }

    /// Writes ready lines verbatim, all or none. Every line must be a sound record.
    ///
    /// # Errors
    ///
    /// `invalid-record` names the first line that is not; nothing was written.
    pub async fn append_lines(&self, lines: &str) -> Result<Appended, JournalError> {
        self.write(async |session| {
            session.call("append", async |j, store| j.call_append_lines(store, lines).await).await
        })
        .await
    }

    async fn write(
        &self,
        run: impl AsyncFnOnce(&mut Session) -> Result<Appended, JournalError>,
    ) -> Result<Appended, JournalError> {
        let mut writer = self.shared.writer.lock().await;
        // Taken out while it works: a trap, or a caller that gives up, must not leave a poisoned
        // instance behind.
        let mut session = match writer.take() {
            Some(session) => session,
            None => Session::open(&self.engine, self.work()).await?,
        };
        let result = run(&mut session).await;
        self.settle(&mut session, &result).await;
        if !matches!(result, Err(JournalError::Trap { .. })) {
            *writer = Some(session);
        }
        result
    }

    async fn settle(&self, session: &mut Session, result: &Result<Appended, JournalError>) {
        let mut delta = super::Counters::default();
        match result {
            Ok(appended) => {
                delta.records_written = appended.records;
                delta.bytes_written = appended.bytes;
            }
            Err(JournalError::Trap { .. }) => delta.write_errors = 1,
            Err(_) => {
                delta = session.counters().await.unwrap_or_default();
                session.reset_counters().await;
            }
        }
        self.count(&delta);
    }
}
