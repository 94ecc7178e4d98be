//! Several processes: this test binary runs itself again, with its task in the environment.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use papyra_persistence::store::{Durability, FileStore, Payload, Position, Store, StoreErrorKind};

use super::{PLAIN, QUARANTINE, append, line, range, remove};
use crate::support::TempDir;

const TASK: &str = "PAPYRA_TEST_TASK";
const JOURNAL: &str = "PAPYRA_TEST_JOURNAL";
/// How often a rewrite has to succeed while others append and rewrite.
const REWRITES: usize = 25;

fn child(task: &str, journal: &Path, before: &str) -> Command {
    let me = std::env::current_exe().unwrap();
    let mut command = Command::new("sh");
    command
        .arg("-c")
        .arg(format!("{before} \"$0\" --exact file_store::processes::the_child --nocapture"));
    command.arg(me).env(TASK, task).env(JOURNAL, journal).stdout(Stdio::null());
    command
}

fn finish(mut child: Child) {
    assert!(child.wait().unwrap().success());
}

/// Does nothing but in a child.
#[tokio::test(flavor = "multi_thread")]
async fn the_child() {
    let Ok(task) = std::env::var(TASK) else { return };
    let journal = std::env::var(JOURNAL).unwrap();
    let builder = FileStore::builder(&journal).durability(Durability::Never);
    let store = builder.quarantine_dir(format!("{journal}.quarantine")).build();
    match &*task {
        "limited" => limited(&store, Path::new(&journal)).await,
        "rewrite" => loop {
            let length = fs::metadata(&journal).unwrap().len();
            let result = remove(&store, QUARANTINE, &[(0, length / 2)]).await;
            drop(result);
            append(&store, &"x".repeat(3 << 20).replace("xxxxxxxx", "xxxxxxx\n")).await.unwrap();
        },
        "reader" => reader(&store).await,
        "doom" => {
            while !stopped(&journal) {
                remove_doomed(&store).await;
            }
        }
        writer => {
            let first = writer.parse::<usize>().unwrap() * 1_000_000;
            let mut n = first;
            while !stopped(&journal) && n < first + 600_000 {
                append(&store, &[line(n), line(n + 1), line(n + 2)].concat()).await.unwrap();
                n += 3;
            }
            fs::write(format!("{journal}.count.{writer}"), (n - first).to_string()).unwrap();
        }
    }
}

fn stopped(journal: &str) -> bool {
    Path::new(&format!("{journal}.stop")).exists()
}

/// Removes all lines that say `doomed`, and appends another; false if somebody else was quicker.
async fn remove_doomed(store: &FileStore) -> bool {
    let snapshot = store.snapshot().await.unwrap();
    let end = snapshot.segments()[0].end.minor;
    let mut text = Vec::new();
    while (text.len() as u64) < end {
        let at = Position { major: 0, minor: text.len() as u64 };
        let chunk = snapshot.read("a", at, 1 << 20).await.unwrap();
        let Payload::Raw(bytes) = chunk.data else { panic!("not raw") };
        text.extend_from_slice(&bytes);
    }
    let text = String::from_utf8(text).unwrap();
    assert!(text.ends_with('\n'), "a snapshot ends inside a write");
    let ranges: Vec<_> =
        text.match_indices("doomed\n").map(|(at, _)| range(at as u64, at as u64 + 7)).collect();
    let done = match snapshot.rewrite("a", PLAIN).await {
        Ok(mut rewrite) => {
            rewrite.edit(&ranges).await.unwrap();
            rewrite.commit().await
        }
        Err(error) => Err(error),
    };
    if let Err(error) = done {
        assert_eq!(error.kind(), StoreErrorKind::Locked, "{}", error.one_line());
        return false;
    }
    append(store, "doomed\n").await.unwrap();
    true
}

#[tokio::test(flavor = "multi_thread")]
async fn writers_lose_nothing_while_others_rewrite() {
    let dir = TempDir::new();
    let journal = dir.path("a");
    let store = FileStore::builder(&journal).durability(Durability::Never).build();
    append(&store, "doomed\n").await.unwrap();
    let mut children: Vec<Child> = ["0", "1", "2", "doom", "doom"]
        .iter()
        .map(|task| child(task, &journal, "exec").spawn().unwrap())
        .collect();
    let mut rewrites = 0;
    while rewrites < REWRITES {
        rewrites += usize::from(remove_doomed(&store).await);
        let failed = |child: &mut Child| child.try_wait().unwrap().is_some_and(|s| !s.success());
        assert!(!children.iter_mut().any(failed));
    }
    fs::write(dir.path("a.stop"), "").unwrap();
    children.into_iter().for_each(finish);

    let text = fs::read_to_string(&journal).unwrap();
    let found: Vec<&str> = text.split_inclusive('\n').filter(|l| *l != "doomed\n").collect();
    let mut next = [0, 1_000_000, 2_000_000];
    for batch in found.chunks(3) {
        let n = batch[0].rsplit(' ').next().unwrap().trim_end_matches("}\n").parse().unwrap();
        assert_eq!(batch.concat(), [line(n), line(n + 1), line(n + 2)].concat());
        // Nothing missing, nothing twice, nothing out of order.
        assert_eq!(next[n / 1_000_000], n);
        next[n / 1_000_000] += 3;
    }
    for (writer, next) in next.into_iter().enumerate() {
        let count = fs::read_to_string(dir.path(&format!("a.count.{writer}"))).unwrap();
        assert_eq!(next - writer * 1_000_000, count.parse::<usize>().unwrap());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_rewrite_leaves_old_or_new_and_blocks_nobody() {
    let dir = TempDir::new();
    let journal = dir.path("a");
    let store = FileStore::builder(&journal).quarantine_dir(dir.path("a.quarantine")).build();
    for round in 0..30 {
        let before: String = (0..40_000).map(|n| line(n + round)).collect();
        fs::write(&journal, &before).unwrap();
        let mut rewriting = child("rewrite", &journal, "exec").spawn().unwrap();
        tokio::time::sleep(Duration::from_millis(15 + u64::try_from(round).unwrap() * 3)).await;
        rewriting.kill().unwrap();
        rewriting.wait().unwrap();

        let snapshot = store.snapshot().await.unwrap();
        let end = snapshot.segments()[0].end.minor;
        drop(snapshot);
        let text = fs::read_to_string(&journal).unwrap();
        assert_eq!(text.len() as u64, end);
        // Old or new, whole: an end of what was there, and then what the child has appended. Only
        // the last of that can be torn.
        let (old, new) = text.split_at(text.find('x').unwrap_or(text.len()));
        assert!(before.ends_with(old) || old == "\n", "{} bytes", old.len());
        assert!(new.lines().skip(1).all(|line| "xxxxxxx".starts_with(line)));
        append(&store, &line(7)).await.unwrap();
        remove(&store, PLAIN, &[(0, end)]).await.unwrap();
        let isolated = if text.is_empty() || text.ends_with('\n') { "" } else { "\n" };
        assert_eq!(fs::read_to_string(&journal).unwrap(), format!("{isolated}{}", line(7)));
        assert!(!dir.path(".a.papyra-rewrite").exists());
        let half: Vec<String> =
            dir.files().into_iter().filter(|name| name.ends_with(".papyra-quarantine")).collect();
        assert!(half.is_empty(), "{half:?}");
    }
}

#[test]
fn a_full_disk_takes_nothing_and_appends_work_again() {
    let dir = TempDir::new();
    let limited = "trap '' XFSZ; ulimit -f 8; exec";
    finish(child("limited", &dir.path("a"), limited).spawn().unwrap());
}

/// With files limited to 8 blocks of 512 or 1024 bytes, depending on the shell.
async fn limited(store: &FileStore, journal: &Path) {
    let large: String = (0..300).map(line).collect();
    append(store, &line(1)).await.unwrap();
    assert_eq!(append(store, &large).await.unwrap_err().kind(), StoreErrorKind::Full);
    assert_eq!(fs::read_to_string(journal).unwrap(), line(1));
    append(store, &line(2)).await.unwrap();
    assert_eq!(fs::read_to_string(journal).unwrap(), [line(1), line(2)].concat());
    // A neighbour that is too large does not take others with it.
    let (small_before, large, small) = (line(3), large, line(4));
    let (a, b, c) =
        tokio::join!(append(store, &small_before), append(store, &large), append(store, &small));
    assert_eq!((a.is_ok(), b.is_ok(), c.is_ok()), (true, false, true));
    assert_eq!(fs::read_to_string(journal).unwrap().lines().count(), 4);
    let files = fs::read_dir(journal.parent().unwrap()).unwrap().count();
    assert_eq!(files, 1);
}

#[test]
fn reading_needs_no_more_than_permission_to_read() {
    let dir = TempDir::new();
    let journal = dir.path("a");
    fs::write(&journal, line(1)).unwrap();
    fs::write(dir.path("private"), line(1)).unwrap();
    let set = |name: &str, mode| {
        fs::set_permissions(dir.path(name), fs::Permissions::from_mode(mode)).unwrap();
    };
    set("a", 0o444);
    set("private", 0o000);
    set("", 0o555);
    let root = rustix::process::geteuid().is_root();
    // Root may do anything, so it has to become somebody else.
    let other = "exec setpriv --reuid=65534 --regid=65534 --clear-groups";
    finish(child("reader", &journal, if root { other } else { "exec" }).spawn().unwrap());
    set("", 0o755);
}

async fn reader(store: &FileStore) {
    let snapshot = store.snapshot().await.unwrap();
    let start = Position { major: 0, minor: 0 };
    let chunk = snapshot.read("a", start, 1000).await.unwrap();
    assert_eq!(chunk.data, Payload::Raw(line(1).into_bytes()));
    for error in [
        append(store, &line(2)).await.unwrap_err(),
        remove(store, PLAIN, &[(0, 3)]).await.unwrap_err(),
        FileStore::open(store.path().with_file_name("private")).snapshot().await.err().unwrap(),
        append(&FileStore::open(store.path().with_file_name("new")), "1\n").await.unwrap_err(),
    ] {
        assert_eq!(error.kind(), StoreErrorKind::Denied);
        assert!(error.one_line().contains("check the owner and mode"), "{}", error.one_line());
    }
}
