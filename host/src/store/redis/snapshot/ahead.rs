//! Reading ahead: while we take one page apart and the engine looks at it, Redis prepares the next.

use std::collections::VecDeque;
use std::sync::Arc;

use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use super::super::super::{Chunk, Position, StoreError};
use super::super::id;
use super::super::reply::Entry;
use super::page::{Pages, Sent, chunk};

/// Entries of one stream that have been fetched and not been handed out. Never more than three pages: one
/// that is being handed out, one that waits, and one on its way.
#[derive(Default)]
pub struct Ahead {
    /// Where `ready` begins.
    at: Option<Position>,
    ready: VecDeque<Entry>,
    /// Nothing follows `ready`.
    exhausted: bool,
    coming: Option<Coming>,
}

/// Pages as they come, one after the other, given up when the reader has gone.
struct Coming {
    pages: mpsc::Receiver<Result<Sent, StoreError>>,
    task: JoinHandle<()>,
}

impl Coming {
    fn from(mut at: Position, pages: Arc<Pages>, max_bytes: u32) -> Self {
        let (sender, receiver) = mpsc::channel(1);
        // Asks for the next page before anybody has looked at this one: who looks is on another core,
        // and to wait for it would cost two wake-ups per page.
        let task = tokio::spawn(async move {
            loop {
                let sent = pages.forward(at, max_bytes).await;
                let next = sent.as_ref().ok().and_then(Sent::next);
                if sender.send(sent).await.is_err() {
                    return;
                }
                let Some(next) = next else { return };
                at = next;
            }
        });
        Self { pages: receiver, task }
    }
}

impl Drop for Coming {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Ahead {
    /// Entries from `at` on. Beginning at the beginning, and going on where the last call ended, is what
    /// makes it fetch ahead.
    pub async fn read(
        &mut self,
        pages: &Arc<Pages>,
        at: Position,
        max_bytes: u32,
    ) -> Result<Chunk, StoreError> {
        let goes_on = self.at == Some(at) || pages.begins_at(at);
        if self.at != Some(at) {
            *self = Self { at: Some(at), ..Self::default() };
        }
        if self.ready.is_empty() && !self.exhausted {
            // If this is dropped while waiting, nothing has been handed out yet.
            let sent = match goes_on {
                true => self.next(pages, at, max_bytes).await?,
                false => pages.forward(at, max_bytes).await?,
            };
            let page = pages.open(sent)?;
            self.exhausted = page.last;
            self.ready.extend(page.entries);
        }
        Ok(self.hand_out(at, max_bytes))
    }

    /// The page at `at`, which is where all earlier ones have ended.
    async fn next(
        &mut self,
        pages: &Arc<Pages>,
        at: Position,
        max_bytes: u32,
    ) -> Result<Sent, StoreError> {
        let begin = || Coming::from(at, Arc::clone(pages), max_bytes);
        let sent = self.coming.get_or_insert_with(begin).pages.recv().await;
        // After a failure, and where no page follows that we know of, begin anew.
        match sent {
            Some(Ok(sent)) => return Ok(sent),
            Some(Err(error)) => {
                self.coming = None;
                return Err(error);
            }
            None => self.coming = None,
        }
        pages.forward(at, max_bytes).await
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
