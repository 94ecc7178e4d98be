//! What people get wrong: each mistake has its exit code and a message that names the path and the next
//! step, standard output stays clean, and the data stays as it was.

use std::fs::{self, File, Permissions};
use std::io::{BufRead, BufReader};
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use papyra_tests::command::{self, Ended, names, papyra, persistence, run_with};
use papyra_tests::{generate::Generator, numbered};
use rustix::process::{Pid, Signal, kill_process};

/// What every operation needs beyond the path.
const OPERATIONS: [(&str, &[&str]); 7] = [
    ("scan", &[]),
    ("recover", &[]),
    ("compact", &["--max-records", "1"]),
    ("inspect", &[]),
    ("startup-check", &[]),
    ("read", &[]),
    ("append", &[]),
];
const RECORD: &str = "{\"kind\": \"event\", \"timestamp\": 1763700000, \"n\": 1}\n";
const NOBODY: u32 = 65_534;

struct Place(tempfile::TempDir);

impl Place {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        // Somebody else is to be let in.
        fs::set_permissions(dir.path(), Permissions::from_mode(0o755)).unwrap();
        Self(dir)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn put(&self, name: &str, bytes: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(name);
        fs::write(&path, bytes).unwrap();
        path
    }
}

fn given(operation: &str, path: &Path, options: &[&str]) -> Ended {
    run_with(persistence(operation, path).args(options), RECORD.as_bytes())
}

/// Refused in words, and refused again as a document.
fn assert_refused(command: &mut Command, code: i32, words: &[&str]) {
    let ended = run_with(command, RECORD.as_bytes());
    assert_eq!(ended.code, Some(code), "{command:?}: {ended:?}");
    assert!(ended.stdout.is_empty(), "{command:?}: {ended:?}");
    assert!(ended.says(words), "{command:?} should say {words:?}: {ended:?}");
    assert!(ended.says(&["papyra: "]), "{ended:?}");
    let ended = run_with(command.arg("--json"), RECORD.as_bytes());
    let document = ended.document();
    assert_eq!(document["schema"], "papyra.error/2", "{command:?}");
    assert_eq!(document["exit"], code, "{command:?}");
    assert!(ended.says(words), "also with --json: {ended:?}");
}

#[test]
fn a_path_that_is_no_journal_is_named() {
    let place = Place::new();
    let fifo = place.path("fifo");
    assert!(Command::new("mkfifo").arg(&fifo).status().unwrap().success());
    fs::create_dir(place.path("dir")).unwrap();
    for (operation, options) in OPERATIONS {
        let refused = |name: &str, code: i32, words: &[&str]| {
            let path = place.path(name);
            let mut command = persistence(operation, &path);
            assert_refused(
                command.args(options),
                code,
                &[words, &[path.to_str().unwrap()]].concat(),
            );
        };
        refused("dir", 64, &["directory", "file in it"]);
        refused("fifo", 64, &["named pipe", "regular file"]);
        match operation {
            "append" => {
                let mut command = persistence(operation, place.path("no/a.ndjson"));
                let missing = place.path("no");
                let words = ["want of its directory", missing.to_str().unwrap()];
                assert_refused(command.args(options), 66, &words);
            }
            "startup-check" => {
                let ended = given(operation, &place.path("none"), options);
                assert!(ended.code == Some(0) && ended.stdout.contains("not exist"), "{ended:?}");
                // A volume that is not mounted is no reason to start.
                let mut command = persistence(operation, place.path("no/a.ndjson"));
                assert_refused(command.args(options), 66, &["no directory", "mount"]);
            }
            _ => refused("none", 66, &["no journal", "check the name", "append"]),
        }
        let mut command = Command::new(papyra());
        assert_refused(command.args(["persistence", operation, "--path="]), 64, &["--path"]);
    }
    assert_eq!(names(place.0.path()), ["dir", "fifo"]);
}

#[test]
fn what_a_killed_rewrite_left_behind_is_removed_by_recovery() {
    let place = Place::new();
    let path = place.put("app.ndjson", RECORD);
    place.put(".app.ndjson.papyra-rewrite", "half of it");
    assert_eq!(given("startup-check", &path, &[]).code, Some(2));
    let ended = given("recover", &path, &["--dry-run"]);
    assert!(ended.code == Some(0) && ended.stdout.contains("is to be removed"), "{ended:?}");
    assert_eq!(names(place.0.path()).len(), 3);
    let ended = given("recover", &path, &[]);
    assert!(ended.code == Some(0) && ended.stdout.contains("was removed"), "{ended:?}");
    assert_eq!(names(place.0.path()), [".app.ndjson.papyra-index", "app.ndjson"]);
    assert_eq!(fs::read_to_string(&path).unwrap(), RECORD);
    assert_eq!(given("startup-check", &path, &[]).code, Some(0));
}

#[test]
fn an_empty_file_is_healthy() {
    let place = Place::new();
    let path = place.put("empty.ndjson", "");
    for (operation, options) in OPERATIONS {
        let ended = given(operation, &path, options);
        assert_eq!((ended.code, ended.stderr.as_str()), (Some(0), ""), "{operation}: {ended:?}");
        assert_eq!(fs::read_to_string(&path).unwrap().is_empty(), operation != "append");
    }
}

#[test]
fn what_was_never_a_journal_is_not_emptied() {
    let place = Place::new();
    let png = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\x01\0\0\n\x08\x06".repeat(100);
    let path = place.put("a.png", &png);
    assert_eq!(given("scan", &path, &[]).code, Some(2));
    let words = ["not look like a journal", path.to_str().unwrap(), "quarantine"];
    assert_refused(&mut persistence("recover", &path), 64, &words);
    assert!(fs::read(&path).unwrap() == png);
    let quarantine = place.path("quarantine");
    let to =
        ["--mode", "quarantine", "--quarantine-dir", quarantine.to_str().unwrap(), "--no-audit"];
    assert_eq!(given("recover", &path, &to).code, Some(0));
    let kept = quarantine.join(&names(&quarantine)[0]);
    assert!(fs::metadata(&path).unwrap().len() == 0 && fs::read(&kept).unwrap() == png);

    // In another encoding it may be a journal, but none that can be told from here.
    let gzip = [&b"\x1f\x8b\x08\0\0\0\0\0\0\x03"[..], &[0xa5; 5000]].concat();
    let path = place.put("a.gz", &gzip);
    for options in [&[][..], &["--allow-loss"], &to] {
        let words = ["gzip", "gunzip", path.to_str().unwrap()];
        assert_refused(persistence("recover", &path).args(options), 64, &words);
        assert!(fs::read(&path).unwrap() == gzip);
    }
}

#[test]
fn a_line_or_a_nesting_beyond_all_bounds_is_judged_and_not_accepted() {
    let place = Place::new();
    let long = format!("{{\"kind\": \"event\", \"text\": \"{}\"}}\n", "x".repeat(40 << 20));
    let path = place.put("long.ndjson", [RECORD, &long, RECORD].concat());
    let ended = given("scan", &path, &[]);
    assert!(ended.code == Some(2) && ended.stdout.contains("oversized_entry"), "{ended:?}");
    let other = place.path("other.ndjson");
    let ended = run_with(&mut persistence("append", &other), long.as_bytes());
    assert!(ended.code == Some(64) && ended.says(&["input:1:", "16 MiB", "nothing was written"]));

    let (open, close) = ("[".repeat(10_000), "]".repeat(10_000));
    let deep =
        format!("{{\"kind\": \"event\", \"timestamp\": 1763700000, \"a\": {open}{close}}}\n");
    let path = place.put("deep.ndjson", &deep);
    for operation in ["scan", "read", "inspect", "recover"] {
        assert_eq!(given(operation, &path, &[]).code, Some(0), "{operation}");
    }
    assert_eq!(given("read", &path, &["--where", "a=1"]).code, Some(0));
    let ended = run_with(&mut persistence("append", &other), [RECORD, &deep].concat().as_bytes());
    assert!(ended.code == Some(64) && ended.says(&["input:2:", "nested", "512"]), "{ended:?}");
    assert!(!other.exists(), "nothing of a refused batch is written");
    assert_eq!(fs::read_to_string(&path).unwrap(), deep);
}

#[test]
fn words_that_make_no_sense_are_wrong_usage_and_the_message_teaches() {
    let place = Place::new();
    let path = place.put("a.ndjson", [RECORD, "garbage\n"].concat());
    for (operation, options, words) in [
        ("compact", &["--max-age", "soon"][..], &["30d"][..]),
        ("compact", &["--max-age", "-3d"], &["negative"]),
        ("compact", &["--max-age", "NaN"], &["not a duration"]),
        ("read", &["--max-age", "inf"], &["not a duration"]),
        ("compact", &["--max-records", "-1"], &["whole number"]),
        ("compact", &["--max-total-bytes", "-1"], &["negative"]),
        ("compact", &[], &["--max-records", "--max-age", "--max-total-bytes"]),
        ("recover", &["--mode", "quarantine"], &["--quarantine-dir"]),
        ("recover", &["--mode", "quarantine", "--quarantine-dir", ""], &["--quarantine-dir"]),
        ("recover", &["--mode", "ignore"], &["repair", "quarantine"]),
        ("startup-check", &["--mode", "fail_on_anomalies"], &["possible values", "fail"]),
        ("startup-check", &["--mode", ""], &["possible values"]),
        ("read", &["--kind", "snapshot"], &["dead_letter"]),
        ("read", &["--since", "yesterday"], &["7d"]),
        ("append", &["--sync", "sometimes"], &["interval:MS"]),
    ] {
        assert_refused(persistence(operation, &path).args(options), 64, words);
    }
    assert_eq!(fs::read_to_string(&path).unwrap(), [RECORD, "garbage\n"].concat());
    for mode in ["FAIL_ON_ANOMALY", "fail-on-anomaly", "Fail"] {
        assert_eq!(given("startup-check", &path, &["--mode", mode]).code, Some(2), "{mode}");
    }
    assert_eq!(given("startup-check", &path, &["--mode", "SCAN_ONLY"]).code, Some(0));
}

#[test]
fn quarantine_may_lie_on_another_file_system() {
    let place = Place::new();
    let Ok(elsewhere) = tempfile::tempdir_in("/dev/shm") else {
        return eprintln!("there is no /dev/shm here: quarantine across file systems is not tried");
    };
    let device = |path: &Path| fs::metadata(path).unwrap().dev();
    if device(elsewhere.path()) == device(place.0.path()) {
        eprintln!("/dev/shm is no other file system here");
    }
    let path = place.put("a.ndjson", [RECORD, "garbage\n", RECORD].concat());
    let quarantine = elsewhere.path().join("quarantine");
    let quarantine_dir = quarantine.to_str().unwrap();
    let options = ["--no-audit", "--mode", "quarantine", "--quarantine-dir", quarantine_dir];
    assert_eq!(given("recover", &path, &options).code, Some(0));
    assert_eq!(fs::read_to_string(&path).unwrap(), RECORD.repeat(2));
    assert_eq!(fs::read(quarantine.join(&names(&quarantine)[0])).unwrap(), b"garbage\n");
    assert_eq!(names(place.0.path()), ["a.ndjson"]);
}

/// Runs as somebody who owns nothing; as root by taking on another user's rights.
fn as_nobody(place: &Place, command: &Command) -> Command {
    let mut other = match rustix::process::geteuid().is_root() {
        true => {
            let mut other = Command::new("setpriv");
            let id = NOBODY.to_string();
            other.args(["--reuid", &id, "--regid", &id, "--clear-groups"]);
            // Where this was built, others may not be let in.
            let program = place.path(".papyra");
            if !program.exists() {
                fs::copy(papyra(), &program).unwrap();
            }
            other.arg(program);
            other
        }
        false => Command::new(command.get_program()),
    };
    other.args(command.get_args()).env("XDG_CACHE_HOME", place.path(".cache"));
    other
}

#[test]
fn missing_permissions_are_said_and_nothing_is_changed() {
    let place = Place::new();
    let bytes = [RECORD, "garbage\n", RECORD].concat();
    fs::create_dir(place.path(".cache")).unwrap();
    fs::set_permissions(place.path(".cache"), Permissions::from_mode(0o777)).unwrap();
    let path = place.put("closed.ndjson", &bytes);
    fs::set_permissions(&path, Permissions::from_mode(0o000)).unwrap();
    let words = ["owner and mode", path.to_str().unwrap()];
    for (operation, options) in OPERATIONS {
        let mut command = persistence(operation, &path);
        assert_refused(&mut as_nobody(&place, command.args(options)), 77, &words);
    }
    fs::set_permissions(&path, Permissions::from_mode(0o644)).unwrap();
    assert_eq!(fs::read_to_string(&path).unwrap(), bytes);

    // A file that may be written, in a directory that may not.
    let dir = place.path("read-only");
    fs::create_dir(&dir).unwrap();
    let path = dir.join("a.ndjson");
    fs::write(&path, &bytes).unwrap();
    if rustix::process::geteuid().is_root() {
        chown(&path, Some(NOBODY), Some(NOBODY)).unwrap();
    }
    fs::set_permissions(&dir, Permissions::from_mode(0o555)).unwrap();
    let run = |operation, options: &[&str]| {
        as_nobody(&place, persistence(operation, &path).args(options))
    };
    assert_eq!(command::run(&mut run("scan", &[])).code, Some(2));
    let words = ["owner and mode", dir.to_str().unwrap()];
    assert_refused(&mut run("recover", &[]), 77, &words);
    assert_refused(&mut run("compact", &["--max-records", "1"]), 77, &words);
    assert_eq!(fs::read_to_string(&path).unwrap(), bytes);
    assert_eq!(run_with(&mut run("append", &[]), RECORD.as_bytes()).code, Some(0));
    assert_eq!(fs::read_to_string(&path).unwrap(), bytes + RECORD);
    assert_eq!(names(&dir), ["a.ndjson"]);
    fs::set_permissions(&dir, Permissions::from_mode(0o755)).unwrap();
}

#[test]
fn a_symlink_stays_one_and_its_target_keeps_mode_and_owner() {
    let place = Place::new();
    fs::create_dir(place.path("real")).unwrap();
    let target = place.put("real/a.ndjson", [RECORD, "garbage\n", RECORD].concat());
    fs::set_permissions(&target, Permissions::from_mode(0o640)).unwrap();
    if rustix::process::geteuid().is_root() {
        chown(&target, Some(NOBODY), Some(NOBODY)).unwrap();
    }
    let attributes = |path: &Path| {
        let metadata = fs::metadata(path).unwrap();
        (metadata.mode(), metadata.uid(), metadata.gid())
    };
    let before = attributes(&target);
    let link = place.path("link.ndjson");
    symlink("real/a.ndjson", &link).unwrap();
    for (operation, options, left) in [
        ("recover", &["--no-audit"][..], 2),
        ("compact", &["--no-audit", "--max-records", "1"], 1),
        ("append", &[], 2),
    ] {
        assert_eq!(given(operation, &link, options).code, Some(0), "{operation}");
        assert_eq!(fs::read_to_string(&target).unwrap(), RECORD.repeat(left), "{operation}");
        assert_eq!(fs::read_link(&link).unwrap(), Path::new("real/a.ndjson"), "{operation}");
        assert_eq!(attributes(&target), before, "{operation}");
    }
    assert_eq!(names(place.0.path()), ["link.ndjson", "real"]);
    assert_eq!(names(&place.path("real")), ["a.ndjson"]);
}

#[test]
fn a_locked_file_is_left_alone_after_a_while() {
    let place = Place::new();
    let path = place.put("a.ndjson", [RECORD, "garbage\n"].concat());
    let held = File::open(&path).unwrap();
    held.lock().unwrap();
    std::thread::scope(|scope| {
        for (operation, options) in OPERATIONS {
            let path = &path;
            scope.spawn(move || {
                let began = Instant::now();
                let ended = given(operation, path, &[options, &["--json"]].concat());
                assert_eq!(ended.code, Some(75), "{operation}: {ended:?}");
                assert_eq!(ended.document()["exit"], 75);
                assert!(ended.says(&[path.to_str().unwrap(), "lock", "try again"]), "{ended:?}");
                // Ten seconds, and the rest of twenty for a slow machine.
                assert!(began.elapsed() < Duration::from_secs(20), "{operation} waits once");
            });
        }
    });
    held.unlock().unwrap();
    assert_eq!(fs::read_to_string(&path).unwrap(), [RECORD, "garbage\n"].concat());
    assert_eq!(given("append", &path, &[]).code, Some(0));
}

#[test]
fn a_reader_that_has_had_enough_is_no_error() {
    let place = Place::new();
    let path = place.put("a.ndjson", Generator::new(3).journal(50_000));
    for options in [&[][..], &["--reverse"], &["--json"], &["--follow"]] {
        let mut child = persistence("read", &path)
            .args(options)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut first = [0; 100];
        std::io::Read::read_exact(&mut child.stdout.take().unwrap(), &mut first).unwrap();
        let output = child.wait_with_output().unwrap();
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert_eq!((output.status.code(), &*stderr), (Some(0), ""), "{options:?}");
    }
}

#[test]
fn an_interruption_ends_following_with_its_own_code() {
    let place = Place::new();
    let path = place.put("a.ndjson", numbered::line(1));
    for (signal, code) in [(Signal::INT, 130), (Signal::TERM, 143)] {
        let mut child = persistence("read", &path)
            .arg("--follow")
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        assert_eq!(lines.next().unwrap().unwrap() + "\n", numbered::line(1));
        kill_process(Pid::from_child(&child), signal).unwrap();
        let output = child.wait_with_output().unwrap();
        assert_eq!(output.status.code(), Some(code));
        assert_eq!(String::from_utf8_lossy(&output.stderr), "");
        assert!(lines.next().is_none(), "nothing half-written follows");
    }
}

#[test]
fn all_that_read_prints_can_be_written_again() {
    let place = Place::new();
    let records = [
        RECORD,
        "{\"kind\": \"event\", \"timestamp\": 1763700000, \"n\": NaN}\n",
        "{\"kind\": \"evnt\", \"timestamp\": 1763700000}\n",
        "{\"message\": \"no kind, no time\"}\n",
    ];
    let from = place.put("from.ndjson", records.concat());
    let read = command::run(&mut persistence("read", &from));
    assert_eq!(read.stdout, records.concat());
    let to = place.path("to.ndjson");

    let strict = run_with(&mut persistence("append", &to), read.stdout.as_bytes());
    assert_eq!(strict.code, Some(64), "{strict:?}");
    assert!(strict.says(&["standard input:2", "NaN", "lenient"]), "{strict:?}");
    assert!(!to.exists());

    let lenient = run_with(persistence("append", &to).arg("--lenient"), read.stdout.as_bytes());
    assert_eq!(lenient.code, Some(0), "{lenient:?}");
    assert!(lenient.stdout.contains("appended 4 records"), "{lenient:?}");
    assert!(lenient.stdout.contains("3 records are suspect"), "{lenient:?}");
    assert_eq!(fs::read(&to).unwrap(), fs::read(&from).unwrap());

    let torn = run_with(persistence("append", &to).arg("--lenient"), b"{}\n{\"kind\": \"ev\n");
    assert_eq!(torn.code, Some(64), "{torn:?}");
    assert!(torn.says(&["standard input:2", "not valid JSON"]), "{torn:?}");
    assert_eq!(fs::read(&to).unwrap(), fs::read(&from).unwrap(), "all of a batch or nothing");
}
