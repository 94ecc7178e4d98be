//! The report of a compaction.

use papyra_persistence::journal::{Compaction, Retention};
use papyra_persistence::store::groups::GroupLoss;

use serde_json::Value;

use super::recover;
use crate::groups::pins::Pin;
use crate::output::Paint;
use crate::text::{count, field, grouped, kinds, printable, size};

pub(crate) fn text(
    compaction: &Compaction,
    policy: &Retention,
    losses: &[GroupLoss],
    pins: &[Pin],
    as_of_given: bool,
    paint: Paint,
) -> String {
    let c = compaction;
    let done = match (c.changed, c.dry_run) {
        (true, false) => paint.good("compacted"),
        (true, true) => paint.doubtful("would be compacted (dry run, nothing was changed)"),
        (false, false) => paint.good("nothing to remove"),
        (false, true) => paint.good("nothing to remove (dry run)"),
    };
    let mut text = format!("{}: {done}\n", paint.bold(&printable(&c.location)));
    field(&mut text, "limits", &crate::text::retention(policy));
    let removed = grouped(c.records_before.saturating_sub(c.records_after));
    let removed = match (c.changed, c.records_after) {
        (true, 0) => paint.bad(&format!("all {removed} removed")),
        _ => format!("{removed} removed"),
    };
    let (before, after) = (grouped(c.records_before), grouped(c.records_after));
    field(&mut text, "records", &format!("{before} -> {after}  ({removed})"));
    let reclaimed = size(c.bytes_before.saturating_sub(c.bytes_after));
    let (before, after) = (grouped(c.bytes_before), grouped(c.bytes_after));
    field(&mut text, "bytes", &format!("{before} -> {after}  ({reclaimed} reclaimed)"));
    kinds(&mut text, "kept", &c.kept);
    let (damaged_removed, damaged_kept) = (grouped(c.damaged_removed), grouped(c.damaged_kept));
    if c.damaged_removed > 0 || c.damaged_kept > 0 {
        let line =
            format!("{damaged_kept} kept (`recover` sees to them), {damaged_removed} removed");
        field(&mut text, "damaged", &line);
    }
    if c.untimed_kept > 0 {
        let records = count(c.untimed_kept, "record", "records");
        field(
            &mut text,
            "untimed",
            &format!("{records} kept at any age: no time, or one before 2000"),
        );
    }
    if c.from_future_kept > 0 {
        let records = count(c.from_future_kept, "record", "records");
        let line = format!("{records} kept at any age: more than a day ahead of this host's clock");
        field(&mut text, "future", &line);
    }
    if c.indexed_bytes > 0 {
        let blocks = count(c.indexed_blocks.into(), "block", "blocks");
        let line =
            format!("all but {}: {blocks} taken on trust in the index", size(c.indexed_bytes));
        field(&mut text, "read", &line);
    }
    if !c.time_note.is_empty() {
        field(&mut text, "", &printable(&c.time_note));
    }
    if c.pinned_kept > 0 {
        let records = count(c.pinned_kept, "record", "records");
        let line = format!("{records} kept for consumer groups; --force removes them");
        field(&mut text, "pinned", &line);
        pins.iter().for_each(|pin| field(&mut text, "", &pin.text()));
    }
    if c.pinned_removed > 0 {
        let records = count(c.pinned_removed, "record", "records");
        let line =
            paint.bad(&format!("{records} removed, from the first on that consumer groups need"));
        field(&mut text, "pinned", &line);
    }
    for loss in losses {
        let group = format!("{} ({})", printable(&loss.group), loss.kind.name());
        let entries = count(loss.entries, "entry", "entries");
        field(&mut text, "", &format!("{group} has lost {entries}"));
    }
    recover::quarantine(&mut text, &c.quarantine);
    recover::audit(&mut text, &c.audit);
    if !c.note.is_empty() {
        field(&mut text, "note", &printable(&c.note));
    }
    if c.dry_run && c.changed {
        text.push_str(&match has_age(policy) && !as_of_given {
            true => format!(
                "\nTo do exactly this, type the same with --as-of {} in place of --dry-run.\n",
                c.as_of
            ),
            false => "\nTo do it, type the same without --dry-run.\n".to_owned(),
        });
    }
    text
}

/// Adds the groups that keep records, to the note for people as well.
pub(crate) fn pins_in(fields: &mut Value, pins: &[Pin]) {
    fields["pinned_by"] = pins.iter().map(Pin::fields).collect();
    let note = fields["note"].as_str().unwrap_or_default().to_owned();
    let named = pins.iter().map(Pin::text);
    let parts: Vec<String> =
        Some(note).into_iter().filter(|n| !n.is_empty()).chain(named).collect();
    fields["note"] = parts.join("; ").into();
}

fn has_age(policy: &Retention) -> bool {
    policy.journal.max_age_seconds.is_some()
        || policy.per_kind.iter().any(|kind| kind.limits.max_age_seconds.is_some())
}

#[cfg(test)]
mod tests {
    use papyra_persistence::journal::{KindCount, Limits};
    use papyra_persistence::store::Kind;

    use super::*;

    fn compaction() -> Compaction {
        Compaction {
            backend: "file".into(),
            location: "app.ndjson".into(),
            dry_run: false,
            changed: true,
            records_before: 10_000,
            records_after: 1_000,
            bytes_before: 1_000_000,
            bytes_after: 100_000,
            kept: vec![KindCount { kind: Kind::Event, records: 1_000, bytes: 100_000 }],
            damaged_removed: 2,
            damaged_kept: 1,
            untimed_kept: 0,
            from_future_kept: 0,
            time_note: String::new(),
            pinned_removed: 0,
            pinned_kept: 0,
            rewritten: vec!["app.ndjson".into()],
            quarantine: Vec::new(),
            indexed_bytes: 0,
            indexed_blocks: 0,
            as_of: 1_738_000_000.25,
            audit: String::new(),
            note: String::new(),
        }
    }

    fn policy() -> Retention {
        let journal = Limits { max_age_seconds: Some(2_592_000.0), ..Limits::default() };
        Retention { journal, per_kind: Vec::new() }
    }

    #[test]
    fn numbers_before_and_after_are_printed() {
        assert_eq!(
            text(&compaction(), &policy(), &[], &[], false, Paint::NONE),
            "app.ndjson: compacted\n  \
             limits       at most 30 days old\n  \
             records      10,000 -> 1,000  (9,000 removed)\n  \
             bytes        1,000,000 -> 100,000  (878.9 KiB reclaimed)\n  \
             kept         event 1,000\n  \
             damaged      1 kept (`recover` sees to them), 2 removed\n"
        );
    }

    #[test]
    fn a_dry_run_gives_the_moment_with_which_the_run_does_the_same() {
        let dry = Compaction { dry_run: true, ..compaction() };
        let shown = text(&dry, &policy(), &[], &[], false, Paint::NONE);
        assert!(shown.contains("--as-of 1738000000.25 in place of --dry-run"), "{shown}");
        let given = text(&dry, &policy(), &[], &[], true, Paint::NONE);
        assert!(given.ends_with("type the same without --dry-run.\n"), "{given}");
    }
}
