//! Running and killing the processes under test.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

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

impl Drop for Worker {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
