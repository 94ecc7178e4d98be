//! Running and killing the processes under test.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::random::Random;

/// A worker process (see `papyra-worker`), killed when dropped.
pub struct Worker(Child);

impl Worker {
    /// Starts one; `program` is `env!("CARGO_BIN_EXE_papyra-worker")`.
    pub fn start(program: &str, args: &[&str]) -> Self {
        let child = Command::new(program)
            .args(args)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .expect("the worker starts");
        Self(child)
    }

    /// Up to how long a worker should live that is to be killed at work: as long as one takes on this machine to
    /// start, and three times that.
    ///
    /// # Panics
    ///
    /// If it cannot be started, or fails.
    pub fn lifetime(program: &str) -> Duration {
        let dir = tempfile::tempdir().expect("a directory");
        let begun = Instant::now();
        let path = dir.path().join("first.ndjson");
        let path = path.to_str().expect("the path is text");
        let (_, ended_well) =
            Self::start(program, &["append", path, "0", "1", "1", "never"]).finish();
        assert!(ended_well, "a worker that is not killed ends well");
        (3 * begun.elapsed()).max(Duration::from_millis(60))
    }

    /// Sends SIGKILL after a random time of up to `most`, and returns the lines that it had printed.
    pub fn kill_within(mut self, most: Duration, random: &mut Random) -> Vec<String> {
        std::thread::sleep(most.mul_f64(random.unit()));
        let _ = self.0.kill();
        self.output()
    }

    /// Waits for the end, and returns what was printed and whether it ended well.
    pub fn finish(mut self) -> (Vec<String>, bool) {
        let lines = self.output();
        let ended_well = self.0.wait().is_ok_and(|status| status.success());
        (lines, ended_well)
    }

    /// Whether it is still running.
    pub fn is_running(&mut self) -> bool {
        matches!(self.0.try_wait(), Ok(None))
    }

    fn output(&mut self) -> Vec<String> {
        let stdout = self.0.stdout.take().expect("stdout is piped");
        // A line that was cut off by the kill is not an acknowledgement, but `lines` cannot tell:
        // numbers that lost digits only claim less.
        BufReader::new(stdout).lines().map_while(Result::ok).collect()
    }
}

/// Whether this process runs only the test of this name, such as `memory::a_test`. If not, it starts
/// one that does, and waits for it. For a test that changes or measures something of which a process
/// has only one: a limit on files, the handling of a signal, its memory.
///
/// # Panics
///
/// If the test fails there, or if there is no test of this name.
pub fn apart(test: &str) -> bool {
    const APART: &str = "PAPYRA_TEST_APART";
    if std::env::var_os(APART).is_some_and(|running| running == test) {
        return true;
    }
    let me = std::env::current_exe().expect("a test has a path");
    let output = Command::new(me)
        .args(["--exact", test, "--nocapture"])
        .env(APART, test)
        .stdin(Stdio::null())
        .output()
        .expect("a test starts");
    let (text, errors) =
        (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    eprint!("{errors}");
    assert!(output.status.success() && text.contains("1 passed"), "{test}: {text}");
    false
}

impl Drop for Worker {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
