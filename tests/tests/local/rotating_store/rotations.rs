use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};

use papyra_persistence::store::{Dropped, Store, StoreErrorKind};

use super::{append, fill, line, lines, open, text};
use crate::support::TempDir;

fn content(dir: &TempDir, name: &str) -> String {
    fs::read_to_string(dir.path(name)).unwrap()
}

#[tokio::test]
async fn the_newest_sealed_file_is_number_one_and_the_oldest_goes() {
    let dir = TempDir::new();
    let store = open(&dir, 3);
    fill(&store, 0..9).await;
    assert_eq!(dir.files(), ["a", "a.1", "a.2"]);
    assert_eq!(store.dropped(), Dropped::default());
    append(&store, &line(9)).await.unwrap();
    assert_eq!(content(&dir, "a.2"), lines(3..6));
    assert_eq!(content(&dir, "a.1"), lines(6..9));
    assert_eq!(content(&dir, "a"), line(9));
    assert_eq!(store.dropped(), Dropped { records: 3, bytes: 30, files: 1 });
}

#[tokio::test]
async fn records_that_another_process_has_written_are_counted_when_they_go() {
    let dir = TempDir::new();
    fs::write(dir.path("a.1"), [lines(0..2), "torn".into()].concat()).unwrap();
    fs::write(dir.path("a"), lines(2..5)).unwrap();
    let store = open(&dir, 2);
    append(&store, &line(5)).await.unwrap();
    assert_eq!(store.dropped(), Dropped { records: 3, bytes: 24, files: 1 });
    fill(&store, 6..9).await;
    assert_eq!(store.dropped(), Dropped { records: 6, bytes: 54, files: 2 });
}

#[tokio::test]
async fn one_file_keeps_at_least_the_newest_record() {
    let dir = TempDir::new();
    let store = open(&dir, 1);
    fill(&store, 0..4).await;
    assert_eq!(text(&store).await, line(3));
    append(&store, &lines(4..11)).await.unwrap();
    assert_eq!(text(&store).await, lines(9..11));
    assert_eq!(store.dropped(), Dropped { records: 9, bytes: 90, files: 3 });
    assert_eq!(dir.files(), ["a"]);
}

#[tokio::test]
async fn a_record_that_is_too_large_has_a_file_of_its_own() {
    let dir = TempDir::new();
    let store = open(&dir, 5);
    let large = format!("{}\n", "x".repeat(99));
    fill(&store, 0..1).await;
    append(&store, &[line(1), large.clone(), line(2)].concat()).await.unwrap();
    assert_eq!(content(&dir, "a.2"), lines(0..2));
    assert_eq!(content(&dir, "a.1"), large);
    assert_eq!(content(&dir, "a"), line(2));
    // Two of them would exceed 5 × 30 bytes and the larger one.
    append(&store, &large).await.unwrap();
    append(&store, &large).await.unwrap();
    let sizes: u64 = dir.files().iter().map(|name| content(&dir, name).len() as u64).sum();
    assert!(sizes <= 5 * 30 + 100, "{sizes}: {:?}", dir.files());
    assert_eq!(content(&dir, "a"), large);
}

#[tokio::test]
async fn a_batch_that_fits_into_a_file_is_in_one() {
    let dir = TempDir::new();
    let store = open(&dir, 9);
    append(&store, &lines(0..2)).await.unwrap();
    append(&store, &lines(2..4)).await.unwrap();
    assert_eq!(content(&dir, "a.1"), lines(0..2));
    append(&store, &lines(4..12)).await.unwrap();
    assert_eq!(content(&dir, "a.3"), lines(2..5));
    assert_eq!(text(&store).await, lines(0..12));
}

#[tokio::test]
async fn a_new_file_has_the_mode_and_owner_of_the_old() {
    let dir = TempDir::new();
    let store = open(&dir, 3);
    fill(&store, 0..1).await;
    fs::set_permissions(dir.path("a"), fs::Permissions::from_mode(0o600)).unwrap();
    // Only root can; anybody else keeps its own, which is what is asserted then.
    let _ = chown(dir.path("a"), Some(1234), Some(2345));
    let of = |name: &str| {
        let metadata = fs::metadata(dir.path(name)).unwrap();
        (metadata.mode(), metadata.uid(), metadata.gid())
    };
    let before = of("a");
    fill(&store, 1..4).await;
    assert_eq!((of("a"), of("a.1")), (before, before));
    // Also when a crash has left the set without it.
    fs::remove_file(dir.path("a")).unwrap();
    fill(&store, 4..5).await;
    assert_eq!(of("a"), before);
}

#[tokio::test]
async fn a_torn_line_is_sealed_as_it_is_or_isolated() {
    let dir = TempDir::new();
    fs::write(dir.path("a"), [lines(0..2), "torn".into()].concat()).unwrap();
    let store = open(&dir, 3);
    append(&store, &line(2)).await.unwrap();
    assert_eq!(content(&dir, "a.1"), [lines(0..2), "torn".into()].concat());
    fs::write(dir.path("a"), "torn").unwrap();
    append(&store, &line(3)).await.unwrap();
    assert_eq!(content(&dir, "a"), ["torn\n", &line(3)].concat());
}

#[tokio::test]
async fn a_gap_is_closed_by_the_next_rotation_and_costs_nothing() {
    let dir = TempDir::new();
    let store = open(&dir, 4);
    fill(&store, 0..12).await;
    fs::remove_file(dir.path("a.2")).unwrap();
    fill(&store, 12..13).await;
    assert_eq!(text(&store).await, [lines(0..3), lines(6..13)].concat());
    assert_eq!(dir.files(), ["a", "a.1", "a.2", "a.3"]);
    assert_eq!(store.dropped(), Dropped::default());
}

#[tokio::test]
async fn what_cannot_be_renamed_as_a_file_is_refused() {
    let dir = TempDir::new();
    fs::write(dir.path("real"), lines(0..3)).unwrap();
    std::os::unix::fs::symlink("real", dir.path("a")).unwrap();
    let store = open(&dir, 3);
    let error = append(&store, &line(3)).await.unwrap_err();
    let said = papyra_error(&error);
    assert!(said.contains("symbolic link; give the path that it leads to"), "{said}");
    assert!(store.snapshot().await.is_err());
    fs::remove_file(dir.path("a")).unwrap();
    fs::write(dir.path("a"), lines(0..3)).unwrap();
    fs::create_dir(dir.path("a.1")).unwrap();
    let error = append(&store, &line(3)).await.unwrap_err();
    assert!(papyra_error(&error).contains("directory"), "{}", papyra_error(&error));
    assert_eq!(content(&dir, "a"), lines(0..3));
}

fn papyra_error(error: &papyra_persistence::StoreError) -> String {
    assert_ne!(error.kind(), StoreErrorKind::Locked);
    error.one_line()
}
