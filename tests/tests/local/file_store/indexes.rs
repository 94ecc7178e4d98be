use std::fs;
use std::os::unix::fs::symlink;

use papyra_persistence::journal::{
    FailureCode, IndexOptions, JournalError, StartupMode, StartupOptions, StartupOutcome,
};
use papyra_persistence::store::{FileStore, MAX_INDEX, Store};
use papyra_persistence::{Engine, Journal};

use super::{append, line};
use crate::support::TempDir;

const CHECK: StartupOptions = StartupOptions {
    mode: StartupMode::Fail,
    recovery: papyra_persistence::journal::RecoveryMode::Repair,
    full: false,
    record_audit: true,
};

#[tokio::test]
async fn a_clean_check_leaves_a_checkpoint_and_a_scan_leaves_nothing() {
    let dir = TempDir::new();
    let store = FileStore::open(dir.path("a"));
    append(&store, &line(1)).await.unwrap();
    let journal = Journal::new(&Engine::new().unwrap(), store.clone());
    journal.scan(papyra_persistence::journal::ScanOptions::default()).await.unwrap();
    assert_eq!(dir.files(), ["a"]);

    let ignore = StartupOptions { mode: StartupMode::Ignore, ..CHECK };
    journal.startup_check(ignore, None).await.unwrap();
    assert_eq!(dir.files(), ["a"]);

    let first = journal.startup_check(CHECK, None).await.unwrap();
    assert_eq!((first.outcome, first.indexed_bytes), (StartupOutcome::Healthy, 0));
    assert!(dir.path(".a.papyra-index").exists());
    append(&store, &line(2)).await.unwrap();
    let second = journal.startup_check(CHECK, None).await.unwrap();
    assert_eq!((second.indexed_bytes, second.scan.unwrap().records), (line(1).len() as u64, 2));
    assert_eq!(dir.files().len(), 2, "the temporary is gone");
}

#[tokio::test]
async fn without_an_index_none_is_used_or_kept_and_one_that_is_there_can_be_removed() {
    let dir = TempDir::new();
    let store = FileStore::open(dir.path("a"));
    append(&store, &line(1)).await.unwrap();
    let with = Journal::new(&Engine::new().unwrap(), store.clone());
    let without = with.clone().without_index();
    let report = without.startup_check(CHECK, None).await.unwrap();
    assert_eq!((report.outcome, report.note.as_str()), (StartupOutcome::Healthy, ""));
    let refused = without.index(IndexOptions::default()).await.unwrap_err();
    assert_eq!(refused.code(), Some(FailureCode::Unsupported), "{refused}");
    assert_eq!(dir.files(), ["a"]);

    with.index(IndexOptions::default()).await.unwrap();
    assert_eq!(without.startup_check(CHECK, None).await.unwrap().indexed_bytes, 0);
    without.drop_index().await.unwrap();
    assert_eq!(dir.files(), ["a"]);
}

#[tokio::test]
async fn whoever_may_only_look_uses_an_index_and_leaves_it_as_it_is() {
    let dir = TempDir::new();
    let store = FileStore::open(dir.path("a"));
    append(&store, &line(1)).await.unwrap();
    let journal = Journal::new(&Engine::new().unwrap(), store.clone());
    // A last block that was hashed is read again when something follows.
    journal.index(IndexOptions { hash: false, full: false }).await.unwrap();
    append(&store, &line(2)).await.unwrap();
    let kept = store.load_index().await.unwrap();
    let reader = journal.clone().read_only();
    // The second time it knows more than the store.
    for known in [line(1).len(), line(1).len() + line(2).len()] {
        let report = reader.startup_check(CHECK, None).await.unwrap();
        assert_eq!(report.indexed_bytes, known as u64);
        assert_eq!(store.load_index().await.unwrap(), kept);
    }
    assert!(reader.append_lines(&line(3)).await.is_err());
}

#[tokio::test]
async fn an_index_never_touches_what_lies_in_its_way() {
    let dir = TempDir::new();
    let store = FileStore::open(dir.path("a"));
    append(&store, &line(1)).await.unwrap();
    fs::write(dir.path("precious"), "precious").unwrap();
    for link in [symlink::<_, _> as fn(_, _) -> _, fs::hard_link] {
        link(dir.path("precious"), dir.path(".a.papyra-index-new")).unwrap();
        store.save_index("mine".into()).await.unwrap();
        assert_eq!(store.load_index().await.unwrap(), "mine");
    }
    assert_eq!(fs::read_to_string(dir.path("precious")).unwrap(), "precious");
}

#[tokio::test]
async fn an_index_that_cannot_be_read_is_none() {
    let dir = TempDir::new();
    let store = FileStore::open(dir.path("a"));
    assert_eq!(store.load_index().await.unwrap(), "");
    append(&store, &line(1)).await.unwrap();
    fs::write(dir.path(".a.papyra-index"), vec![b'x'; MAX_INDEX + 1]).unwrap();
    assert_eq!(store.load_index().await.unwrap(), "");
    fs::write(dir.path(".a.papyra-index"), [0xff]).unwrap();
    assert_eq!(store.load_index().await.unwrap(), "");
}

#[tokio::test]
async fn a_check_that_takes_too_long_ends_in_time() {
    let dir = TempDir::new();
    let store = FileStore::open(dir.path("a"));
    append(&store, &line(1)).await.unwrap();
    // Whoever holds the lock keeps a snapshot waiting.
    let other = fs::File::open(dir.path("a")).unwrap();
    rustix::fs::flock(&other, rustix::fs::FlockOperation::LockExclusive).unwrap();
    let journal = Journal::new(&Engine::new().unwrap(), store);
    let limit = Some(std::time::Duration::from_millis(50));
    let error = journal.startup_check(CHECK, limit).await.unwrap_err();
    assert!(matches!(error, JournalError::TimedOut { .. }), "{error}");
}
