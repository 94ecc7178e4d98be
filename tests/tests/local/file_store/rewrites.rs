use std::fs::{self, File};
use std::io::Write;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown, symlink};
use std::path::Path;
use std::time::Duration;

use papyra_persistence::store::{FileStore, Role, Store, StoreErrorKind};
use papyra_tests::acl;
use rustix::fs::{FlockOperation, XattrFlags, flock, getxattr, setxattr};

use super::{PLAIN, QUARANTINE, append, line, remove};
use crate::support::TempDir;

#[tokio::test]
async fn mode_owner_attributes_and_symlink_stay() {
    let dir = TempDir::new();
    fs::create_dir(dir.path("real")).unwrap();
    let real = dir.path("real/a");
    fs::write(&real, [line(1), line(2)].concat()).unwrap();
    fs::set_permissions(&real, fs::Permissions::from_mode(0o640)).unwrap();
    // Only root can; anybody else keeps its own, which is what is asserted then.
    let _ = chown(&real, Some(1234), Some(2345));
    setxattr(&real, "user.papyra", b"x", XattrFlags::empty()).unwrap();
    let before = fs::metadata(&real).unwrap();
    symlink("real/a", dir.path("link")).unwrap();

    let store = FileStore::open(dir.path("link"));
    remove(&store, PLAIN, &[(0, line(1).len() as u64)]).await.unwrap();
    let after = fs::metadata(&real).unwrap();
    assert_ne!(before.ino(), after.ino());
    assert_eq!(
        (before.mode(), before.uid(), before.gid()),
        (after.mode(), after.uid(), after.gid())
    );
    let mut value = [0; 8];
    assert_eq!(getxattr(&real, "user.papyra", &mut value[..]).unwrap(), 1);
    assert!(fs::symlink_metadata(dir.path("link")).unwrap().is_symlink());
    append(&store, &line(3)).await.unwrap();
    assert_eq!(fs::read_to_string(&real).unwrap(), [line(2), line(3)].concat());
    assert_eq!(dir.files(), ["a", "link"]);
}

#[tokio::test]
async fn nobody_may_read_the_quarantine_who_may_not_read_the_journal() {
    let dir = TempDir::new();
    let path = dir.path("a");
    fs::write(&path, [line(1), line(2)].concat()).unwrap();
    if !acl::lets_a_user_read(&path) {
        eprintln!("not tested: this file system has no access lists");
        return;
    }
    let store = FileStore::builder(&path).quarantine_dir(dir.path("away")).build();
    let done = remove(&store, QUARANTINE, &[(0, line(1).len() as u64)]).await.unwrap();
    let kept = Path::new(&done.quarantine[0]);
    assert_eq!(acl::of(kept), acl::of(&path));
    assert_eq!(fs::metadata(kept).unwrap().mode() & 0o777, 0o640);
    // Without its list the mode would let the group read.
    let bare = Path::new("/dev/shm");
    let store = FileStore::builder(&path).quarantine_dir(TempDir::under(bare).path("x")).build();
    let done = remove(&store, QUARANTINE, &[(0, line(2).len() as u64)]).await.unwrap();
    let kept = Path::new(&done.quarantine[0]);
    let group = fs::metadata(kept).unwrap().mode() & 0o070;
    assert!(acl::of(kept) == acl::of(&path) || group == 0, "{group:o}");
}

#[tokio::test]
async fn kept_and_quarantined_bytes_make_up_the_original() {
    let dir = TempDir::new();
    // On another file system, in a directory that is not there yet.
    let away = TempDir::under(Path::new("/dev/shm"));
    let path = dir.path("a");
    let original: String = (0..60_000).map(line).collect();
    fs::write(&path, &original).unwrap();
    let store = FileStore::builder(&path).quarantine_dir(away.path("x/y")).build();
    // Small and large runs of both kinds, cut without regard to lines: the store does not judge.
    let length = original.len() as u64;
    let mut ranges = vec![(0, 5), (7, 8), (900_000, 1_900_000)];
    ranges.extend((2_000_000..2_200_000).step_by(100).map(|at| (at, at + 37)));
    ranges.push((length - 3, length));
    let done = remove(&store, QUARANTINE, &ranges).await.unwrap();

    let kept = fs::read_to_string(&path).unwrap();
    let gone = fs::read_to_string(&done.quarantine[0]).unwrap();
    let (mut kept, mut gone) = (&*kept, &*gone);
    let mut at = 0;
    for (start, end) in ranges {
        let (piece, rest) = kept.split_at((start - at) as usize);
        assert_eq!(piece, &original[at as usize..start as usize]);
        kept = rest;
        let (piece, rest) = gone.split_at((end - start) as usize);
        assert_eq!(piece, &original[start as usize..end as usize]);
        gone = rest;
        at = end;
    }
    assert_eq!((kept, gone), ("", ""));
    assert_eq!(done.bytes_before, length);
    assert_eq!(done.bytes_after, fs::metadata(&path).unwrap().len());
    assert_eq!(away.files().len(), 1, "{:?}", away.files());
    assert!(away.files()[0].starts_with("a.20") && away.files()[0].ends_with(".1.quarantine"));
}

#[tokio::test]
async fn a_leftover_is_reported_and_stands_in_nobodys_way() {
    let dir = TempDir::new();
    let store = FileStore::open(dir.path("a"));
    append(&store, &[line(1), line(2)].concat()).await.unwrap();
    let leftover = dir.path(".a.papyra-rewrite");
    fs::write(&leftover, "half").unwrap();
    let snapshot = store.snapshot().await.unwrap();
    let found = &snapshot.segments()[1];
    assert_eq!((found.role, found.bytes, &*found.name), (Role::Leftover, 4, ".a.papyra-rewrite"));
    assert_eq!(found.start, found.end);
    let refused = snapshot.rewrite(".a.papyra-rewrite", PLAIN).await.err().unwrap();
    assert_eq!(refused.kind(), StoreErrorKind::Unsupported);

    // The same file in use by a running rewrite is none.
    let other = File::open(&leftover).unwrap();
    flock(&other, FlockOperation::LockExclusive).unwrap();
    assert_eq!(store.snapshot().await.unwrap().segments().len(), 1);
    let busy = remove(&store, PLAIN, &[(0, 1)]).await.unwrap_err();
    assert_eq!(busy.kind(), StoreErrorKind::Locked);
    drop(other);

    remove(&store, PLAIN, &[(0, line(1).len() as u64)]).await.unwrap();
    assert_eq!(fs::read_to_string(dir.path("a")).unwrap(), line(2));
    assert_eq!(dir.files(), ["a"]);
}

#[tokio::test]
async fn an_outdated_snapshot_is_not_rewritten() {
    let dir = TempDir::new();
    let store = FileStore::open(dir.path("a"));
    append(&store, &[line(1), line(2)].concat()).await.unwrap();
    let old = store.snapshot().await.unwrap();
    let begun = store.snapshot().await.unwrap();
    let mut begun = begun.rewrite("a", PLAIN).await.unwrap();
    begun.edit(&[super::range(0, 3)]).await.unwrap();
    // Somebody who knows nothing of our locks replaces the file.
    fs::write(dir.path("b"), line(9)).unwrap();
    fs::rename(dir.path("b"), dir.path("a")).unwrap();
    assert_eq!(begun.commit().await.unwrap_err().kind(), StoreErrorKind::Locked);
    assert_eq!(old.rewrite("a", PLAIN).await.err().unwrap().kind(), StoreErrorKind::Locked);
    assert_eq!(fs::read_to_string(dir.path("a")).unwrap(), line(9));
    assert_eq!(dir.files(), ["a"]);
}

#[tokio::test]
async fn a_tail_that_turns_out_to_be_unfinished_is_not_cut_in_two() {
    let dir = TempDir::new();
    let path = dir.path("a");
    let whole = [line(1), line(2)].concat();
    let torn = whole.len() - 5;
    fs::write(&path, &whole[..torn]).unwrap();
    let store = FileStore::open(&path);
    let snapshot = store.snapshot().await.unwrap();
    let mut rewrite = snapshot.rewrite("a", PLAIN).await.unwrap();
    rewrite.edit(&[super::range(line(1).len() as u64, torn as u64)]).await.unwrap();
    fs::write(&path, &whole).unwrap();
    assert_eq!(rewrite.commit().await.unwrap_err().kind(), StoreErrorKind::Locked);
    assert_eq!(fs::read_to_string(&path).unwrap(), whole);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rewrite_does_not_copy_a_write_that_is_taken_back() {
    let dir = TempDir::new();
    let path = dir.path("a");
    let store = FileStore::open(&path);
    append(&store, &[line(1), line(2)].concat()).await.unwrap();
    let snapshot = store.snapshot().await.unwrap();
    let mut rewrite = snapshot.rewrite("a", PLAIN).await.unwrap();
    rewrite.edit(&[super::range(0, line(1).len() as u64)]).await.unwrap();

    // Another process is in the middle of a large write, which then fails.
    let mut other = File::options().append(true).open(&path).unwrap();
    flock(&other, FlockOperation::LockExclusive).unwrap();
    let length = other.metadata().unwrap().len();
    other.write_all(&vec![b'x'; 1 << 20]).unwrap();
    let commit = tokio::spawn(rewrite.commit());
    tokio::time::sleep(Duration::from_millis(100)).await;
    other.set_len(length).unwrap();
    other.write_all(line(3).as_bytes()).unwrap();
    drop(other);
    commit.await.unwrap().unwrap();
    assert_eq!(fs::read_to_string(&path).unwrap(), [line(2), line(3)].concat());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_snapshot_that_waited_for_a_rewrite_is_of_the_new_file() {
    let dir = TempDir::new();
    let path = dir.path("a");
    let store = FileStore::open(&path);
    append(&store, &line(1)).await.unwrap();
    let other = File::open(&path).unwrap();
    flock(&other, FlockOperation::LockExclusive).unwrap();
    let waiting = tokio::spawn(async move { store.snapshot().await });
    tokio::time::sleep(Duration::from_millis(50)).await;
    fs::write(dir.path("b"), [line(1), line(2)].concat()).unwrap();
    fs::rename(dir.path("b"), &path).unwrap();
    drop(other);
    let snapshot = waiting.await.unwrap().unwrap();
    assert_eq!(snapshot.segments()[0].bytes, [line(1), line(2)].concat().len() as u64);
}
