//! Reading records, page by page.

use std::time::Instant;

use super::Session;
use super::{Counters, logging};
use super::{InspectOptions, Inspection, Journal, JournalError, Page, Selection};

impl Journal {
    /// Returns the records that match and that retention does not hide, a page of about 1 MiB at a
    /// time. Damaged entries are passed over and counted.
    pub fn query(&self, selection: Selection) -> Pages {
        let mut journal = self.clone();
        if let Some(reader) = journal.store.reader() {
            journal.store = reader;
        }
        Pages { journal, session: None, selection, remaining: true }
    }

    /// A cheap overview of the store, with retention applied to the newest records.
    ///
    /// # Errors
    ///
    /// As the store says.
    pub async fn inspect(&self, options: InspectOptions) -> Result<Inspection, JournalError> {
        let retention = self.retention.clone();
        self.run("inspect", async |s| s.inspect("inspect", options, &retention).await).await
    }
}

/// The pages of one answer.
pub struct Pages {
    journal: Journal,
    session: Option<Session>,
    selection: Selection,
    remaining: bool,
}

impl Pages {
    /// The next page, or `None` after the last one.
    ///
    /// # Errors
    ///
    /// As the store says. After an error the same page can be asked for again.
    pub async fn next(&mut self) -> Result<Option<Page>, JournalError> {
        if !self.remaining {
            return Ok(None);
        }
        let page = self.fetch().await?;
        self.remaining = !page.end;
        Ok(Some(page))
    }

    /// Looks again for records that were appended since the last page, oldest first. The page is
    /// empty if there are none yet.
    ///
    /// # Errors
    ///
    /// As the store says.
    pub async fn poll(&mut self) -> Result<Page, JournalError> {
        self.fetch().await
    }

    async fn fetch(&mut self) -> Result<Page, JournalError> {
        let began = Instant::now();
        let mut session = match self.session.take() {
            Some(session) => session,
            None => Session::open(&self.journal.engine, self.journal.work()).await?,
        };
        let (selection, retention) = (&self.selection, &self.journal.retention);
        let result = session.query("read", selection, retention).await;
        match session.counters().await {
            Some(counters) => {
                self.journal.count(&counters);
                session.reset_counters().await;
            }
            None => self.journal.count(&Counters { read_errors: 1, ..Counters::default() }),
        }
        logging::log_outcome(
            "read",
            &self.journal.store.describe().location,
            began.elapsed(),
            &result,
        );
        let page = result?;
        self.journal.measuring().succeeded("read");
        self.session = Some(session);
        self.selection.cursor = Some(page.cursor.clone());
        Ok(page)
    }
}
