//! Running programs that download. npm waits for ever when a download stalls, and has been seen to.

use std::process::{Command, Output};

const TRIES: usize = 3;
const SECONDS: u32 = 300;

/// What `timeout` of coreutils ends with when it has ended the program.
const TOO_LONG: i32 = 124;

/// Runs a program to its end, and again if it takes more than five minutes, three times at most. What it
/// has started itself ends with it. Ends with 124 if the last time was too long as well.
///
/// # Panics
///
/// If there is no `timeout`.
pub fn download(command: &Command) -> Output {
    within(SECONDS, command)
}

fn within(seconds: u32, command: &Command) -> Output {
    for _ in 1..TRIES {
        let output = once(seconds, command);
        if output.status.code() != Some(TOO_LONG) {
            return output;
        }
    }
    once(seconds, command)
}

fn once(seconds: u32, command: &Command) -> Output {
    let mut limited = Command::new("timeout");
    limited.args(["--kill-after=10", &seconds.to_string()]);
    limited.arg(command.get_program()).args(command.get_args());
    if let Some(dir) = command.get_current_dir() {
        limited.current_dir(dir);
    }
    limited.output().expect("timeout is there; type:  apt-get install coreutils")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(dir: &std::path::Path, program: &str) -> Command {
        let mut command = Command::new("sh");
        command.args(["-c", program]).current_dir(dir);
        command
    }

    #[test]
    fn what_stalls_is_started_again() {
        let dir = tempfile::tempdir().expect("a directory");
        let stalls_once = shell(dir.path(), "mkdir tried || exec echo done; sleep 1000");
        let output = within(1, &stalls_once);
        assert_eq!((output.status.code(), &output.stdout[..]), (Some(0), &b"done\n"[..]));
    }

    #[test]
    fn what_stalls_each_time_is_given_up() {
        let dir = tempfile::tempdir().expect("a directory");
        let stalls = shell(dir.path(), "echo again >>tries; sleep 1000");
        assert_eq!(within(1, &stalls).status.code(), Some(TOO_LONG));
        let tries = std::fs::read_to_string(dir.path().join("tries")).expect("what was written");
        assert_eq!(tries.lines().count(), TRIES);
    }

    #[test]
    fn what_fails_is_not_started_again() {
        let dir = tempfile::tempdir().expect("a directory");
        assert_eq!(
            within(10, &shell(dir.path(), "mkdir tried || exit 2; exit 3")).status.code(),
            Some(3)
        );
    }
}
