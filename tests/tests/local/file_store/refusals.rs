use std::fs::{self, File};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

use papyra_persistence::store::{FileStore, Registry, Store, StoreErrorKind};
use rustix::fs::{FlockOperation, flock};

use super::{PLAIN, append, line, remove};
use crate::support::TempDir;

#[tokio::test]
async fn what_is_not_a_regular_file_is_refused_at_once() {
    let dir = TempDir::new();
    let fifo = dir.path("fifo");
    assert!(Command::new("mkfifo").arg(&fifo).status().unwrap().success());
    for (path, word) in
        [(dir.path(""), "directory"), (fifo, "pipe"), ("/dev/null".into(), "device")]
    {
        let store = FileStore::open(path);
        for error in [append(&store, &line(1)).await.err(), store.snapshot().await.err()] {
            let error = error.unwrap();
            assert_eq!(error.kind(), StoreErrorKind::Unsupported);
            assert!(error.one_line().contains(word), "{}", error.one_line());
        }
    }
}

#[tokio::test]
async fn a_held_lock_is_waited_for_only_so_long() {
    let dir = TempDir::new();
    let path = dir.path("a");
    let store = FileStore::builder(&path).lock_wait(Duration::from_millis(60)).build();
    append(&store, &line(1)).await.unwrap();
    let other = File::open(&path).unwrap();
    flock(&other, FlockOperation::LockExclusive).unwrap();
    let began = Instant::now();
    assert_eq!(append(&store, &line(2)).await.unwrap_err().kind(), StoreErrorKind::Locked);
    assert_eq!(store.snapshot().await.err().unwrap().kind(), StoreErrorKind::Locked);
    assert!(began.elapsed() >= Duration::from_millis(120));
    assert!(began.elapsed() < Duration::from_secs(5));
    drop(other);
    append(&store, &line(3)).await.unwrap();
    assert_eq!(fs::read_to_string(&path).unwrap(), format!("{}{}", line(1), line(3)));
}

#[tokio::test]
async fn a_lock_may_be_waited_for_as_long_as_can_be_said() {
    let dir = TempDir::new();
    let url = |kind: &str| {
        let path = dir.path(kind);
        let url = format!("{kind}:{}?lock_wait=9999999999999999999", path.display());
        Registry::standard().open(&url).unwrap()
    };
    let built = FileStore::builder(dir.path("built")).lock_wait(Duration::MAX).build();
    for store in [Arc::new(built) as Arc<dyn Store>, url("file"), url("rotating")] {
        append(&*store, &[line(1), line(2)].concat()).await.unwrap();
        remove(&*store, PLAIN, &[(0, line(1).len() as u64)]).await.unwrap();
        assert_eq!(store.snapshot().await.unwrap().segments()[0].bytes, line(2).len() as u64);
    }
}

#[tokio::test]
async fn a_temporary_that_is_a_trap_is_not_followed() {
    let dir = TempDir::new();
    let store = FileStore::open(dir.path("a"));
    append(&store, &line(1)).await.unwrap();
    fs::write(dir.path("precious"), "precious").unwrap();
    let trap = dir.path(".a.papyra-rewrite");
    symlink(dir.path("precious"), &trap).unwrap();
    remove(&store, PLAIN, &[(0, 3)]).await.unwrap_err();
    fs::remove_file(&trap).unwrap();
    fs::hard_link(dir.path("precious"), &trap).unwrap();
    remove(&store, PLAIN, &[(0, 3)]).await.unwrap();
    assert_eq!(fs::read_to_string(dir.path("precious")).unwrap(), "precious");
    let mode = fs::metadata(dir.path("a")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o644);
}
