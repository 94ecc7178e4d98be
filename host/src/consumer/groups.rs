//! Groups as their operators see them.

use super::{ConsumerInfo, GroupInfo, PendingEntry, PendingFilter, PendingSummary, Start};
use crate::journal::{Journal, JournalError};
use crate::store::Kind;

/// One group of one kind of records, which need not exist.
#[derive(Clone)]
pub struct Group {
    journal: Journal,
    kind: Kind,
    name: String,
}

impl Journal {
    /// All groups that consume records of a kind.
    ///
    /// # Errors
    ///
    /// As the store says.
    pub async fn groups(&self, kind: Kind) -> Result<Vec<GroupInfo>, JournalError> {
        self.session().await?.list_groups("groups", kind).await
    }

    /// A group of consumers. Nothing is asked of the store yet.
    pub fn group(&self, kind: Kind, name: impl Into<String>) -> Group {
        Group { journal: self.clone(), kind, name: name.into() }
    }
}

impl Group {
    /// Makes the group if it does not exist. Returns whether it was made.
    ///
    /// # Errors
    ///
    /// As the store says.
    pub async fn create(&self, start: &Start) -> Result<bool, JournalError> {
        let mut session = self.journal.session().await?;
        session.create_group("groups create", self.kind, &self.name, start.word()).await
    }

    /// The consumers of the group, with the number of their pending entries and how long they have been
    /// idle.
    ///
    /// # Errors
    ///
    /// As for [`summarize_pending`](Self::summarize_pending).
    pub async fn consumers(&self) -> Result<Vec<ConsumerInfo>, JournalError> {
        let mut session = self.journal.session().await?;
        session.list_consumers("groups consumers", self.kind, &self.name).await
    }

    /// Deletes the group with its position and its pending entries; the records stay. Returns whether there
    /// was one.
    ///
    /// # Errors
    ///
    /// As the store says.
    pub async fn delete(&self) -> Result<bool, JournalError> {
        let mut session = self.journal.session().await?;
        session.delete_group("groups delete", self.kind, &self.name).await
    }

    /// Deletes a consumer. Returns the number of its pending entries, which no consumer is handed again:
    /// claim them first.
    ///
    /// # Errors
    ///
    /// As for [`summarize_pending`](Self::summarize_pending).
    pub async fn delete_consumer(&self, consumer: &str) -> Result<u64, JournalError> {
        let mut session = self.journal.session().await?;
        session.delete_consumer("groups delete-consumer", self.kind, &self.name, consumer).await
    }

    /// Pending entries in short.
    ///
    /// # Errors
    ///
    /// `not-found` if there is no such group; otherwise as the store says.
    pub async fn summarize_pending(&self) -> Result<PendingSummary, JournalError> {
        let mut session = self.journal.session().await?;
        session.summarize_pending("groups pending", self.kind, &self.name).await
    }

    /// Pending entries one by one, in ascending order of ids.
    ///
    /// # Errors
    ///
    /// As for [`summarize_pending`](Self::summarize_pending).
    pub async fn list_pending(
        &self,
        filter: &PendingFilter,
    ) -> Result<Vec<PendingEntry>, JournalError> {
        let mut session = self.journal.session().await?;
        session.list_pending("groups pending", self.kind, &self.name, filter).await
    }

    /// Acknowledges entries on behalf of whichever consumer they are pending with. Returns how many
    /// were.
    ///
    /// # Errors
    ///
    /// As for [`summarize_pending`](Self::summarize_pending).
    pub async fn ack(&self, ids: &[String]) -> Result<u64, JournalError> {
        let mut session = self.journal.session().await?;
        let acked = session.ack("ack", self.kind, &self.name, ids).await?;
        if acked == 0 {
            // Where there is no such group, nothing is pending; who has mistyped it wants to know.
            session.summarize_pending("ack", self.kind, &self.name).await?;
        }
        Ok(acked)
    }

    /// Lets the group go on with what is after `start`. What is pending stays so.
    ///
    /// # Errors
    ///
    /// As for [`summarize_pending`](Self::summarize_pending).
    pub async fn set_id(&self, start: &Start) -> Result<(), JournalError> {
        let mut session = self.journal.session().await?;
        session.set_id("groups set-id", self.kind, &self.name, start.word()).await
    }
}
