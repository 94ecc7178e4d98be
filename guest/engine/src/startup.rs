//! The verdict on a store before a system starts on it.

use crate::fact;
use crate::failure::{Code, Outcome};
use crate::host::Host;
use crate::recover::{self, RecoverOptions, Recovery};
use crate::scan::{self, ScanOptions, ScanReport};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StartupMode {
    Ignore,
    ScanOnly,
    Fail,
    Recover,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StartupOutcome {
    Ignored,
    Absent,
    Healthy,
    Tolerated,
    Recovered,
    Refused,
}

#[derive(Clone, Debug, PartialEq)]
pub struct StartupReport {
    pub outcome: StartupOutcome,
    pub scan: Option<ScanReport>,
    pub recovery: Option<Recovery>,
}

/// How many findings a startup report lists.
const FINDINGS: u32 = 100;

pub fn startup_check<H: Host>(
    host: &mut H,
    mode: StartupMode,
    recovery: recover::Mode,
) -> Outcome<StartupReport> {
    if mode == StartupMode::Ignore {
        return Ok(verdict(StartupOutcome::Ignored, None, None));
    }
    let scan = match look(host) {
        Ok(scan) => scan,
        Err(failure) if failure.code == Code::NotFound => {
            return Ok(verdict(StartupOutcome::Absent, None, None));
        }
        Err(failure) => return Err(failure),
    };
    if scan.is_healthy() {
        return Ok(verdict(StartupOutcome::Healthy, Some(scan), None));
    }
    match mode {
        StartupMode::Ignore | StartupMode::ScanOnly => {
            Ok(verdict(StartupOutcome::Tolerated, Some(scan), None))
        }
        StartupMode::Fail => Ok(verdict(StartupOutcome::Refused, Some(scan), None)),
        StartupMode::Recover => recover_and_verify(host, recovery, scan),
    }
}

fn look<H: Host>(host: &mut H) -> Outcome<ScanReport> {
    scan::scan(host, ScanOptions { max_findings: FINDINGS, sample: None })
}

/// Suspect entries and strays alone do not keep a system from starting: recovery leaves them.
fn recover_and_verify<H: Host>(
    host: &mut H,
    mode: recover::Mode,
    before: ScanReport,
) -> Outcome<StartupReport> {
    let nothing_to_do = before.tally.damaged == 0 && mode == recover::Mode::Repair;
    if nothing_to_do {
        return Ok(verdict(StartupOutcome::Tolerated, Some(before), None));
    }
    let options = RecoverOptions { mode, dry_run: false, max_findings: FINDINGS };
    let recovery = fact::recover(host, options, true)?;
    let after = look(host)?;
    let outcome = match (after.tally.damaged, recovery.changed) {
        (0, true) => StartupOutcome::Recovered,
        (0, false) => StartupOutcome::Tolerated,
        _ => StartupOutcome::Refused,
    };
    Ok(verdict(outcome, Some(after), Some(recovery)))
}

fn verdict(
    outcome: StartupOutcome,
    scan: Option<ScanReport>,
    recovery: Option<Recovery>,
) -> StartupReport {
    StartupReport { outcome, scan, recovery }
}
