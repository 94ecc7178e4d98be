//! No space left: nothing half-written is visible, nothing is lost, and work goes on once there is
//! space. A limit on the size of files stands for a full disk everywhere; where this process may mount
//! a small file system, a really full one is tried as well.

use std::fs;
use std::path::Path;
use std::process::Command;

use papyra_persistence::journal::{FailureCode, RecoverOptions, ScanOptions};
use papyra_persistence::store::{Durability, FileStore};
use papyra_persistence::{Engine, Journal};
use papyra_tests::command::{self, Ended, names, persistence};
use papyra_tests::numbered;
use papyra_tests::process::apart;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

const FULL: Option<i32> = Some(73);

/// Puts the engine's compiled code into the cache, which must happen before writing is limited.
fn compile() {
    drop(Engine::new().unwrap());
}

fn lines(numbers: std::ops::Range<u64>) -> String {
    numbers.map(numbered::line).collect()
}

/// A damaged journal whose repair and whose compaction both leave most of it.
fn damaged(records: u64) -> Vec<u8> {
    format!("{}garbage\n{}", lines(0..records / 2), lines(records / 2..records)).into_bytes()
}

fn assert_full(ended: &Ended, advice: &[&str]) {
    assert_eq!(ended.code, FULL, "{ended:?}");
    assert!(ended.says(&["journal.ndjson"]) && ended.says(advice), "{ended:?}");
    let document = ended.document();
    assert_eq!(
        (document["schema"].as_str(), document["exit"].as_i64()),
        (Some("papyra.error/2"), Some(73))
    );
}

/// Everything that writes, where `limit` leaves no room for it.
fn refuses_everything(
    path: &Path,
    records: u64,
    limit: impl Fn(&Command) -> Command,
    advice: &[&str],
) {
    let most = (records - records / 10).to_string();
    let dir = path.parent().unwrap();
    let before = (fs::read(path).unwrap(), names(dir));
    let quarantine = dir.join("quarantine");
    let quarantine = quarantine.to_str().unwrap();
    for (operation, options) in [
        ("append", &["--json"][..]),
        ("append", &["--json", "--sync", "never"]),
        ("append", &["--json", "--sync", "interval:50"]),
        ("recover", &["--json"]),
        ("recover", &["--json", "--mode", "quarantine", "--quarantine-dir", quarantine]),
        ("compact", &["--json", "--max-records", &most]),
        ("startup-check", &["--json", "--mode", "recover"]),
    ] {
        let mut command = persistence(operation, path);
        command.args(options);
        let input = lines(records..records + 2000);
        let ended = command::run_with(&mut limit(&command), input.as_bytes());
        assert_full(&ended, advice);
        assert!(
            fs::read(path).unwrap() == before.0,
            "{operation} {options:?}: the bytes are there"
        );
        let _ = fs::remove_dir(quarantine);
        assert_eq!(names(dir), before.1, "{operation} {options:?}: nothing else is");
    }
}

/// The same commands, now that there is space.
fn accepts_everything(path: &Path, records: u64) {
    let end = records + 100;
    let run = |operation, options: &[&str], input: &str| {
        let ended = command::run_with(persistence(operation, path).args(options), input.as_bytes());
        assert_eq!(ended.code, Some(0), "{operation}: {ended:?}");
    };
    run("append", &[], &lines(records..end));
    run("recover", &["--no-audit"], "");
    assert!(numbered::numbers(&fs::read(path).unwrap()).into_iter().eq(0..end));
    run("compact", &["--no-audit", "--max-records", "50"], "");
    assert!(numbered::numbers(&fs::read(path).unwrap()).into_iter().eq(end - 50..end));
    run("scan", &[], "");
}

#[test]
fn a_limit_on_the_size_of_files_is_a_full_disk() {
    compile();
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("journal.ndjson");
    // Blocks have 512 bytes. The first limit is reached at once, the second half-way through. Below
    // some MiB the engine itself cannot be set up, since its memory begins as a file of the system.
    const RECORDS: u64 = 60_000;
    for room in [0, 20] {
        fs::write(&path, damaged(RECORDS)).unwrap();
        let append = fs::metadata(&path).unwrap().len() / 512 + room;
        let rewrite = append / 2;
        let limit = |command: &Command| {
            let append_only = command.get_args().any(|word| word == "append");
            let blocks = if append_only { append } else { rewrite };
            command::after(&format!("ulimit -f {blocks}"), command)
        };
        refuses_everything(&path, RECORDS, limit, &["ulimit -f"]);
        accepts_everything(&path, RECORDS);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn appends_resume_in_the_same_process() {
    if !apart("disk_full::appends_resume_in_the_same_process") {
        return;
    }
    compile();
    for durability in [Durability::Always, Durability::Never] {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("journal.ndjson");
        let limit = getrlimit(Resource::Fsize);
        ignore_the_signal();
        let full = || setrlimit(Resource::Fsize, Rlimit { current: Some(100_000), ..limit });
        let free = || setrlimit(Resource::Fsize, limit);
        resumes(&path, durability, || full().unwrap(), || free().unwrap()).await;
    }
}

/// A write beyond the limit is to fail, not to kill.
fn ignore_the_signal() {
    // SAFETY: SIG_IGN is no handler that could do anything unsafe.
    let before = unsafe { libc::signal(libc::SIGXFSZ, libc::SIG_IGN) };
    assert_ne!(before, libc::SIG_ERR);
}

async fn resumes(path: &Path, durability: Durability, fill: impl Fn(), free: impl Fn()) {
    let store = FileStore::builder(path).durability(durability).build();
    let journal = Journal::new(&Engine::new().unwrap(), store);
    let mut next = 0;
    for _ in 0..3 {
        journal.append_lines(&lines(next..next + 50)).await.unwrap();
        next += 50;
        fill();
        let before = fs::read(path).unwrap();
        let mut refused = 0;
        // Several at once: those that fit may succeed, and each succeeds or fails as a whole.
        let (large, small) = (lines(10_000..12_000), numbered::line(next));
        let (a, b, c) = tokio::join!(
            journal.append_lines(&large),
            journal.append_lines(&small),
            journal.append_lines(&large)
        );
        for result in [&a, &c] {
            assert_eq!(result.as_ref().unwrap_err().code(), Some(FailureCode::Full), "{result:?}");
            refused += 1;
        }
        let mut expected = before;
        if b.is_ok() {
            expected.extend_from_slice(small.as_bytes());
            next += 1;
        }
        assert!(fs::read(path).unwrap() == expected, "{refused} refused batches left nothing");
        free();
    }
    journal.append_lines(&lines(next..next + 50)).await.unwrap();
    assert!(numbered::numbers(&fs::read(path).unwrap()).into_iter().eq(0..next + 50));
    let options = RecoverOptions { max_findings: 1, ..RecoverOptions::default() };
    assert!(!journal.recover(options).await.unwrap().changed);
    let report = journal.scan(ScanOptions { max_findings: 1, sample: None }).await.unwrap();
    assert_eq!((report.records, report.damaged), (next + 50, 0));
}

/// A file system of 512 KiB, unmounted when dropped.
struct Small(tempfile::TempDir);

impl Small {
    /// `None`, and a word on standard error, where this process may not mount.
    fn mount() -> Option<Self> {
        let dir = tempfile::tempdir().unwrap();
        let mount = Command::new("mount")
            .args(["-t", "tmpfs", "-o", "size=512k", "tmpfs"])
            .arg(dir.path())
            .output();
        match mount {
            Ok(output) if output.status.success() => Some(Self(dir)),
            why => {
                eprintln!("no small file system can be mounted, a limit stands for it: {why:?}");
                None
            }
        }
    }

    /// Takes all the space that is left, but for `spare` bytes.
    fn fill(&self, spare: usize) {
        let file = self.0.path().join("filler");
        let left = rustix::fs::statvfs(self.0.path()).unwrap();
        let left = usize::try_from(left.f_bavail * left.f_frsize).unwrap();
        fs::write(file, vec![b'x'; left.saturating_sub(spare)]).unwrap();
    }

    fn free(&self) {
        fs::remove_file(self.0.path().join("filler")).unwrap();
    }
}

impl Drop for Small {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(self.0.path()).status();
    }
}

#[test]
fn a_full_file_system_changes_nothing() {
    compile();
    let Some(small) = Small::mount() else { return };
    let path = small.0.path().join("journal.ndjson");
    for spare in [0, 8 * 1024, 60 * 1024] {
        fs::write(&path, damaged(1000)).unwrap();
        small.fill(spare);
        refuses_everything(&path, 1000, |command| command::after("true", command), &["space"]);
        small.free();
        accepts_everything(&path, 1000);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn appends_resume_on_a_file_system_that_was_full() {
    compile();
    let Some(small) = Small::mount() else { return };
    for (name, durability) in [("a.ndjson", Durability::Always), ("b.ndjson", Durability::Never)] {
        let path = small.0.path().join(name);
        resumes(&path, durability, || small.fill(4096), || small.free()).await;
    }
}
