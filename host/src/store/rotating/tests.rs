//! With a disk that fails on request; see [`Faults`].

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use papyra_file_store::numbered as path_of;

use super::{Dropped, RotatingStore};
use crate::store::disk::faults::{Faults, Op};
use crate::store::{Durability, Payload, Position, Role, Store, StoreError, StoreErrorKind};

/// Three lines of ten bytes.
const MAX_BYTES: u64 = 30;

struct Bench {
    dir: PathBuf,
    faults: Faults,
    max_files: u32,
    durability: Durability,
    store: RotatingStore,
}

impl Bench {
    fn new(name: &str, max_files: u32, durability: Durability) -> Self {
        let dir = std::env::temp_dir().join(format!("papyra-{}-{name}", std::process::id()));
        let _ = fs::remove_dir_all(&dir);
        fs::create_dir_all(&dir).unwrap();
        let store = RotatingStore::open(dir.join("a"));
        let mut bench = Self { dir, faults: Faults::default(), max_files, durability, store };
        bench.reopen();
        bench
    }

    /// As another process would find it.
    fn reopen(&mut self) {
        self.faults = Faults::default();
        let builder = RotatingStore::builder(self.dir.join("a")).durability(self.durability);
        let builder = builder.max_bytes(MAX_BYTES).max_files(self.max_files);
        self.store = builder.faults(self.faults.clone()).build();
    }

    fn fail(&self, failing: &[Op]) {
        self.faults.plan().failing = failing.to_vec();
    }

    async fn append(&self, lines: &str) -> Result<(), StoreError> {
        self.store.append(lines.to_owned(), &[]).await
    }

    fn names(&self) -> Vec<String> {
        let names = fs::read_dir(&self.dir).unwrap();
        let names: BTreeSet<_> =
            names.map(|name| name.unwrap().file_name().into_string().unwrap()).collect();
        names.into_iter().collect()
    }

    /// All numbers, in the order of the journal.
    async fn numbers(&self) -> Vec<u32> {
        let Ok(snapshot) = self.store.snapshot().await else { return Vec::new() };
        let mut text = Vec::new();
        for segment in snapshot.segments().iter().filter(|s| s.role != Role::Leftover) {
            let start = Position { major: 0, minor: 0 };
            let chunk = snapshot.read(&segment.name, start, 1 << 20).await.unwrap();
            let Payload::Raw(bytes) = chunk.data else { panic!("not raw") };
            text.extend(bytes);
        }
        String::from_utf8(text).unwrap().lines().map(|line| line.parse().unwrap()).collect()
    }
}

impl Drop for Bench {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.dir);
    }
}

fn line(number: u32) -> String {
    format!("{number:09}\n")
}

fn lines(numbers: std::ops::Range<u32>) -> String {
    numbers.map(line).collect()
}

#[tokio::test]
async fn death_at_any_step_loses_and_doubles_nothing() {
    for (max_files, durability) in [
        (1, Durability::Always),
        (2, Durability::Never),
        (3, Durability::Always),
        (5, Durability::Never),
    ] {
        for steps in 0.. {
            let mut bench = Bench::new(&format!("death-{max_files}"), max_files, durability);
            bench.faults.plan().steps = Some(steps);
            let mut next = 0;
            while next < 25 && bench.append(&line(next)).await.is_ok() {
                next += 1;
            }
            let survived = next == 25;
            bench.reopen();
            check(&bench, next, steps).await;
            // Whatever was left behind, the next process goes on.
            let first = bench.numbers().await.last().map_or(0, |last| last + 1);
            for number in first..first + 7 {
                bench.append(&line(number)).await.unwrap();
                check(&bench, number + 1, steps).await;
            }
            let hidden = bench.names().iter().filter(|name| name.starts_with('.')).count();
            assert_eq!(hidden, 0, "{steps}: {:?}", bench.names());
            if survived {
                break;
            }
        }
    }
}

/// Everything before `next` is there but for what is older than what a set always has.
async fn check(bench: &Bench, next: u32, steps: usize) {
    let numbers = bench.numbers().await;
    let oldest = numbers.first().copied().unwrap_or(next);
    let end = numbers.last().map_or(next, |last| last + 1);
    let what = format!("{} files, {steps} steps, {next}: {numbers:?}", bench.max_files);
    assert!(numbers.iter().copied().eq(oldest..end), "{what}");
    // One that was not acknowledged may be there.
    assert!((next..=next + 1).contains(&end), "{what}");
    let least = ((bench.max_files - 1) * 3).max(1).min(next);
    assert!(end - oldest >= least, "{what}");
    let visible = bench.names().iter().filter(|name| !name.starts_with('.')).count();
    assert!(visible <= bench.max_files as usize, "{what}: {:?}", bench.names());
}

#[tokio::test]
async fn a_full_disk_takes_a_batch_back_from_all_files() {
    let bench = Bench::new("full", 9, Durability::Always);
    bench.append(&lines(0..2)).await.unwrap();
    for space in 0..110 {
        bench.faults.plan().space = Some(space);
        let error = bench.append(&lines(2..13)).await.unwrap_err();
        assert_eq!(error.kind(), StoreErrorKind::Full);
        assert_eq!(bench.numbers().await, [0, 1], "{space}");
        // Empty files that this has left do not count for long: begin again with few.
        for number in 1..9 {
            let path = path_of(bench.store.path(), number);
            if fs::metadata(&path).is_ok_and(|metadata| metadata.len() == 0) {
                fs::remove_file(path).unwrap();
            }
        }
        if fs::metadata(bench.store.path()).unwrap().len() == 0 {
            let holder = (1..9).map(|number| path_of(bench.store.path(), number));
            let holder = holder.into_iter().find(|path| path.exists()).unwrap();
            fs::rename(holder, bench.store.path()).unwrap();
        }
    }
    bench.faults.plan().space = None;
    bench.append(&lines(2..13)).await.unwrap();
    assert_eq!(bench.numbers().await, (0..13).collect::<Vec<_>>());
    assert_eq!(bench.store.dropped(), Dropped::default());
}

#[tokio::test]
async fn what_cannot_be_made_durable_is_taken_back_and_nothing_is_acknowledged() {
    for failing in [Op::Sync, Op::SyncDir] {
        let bench = Bench::new("sync", 5, Durability::Always);
        bench.append(&lines(0..2)).await.unwrap();
        bench.fail(&[failing]);
        assert!(bench.append(&lines(2..7)).await.is_err());
        assert_eq!(bench.numbers().await, [0, 1]);
        assert!(bench.append(&lines(2..7)).await.is_err());
        bench.fail(&[]);
        bench.append(&lines(2..7)).await.unwrap();
        assert_eq!(bench.numbers().await, (0..7).collect::<Vec<_>>());
    }
}

#[tokio::test]
async fn a_failed_append_never_empties_a_set_of_one_file() {
    let bench = Bench::new("one", 1, Durability::Always);
    bench.append(&lines(0..3)).await.unwrap();
    bench.fail(&[Op::SyncDir]);
    assert!(bench.append(&lines(3..5)).await.is_err());
    assert_eq!(bench.numbers().await, [3], "the name is in doubt");
    bench.fail(&[]);
    bench.append(&lines(4..6)).await.unwrap();
    assert_eq!(bench.numbers().await, [3, 4, 5]);
    bench.faults.plan().space = Some(15);
    let error = bench.append(&lines(6..8)).await.unwrap_err();
    assert_eq!(error.kind(), StoreErrorKind::Full);
    assert_eq!(bench.numbers().await, [6], "only the first record fits on the disk");
}

#[tokio::test]
async fn a_rotation_that_cannot_begin_changes_nothing() {
    let bench = Bench::new("begin", 2, Durability::Always);
    bench.append(&lines(0..3)).await.unwrap();
    bench.append(&lines(3..6)).await.unwrap();
    for failing in [Op::Create, Op::Unlink] {
        bench.fail(&[failing]);
        assert!(bench.append(&line(6)).await.is_err());
        assert_eq!(bench.numbers().await, (0..6).collect::<Vec<_>>());
        assert_eq!(bench.store.dropped(), Dropped::default());
    }
    bench.fail(&[]);
    bench.append(&line(6)).await.unwrap();
    assert_eq!(bench.numbers().await, (3..7).collect::<Vec<_>>());
    assert_eq!(bench.store.dropped(), Dropped { records: 3, bytes: 30, files: 1 });
}

#[tokio::test]
async fn an_interval_syncs_a_file_before_it_is_sealed_and_remembers_the_rest() {
    let bench = Bench::new("interval", 5, Durability::Interval(Duration::from_secs(600)));
    bench.append(&lines(0..2)).await.unwrap();
    assert_eq!(bench.faults.plan().syncs, 0);
    bench.append(&lines(2..7)).await.unwrap();
    assert_eq!(bench.faults.plan().syncs, 2);
    // Of the second batch, only line 6 lies in the file that is not synced.
    assert_eq!(bench.store.unsynced(), 10);
    bench.fail(&[Op::Sync]);
    assert!(bench.store.sync().await.is_err());
    // As if the kernel had dropped the page that it could not write.
    fs::write(bench.store.path(), "\0\0\0\0\0\0\0\0\0\n").unwrap();
    bench.fail(&[]);
    bench.append(&line(7)).await.unwrap();
    assert_eq!(bench.numbers().await, (0..8).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_rotation_does_not_trust_a_sync_beside_one_that_has_taken_the_error() {
    let bench = Bench::new("told", 5, Durability::Interval(Duration::from_secs(600)));
    bench.append(&lines(0..2)).await.unwrap();
    bench.faults.plan().tell_one = true;
    let store = bench.store.clone();
    let sync = tokio::spawn(async move { store.sync().await });
    while !bench.faults.plan().awaiting_write {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    assert!(bench.append(&lines(2..7)).await.is_err());
    assert!(sync.await.unwrap().is_err());
    // As if the kernel had dropped the page that it could not write.
    fs::write(bench.store.path(), "\0".repeat(20)).unwrap();
    bench.append(&lines(2..7)).await.unwrap();
    assert_eq!(bench.numbers().await, (0..7).collect::<Vec<_>>());
}

#[tokio::test]
async fn what_another_process_has_sealed_is_written_again_if_it_cannot_be_synced() {
    let bench = Bench::new("sealed", 5, Durability::Interval(Duration::from_secs(600)));
    bench.append(&lines(0..2)).await.unwrap();
    let path = bench.store.path();
    let other = RotatingStore::builder(path).durability(Durability::Never).max_bytes(MAX_BYTES);
    other.build().append(lines(2..4), &[]).await.unwrap();
    assert_eq!(fs::read_to_string(path_of(path, 1)).unwrap(), lines(0..2));
    bench.fail(&[Op::Sync]);
    assert!(bench.append(&line(4)).await.is_err());
    assert!(bench.append(&line(4)).await.is_err());
    // As if the kernel had dropped the page that it could not write.
    fs::write(path_of(path, 1), "\0\0\0\0\0\0\0\0\0\n".repeat(2)).unwrap();
    bench.fail(&[]);
    bench.append(&line(4)).await.unwrap();
    assert_eq!(bench.numbers().await, (0..5).collect::<Vec<_>>());
}
