//! Running the `papyra` command.

use std::ffi::OsStr;
use std::fs;
use std::io::{self, Write};
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};

use serde_json::Value;

/// The command of the profile that the running test was built with.
///
/// # Panics
///
/// If it has not been built.
pub fn papyra() -> PathBuf {
    let me = std::env::current_exe().expect("a test has a path");
    let bin = me.ancestors().nth(2).map(|target| target.join("papyra"));
    let bin = bin.expect("a target directory");
    assert!(bin.is_file(), "{} is missing: cargo build --release --workspace", bin.display());
    bin
}

/// `papyra persistence OPERATION --path PATH` and no more.
pub fn persistence(operation: &str, path: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new(papyra());
    command.args(["persistence", operation, "--path"]).arg(path);
    command
}

/// The same command started by `/bin/sh` after `setup`, such as `ulimit -f 100`.
pub fn after(setup: &str, command: &Command) -> Command {
    let mut shell = Command::new("/bin/sh");
    shell.arg("-c").arg(format!("{setup} && exec \"$0\" \"$@\"")).arg(command.get_program());
    shell.args(command.get_args());
    shell
}

/// How a command ended.
#[derive(Debug)]
pub struct Ended {
    /// Its exit code; `None` if a signal has killed it.
    pub code: Option<i32>,
    /// Standard output.
    pub stdout: String,
    /// Standard error.
    pub stderr: String,
}

impl Ended {
    /// The document on standard output.
    ///
    /// # Panics
    ///
    /// If it is not exactly one.
    pub fn document(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// Whether standard error, in any case, contains all of these.
    pub fn says(&self, words: &[&str]) -> bool {
        let text = self.stderr.to_lowercase();
        words.iter().all(|word| text.contains(&word.to_lowercase()))
    }
}

/// Runs a command to its end.
pub fn run(command: &mut Command) -> Ended {
    run_with(command, b"")
}

/// Runs a command with this on standard input.
pub fn run_with(command: &mut Command, input: &[u8]) -> Ended {
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the command starts");
    let mut stdin = child.stdin.take().expect("stdin is piped");
    let output = std::thread::scope(|scope| {
        // A command that refuses its input closes the pipe; that is its right.
        scope.spawn(move || drop(stdin.write_all(input)));
        child.wait_with_output().expect("the command ends")
    });
    Ended {
        code: output.status.code(),
        stdout: String::from_utf8(output.stdout).expect("UTF-8 on standard output"),
        stderr: String::from_utf8(output.stderr).expect("UTF-8 on standard error"),
    }
}

/// Runs a command whose output nobody wants, and returns how it ended and the peak of its resident
/// memory in bytes. The kernel counts what this process uses at the fork as the child's, so it must
/// itself use less than the child may.
pub fn peak(command: &mut Command) -> (ExitStatus, u64) {
    let child = command.stdin(Stdio::null()).stdout(Stdio::null()).spawn();
    wait(&child.expect("the command starts")).expect("the command ends")
}

fn wait(child: &Child) -> io::Result<(ExitStatus, u64)> {
    let id = i32::try_from(child.id()).map_err(io::Error::other)?;
    let mut status = 0;
    // SAFETY: `rusage` is plain integers, for which all zeros is a value.
    let mut usage: libc::rusage = unsafe { std::mem::zeroed() };
    // SAFETY: both pointers are to live values, which the call fills in.
    while unsafe { libc::wait4(id, &mut status, 0, &mut usage) } < 0 {
        let error = io::Error::last_os_error();
        if error.kind() != io::ErrorKind::Interrupted {
            return Err(error);
        }
    }
    let kib = u64::try_from(usage.ru_maxrss).map_err(io::Error::other)?;
    Ok((ExitStatus::from_raw(status), kib * 1024))
}

/// The names in a directory, sorted.
pub fn names(dir: &Path) -> Vec<String> {
    let files = fs::read_dir(dir).expect("a directory");
    let mut names: Vec<_> =
        files.map(|file| file.expect("a file").file_name().into_string().expect("UTF-8")).collect();
    names.sort();
    names
}
