//! Reading ahead: while the engine looks at one page, Redis prepares the next.

use std::collections::VecDeque;
use std::sync::Arc;

use tokio::task::JoinHandle;

use super::super::super::{Chunk, Position, StoreError, StoreErrorKind};
use super::super::id;
use super::super::reply::Entry;
use super::page::{Page, Pages, chunk};

/// What has been fetched of one stream and not been handed out. Never more than two pages.
#[derive(Default)]
pub struct Ahead {
    /// Where `ready` begins.
    at: Option<Position>,
    ready: VecDeque<Entry>,
    /// Nothing follows `ready`.
    exhausted: bool,
    next: Option<Fetch>,
}

/// A page on its way, given up when nobody wants it any more.
struct Fetch(JoinHandle<Result<Page, StoreError>>);

impl Drop for Fetch {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Ahead {
    /// Entries from `at` on. Going on where the last call ended is what makes it fetch ahead.
    pub async fn read(
        &mut self,
        pages: &Arc<Pages>,
        at: Position,
        max_bytes: u32,
    ) -> Result<Chunk, StoreError> {
        let goes_on = self.at == Some(at);
        if !goes_on {
            *self = Self { at: Some(at), ..Self::default() };
        }
        if self.ready.is_empty() && !self.exhausted {
            // If this is dropped while waiting, nothing has been handed out yet.
            let page = match &mut self.next {
                Some(fetch) => (&mut fetch.0).await.unwrap_or_else(|error| Err(lost(&error)))?,
                None => pages.forward(at, max_bytes).await?,
            };
            self.next = None;
            self.exhausted = page.last;
            self.ready.extend(page.entries);
        }
        if let (true, false, None, Some(last)) =
            (goes_on, self.exhausted, &self.next, self.ready.back())
        {
            let (pages, from) = (Arc::clone(pages), id::after(last.at));
            let fetch = async move { pages.forward(from, max_bytes).await };
            self.next = Some(Fetch(tokio::spawn(fetch)));
        }
        Ok(self.hand_out(at, max_bytes))
    }

    /// At least one entry, and more as long as they fit.
    fn hand_out(&mut self, at: Position, max_bytes: u32) -> Chunk {
        let mut room = max_bytes as usize;
        let mut count = 0;
        for entry in &self.ready {
            let length = entry.data.as_ref().map_or(0, Vec::len);
            if count > 0 && length > room {
                break;
            }
            room = room.saturating_sub(length);
            count += 1;
        }
        let last = self.exhausted && count == self.ready.len();
        let chunk = chunk(at, self.ready.drain(..count), last);
        self.at = Some(chunk.frames.last().map_or(at, |frame| id::after(frame.at)));
        chunk
    }
}

fn lost(error: &tokio::task::JoinError) -> StoreError {
    StoreError::new(StoreErrorKind::Failed, format!("reading ahead ended early: {error}"))
}
