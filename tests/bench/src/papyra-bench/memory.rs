//! How much memory a child process used at its peak.

use std::io;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

/// The hidden argument that makes this program run a command and print its peak.
///
/// The kernel counts the memory of the parent at the moment of the fork as the child's, so a parent
/// that has itself read large files cannot measure. This program, started afresh, can.
pub(crate) const PROBE: &str = "probe-peak-memory";

/// The peak of resident memory of `command`, in bytes.
pub(crate) fn peak(command: &Command) -> Result<u64> {
    let output = Command::new(std::env::current_exe()?)
        .arg(PROBE)
        .arg(command.get_program())
        .args(command.get_args())
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output()?;
    if !output.status.success() {
        bail!("{command:?}: {}", output.status);
    }
    String::from_utf8(output.stdout)?.trim().parse().context("the probe said no number")
}

/// The probe's side: the arguments are a command. Its output is thrown away.
pub(crate) fn probe(mut arguments: impl Iterator<Item = std::ffi::OsString>) -> Result<()> {
    let program = arguments.next().context("no command to run")?;
    let status = Command::new(program).args(arguments).stdout(Stdio::null()).status()?;
    // 2 says that there are anomalies, and a line of 1 GiB is one.
    if !matches!(status.code(), Some(0 | 2)) {
        bail!("{status}");
    }
    // SAFETY: `rusage` is plain integers, for which all zeros is a value.
    let mut usage: libc::rusage = unsafe { std::mem::zeroed() };
    // SAFETY: the pointer is to a live `rusage`, which the call fills in.
    if unsafe { libc::getrusage(libc::RUSAGE_CHILDREN, &mut usage) } != 0 {
        return Err(io::Error::last_os_error()).context("getrusage");
    }
    println!("{}", usage.ru_maxrss * 1024);
    Ok(())
}
