//! Groups as their operators see them.

use super::{ConsumerInfo, GroupInfo, PendingEntry, PendingFilter, PendingSummary, Start};
use crate::bindings::exports::papyra::persistence::consumer::Guest;
use crate::journal::Session;
use crate::journal::{Called, Instance};
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
        let mut session = self.session().await?;
        session.consume("groups", async |c, s| c.call_list_groups(s, kind).await).await
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
        let (kind, start) = (self.kind, start.word());
        self.run("groups create", async |c, s| {
            c.call_create_group(s, kind, &self.name, start).await
        })
        .await
    }

    /// The consumers of the group, with the number of their pending entries and how long they have been
    /// idle.
    ///
    /// # Errors
    ///
    /// As for [`summarize_pending`](Self::summarize_pending).
    pub async fn consumers(&self) -> Result<Vec<ConsumerInfo>, JournalError> {
        let kind = self.kind;
        self.run("groups consumers", async |c, s| c.call_list_consumers(s, kind, &self.name).await)
            .await
    }

    /// Deletes the group with its position and its pending entries; the records stay. Returns whether there
    /// was one.
    ///
    /// # Errors
    ///
    /// As the store says.
    pub async fn delete(&self) -> Result<bool, JournalError> {
        let kind = self.kind;
        self.run("groups delete", async |c, s| c.call_delete_group(s, kind, &self.name).await).await
    }

    /// Deletes a consumer. Returns the number of its pending entries, which no consumer is handed again:
    /// claim them first.
    ///
    /// # Errors
    ///
    /// As for [`summarize_pending`](Self::summarize_pending).
    pub async fn delete_consumer(&self, consumer: &str) -> Result<u64, JournalError> {
        let kind = self.kind;
        self.run("groups delete-consumer", async |c, s| {
            c.call_delete_consumer(s, kind, &self.name, consumer).await
        })
        .await
    }

    /// Pending entries in short.
    ///
    /// # Errors
    ///
    /// `not-found` if there is no such group; otherwise as the store says.
    pub async fn summarize_pending(&self) -> Result<PendingSummary, JournalError> {
        let kind = self.kind;
        self.run("groups pending", async |c, s| c.call_summarize_pending(s, kind, &self.name).await)
            .await
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
        let kind = self.kind;
        self.run("groups pending", async |c, s| {
            c.call_list_pending(s, kind, &self.name, filter).await
        })
        .await
    }

    /// Acknowledges entries on behalf of whichever consumer they are pending with. Returns how many
    /// were.
    ///
    /// # Errors
    ///
    /// As for [`summarize_pending`](Self::summarize_pending).
    pub async fn ack(&self, ids: &[String]) -> Result<u64, JournalError> {
        let kind = self.kind;
        let acked =
            self.run("ack", async |c, s| c.call_ack(s, kind, &self.name, ids).await).await?;
        if acked == 0 {
            // Where there is no such group, nothing is pending; who has mistyped it wants to know.
            self.run("ack", async |c, s| c.call_summarize_pending(s, kind, &self.name).await)
                .await?;
        }
        Ok(acked)
    }

    /// Lets the group go on with what is after `start`. What is pending stays so.
    ///
    /// # Errors
    ///
    /// As for [`summarize_pending`](Self::summarize_pending).
    pub async fn set_id(&self, start: &Start) -> Result<(), JournalError> {
        let (kind, start) = (self.kind, start.word());
        self.run("groups set-id", async |c, s| c.call_set_id(s, kind, &self.name, start).await)
            .await
    }

    async fn run<T>(
        &self,
        operation: &'static str,
        run: impl AsyncFnOnce(&Guest, &mut Instance) -> Called<T>,
    ) -> Result<T, JournalError> {
        let mut session: Session = self.journal.session().await?;
        session.consume(operation, run).await
    }
}
