//! Reading several stores as one stream in the order of time.
//!
//! Each store is read a page at a time, and the records of all stores are merged by timestamp. The
//! order that a store has is kept: a record whose timestamp is earlier than that of the one before
//! it, or which has none, stays where it is. So memory is bounded by a page per store.

use std::ops::Range;

use super::RoutedJournal;
use super::stamp;
use crate::journal::{JournalError, Order, Page, Pages, Selection};

/// About how many bytes of records a merged page holds.
const PAGE: usize = 1 << 20;

impl RoutedJournal {
    /// Returns the records that match and that retention does not hide, of all stores together.
    ///
    /// A limit is for all of them. A cursor counts only where there is one store; of several, each has its own.
    pub fn query(&self, selection: Selection) -> MergedPages {
        let cursor = selection.cursor.as_ref().filter(|_| self.journals.len() == 1);
        let streams = self.journals.iter().map(|journal| {
            let (order, cursor) = (selection.order, cursor.cloned());
            Stream::new(journal.query(Selection { cursor, ..selection.clone() }), order)
        });
        MergedPages {
            streams: streams.collect(),
            journal: self.clone(),
            left: selection.limit,
            // One store applies the limit itself.
            planned: self.journals.len() == 1,
            selection,
            page: MergedPage::default(),
        }
    }
}

/// The pages of one answer from several stores. A call can be dropped and repeated without missing records.
pub struct MergedPages {
    journal: RoutedJournal,
    selection: Selection,
    streams: Vec<Stream>,
    /// The number of records that may still be returned.
    left: Option<u64>,
    /// True once the limit has been divided among the stores.
    planned: bool,
    /// The merged part of the next page: a dropped call leaves it here.
    page: MergedPage,
}

/// Records of several stores.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct MergedPage {
    /// The records as stored, one per line.
    pub records: String,
    /// The number of records.
    pub count: u32,
    /// After a poll: every store that could be read was read to its end.
    pub end: bool,
}

/// The state of reading one store.
#[derive(Debug)]
#[non_exhaustive]
pub struct StoreEnd {
    /// Number of damaged entries that were skipped.
    pub damaged: u64,
    /// The end of the store's last page.
    pub cursor: Option<String>,
    /// The failure that ended reading early.
    pub error: Option<JournalError>,
}

impl MergedPages {
    /// The next page, or `None` after the last one. A store that fails is left out from there on;
    /// [`MergedPages::ends`] says why.
    pub async fn next(&mut self) -> Option<MergedPage> {
        if let [only] = self.streams.as_mut_slice() {
            return only.next_page().await;
        }
        self.plan().await;
        while self.page.records.len() < PAGE && self.left != Some(0) {
            for stream in &mut self.streams {
                stream.prepare().await;
            }
            let Some(stream) = first(&mut self.streams, self.selection.order) else { break };
            stream.take(&mut self.page);
            self.left = self.left.map(|left| left - 1);
        }
        let page = std::mem::take(&mut self.page);
        (page.count > 0).then_some(page)
    }

    /// Polls every store once for appended records, and merges them. A later poll can find older
    /// records.
    ///
    /// The second value lists the stores that could not be polled, and the reasons.
    pub async fn poll(&mut self) -> (MergedPage, Vec<(usize, JournalError)>) {
        if let [only] = self.streams.as_mut_slice() {
            return match only.poll_page().await {
                Ok(page) => (page, Vec::new()),
                Err(error) => (MergedPage { end: true, ..MergedPage::default() }, vec![(0, error)]),
            };
        }
        let mut failed = Vec::new();
        for (index, stream) in self.streams.iter_mut().enumerate() {
            failed.extend(stream.poll().await.err().map(|error| (index, error)));
        }
        let mut page = std::mem::take(&mut self.page);
        while let Some(stream) = first(&mut self.streams, Order::OldestFirst) {
            stream.take(&mut page);
            stream.advance();
        }
        page.end = self.streams.iter().all(|stream| stream.at_end);
        (page, failed)
    }

    /// The end of the last page, where there is one store.
    #[must_use]
    pub fn cursor(&self) -> Option<&str> {
        match self.streams.as_slice() {
            [only] => only.cursor.as_deref(),
            _ => None,
        }
    }

    /// Takes the failures so far, each with the number of its store.
    pub fn failures(&mut self) -> Vec<(usize, JournalError)> {
        let taken = |(index, stream): (usize, &mut Stream)| Some((index, stream.error.take()?));
        self.streams.iter_mut().enumerate().filter_map(taken).collect()
    }

    /// Returns how reading has ended in each store, in the order of [`RoutedJournal::journals`].
    #[must_use]
    pub fn ends(self) -> Vec<StoreEnd> {
        let end = |stream: Stream| StoreEnd {
            damaged: stream.damaged,
            cursor: stream.cursor,
            error: stream.error,
        };
        self.streams.into_iter().map(end).collect()
    }

    /// The newest records that match, oldest first: walks back over them to learn how many of them
    /// each store has, which takes no more memory than the walk forward.
    async fn plan(&mut self) {
        if self.planned
            || self.selection.order == Order::NewestFirst
            || self.selection.limit.is_none()
        {
            return;
        }
        let order = Order::NewestFirst;
        let mut back = self.journal.query(Selection { order, ..self.selection.clone() });
        back.planned = true;
        while Box::pin(back.next()).await.is_some() {}
        let selections = back.streams.into_iter().map(|stream| {
            let limit = Some(stream.taken);
            (Selection { limit, cursor: None, ..self.selection.clone() }, stream.error)
        });
        let journals = self.journal.journals.iter();
        let stream = |(journal, (selection, error)): (&crate::Journal, (Selection, _))| Stream {
            error,
            ..Stream::new(journal.query(selection), Order::OldestFirst)
        };
        self.streams = journals.zip(selections).map(stream).collect();
        self.left = None;
        // Last: a plan that is dropped before is made anew.
        self.planned = true;
    }
}

/// The stream whose next record comes first. Of equals it is the first store's.
fn first(streams: &mut [Stream], order: Order) -> Option<&mut Stream> {
    let mut best: Option<(usize, f64)> = None;
    for (index, stream) in streams.iter().enumerate() {
        let Some(head) = &stream.head else { continue };
        let sooner = best.is_none_or(|(_, stamp)| match order {
            Order::OldestFirst => head.stamp < stamp,
            Order::NewestFirst => head.stamp > stamp,
        });
        if sooner {
            best = Some((index, head.stamp));
        }
    }
    best.and_then(|(index, _)| streams.get_mut(index))
}

/// One store's records.
struct Stream {
    pages: Pages,
    page: String,
    /// Offset of the next line of `page`.
    at: usize,
    head: Option<Head>,
    /// The timestamp of the last record that had one; before, one that comes before all others.
    stamp: f64,
    taken: u64,
    damaged: u64,
    cursor: Option<String>,
    /// The last page reached the end of the store as it was then.
    at_end: bool,
    ended: bool,
    error: Option<JournalError>,
}

/// The next record.
struct Head {
    line: Range<usize>,
    stamp: f64,
}

impl Stream {
    fn new(pages: Pages, order: Order) -> Self {
        Self {
            pages,
            page: String::new(),
            at: 0,
            head: None,
            // A record without a timestamp at the very beginning goes first, whichever way: it would
            // hide all that its store has behind it.
            stamp: match order {
                Order::OldestFirst => f64::NEG_INFINITY,
                Order::NewestFirst => f64::INFINITY,
            },
            taken: 0,
            damaged: 0,
            cursor: None,
            at_end: true,
            ended: false,
            error: None,
        }
    }

    /// Reads until there is a head, or no record is left.
    async fn prepare(&mut self) {
        while self.head.is_none() && !self.ended && self.error.is_none() {
            self.advance();
            if self.head.is_some() {
                return;
            }
            match self.pages.next().await {
                Ok(Some(page)) => self.turn(page),
                Ok(None) => self.ended = true,
                Err(error) => self.error = Some(error),
            }
        }
    }

    /// Fetches what was appended since, unless something that was fetched is still here.
    async fn poll(&mut self) -> Result<(), JournalError> {
        self.advance();
        if self.head.is_some() {
            return Ok(());
        }
        // A store that cannot be polled is not asked again at once.
        self.at_end = true;
        let page = self.pages.poll().await?;
        self.error = None;
        self.turn(page);
        self.advance();
        Ok(())
    }

    fn turn(&mut self, page: Page) {
        self.page = self.account(page).records;
        self.at = 0;
    }

    /// Notes the state after a page, and returns its records.
    fn account(&mut self, page: Page) -> MergedPage {
        self.damaged += page.damaged;
        self.cursor = Some(page.cursor);
        self.at_end = page.end;
        MergedPage { records: page.records, count: page.count, end: page.end }
    }

    /// The next page as it is, where there is nothing to merge.
    async fn next_page(&mut self) -> Option<MergedPage> {
        while self.error.is_none() {
            match self.pages.next().await {
                Ok(Some(page)) if page.count == 0 => drop(self.account(page)),
                Ok(Some(page)) => return Some(self.account(page)),
                Ok(None) => return None,
                Err(error) => self.error = Some(error),
            }
        }
        None
    }

    async fn poll_page(&mut self) -> Result<MergedPage, JournalError> {
        let page = self.pages.poll().await?;
        self.error = None;
        Ok(self.account(page))
    }

    /// Makes the next line of the page the head, unless there is one.
    fn advance(&mut self) {
        if self.head.is_some() {
            return;
        }
        let Some(rest) = self.page.get(self.at..).filter(|rest| !rest.is_empty()) else { return };
        let length = rest.find('\n').map_or(rest.len(), |end| end + 1);
        self.stamp = rest.get(..length).and_then(stamp::of).unwrap_or(self.stamp);
        self.head = Some(Head { line: self.at..self.at + length, stamp: self.stamp });
        self.at += length;
    }

    fn take(&mut self, page: &mut MergedPage) {
        let Some(head) = self.head.take() else { return };
        page.records.push_str(self.page.get(head.line).unwrap_or_default());
        page.count += 1;
        self.taken += 1;
    }
}

#[cfg(test)]
mod tests;
