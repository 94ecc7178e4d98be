//! Downloads that stall are started again.

use std::process::Command;

use papyra_tests::download::{TOO_LONG, TRIES, within};

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
