//! `read --follow` of one file that other programs move away: every record is seen once.

use std::fs::{self, File};
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStderr, ChildStdout, Command, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::time::Duration;

use papyra_tests::command::papyra;
use papyra_tests::numbered;
use rustix::process::{Pid, Signal, kill_process};

/// How long the follower may take for a line.
const PATIENCE: Duration = Duration::from_secs(30);
/// Time for some looks.
const LOOKS: Duration = Duration::from_millis(900);

struct Follower {
    child: Child,
    lines: Receiver<String>,
    notes: Receiver<String>,
}

impl Follower {
    fn start(path: &Path) -> Self {
        let mut child = Command::new(papyra())
            .args(["persistence", "read", "--follow", "--path"])
            .arg(path)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = listen::<ChildStdout>(child.stdout.take().unwrap());
        let notes = listen::<ChildStderr>(child.stderr.take().unwrap());
        Self { child, lines, notes }
    }

    fn signal(&self, signal: Signal) {
        let id = Pid::from_raw(i32::try_from(self.child.id()).unwrap()).unwrap();
        kill_process(id, signal).unwrap();
    }

    /// Exactly these records come next.
    fn gives(&self, numbers: std::ops::Range<u64>) {
        for number in numbers {
            let line = self.lines.recv_timeout(PATIENCE);
            assert_eq!(line.as_deref(), Ok(numbered::line(number).trim_end()), "record {number}");
        }
    }

    fn gives_nothing(&self) {
        assert_eq!(self.lines.recv_timeout(LOOKS), Err(mpsc::RecvTimeoutError::Timeout));
    }
}

impl Drop for Follower {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn listen<R: std::io::Read + Send + 'static>(from: R) -> Receiver<String> {
    let (sender, receiver) = mpsc::channel();
    std::thread::spawn(move || {
        for line in BufReader::new(from).lines().map_while(Result::ok) {
            if sender.send(line).is_err() {
                return;
            }
        }
    });
    receiver
}

/// Writes as a program that takes no locks.
fn write(path: &Path, numbers: std::ops::Range<u64>) {
    let mut file = File::options().create(true).append(true).open(path).unwrap();
    numbers.for_each(|number| file.write_all(numbered::line(number).as_bytes()).unwrap());
}

struct Place(tempfile::TempDir, PathBuf);

fn place() -> Place {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("app.ndjson");
    write(&path, 0..2);
    Place(dir, path)
}

#[test]
fn what_was_written_before_a_rename_is_read_first() {
    let Place(_dir, path) = place();
    let follower = Follower::start(&path);
    follower.gives(0..2);
    // More than a page, and more than it looks at in one go, while it cannot look.
    follower.signal(Signal::STOP);
    write(&path, 2..20_000);
    fs::rename(&path, path.with_extension("1")).unwrap();
    write(&path, 20_000..20_003);
    follower.signal(Signal::CONT);
    follower.gives(2..20_003);
    // A program that has the old file open still writes to it while the new one is empty.
    fs::rename(&path, path.with_extension("2")).unwrap();
    File::create(&path).unwrap();
    std::thread::sleep(LOOKS);
    write(&path.with_extension("2"), 20_003..20_005);
    follower.gives(20_003..20_005);
    write(&path, 20_005..20_007);
    follower.gives(20_005..20_007);
    follower.gives_nothing();
}

#[test]
fn a_file_that_is_gone_is_read_to_its_end_said_and_waited_for() {
    for removed in [false, true] {
        let Place(_dir, path) = place();
        let follower = Follower::start(&path);
        follower.gives(0..2);
        follower.signal(Signal::STOP);
        write(&path, 2..9);
        match removed {
            true => fs::remove_file(&path).unwrap(),
            false => fs::rename(&path, path.with_extension("1")).unwrap(),
        }
        follower.signal(Signal::CONT);
        follower.gives(2..9);
        let note = follower.notes.recv_timeout(PATIENCE).unwrap();
        assert!(note.contains("app.ndjson") && note.contains("is gone"), "{note}");
        follower.gives_nothing();
        assert!(follower.notes.try_recv().is_err(), "it is said once");
        write(&path, 9..12);
        follower.gives(9..12);
        follower.gives_nothing();
    }
}

#[test]
fn a_rewrite_gives_nothing_twice() {
    let Place(_dir, path) = place();
    let follower = Follower::start(&path);
    follower.gives(0..2);
    follower.signal(Signal::STOP);
    write(&path, 2..6);
    let compacted = Command::new(papyra())
        .args(["persistence", "compact", "--no-audit", "--max-records", "5", "--path"])
        .arg(&path)
        .output()
        .unwrap();
    assert!(compacted.status.success(), "{compacted:?}");
    write(&path, 6..8);
    follower.signal(Signal::CONT);
    follower.gives(2..8);
    follower.gives_nothing();
}
