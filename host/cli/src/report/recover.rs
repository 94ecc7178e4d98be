//! The report of a recovery.

use papyra_persistence::journal::{Recovery, RecoveryMode};

use super::scan;
use crate::output::Paint;
use crate::text::{bytes, count, field, grouped, printable};

pub(crate) fn text(recovery: &Recovery, flags: &str, paint: Paint) -> String {
    let location = printable(&recovery.before.location);
    let done = match (recovery.changed, recovery.dry_run) {
        (true, false) => paint.good("recovered"),
        (true, true) => paint.doubtful("would be recovered (dry run, nothing was changed)"),
        (false, false) => paint.good("nothing to recover"),
        (false, true) => paint.good("nothing to recover (dry run)"),
    };
    let mut text = format!("{}: {done}\n", paint.bold(&location));
    body(&mut text, recovery, paint);
    if !recovery.before.is_healthy() {
        text.push_str(match recovery.changed && !recovery.dry_run {
            true => "\nFound before, by the line numbers of then:\n",
            false => "\nFound:\n",
        });
        scan::list(&mut text, &recovery.before, paint);
    }
    if recovery.remaining > 0
        && recovery.mode == RecoveryMode::Repair
        && recovery.before.suspect > 0
    {
        text.push_str(&scan::to_quarantine(&recovery.before, flags));
    }
    if recovery.dry_run && recovery.changed {
        text.push_str("\nTo do it, type the same without --dry-run.\n");
    }
    text
}

/// The block of numbers, which a startup check shows as well.
pub(crate) fn body(text: &mut String, recovery: &Recovery, paint: Paint) {
    let label = |done, to_do| if recovery.dry_run { to_do } else { done };
    field(text, "found", &scan::verdict(&recovery.before, paint));
    if recovery.removed_entries > 0 {
        let label = match recovery.mode {
            RecoveryMode::Repair => label("dropped", "to drop"),
            RecoveryMode::Quarantine => label("quarantined", "quarantine"),
        };
        let entries = count(recovery.removed_entries, "entry", "entries");
        field(text, label, &format!("{entries}, {}", bytes(recovery.removed_bytes)));
    }
    if recovery.salvaged > 0 {
        let mut kept = count(recovery.salvaged, "whole record", "whole records");
        kept.push_str(" from damaged lines");
        if recovery.ambiguous > 0 {
            let unsure = grouped(recovery.ambiguous);
            kept.push_str(&format!(" ({unsure} perhaps part of a torn one)"));
        }
        field(text, label("kept", "to keep"), &kept);
    }
    if recovery.terminated > 0 {
        let records = count(recovery.terminated.into(), "record", "records");
        let value = format!("{records} that lacked only the line end");
        field(text, label("completed", "to complete"), &value);
    }
    if recovery.bytes_before != recovery.bytes_after {
        let (before, after) = (grouped(recovery.bytes_before), bytes(recovery.bytes_after));
        field(text, "size", &format!("{before} -> {after}"));
    }
    quarantine(text, &recovery.quarantine);
    audit(text, &recovery.audit);
    if recovery.remaining > 0 {
        let left = count(recovery.remaining, "anomaly", "anomalies");
        field(text, label("remaining", "to remain"), &paint.doubtful(&left));
    }
    if !recovery.note.is_empty() {
        field(text, "note", &printable(&recovery.note));
    }
}

/// The files or streams that hold the quarantined bytes, one per line.
pub(crate) fn quarantine(text: &mut String, names: &[String]) {
    for (index, name) in names.iter().enumerate() {
        field(text, if index == 0 { "quarantine" } else { "" }, &printable(name));
    }
}

/// The audit record, if one was appended.
pub(crate) fn audit(text: &mut String, line: &str) {
    if !line.is_empty() {
        field(text, "audit", "1 audit record appended");
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::super::scan::tests::damaged;
    use super::*;

    /// One damaged line quarantined.
    pub fn recovery() -> Recovery {
        Recovery {
            mode: RecoveryMode::Quarantine,
            dry_run: false,
            before: damaged(),
            changed: true,
            removed_entries: 1,
            removed_bytes: 48,
            salvaged: 0,
            ambiguous: 0,
            line_ends: 0,
            terminated: 0,
            rewritten: vec!["app.ndjson".into()],
            quarantine: vec!["quarantine/app.ndjson.1".into()],
            remaining: 0,
            bytes_before: 2_048,
            bytes_after: 2_000,
            audit: String::new(),
            note: String::new(),
        }
    }

    #[test]
    fn what_was_done_is_said_with_numbers_and_quarantine() {
        let shown = text(&recovery(), "--path a", Paint::NONE);
        assert!(
            shown.starts_with(
                "/var/log/app.ndjson: recovered\n  \
                 found        1 damaged\n  \
                 quarantined  1 entry, 48 bytes\n  \
                 size         2,048 -> 2,000 bytes (2.0 KiB)\n  \
                 quarantine   quarantine/app.ndjson.1\n"
            ),
            "{shown}"
        );
    }

    #[test]
    fn a_dry_run_is_marked_and_tells_how_to_do_it() {
        let dry = Recovery { dry_run: true, quarantine: Vec::new(), ..recovery() };
        let shown = text(&dry, "--path a", Paint::NONE);
        assert!(shown.contains("would be recovered (dry run, nothing was changed)"), "{shown}");
        assert!(shown.contains("quarantine   1 entry, 48 bytes\n"), "{shown}");
        assert!(shown.ends_with("without --dry-run.\n"), "{shown}");
    }
}
