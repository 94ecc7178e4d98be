use std::fs::{self, File};

use papyra_persistence::store::{Role, Store, StoreErrorKind};
use rustix::fs::{FlockOperation, flock};

use super::{PLAIN, append, fill, line, lines, open, segments, text};
use crate::support::TempDir;

#[tokio::test]
async fn lowering_the_number_of_files_hides_nothing() {
    let dir = TempDir::new();
    fill(&open(&dir, 12), 0..36).await;
    let store = open(&dir, 3);
    for name in ["a.1.gz", "a.01", "a.0", "a.bak", "ab.7", "a.20251121T.1.quarantine"] {
        fs::write(dir.path(name), "not ours").unwrap();
    }
    let found = segments(&store).await;
    let strays: Vec<_> = found.iter().filter(|(_, role, _)| *role == Role::Stray).collect();
    let names: Vec<&str> = strays.iter().map(|(name, ..)| &**name).collect();
    assert_eq!(names, ["a.3", "a.4", "a.5", "a.6", "a.7", "a.8", "a.9", "a.10", "a.11"]);
    assert_eq!(
        found[..3],
        [
            ("a.2".into(), Role::Sealed, 2),
            ("a.1".into(), Role::Sealed, 1),
            ("a".into(), Role::Active, 0)
        ]
    );
    // They are listed with nothing in them, and never changed.
    assert_eq!(text(&store).await, lines(27..36));
    fill(&store, 36..46).await;
    assert_eq!(fs::read_to_string(dir.path("a.3")).unwrap(), lines(24..27));
    let snapshot = store.snapshot().await.unwrap();
    let refused = snapshot.rewrite("a.3", PLAIN).await.err().unwrap();
    assert_eq!(refused.kind(), StoreErrorKind::Unsupported);
    // And are part of the journal again once there are more files.
    assert!(text(&open(&dir, 12)).await.starts_with(&lines(0..27)));
}

#[tokio::test]
async fn a_set_without_the_file_that_is_appended_to_is_a_journal() {
    let dir = TempDir::new();
    let store = open(&dir, 3);
    assert_eq!(store.snapshot().await.err().unwrap().kind(), StoreErrorKind::NotFound);
    fs::write(dir.path("a.2"), lines(0..3)).unwrap();
    fs::write(dir.path("a.1"), lines(3..6)).unwrap();
    let found = segments(&store).await;
    assert_eq!(found.last().unwrap(), &("a".into(), Role::Active, 0));
    assert_eq!(text(&store).await, lines(0..6));
    assert!(!dir.path("a").exists(), "looking changes nothing");
    append(&store, &line(6)).await.unwrap();
    assert_eq!(text(&store).await, lines(0..7));
    // Even if only what lies beyond is left.
    let dir = TempDir::new();
    fs::write(dir.path("a.7"), lines(0..3)).unwrap();
    assert_eq!(segments(&open(&dir, 3)).await[0], ("a".into(), Role::Active, 0));
}

#[tokio::test]
async fn leftovers_are_reported_and_used_again() {
    let dir = TempDir::new();
    let store = open(&dir, 3);
    fill(&store, 0..3).await;
    fs::write(dir.path(".a.papyra-next"), "half").unwrap();
    fs::write(dir.path(".a.papyra-rewrite"), "half").unwrap();
    let leftovers = segments(&store).await;
    let count = leftovers.iter().filter(|(_, role, _)| *role == Role::Leftover).count();
    assert_eq!(count, 2, "{leftovers:?}");
    fill(&store, 3..4).await;
    assert_eq!(text(&store).await, lines(0..4));
    assert_eq!(dir.files(), [".a.papyra-rewrite", "a", "a.1"]);
}

#[tokio::test]
async fn a_rewrite_clears_away_what_a_killed_rotation_has_left() {
    let dir = TempDir::new();
    let store = open(&dir, 3);
    fill(&store, 0..3).await;
    let next = dir.path(".a.papyra-next");
    let begin = async || drop(store.snapshot().await.unwrap().rewrite("a", PLAIN).await.unwrap());
    for content in ["", "half"] {
        fs::write(&next, content).unwrap();
        let rotation = File::open(&next).unwrap();
        flock(&rotation, FlockOperation::LockExclusive).unwrap();
        begin().await;
        assert!(next.exists(), "somebody is at work on it");
        drop(rotation);
        begin().await;
        assert_eq!(dir.files(), ["a"]);
    }
}

#[tokio::test]
async fn looking_at_a_missing_directory_says_that_there_is_no_journal() {
    let dir = TempDir::new();
    let url = format!("rotating:{}", dir.path("x/y/a").display());
    let store = papyra_persistence::store::Registry::standard().open(&url).unwrap();
    assert_eq!(store.describe().backend, "rotating");
    assert_eq!(store.snapshot().await.err().unwrap().kind(), StoreErrorKind::NotFound);
    let error = store.append(line(1), &[]).await.unwrap_err();
    assert_eq!(error.kind(), StoreErrorKind::NotFound, "{}", error.one_line());
}
