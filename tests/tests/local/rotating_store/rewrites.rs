use std::fs;

use papyra_persistence::store::{Store, StoreErrorKind};

use super::{PLAIN, append, fill, line, lines, open, read, remove, text};
use crate::support::TempDir;

#[tokio::test]
async fn a_rewrite_finds_its_file_whatever_it_is_called_now() {
    let dir = TempDir::new();
    let (store, other) = (open(&dir, 5), open(&dir, 5));
    fill(&store, 0..8).await;
    let snapshot = store.snapshot().await.unwrap();
    let mut rewrite = snapshot.rewrite("a.1", PLAIN).await.unwrap();
    let at = |minor| papyra_persistence::store::Position { major: 0, minor };
    rewrite.edit(&[papyra_persistence::store::Edit::removal(at(0), at(10))]).await.unwrap();
    fill(&other, 8..10).await;
    rewrite.commit().await.unwrap();
    assert_eq!(fs::read_to_string(dir.path("a.2")).unwrap(), lines(4..6));
    assert_eq!(fs::read_to_string(dir.path("a.1")).unwrap(), lines(6..9));
    assert_eq!(text(&store).await, [lines(0..3), lines(4..10)].concat());
}

#[tokio::test]
async fn what_is_appended_before_and_after_a_rotation_is_in_the_rewritten_file() {
    let dir = TempDir::new();
    let (store, other) = (open(&dir, 5), open(&dir, 5));
    fill(&store, 0..2).await;
    let snapshot = store.snapshot().await.unwrap();
    let mut rewrite = snapshot.rewrite("a", PLAIN).await.unwrap();
    let at = |minor| papyra_persistence::store::Position { major: 0, minor };
    rewrite.edit(&[papyra_persistence::store::Edit::removal(at(0), at(10))]).await.unwrap();
    fill(&other, 2..8).await;
    let done = rewrite.commit().await.unwrap();
    assert_eq!((done.bytes_before, done.bytes_after), (30, 20));
    assert_eq!(fs::read_to_string(dir.path("a.2")).unwrap(), lines(1..3));
    assert_eq!(text(&other).await, lines(1..8));
    assert_eq!(read(&*snapshot).await, lines(0..2), "the snapshot is as it was");
    fill(&store, 8..9).await;
    assert_eq!(text(&other).await, lines(1..9));
}

#[tokio::test]
async fn a_rewrite_of_a_file_that_was_dropped_says_so_and_changes_nothing() {
    let dir = TempDir::new();
    let (store, other) = (open(&dir, 2), open(&dir, 2));
    fill(&store, 0..5).await;
    let snapshot = store.snapshot().await.unwrap();
    let rewrite = snapshot.rewrite("a.1", PLAIN).await.unwrap();
    fill(&other, 5..8).await;
    drop(rewrite);
    let error = remove(&*snapshot, "a.1", 0, 10).await.unwrap_err();
    assert_eq!(error.kind(), StoreErrorKind::Locked);
    assert_eq!(text(&store).await, lines(3..8));

    let snapshot = store.snapshot().await.unwrap();
    let mut rewrite = snapshot.rewrite("a.1", PLAIN).await.unwrap();
    let at = |minor| papyra_persistence::store::Position { major: 0, minor };
    rewrite.edit(&[papyra_persistence::store::Edit::removal(at(0), at(10))]).await.unwrap();
    fill(&other, 8..11).await;
    let error = rewrite.commit().await.unwrap_err();
    assert_eq!(error.kind(), StoreErrorKind::Locked);
    assert!(error.one_line().contains("dropped or replaced meanwhile"), "{}", error.one_line());
    assert_eq!(text(&store).await, lines(6..11));
    assert_eq!(dir.files(), ["a", "a.1"]);
}

#[tokio::test]
async fn a_sealed_file_of_which_nothing_stays_is_removed() {
    let dir = TempDir::new();
    let store = open(&dir, 5);
    fill(&store, 0..14).await;
    let snapshot = store.snapshot().await.unwrap();
    let done = remove(&*snapshot, "a.4", 0, 30).await.unwrap();
    assert_eq!((done.bytes_before, done.bytes_after), (30, 0));
    assert_eq!(dir.files(), ["a", "a.1", "a.2", "a.3"]);
    // In the middle, the older ones move up.
    remove(&*snapshot, "a.2", 0, 30).await.unwrap();
    assert_eq!(dir.files(), ["a", "a.1", "a.2"]);
    assert_eq!(text(&store).await, [lines(3..6), lines(9..14)].concat());
    // The file that is appended to stays, empty.
    remove(&*snapshot, "a", 0, 20).await.unwrap();
    assert_eq!(dir.files(), ["a", "a.1", "a.2"]);
    assert_eq!(fs::read_to_string(dir.path("a")).unwrap(), "");
    append(&store, &line(14)).await.unwrap();
    assert_eq!(text(&store).await, [lines(3..6), lines(9..12), line(14)].concat());
}

#[tokio::test]
async fn quarantine_of_a_removed_file_is_the_file() {
    let dir = TempDir::new();
    let store = open(&dir, 5);
    fill(&store, 0..4).await;
    let snapshot = store.snapshot().await.unwrap();
    let options = papyra_persistence::store::RewriteOptions { keep_quarantine: true, ..PLAIN };
    let mut rewrite = snapshot.rewrite("a.1", options).await.unwrap();
    let at = |minor| papyra_persistence::store::Position { major: 0, minor };
    rewrite.edit(&[papyra_persistence::store::Edit::removal(at(0), at(30))]).await.unwrap();
    let done = rewrite.commit().await.unwrap();
    assert_eq!(fs::read_to_string(&done.quarantine[0]).unwrap(), lines(0..3));
    assert!(!dir.path("a.1").exists());
}
