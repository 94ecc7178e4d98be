//! Limits on threads and on address space: the command works with what it gets, or names the limit. It
//! never waits for a thread that cannot be started, and never takes a limit for a fault of its own.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

use papyra_tests::command::{Ended, after, papyra, run_with};
use papyra_tests::numbered;

/// A user of whom nothing else runs.
const NOBODY: u32 = 54_402;

/// A place that another user can read and write, with the command in it.
struct Place(tempfile::TempDir);

impl Place {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o777)).unwrap();
        fs::copy(papyra(), dir.path().join("papyra")).unwrap();
        let place = Self(dir);
        // Large enough for several jobs.
        place.write("clean", (0..60_000).map(numbered::line).collect());
        place.write("damaged", (0..60_000).map(numbered::line).collect::<String>() + "garbage\n");
        place
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn write(&self, name: &str, text: String) {
        fs::write(self.path(name), text).unwrap();
        if rustix::process::geteuid().is_root() {
            std::os::unix::fs::chown(self.path(name), Some(NOBODY), Some(NOBODY)).unwrap();
        }
    }

    /// Five commands, and the exit code of each where nothing limits it.
    fn commands(&self, jobs: &str) -> Vec<(Command, Option<i32>)> {
        fs::copy(self.path("damaged"), self.path("recovered")).unwrap();
        self.write("recovered", fs::read_to_string(self.path("damaged")).unwrap());
        let on = |operation: &str, name: &str, more: &[&str]| {
            let mut command = Command::new(self.path("papyra"));
            command.args(["persistence", operation, "--path"]).arg(self.path(name)).args(more);
            command
        };
        let mut show = Command::new(self.path("papyra"));
        show.args(["config", "show"]);
        vec![
            (on("scan", "clean", &["--jobs", jobs]), Some(0)),
            (on("read", "clean", &["--limit", "1"]), Some(0)),
            (on("append", "appended", &[]), Some(0)),
            (on("recover", "recovered", &["--no-audit"]), Some(0)),
            (show, Some(0)),
        ]
    }

    fn run(&self, mut command: Command) -> (Ended, Duration) {
        command.env_clear().env("PATH", "/usr/bin:/bin").env("XDG_CACHE_HOME", self.path("cache"));
        let began = Instant::now();
        (run_with(&mut command, numbered::line(1).as_bytes()), began.elapsed())
    }
}

/// What must hold under every limit; returns whether the command worked.
fn judge(ended: &Ended, took: Duration, expected: Option<i32>, flag: &str, what: &str) -> bool {
    let worked = ended.code == expected;
    assert!(took < Duration::from_secs(30), "{what} took {took:?}: {ended:?}");
    assert!(!ended.says(&["internal error"]) && !ended.says(&["panicked"]), "{what}: {ended:?}");
    assert!(worked || ended.code == Some(1) && ended.says(&[flag]), "{what}: {ended:?}");
    worked
}

/// As another user, with a limit on its processes and threads; killed if it hangs.
fn with_threads(limit: usize, command: &Command) -> Command {
    let user = NOBODY.to_string();
    let mut limited = Command::new("timeout");
    limited.args(["--signal=KILL", "60"]);
    if rustix::process::geteuid().is_root() {
        limited.args(["setpriv", "--reuid", &user, "--regid", &user, "--clear-groups"]);
    }
    limited.args(["prlimit", &format!("--nproc={limit}")]);
    limited.arg(command.get_program()).args(command.get_args());
    limited
}

#[test]
fn with_few_threads_the_command_works_or_names_the_limit() {
    let place = Place::new();
    // Any other user has processes already, so only the least limit means the same for all.
    let limits = if rustix::process::geteuid().is_root() { 1..14 } else { 1..2 };
    for limit in limits {
        for jobs in ["1", "16"] {
            for (command, expected) in place.commands(jobs) {
                let what = format!("nproc {limit}, {jobs} jobs, {command:?}");
                let (ended, took) = place.run(with_threads(limit, &command));
                let worked = judge(&ended, took, expected, "ulimit -u", &what);
                assert!(worked || limit < 4, "{what}: {ended:?}");
            }
        }
    }
}

#[test]
fn with_little_address_space_the_command_works_or_names_the_limit() {
    let place = Place::new();
    for mib in [256, 512, 768, 1024, 2048, 3072, 4096, 8192] {
        for jobs in ["1", "16"] {
            for (command, expected) in place.commands(jobs) {
                let what = format!("{mib} MiB, {jobs} jobs, {command:?}");
                let limited = after(&format!("ulimit -v {}", mib * 1024), &command);
                let (ended, took) = place.run(limited);
                let worked = judge(&ended, took, expected, "ulimit -v", &what);
                assert!(worked || mib < 2048, "{what}: {ended:?}");
            }
        }
    }
}

#[test]
fn fewer_jobs_than_asked_for_are_said_once() {
    let place = Place::new();
    let (command, _) = place.commands("16").remove(0);
    let (ended, _) = place.run(after("ulimit -v 2097152", &command));
    let lines: Vec<_> = ended.stderr.lines().collect();
    assert_eq!(lines.len(), 1, "{ended:?}");
    assert!(ended.says(&["of 16 jobs", "ulimit -v"]), "{ended:?}");
    let (ended, _) = place.run(after("true", &command));
    assert_eq!(ended.stderr, "", "without a limit nothing is said");
}

#[test]
fn code_for_little_address_space_is_cached_beside_the_other() {
    let place = Place::new();
    let cached = || fs::read_dir(place.path("cache").join("papyra")).unwrap().count();
    for (limit, expected) in [("true", 1), ("ulimit -v 2097152", 2), ("ulimit -v 1048576", 2)] {
        let (command, _) = place.commands("1").remove(0);
        place.run(after(limit, &command));
        assert_eq!(cached(), expected, "{limit}");
    }
}
