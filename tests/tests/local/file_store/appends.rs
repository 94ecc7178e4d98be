use std::fs;
use std::sync::Arc;
use std::time::Duration;

use papyra_persistence::store::{Durability, FileStore, Store, StoreErrorKind};

use super::{append, line};
use crate::support::{TempDir, is_patient};

#[tokio::test]
async fn construction_and_failing_reads_touch_nothing() {
    let dir = TempDir::new();
    let store = FileStore::open(dir.path("a.ndjson"));
    assert_eq!(store.snapshot().await.err().unwrap().kind(), StoreErrorKind::NotFound);
    append(&store, "").await.unwrap();
    assert!(dir.files().is_empty());
    append(&store, &line(1)).await.unwrap();
    assert_eq!(dir.files(), ["a.ndjson"]);
}

#[tokio::test]
async fn files_and_directories_are_created_only_as_asked() {
    let dir = TempDir::new();
    let store = FileStore::builder(dir.path("a")).create(false).build();
    assert_eq!(append(&store, &line(1)).await.unwrap_err().kind(), StoreErrorKind::NotFound);
    let store = FileStore::open(dir.path("x/y/a"));
    let error = append(&store, &line(1)).await.unwrap_err();
    assert_eq!(error.kind(), StoreErrorKind::NotFound);
    assert!(error.one_line().contains("x/y"), "{}", error.one_line());
    let store = FileStore::builder(dir.path("x/y/a")).create_parents(true).build();
    append(&store, &line(1)).await.unwrap();
    assert_eq!(fs::read_to_string(dir.path("x/y/a")).unwrap(), line(1));
}

#[tokio::test]
async fn a_torn_tail_of_any_length_never_swallows_the_next_line() {
    let dir = TempDir::new();
    let whole = format!("{}{}", line(1), line(22));
    for length in 0..=whole.len() {
        let path = dir.path("journal");
        fs::write(&path, &whole[..length]).unwrap();
        // Once with a store that sees the file for the first time, once with one that has it open.
        let store = FileStore::open(&path);
        append(&store, &line(3)).await.unwrap();
        append(&store, &line(4)).await.unwrap();
        let torn = &whole[..length];
        let isolated = if torn.is_empty() || torn.ends_with('\n') { "" } else { "\n" };
        let mut expected = format!("{torn}{isolated}{}{}", line(3), line(4));
        assert_eq!(fs::read_to_string(&path).unwrap(), expected);
        expected.push_str(torn);
        fs::write(&path, &expected).unwrap();
        append(&store, &line(5)).await.unwrap();
        expected = format!("{expected}{isolated}{}", line(5));
        assert_eq!(fs::read_to_string(&path).unwrap(), expected);
    }
}

#[tokio::test]
async fn a_batch_without_a_line_end_is_refused() {
    let dir = TempDir::new();
    let store = FileStore::open(dir.path("a"));
    let error = append(&store, "{}").await.unwrap_err();
    assert_eq!(error.kind(), StoreErrorKind::Failed);
    assert!(dir.files().is_empty());
}

#[tokio::test]
async fn appends_follow_a_file_that_was_replaced_or_removed() {
    let dir = TempDir::new();
    let path = dir.path("a");
    let store = FileStore::open(&path);
    append(&store, &line(1)).await.unwrap();
    fs::rename(&path, dir.path("a.old")).unwrap();
    append(&store, &line(2)).await.unwrap();
    fs::write(dir.path("b"), line(3)).unwrap();
    fs::rename(dir.path("b"), &path).unwrap();
    append(&store, &line(4)).await.unwrap();
    assert_eq!(fs::read_to_string(dir.path("a.old")).unwrap(), line(1));
    assert_eq!(fs::read_to_string(&path).unwrap(), format!("{}{}", line(3), line(4)));
    fs::remove_file(&path).unwrap();
    append(&store, &line(5)).await.unwrap();
    assert_eq!(fs::read_to_string(&path).unwrap(), line(5));
}

#[tokio::test]
async fn a_dropped_append_is_whole_or_not_there() {
    let dir = TempDir::new();
    let store = FileStore::builder(dir.path("a")).durability(Durability::Never).build();
    let batch: String = (0..50).map(line).collect();
    for _ in 0..50 {
        let short = tokio::time::timeout(Duration::from_micros(1), append(&store, &batch));
        let _ = short.await;
    }
    append(&store, &batch).await.unwrap();
    let found = fs::read_to_string(dir.path("a")).unwrap();
    assert!(found.len().is_multiple_of(batch.len()));
    assert_eq!(found, batch.repeat(found.len() / batch.len()));
}

#[test]
fn a_store_outlives_the_runtime_it_was_used_in() {
    let dir = TempDir::new();
    let interval = Durability::Interval(Duration::from_secs(60));
    let store = FileStore::builder(dir.path("a")).durability(interval).build();
    for n in 0..3 {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(append(&store, &line(n))).unwrap();
    }
    drop(store);
    assert_eq!(fs::read_to_string(dir.path("a")).unwrap().lines().count(), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unfinished_line_has_its_time_also_after_a_wait_for_the_lock() {
    let dir = TempDir::new();
    assert!(is_patient(Arc::new(FileStore::open(dir.path("a"))), &dir.path("a")).await);
}
