//! Several stores as one answer.

use std::sync::Arc;

use tokio::sync::{Notify, Semaphore};

use super::super::{Route, RoutedJournal};
use super::*;
use crate::store::{Description, Kind, Run, Snapshot, Store, StoreError};
use crate::{Engine, MemoryStore};

async fn journal(stamps: [&[u32]; 2]) -> RoutedJournal {
    let stores: [Arc<dyn Store>; 2] = [Arc::new(MemoryStore::new()), Arc::new(MemoryStore::new())];
    let [events, audits] = stores;
    let route = Route::builder().store(Kind::Event, events).default_store(audits).build().unwrap();
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
    assert_eq!(pages.poll().await.0, MergedPage { end: true, ..MergedPage::default() });
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
