//! The verdict on a store before a system starts on it.

pub use crate::bindings::exports::papyra::persistence::journal::{
    StartupMode, StartupOptions, StartupOutcome, StartupReport,
};
use crate::failure::{FailureCode, Outcome};
use crate::health::look::{self, Look};
use crate::health::recover::{RecoverOptions, RecoveryMode};
use crate::host::{Host, StorageError};
use crate::index::Index;
use crate::operations;

/// How many findings a startup report lists.
const FINDINGS: u32 = 100;

pub fn startup_check<H: Host>(host: &mut H, options: StartupOptions) -> Outcome<StartupReport> {
    use StartupOutcome::{Absent, Healthy, Ignored, Refused, Tolerated};
    if options.mode == StartupMode::Ignore {
        return Ok(StartupReport::of(Ignored));
    }
    let known = match options.full {
        true => None,
        false => Index::load(host),
    };
    let look = match look::look(host, known.as_deref(), FINDINGS) {
        Ok(look) => look,
        Err(failure) if failure.code == FailureCode::NotFound => {
            return Ok(StartupReport::of(Absent));
        }
        Err(failure) => return Err(failure),
    };
    if !look.report.is_healthy() && options.mode == StartupMode::Recover {
        return recover_and_verify(host, options, look);
    }
    let note = match known.as_deref().is_some_and(|known| is_good_enough(known, &look)) {
        true => String::new(),
        false => keep(host, known.as_deref(), look.next.as_ref()),
    };
    let report = StartupReport { indexed_bytes: look.indexed, note, ..StartupReport::of(Healthy) };
    if look.report.is_healthy() {
        return Ok(StartupReport { scan: Some(look.report), ..report });
    }
    match options.mode {
        StartupMode::Ignore | StartupMode::ScanOnly => {
            Ok(StartupReport { outcome: Tolerated, scan: Some(look.report), ..report })
        }
        StartupMode::Fail | StartupMode::Recover => {
            Ok(StartupReport { outcome: Refused, scan: Some(look.report), ..report })
        }
    }
}

/// Suspect entries and strays alone do not keep a system from starting: recovery leaves them.
fn recover_and_verify<H: Host>(
    host: &mut H,
    options: StartupOptions,
    before: Look,
) -> Outcome<StartupReport> {
    let StartupOptions { recovery: mode, record_audit, .. } = options;
    let nothing_to_do = before.report.damaged == 0 && mode == RecoveryMode::Repair;
    if nothing_to_do {
        return Ok(StartupReport {
            note: keep(host, None, before.next.as_ref()),
            scan: Some(before.report),
            indexed_bytes: before.indexed,
            ..StartupReport::of(StartupOutcome::Tolerated)
        });
    }
    let (dry_run, max_findings, allow_loss) = (false, FINDINGS, false);
    let options = RecoverOptions { mode, dry_run, max_findings, record_audit, allow_loss };
    let recovery = match operations::recover(host, options) {
        Ok(recovery) => recovery,
        Err(failure) if failure.code == FailureCode::InvalidArgument => {
            return Ok(StartupReport {
                scan: Some(before.report),
                indexed_bytes: before.indexed,
                note: failure.message,
                ..StartupReport::of(StartupOutcome::Refused)
            });
        }
        Err(failure) => return Err(failure),
    };
    let after = look::look(host, None, FINDINGS)?;
    let outcome = match (after.report.damaged, recovery.changed) {
        (0, true) => StartupOutcome::Recovered,
        (0, false) => StartupOutcome::Tolerated,
        _ => StartupOutcome::Refused,
    };
    Ok(StartupReport {
        note: keep(host, None, after.next.as_ref()),
        scan: Some(after.report),
        recovery: Some(recovery),
        ..StartupReport::of(outcome)
    })
}

/// Whether it costs less to read again what was appended than to write again what the index has already.
fn is_good_enough(known: &Index, look: &Look) -> bool {
    look.indexed > 0 && look.report.bytes.saturating_sub(look.indexed) < known.rewritten_bytes()
}

/// Has the store keep the index, if it is new. That it cannot is no reason not to start; the
/// returned text, if any, says so.
fn keep<H: Host>(host: &mut H, old: Option<&Index>, new: Option<&Index>) -> String {
    if new.is_none() || old == new {
        return String::new();
    }
    let Some(text) = new.and_then(Index::write) else { return String::new() };
    match host.save_index(&text) {
        Ok(()) | Err(StorageError::Unsupported(_)) => String::new(),
        Err(error) => {
            let why = crate::failure::Failure::from(error).message;
            format!("the next check reads everything again, for no index was kept: {why}")
        }
    }
}

impl StartupReport {
    fn of(outcome: StartupOutcome) -> Self {
        Self { outcome, scan: None, recovery: None, indexed_bytes: 0, note: String::new() }
    }
}
