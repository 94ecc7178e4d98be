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
    /// A limit is for all of them. A cursor is not accepted, because each store has its own.
    pub fn query(&self, selection: Selection) -> MergedPages {
        let streams = self.journals.iter().map(|journal| {
            let order = selection.order;
            Stream::new(journal.query(Selection { cursor: None, ..selection.clone() }), order)
        });
        MergedPages {
            streams: streams.collect(),
            journal: self.clone(),
            left: selection.limit,
            selection,
            planned: false,
            page: MergedPage::default(),
        }
    }
}

/// The pages of one answer from several stores. Whoever drops a call and asks again misses nothing.
pub struct MergedPages {
    journal: RoutedJournal,
    selection: Selection,
    streams: Vec<Stream>,
    /// How many records may still be returned.
    left: Option<u64>,
    /// Whether it is known how much of the limit falls to each store.
    planned: bool,
    /// What is merged of the next page: a call that is dropped leaves it here.
    page: MergedPage,
}

/// Records of several stores.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct MergedPage {
    /// The records as stored, one per line.
    pub records: String,
    /// How many records that is.
    pub count: u32,
}

/// How reading one store has ended, or where it is.
#[derive(Debug)]
#[non_exhaustive]
pub struct StoreEnd {
    /// Damaged entries that were passed over.
    pub damaged: u64,
    /// Where the store's last page ended.
    pub cursor: Option<String>,
    /// Why it could not be read to its end.
    pub error: Option<JournalError>,
}

impl MergedPages {
    /// The next page, or `None` after the last one. A store that fails is left out from there on;
    /// [`MergedPages::ends`] says why.
    pub async fn next(&mut self) -> Option<MergedPage> {
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

    /// Looks once for records that were appended to any store since. What it finds is merged; what
    /// is found later can be older.
    ///
    /// The second value says which stores could not be looked at this time, and why.
    pub async fn poll(&mut self) -> (MergedPage, Vec<(usize, JournalError)>) {
        let mut failed = Vec::new();
        for (index, stream) in self.streams.iter_mut().enumerate() {
            failed.extend(stream.poll().await.err().map(|error| (index, error)));
        }
        let mut page = std::mem::take(&mut self.page);
        while let Some(stream) = first(&mut self.streams, Order::OldestFirst) {
            stream.take(&mut page);
            stream.advance();
        }
        (page, failed)
    }

    /// How reading has ended in each store, in the order of [`RoutedJournal::journals`].
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
    /// Where the next line of `page` begins.
    at: usize,
    head: Option<Head>,
    /// The timestamp of the last record that had one; before, one that comes before all others.
    stamp: f64,
    taken: u64,
    damaged: u64,
    cursor: Option<String>,
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
            ended: false,
            error: None,
        }
    }

    /// Sees to it that there is a head, if any record is left.
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
        let page = self.pages.poll().await?;
        self.error = None;
        self.turn(page);
        self.advance();
        Ok(())
    }

    fn turn(&mut self, page: Page) {
        self.damaged += page.damaged;
        self.cursor = Some(page.cursor);
        self.page = page.records;
        self.at = 0;
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
mod tests {
    use std::sync::Arc;

    use tokio::sync::{Notify, Semaphore};

    use super::super::{Route, RoutedJournal};
    use super::*;
    use crate::store::{Description, Kind, Run, Snapshot, Store, StoreError};
    use crate::{Engine, MemoryStore};

    async fn journal(stamps: [&[u32]; 2]) -> RoutedJournal {
        let stores: [Arc<dyn Store>; 2] =
            [Arc::new(MemoryStore::new()), Arc::new(MemoryStore::new())];
        let [events, audits] = stores;
        let route =
            Route::builder().store(Kind::Event, events).default_store(audits).build().unwrap();
        let journal = RoutedJournal::new(&Engine::new().unwrap(), route);
        for (kind, stamps) in ["event", "audit"].into_iter().zip(stamps) {
            append(&journal, kind, stamps).await;
        }
        journal
    }

    async fn append(journal: &RoutedJournal, kind: &str, stamps: &[u32]) {
        let lines: String = stamps.iter().map(|stamp| line(kind, *stamp)).collect();
        journal.append_lines(&lines).await.unwrap();
    }

    fn line(kind: &str, stamp: u32) -> String {
        format!("{{\"kind\": \"{kind}\", \"timestamp\": {stamp}}}\n")
    }

    fn stamps(page: &str) -> Vec<u32> {
        page.lines().filter_map(stamp::of).map(|stamp| stamp as u32).collect()
    }

    async fn all(journal: &RoutedJournal, limit: Option<u64>, order: Order) -> Vec<u32> {
        let mut pages = journal.query(Selection { limit, order, ..Selection::default() });
        let mut found = Vec::new();
        while let Some(page) = pages.next().await {
            assert_eq!(page.records.lines().count(), page.count as usize);
            found.extend(stamps(&page.records));
        }
        found
    }

    #[tokio::test]
    async fn records_come_in_the_order_of_time_both_ways_and_a_limit_is_for_all() {
        let journal = journal([&[1, 4, 5, 9], &[2, 3, 6]]).await;
        let everything = [1, 2, 3, 4, 5, 6, 9];
        assert_eq!(all(&journal, None, Order::OldestFirst).await, everything);
        for limit in 0..=8_usize {
            let newest = everything.get(everything.len().saturating_sub(limit)..).unwrap();
            let limit = Some(limit as u64);
            assert_eq!(all(&journal, limit, Order::OldestFirst).await, newest);
            let backward: Vec<_> = newest.iter().rev().copied().collect();
            assert_eq!(all(&journal, limit, Order::NewestFirst).await, backward);
        }
    }

    #[tokio::test]
    async fn a_store_keeps_its_own_order() {
        let journal = journal([&[5, 1, 7], &[2, 6]]).await;
        assert_eq!(all(&journal, None, Order::OldestFirst).await, [2, 5, 1, 6, 7]);
    }

    #[tokio::test]
    async fn a_record_without_a_time_that_is_the_newest_of_its_store_hides_none_before_it() {
        let (events, audits) = (MemoryStore::new(), MemoryStore::new());
        let timeless = "{\"kind\": \"event\", \"timestamp\": NaN}\n";
        events.append(line("event", 100) + &line("event", 101) + timeless, &[]).await.unwrap();
        let older = line("audit", 1) + &line("audit", 2) + &line("audit", 3);
        audits.append(older, &[]).await.unwrap();
        let route = Route::builder()
            .store(Kind::Event, Arc::new(events))
            .default_store(Arc::new(audits))
            .build()
            .unwrap();
        let journal = RoutedJournal::new(&Engine::new().unwrap(), route);
        let mut newest = [line("event", 100), line("event", 101), timeless.to_owned()];
        for order in [Order::OldestFirst, Order::NewestFirst] {
            let selection = Selection { limit: Some(3), order, ..Selection::default() };
            let page = journal.query(selection).next().await.unwrap();
            assert_eq!(page.records, newest.concat(), "{order:?}");
            newest.reverse();
        }
    }

    #[tokio::test]
    async fn more_than_a_page_of_each_store_is_merged_without_a_seam() {
        let journal = journal([&[], &[]]).await;
        let even: Vec<u32> = (0..60_000).map(|n| n * 2).collect();
        let odd: Vec<u32> = even.iter().map(|n| n + 1).collect();
        append(&journal, "event", &even).await;
        append(&journal, "audit", &odd).await;
        let found = all(&journal, None, Order::OldestFirst).await;
        assert!(found.iter().copied().eq(0..120_000), "{} records", found.len());
    }

    #[tokio::test]
    async fn what_is_appended_later_is_found_by_polling() {
        let journal = journal([&[1], &[2]]).await;
        let mut pages = journal.query(Selection { limit: Some(1), ..Selection::default() });
        assert_eq!(stamps(&pages.next().await.unwrap().records), [2]);
        assert!(pages.next().await.is_none());
        append(&journal, "event", &[8, 9]).await;
        append(&journal, "audit", &[7]).await;
        let (page, failed) = pages.poll().await;
        assert!(failed.is_empty());
        assert_eq!(stamps(&page.records), [7, 8, 9]);
        assert_eq!(pages.poll().await.0, MergedPage::default());
    }

    /// A store whose snapshots can be kept waiting.
    #[derive(Clone)]
    struct Gated {
        store: MemoryStore,
        /// How many reads may go on.
        open: Arc<Semaphore>,
        waits: Arc<Notify>,
    }

    impl Gated {
        fn new(reads: usize) -> Self {
            let (open, waits) = (Arc::new(Semaphore::new(reads)), Arc::new(Notify::new()));
            Self { store: MemoryStore::new(), open, waits }
        }

        async fn pass(&self) {
            if self.open.available_permits() == 0 {
                self.waits.notify_one();
            }
            self.open.acquire().await.unwrap().forget();
        }

        /// Drops a call when it waits for this store, and lets the next one through.
        async fn interrupt<T>(&self, call: impl Future<Output = T>) {
            tokio::select! {
                _ = call => panic!("it does not wait"),
                () = self.waits.notified() => {}
            }
            self.open.add_permits(Semaphore::MAX_PERMITS / 2);
        }
    }

    #[async_trait::async_trait]
    impl Store for Gated {
        fn describe(&self) -> Description {
            self.store.describe()
        }

        async fn append(&self, lines: String, runs: &[Run]) -> Result<(), StoreError> {
            self.store.append(lines, runs).await
        }

        async fn snapshot(&self) -> Result<Arc<dyn Snapshot>, StoreError> {
            self.pass().await;
            self.store.snapshot().await
        }
    }

    /// Of two stores; the second lets so many reads through.
    fn gated(reads: usize) -> (RoutedJournal, Gated) {
        let gated = Gated::new(reads);
        let route = Route::builder()
            .store(Kind::Event, Arc::new(MemoryStore::new()))
            .default_store(Arc::new(gated.clone()))
            .build()
            .unwrap();
        (RoutedJournal::new(&Engine::new().unwrap(), route), gated)
    }

    #[tokio::test]
    async fn a_limit_holds_for_whoever_asks_again_after_dropping_the_call() {
        let (journal, gated) = gated(0);
        append(&journal, "event", &[1, 3]).await;
        append(&journal, "audit", &[2, 4]).await;
        let mut pages = journal.query(Selection { limit: Some(2), ..Selection::default() });
        gated.interrupt(pages.next()).await;
        assert_eq!(stamps(&pages.next().await.unwrap().records), [3, 4]);
        assert!(pages.next().await.is_none());
    }

    #[tokio::test]
    async fn what_a_dropped_poll_has_found_comes_with_the_next_one() {
        let (journal, gated) = gated(1);
        append(&journal, "event", &[1]).await;
        append(&journal, "audit", &[2]).await;
        let mut pages = journal.query(Selection::default());
        while pages.next().await.is_some() {}
        append(&journal, "event", &[3]).await;
        append(&journal, "audit", &[4]).await;
        gated.interrupt(pages.poll()).await;
        append(&journal, "event", &[5]).await;
        let mut found = stamps(&pages.poll().await.0.records);
        found.extend(stamps(&pages.poll().await.0.records));
        assert_eq!(found, [3, 4, 5]);
    }

    #[tokio::test]
    async fn records_that_are_merged_already_outlive_a_dropped_call() {
        let (journal, gated) = gated(1);
        // The gate closes where the second store has no more in its first page: there are records of
        // both in the page that grows.
        let many: Vec<u32> = (0..60_000).map(|n| n * 2 + 1).collect();
        append(&journal, "audit", &many).await;
        append(&journal, "event", &[0, 0, 0, 200_000]).await;
        let mut pages = journal.query(Selection::default());
        let mut found = Vec::new();
        gated
            .interrupt(async {
                while let Some(page) = pages.next().await {
                    found.extend(stamps(&page.records));
                }
            })
            .await;
        while let Some(page) = pages.next().await {
            found.extend(stamps(&page.records));
        }
        let expected = [0, 0, 0].into_iter().chain(many).chain([200_000]);
        assert!(found.iter().copied().eq(expected), "{} records", found.len());
    }

    #[tokio::test]
    async fn a_store_that_fails_is_named_and_the_others_are_read() {
        let missing = crate::FileStore::open("/nonexistent/papyra/x.ndjson");
        let good = MemoryStore::new();
        let route = Route::builder()
            .store(Kind::Event, Arc::new(missing))
            .default_store(Arc::new(good.clone()))
            .build()
            .unwrap();
        let journal = RoutedJournal::new(&Engine::new().unwrap(), route);
        append(&journal, "audit", &[3]).await;
        for limit in [None, Some(5)] {
            let mut pages = journal.query(Selection { limit, ..Selection::default() });
            assert_eq!(stamps(&pages.next().await.unwrap().records), [3]);
            assert!(pages.next().await.is_none());
            let ends = pages.ends();
            assert!(ends[0].error.is_some() && ends[1].error.is_none());
        }
    }
}
