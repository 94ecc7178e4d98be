//! Running programs that download. npm waits for ever when a download stalls, and has been seen to.

use std::process::{Command, Output};

/// How many times a program is started.
pub const TRIES: usize = 3;
const SECONDS: u32 = 300;

/// What `timeout` of coreutils ends with when it has ended the program.
pub const TOO_LONG: i32 = 124;

/// Runs a program to its end, and again if it takes more than five minutes, three times at most. What it
/// has started itself ends with it. Ends with 124 if the last time was too long as well.
///
/// # Panics
///
/// If there is no `timeout`.
pub fn download(command: &Command) -> Output {
    within(SECONDS, command)
}

/// The same with another limit than five minutes.
///
/// # Panics
///
/// If there is no `timeout`.
pub fn within(seconds: u32, command: &Command) -> Output {
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
