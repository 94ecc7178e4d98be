//! Recovery and compaction as callers ask for them: the work, and the audit record of it.
//!
//! The audit record is appended after the switch, so that it never reports what did not happen. If it
//! cannot be written, the report has a note that says so, since the work itself is done.
//!
//! The audit record of a compaction does not count towards the limits, or the next compaction would
//! remove a record to make room for it and write an audit record of its own, without end. So while that
//! audit record is the newest record, a compaction exempts it; and a compaction that removes nothing but
//! that audit record, for its age, writes none.

use crate::failure::Outcome;
use crate::health::recover::{self, RecoverOptions, Recovery};
use crate::host::Host;
use crate::retention::Retention;
use crate::retention::compact::{self, CompactOptions, Compaction};
use crate::write::audit;

/// Recovers, and leaves an audit record if the options ask for one and something changed, even if a
/// failure kept the recovery from its end.
pub fn recover<H: Host>(host: &mut H, options: RecoverOptions) -> Outcome<Recovery> {
    let (mut done, failure) = recover::recover(host, options)?;
    if options.record_audit && done.changed && !done.dry_run {
        (done.audit, done.note) = audit::of_recovery(host, &done);
    }
    let Some(mut failure) = failure else { return Ok(done) };
    let names = done.rewritten.join(", ");
    failure.message = format!("{}; recovered before that: {names}", failure.message);
    Err(failure)
}

/// Compacts, with surveys if there are any, and leaves an audit record if the options ask for one and
/// something changed.
pub fn compact<H: Host>(
    host: &mut H,
    surveys: Option<&[String]>,
    policy: &Retention,
    options: CompactOptions,
) -> Outcome<Compaction> {
    let asked = options.record_audit && !policy.is_empty();
    let last = if asked { audit::newest_of_compaction(host) } else { None };
    let as_of = options.as_of.unwrap_or_else(|| host.now());
    let old = last.as_ref().is_some_and(|(envelope, _)| policy.expires(envelope, as_of));
    let lenient = last.filter(|_| !old).map(|(_, stored)| policy.exempt(stored));
    let options = CompactOptions { as_of: Some(as_of), ..options };
    let lenient = lenient.as_ref().unwrap_or(policy);
    let mut done = match surveys {
        Some(surveys) => compact::compact_surveyed(host, surveys, lenient, options)?,
        None => compact::compact(host, lenient, options)?,
    };
    let nothing_else = old && done.records_before.saturating_sub(done.records_after) == 1;
    if options.record_audit && done.changed && !done.dry_run && !nothing_else {
        (done.audit, done.note) = audit::of_compaction(host, &done, policy);
    }
    Ok(done)
}
