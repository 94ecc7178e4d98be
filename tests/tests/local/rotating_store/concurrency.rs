use std::fs::{self, File};
use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;

use papyra_persistence::store::{Store, StoreErrorKind};
use rustix::fs::{FlockOperation, flock};

use super::{append, line, lines, open, read, remove, text};
use crate::support::{TempDir, is_patient};

fn numbers(text: &str) -> Vec<u32> {
    assert!(text.is_empty() || text.ends_with('\n'), "a snapshot ends inside a write");
    text.lines().map(|line| line.parse().unwrap()).collect()
}

/// Stores that know nothing of each other: the locks tell them apart as they do processes.
#[tokio::test(flavor = "multi_thread")]
async fn several_writers_lose_and_double_nothing_while_they_rotate() {
    const EACH: u32 = 400;
    let dir = Arc::new(TempDir::new());
    let mut writers = Vec::new();
    for writer in 0..3 {
        let dir = Arc::clone(&dir);
        writers.push(tokio::spawn(async move {
            let store = open(&dir, 1000);
            for first in (0..EACH).step_by(2) {
                let first = writer * 1_000_000 + first;
                append(&store, &lines(first..first + 2)).await.unwrap();
            }
        }));
    }
    for writer in writers {
        writer.await.unwrap();
    }
    let all = numbers(&text(&open(&dir, 1000)).await);
    // Two lines of one batch are never torn apart: no file has room for a second batch.
    assert!(all.chunks(2).all(|batch| batch[0] + 1 == batch[1]));
    for writer in 0..3 {
        let first = writer * 1_000_000;
        let of: Vec<u32> = all.iter().copied().filter(|n| n / 1_000_000 == writer).collect();
        assert_eq!(of, (first..first + EACH).collect::<Vec<_>>());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reader_sees_every_record_once_while_others_rotate_and_rewrite() {
    const LAST: u32 = 2_100;
    let dir = Arc::new(TempDir::new());
    let acknowledged = Arc::new(AtomicU32::new(0));
    let done = Arc::new(AtomicBool::new(false));
    append(&open(&dir, 4), &line(0)).await.unwrap();
    let writer = {
        let (dir, acknowledged, done) = (dir.clone(), acknowledged.clone(), done.clone());
        tokio::spawn(async move {
            // A batch of seven is cut over files.
            let store = open(&dir, 4);
            for first in (1..LAST).step_by(7) {
                append(&store, &lines(first..first + 7)).await.unwrap();
                acknowledged.store(first + 6, Ordering::SeqCst);
                // Or every file is gone before it can be rewritten.
                tokio::time::sleep(Duration::from_millis(3)).await;
            }
            done.store(true, Ordering::SeqCst);
        })
    };
    let rewriter = {
        let (dir, done) = (dir.clone(), done.clone());
        tokio::spawn(async move {
            let store = open(&dir, 4);
            let mut removed = 0;
            while !done.load(Ordering::SeqCst) {
                let snapshot = store.snapshot().await.unwrap();
                let oldest = snapshot.segments()[0].clone();
                match remove(&*snapshot, &oldest.name, 0, oldest.end.minor.min(10)).await {
                    Ok(_) => removed += 1,
                    Err(error) => assert_eq!(error.kind(), StoreErrorKind::Locked, "{error}"),
                }
            }
            removed
        })
    };
    let store = open(&dir, 4);
    let mut looks = 0;
    while !done.load(Ordering::SeqCst) {
        let least = acknowledged.load(Ordering::SeqCst);
        let snapshot = store.snapshot().await.unwrap();
        let seen = numbers(&read(&*snapshot).await);
        let (first, last) = (seen[0], seen[seen.len() - 1]);
        assert!(seen.iter().copied().eq(first..=last), "{seen:?}");
        assert!(last >= least, "{least} was acknowledged: {seen:?}");
        assert_eq!(last % 7, 0, "a batch is seen in part: {seen:?}");
        looks += 1;
    }
    writer.await.unwrap();
    assert!(looks > 5, "{looks}");
    assert!(rewriter.await.unwrap() > 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reader_waits_for_a_rotation_that_takes_its_time() {
    let dir = TempDir::new();
    fs::write(dir.path("a.1"), lines(0..3)).unwrap();
    let next = dir.path(".a.papyra-next");
    let mut rotation = File::create(&next).unwrap();
    flock(&rotation, FlockOperation::LockExclusive).unwrap();
    let store = open(&dir, 3);
    let looking = tokio::spawn(async move { text(&store).await });
    tokio::time::sleep(Duration::from_millis(150)).await;
    fs::rename(&next, dir.path("a")).unwrap();
    rotation.write_all(line(3).as_bytes()).unwrap();
    drop(rotation);
    assert_eq!(looking.await.unwrap(), lines(0..4));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unfinished_line_has_its_time_also_after_a_wait_for_the_lock() {
    let dir = TempDir::new();
    assert!(is_patient(Arc::new(open(&dir, 3)), &dir.path("a")).await);
}
