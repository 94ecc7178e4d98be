//! With a disk that fails on request; see [`Faults`].

use std::fs;
use std::io::{Read, Seek, SeekFrom, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use rustix::io::Errno;

use super::FileStore;
use crate::store::disk::faults::{Faults, Op};
use crate::store::{
    Durability, Edit, Kind, Payload, Position, Purpose, RewriteOptions, Rewritten, Run, Store,
    StoreError, StoreErrorKind,
};

struct Bench {
    dir: PathBuf,
    faults: Faults,
    store: FileStore,
}

impl Bench {
    fn new(name: &str, durability: Durability) -> Self {
        let dir = std::env::temp_dir().join(format!("papyra-{}-{name}", std::process::id()));
        fs::create_dir_all(&dir).unwrap();
        let faults = Faults::default();
        let builder = FileStore::builder(dir.join("a")).durability(durability);
        let store = builder.quarantine_dir(dir.join("e")).faults(faults.clone()).build();
        Self { dir, faults, store }
    }

    fn fail(&self, failing: &[Op]) {
        self.faults.plan().failing = failing.to_vec();
    }

    fn journal(&self) -> PathBuf {
        self.dir.join("a")
    }

    fn text(&self) -> String {
        fs::read_to_string(self.journal()).unwrap()
    }

    async fn append(&self, lines: &str) -> Result<(), StoreError> {
        self.store.append(lines.to_owned(), &[Run { kind: Kind::Event, lines: 1 }]).await
    }
}

impl Drop for Bench {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.dir);
    }
}

#[tokio::test]
async fn a_failed_fdatasync_takes_the_batch_back_and_stops_acknowledging() {
    let bench = Bench::new("fsync", Durability::Always);
    bench.append("1\n").await.unwrap();
    bench.fail(&[Op::Sync]);
    assert_eq!(bench.append("2\n").await.unwrap_err().kind(), StoreErrorKind::Failed);
    assert_eq!(bench.text(), "1\n");
    // Only a file that was opened afresh, and whose name is durable, is trusted again.
    bench.fail(&[Op::SyncDir]);
    assert!(bench.append("3\n").await.is_err());
    bench.fail(&[Op::Sync]);
    assert!(bench.append("3\n").await.is_err());
    assert!(bench.store.sync().await.is_err());
    assert_eq!(bench.text(), "1\n");
    bench.fail(&[]);
    bench.append("4\n").await.unwrap();
    assert_eq!(bench.text(), "1\n4\n");
}

/// Appends while a sync is in flight that fails, and is the only one to be told so.
async fn append_beside_a_failing_sync(bench: &Bench, lines: &str) -> Result<(), StoreError> {
    bench.faults.plan().tell_one = true;
    let store = bench.store.clone();
    let sync = tokio::spawn(async move { store.sync().await });
    while !bench.faults.plan().awaiting_write {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    let appended = bench.append(lines).await;
    assert!(sync.await.unwrap().is_err());
    appended
}

#[tokio::test]
async fn an_append_is_not_acknowledged_when_a_sync_beside_it_has_taken_the_error() {
    let bench = Bench::new("told-append", Durability::Always);
    bench.append("1\n").await.unwrap();
    assert!(append_beside_a_failing_sync(&bench, "2\n").await.is_err());
    assert_eq!(bench.text(), "1\n");
    bench.append("3\n").await.unwrap();
    assert_eq!(bench.text(), "1\n3\n");
}

#[tokio::test]
async fn what_waits_for_a_sync_is_kept_when_a_sync_beside_it_has_taken_the_error() {
    let bench = Bench::new("told-interval", Durability::Interval(Duration::from_secs(600)));
    bench.append("1\n").await.unwrap();
    // So many bytes are synced at once.
    let many = format!("{}\n", "x".repeat(33 << 20));
    append_beside_a_failing_sync(&bench, &many).await.unwrap();
    // As if the kernel had dropped the pages that it could not write.
    fs::write(bench.journal(), vec![0; many.len() + 2]).unwrap();
    bench.append("2\n").await.unwrap();
    assert!(bench.text() == format!("1\n{many}2\n"), "{:?}", &bench.text()[..20]);
}

#[tokio::test]
async fn what_cannot_be_taken_back_is_isolated() {
    let bench = Bench::new("torn", Durability::Never);
    bench.append("1\n").await.unwrap();
    bench.faults.plan().space = Some(3);
    bench.fail(&[Op::Truncate]);
    assert_eq!(bench.append("2345\n").await.unwrap_err().kind(), StoreErrorKind::Full);
    assert_eq!(bench.text(), "1\n234");
    bench.faults.plan().space = None;
    bench.append("6\n").await.unwrap();
    assert_eq!(bench.text(), "1\n234\n6\n");
}

#[tokio::test]
async fn a_group_that_cannot_be_taken_back_is_not_written_again() {
    let bench = Bench::new("twice", Durability::Never);
    bench.append("0\n").await.unwrap();
    {
        let mut plan = bench.faults.plan();
        (plan.space, plan.space_returns) = (Some(5), true);
    }
    bench.fail(&[Op::Truncate]);
    let (.., last) = tokio::join!(bench.append("1\n"), bench.append("2\n"), bench.append("345\n"));
    assert_eq!(last.unwrap_err().kind(), StoreErrorKind::Full);
    assert_eq!(bench.text(), "0\n1\n2\n3");
}

#[tokio::test]
async fn a_full_disk_keeps_nothing_of_a_batch_and_recovers_by_itself() {
    let bench = Bench::new("full", Durability::Always);
    fs::write(bench.journal(), "torn").unwrap();
    for space in 0..6 {
        bench.faults.plan().space = Some(space);
        assert_eq!(bench.append("23456\n").await.unwrap_err().kind(), StoreErrorKind::Full);
        assert_eq!(bench.text(), "torn");
    }
    bench.faults.plan().space = None;
    bench.append("7\n").await.unwrap();
    assert_eq!(bench.text(), "torn\n7\n");
}

#[tokio::test]
async fn acknowledged_batches_are_written_again_after_a_failed_delayed_sync() {
    let bench = Bench::new("again", Durability::Interval(Duration::from_secs(60)));
    bench.append("first\n").await.unwrap();
    bench.append("second\n").await.unwrap();
    bench.fail(&[Op::Sync]);
    assert!(bench.store.sync().await.is_err());
    assert_eq!(bench.append("third\n").await.unwrap_err().kind(), StoreErrorKind::Failed);
    // As if the kernel had dropped the pages that it could not write.
    fs::write(bench.journal(), "\0\0\0\0\0\0\0\0\0\0\0\0\n").unwrap();
    bench.fail(&[]);
    bench.append("fourth\n").await.unwrap();
    assert_eq!(bench.text(), "first\nsecond\nfourth\n");
}

#[tokio::test]
async fn an_interval_syncs_within_its_time_and_not_for_each_batch() {
    let bench = Bench::new("interval", Durability::Interval(Duration::from_millis(40)));
    for _ in 0..20 {
        bench.append("x\n").await.unwrap();
    }
    tokio::time::sleep(Duration::from_millis(300)).await;
    let syncs = bench.faults.plan().syncs;
    assert!((1..6).contains(&syncs), "{syncs} syncs");
    assert_eq!(bench.store.unsynced(), 0);
}

#[tokio::test]
async fn a_dropped_store_is_synced_at_once() {
    let bench = Bench::new("drop", Durability::Interval(Duration::from_secs(600)));
    bench.append("x\n").await.unwrap();
    let faults = bench.faults.clone();
    assert_eq!(faults.plan().syncs, 0);
    drop(bench);
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert_eq!(faults.plan().syncs, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn concurrent_appends_share_an_fdatasync() {
    let bench = Bench::new("group", Durability::Always);
    bench.append("0\n").await.unwrap();
    let mut tasks = Vec::new();
    for _ in 0..200 {
        let store = bench.store.clone();
        tasks.push(tokio::spawn(async move { store.append("x\n".to_owned(), &[]).await }));
    }
    for task in tasks {
        task.await.unwrap().unwrap();
    }
    let syncs = bench.faults.plan().syncs;
    assert!(syncs < 150, "{syncs} syncs for 200 batches");
    assert_eq!(bench.text().len(), 402);
}

#[tokio::test]
async fn the_name_of_a_new_file_is_durable_before_the_first_reply() {
    let bench = Bench::new("name", Durability::Always);
    bench.fail(&[Op::SyncDir]);
    assert!(bench.append("1\n").await.is_err());
    bench.fail(&[]);
    bench.append("2\n").await.unwrap();
    assert_eq!(bench.text(), "2\n");
}

#[tokio::test]
async fn a_sync_covers_the_name_where_no_append_has() {
    let bench = Bench::new("unnamed", Durability::Never);
    bench.append("1\n").await.unwrap();
    bench.fail(&[Op::SyncDir]);
    assert_eq!(bench.store.sync().await.unwrap_err().kind(), StoreErrorKind::Failed);
    bench.fail(&[]);
    bench.store.sync().await.unwrap();
}

fn names(dir: &Path) -> Vec<String> {
    let entries = fs::read_dir(dir).map(Iterator::collect::<Vec<_>>).unwrap_or_default();
    entries.iter().map(|entry| format!("{:?}", entry.as_ref().unwrap().file_name())).collect()
}

#[tokio::test]
async fn what_others_have_written_since_is_never_written_over() {
    let bench = Bench::new("copytruncate", Durability::Interval(Duration::from_secs(600)));
    bench.append("1111\n").await.unwrap();
    bench.append("2222\n").await.unwrap();
    bench.fail(&[Op::Sync]);
    assert!(bench.store.sync().await.is_err());
    // Somebody empties the file, as `logrotate` does with `copytruncate`, and others append.
    fs::write(bench.journal(), "other\n").unwrap();
    bench.fail(&[]);
    bench.append("3\n").await.unwrap();
    assert_eq!(bench.text(), "other\n1111\n2222\n3\n");
}

#[tokio::test]
async fn what_is_not_synced_is_found_whatever_its_name() {
    let bench = Bench::new("moved", Durability::Interval(Duration::from_secs(600)));
    bench.append("1\n").await.unwrap();
    bench.fail(&[Op::Sync]);
    assert!(bench.store.sync().await.is_err());
    let moved = bench.dir.join("a.moved");
    fs::rename(bench.journal(), &moved).unwrap();
    // As if the kernel had dropped the page that it could not write.
    fs::write(&moved, "\0\0").unwrap();
    bench.fail(&[]);
    bench.append("2\n").await.unwrap();
    assert_eq!(fs::read_to_string(&moved).unwrap(), "1\n");
    assert_eq!(bench.text(), "2\n");
}

#[tokio::test]
async fn what_somebody_cuts_off_is_not_written_again() {
    let bench = Bench::new("cut", Durability::Interval(Duration::from_secs(600)));
    bench.append("1\n").await.unwrap();
    bench.append("2\n3\n").await.unwrap();
    fs::OpenOptions::new().write(true).open(bench.journal()).unwrap().set_len(4).unwrap();
    bench.append("4\n").await.unwrap();
    assert_eq!(bench.store.unsynced(), 6);
    bench.fail(&[Op::Sync]);
    assert!(bench.store.sync().await.is_err());
    fs::write(bench.journal(), "\0".repeat(6)).unwrap();
    bench.fail(&[]);
    bench.append("5\n").await.unwrap();
    assert_eq!(bench.text(), "1\n2\n4\n5\n");
}

/// Removes the line `2`, and keeps it in quarantine.
async fn remove_second(bench: &Bench) -> Result<Rewritten, StoreError> {
    let snapshot = bench.store.snapshot().await.unwrap();
    let options = RewriteOptions { purpose: Purpose::Recover, keep_quarantine: true, force: false };
    let mut rewrite = snapshot.rewrite("a", options).await.unwrap();
    let at = |minor| Position { major: 0, minor };
    rewrite.edit(&[Edit::removal(at(2), at(4))]).await.unwrap();
    rewrite.commit().await
}

#[tokio::test]
async fn a_rename_that_was_done_and_reported_as_failed_keeps_the_quarantine() {
    let bench = Bench::new("renamed", Durability::Never);
    bench.append("1\n2\n3\n").await.unwrap();
    bench.fail(&[Op::Renamed]);
    let rewritten = remove_second(&bench).await.unwrap();
    assert_eq!(bench.text(), "1\n3\n");
    let [quarantine] = &rewritten.quarantine[..] else { panic!("{rewritten:?}") };
    assert_eq!(fs::read_to_string(quarantine).unwrap(), "2\n");
    assert_eq!(names(&bench.dir).len(), 2);
}

#[tokio::test]
async fn a_rewrite_that_cannot_switch_leaves_the_original_alone() {
    let bench = Bench::new("switch", Durability::Never);
    bench.append("1\n2\n3\n").await.unwrap();
    bench.fail(&[Op::Rename]);
    assert_eq!(remove_second(&bench).await.unwrap_err().kind(), StoreErrorKind::Failed);
    assert_eq!(bench.text(), "1\n2\n3\n");
    assert_eq!(names(&bench.dir.join("e")), Vec::<String>::new());
    assert_eq!(names(&bench.dir).len(), 2);
    bench.append("4\n").await.unwrap();
    assert_eq!(bench.text(), "1\n2\n3\n4\n");
}

/// What file systems without locks answer.
const NO_LOCKS: [Errno; 3] = [Errno::NOSYS, Errno::OPNOTSUPP, Errno::NOLCK];

#[tokio::test]
async fn a_file_system_without_locks_is_served() {
    for errno in NO_LOCKS {
        let bench = Bench::new("no-locks", Durability::Always);
        bench.faults.plan().refused = vec![(Op::Lock, errno)];
        bench.append("1\n").await.unwrap();
        bench.append("2\n").await.unwrap();
        assert_eq!(bench.store.snapshot().await.unwrap().segments()[0].bytes, 4);
        remove_second(&bench).await.unwrap();
        assert_eq!(bench.text(), "1\n", "{errno}");
        assert_eq!(names(&bench.dir).len(), 2, "{errno}: {:?}", names(&bench.dir));
    }
}

#[tokio::test]
async fn a_lock_that_fails_is_an_error_for_readers_too() {
    let bench = Bench::new("bad-lock", Durability::Always);
    bench.append("1\n").await.unwrap();
    bench.fail(&[Op::Lock]);
    assert!(bench.store.snapshot().await.is_err());
    assert!(bench.append("2\n").await.is_err());
    assert_eq!(bench.text(), "1\n");
}

#[tokio::test]
async fn without_locks_age_tells_what_a_killed_rewrite_has_left() {
    let bench = Bench::new("old", Durability::Always);
    bench.append("1\n2\n").await.unwrap();
    bench.faults.plan().refused = vec![(Op::Lock, Errno::NOLCK)];
    let left = bench.dir.join(".a.papyra-rewrite");
    fs::write(&left, "").unwrap();
    let options =
        RewriteOptions { purpose: Purpose::Recover, keep_quarantine: false, force: false };
    let rewrite = bench.store.snapshot().await.unwrap().rewrite("a", options).await;
    assert_eq!(rewrite.err().map(|error| error.kind()), Some(StoreErrorKind::Locked));
    assert!(left.exists(), "it may be in use");
    let file = fs::File::options().write(true).open(&left).unwrap();
    file.set_modified(SystemTime::now() - Duration::from_secs(3600)).unwrap();
    remove_second(&bench).await.unwrap();
    assert_eq!(bench.text(), "1\n");
}

#[tokio::test]
async fn a_directory_that_cannot_be_synced_is_served_unless_the_device_fails() {
    for errno in [Errno::INVAL, Errno::OPNOTSUPP] {
        let bench = Bench::new("no-sync", Durability::Always);
        bench.faults.plan().refused = vec![(Op::SyncDir, errno)];
        bench.append("1\n").await.unwrap();
        bench.append("2\n").await.unwrap();
        let rewritten = remove_second(&bench).await.unwrap();
        assert_eq!((bench.text().as_str(), rewritten.bytes_after), ("1\n", 2), "{errno}");
    }
    for errno in [Errno::IO, Errno::NOSPC] {
        let bench = Bench::new("bad-sync", Durability::Always);
        bench.faults.plan().refused = vec![(Op::SyncDir, errno)];
        assert!(bench.append("1\n").await.is_err(), "{errno}");
    }
}

#[tokio::test]
async fn a_hole_stays_one_in_rewrite_and_quarantine_and_reads_as_zeros() {
    const HOLE: u64 = 256 << 20;
    let bench = Bench::new("hole", Durability::Always);
    let mut file = fs::File::create(bench.journal()).unwrap();
    file.write_all(b"1\n").unwrap();
    file.seek(SeekFrom::Start(HOLE)).unwrap();
    file.write_all(b"2\n").unwrap();
    file.seek(SeekFrom::Start(2 * HOLE)).unwrap();
    file.write_all(b"3\n").unwrap();
    let on_disk = |path: &Path| fs::metadata(path).unwrap().blocks() * 512;
    if on_disk(&bench.journal()) > 1 << 20 {
        // No holes here.
        return;
    }
    let snapshot = bench.store.snapshot().await.unwrap();
    let at = Position { major: 0, minor: HOLE / 2 };
    let chunk = snapshot.read("a", at, 4 << 20).await.unwrap();
    assert_eq!(chunk.data, Payload::Raw(vec![0; 4 << 20]));
    let at = Position { major: 0, minor: HOLE - 8 };
    let chunk = snapshot.read("a", at, 12).await.unwrap();
    assert_eq!(chunk.data, Payload::Raw(b"\0\0\0\0\0\0\0\x002\n\0\0".to_vec()));

    let options = RewriteOptions { purpose: Purpose::Recover, keep_quarantine: true, force: false };
    let mut rewrite = snapshot.rewrite("a", options).await.unwrap();
    let position = |minor| Position { major: 0, minor };
    rewrite.edit(&[Edit::removal(position(2), position(HOLE))]).await.unwrap();
    let rewritten = rewrite.commit().await.unwrap();
    assert_eq!((rewritten.bytes_before, rewritten.bytes_after), (2 * HOLE + 2, HOLE + 4));
    let quarantine = Path::new(&rewritten.quarantine[0]);
    assert_eq!(fs::metadata(quarantine).unwrap().len(), HOLE - 2);
    assert!(on_disk(quarantine) < 1 << 20, "{}", on_disk(quarantine));
    assert!(on_disk(&bench.journal()) < 1 << 20, "{}", on_disk(&bench.journal()));
    let mut rest = fs::File::open(bench.journal()).unwrap();
    let mut bytes = [0; 6];
    rest.read_exact(&mut bytes).unwrap();
    assert_eq!(&bytes, b"1\n2\n\0\0");
    rest.seek(SeekFrom::End(-3)).unwrap();
    let mut bytes = Vec::new();
    rest.read_to_end(&mut bytes).unwrap();
    assert_eq!(bytes, b"\x003\n");
}

#[tokio::test]
async fn a_temporary_that_another_user_has_put_there_is_not_used() {
    let bench = Bench::new("stranger", Durability::Never);
    bench.append("1\n2\n3\n").await.unwrap();
    let planted = bench.dir.join(".a.papyra-rewrite");
    fs::write(&planted, "").unwrap();
    if std::os::unix::fs::chown(&planted, Some(12_345), None).is_err() {
        // Only root can play another user.
        return;
    }
    // Its owner keeps it open, and would be able to write to the next journal.
    let mut open = fs::File::options().write(true).open(&planted).unwrap();
    remove_second(&bench).await.unwrap();
    open.write_all(b"forged\n").unwrap();
    assert_eq!(bench.text(), "1\n3\n");
}
