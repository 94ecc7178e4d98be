//! `compact`: remove for good what retention hides.

use std::path::PathBuf;

use clap::Args;
use papyra_persistence::config::Config;
use papyra_persistence::journal::{CompactOptions, Compaction, Retention};
use papyra_persistence::store::groups::{ConsumerGroups, GroupLoss};
use serde_json::{Value, json};

use super::Context;
use super::args::{self, JobsArgs, RetentionArgs, TargetArgs, apply_quarantine_dir};
use super::each::{self, Report};
use super::exit::{self, Exit};
use super::output::Paint;
use super::problem::Problem;
use super::text::{self, count, field, grouped, kinds, printable, size};
use super::{findings, recover, values};

/// Remove what the retention limits hide; kept records keep every byte
///
/// Limits apply together, from the newest record back. The size limit alone never drops the newest
/// record, and a record without a usable timestamp is never dropped for its age. A process that
/// writes through papyra meanwhile loses nothing.
#[derive(Debug, Args)]
#[command(after_help = format!(
    "Examples:\n  papyra persistence compact --path app.ndjson --max-age 30d --dry-run\n  \
     papyra persistence compact --path app.ndjson --max-records 100000 --max-total-bytes 1GiB\n\n{}",
    exit::help(&[
        (Exit::Done, "compacted, or nothing to remove"),
        (Exit::Usage, "wrong usage; no retention limit given or configured"),
    ])
))]
pub(super) struct CompactArgs {
    #[command(flatten)]
    target: TargetArgs,
    #[command(flatten)]
    retention: RetentionArgs,
    /// Report what would be removed, and do nothing
    #[arg(long)]
    dry_run: bool,
    /// Also remove what consumer groups have not been given or not acknowledged
    #[arg(long)]
    force: bool,
    /// Keep what is removed in this directory; made if it is missing
    #[arg(long, value_name = "DIR")]
    quarantine_dir: Option<PathBuf>,
    /// Count ages from this moment instead of now, as a dry run has printed it
    #[arg(long, value_name = "TIME", value_parser = values::moment, allow_hyphen_values = true)]
    as_of: Option<f64>,
    /// Do not append an audit record of what was done; it would come on top of the limits
    #[arg(long)]
    no_audit: bool,
    #[command(flatten)]
    jobs: JobsArgs,
}

impl CompactArgs {
    pub fn apply(&self, config: &mut Config) -> Result<(), Problem> {
        self.target.apply(config);
        self.jobs.apply(config);
        apply_quarantine_dir(self.quarantine_dir.as_ref(), config);
        self.retention.apply(config)
    }
}

pub(super) async fn run(args: CompactArgs, context: &mut Context<'_>) -> Result<Exit, Problem> {
    let policy = context.config.retention();
    if policy == Retention::default() {
        return Err(Problem::usage(
            "compact needs a limit, and does not guess one: give --max-records, --max-age, \
             --max-total-bytes or --kind-limit",
        ));
    }
    if args.quarantine_dir.as_ref().is_some_and(|directory| directory.as_os_str().is_empty()) {
        return Err(Problem::usage("--quarantine-dir needs the name of a directory"));
    }
    each::rewritten_if_interrupted(args.dry_run).clone_into(&mut context.output.if_interrupted);
    let options = CompactOptions {
        dry_run: args.dry_run,
        force: args.force,
        // What the configuration names is for recovery: keeping all that is compacted away would
        // free nothing.
        keep_quarantine: args.quarantine_dir.is_some(),
        as_of: args.as_of,
        record_audit: !args.no_audit,
    };
    each::run(context, "papyra.compact/1", async |context, target| {
        let meter = context.meter("compact");
        let journal = context.journal(target.store.clone())?;
        let journal = journal.with_jobs(args::jobs(context.config));
        let compaction = journal.with_progress(meter.callback()).compact(options).await?;
        let losses = target.store.groups().map(ConsumerGroups::losses).unwrap_or_default();
        let mut text = people(&compaction, &policy, args.as_of.is_some(), context.output.paint());
        for loss in &losses {
            let group = format!("{} ({})", printable(&loss.group), loss.kind.name());
            let entries = count(loss.entries, "entry", "entries");
            field(&mut text, "", &format!("{group} has lost {entries}"));
        }
        let mut fields = fields(&compaction, &policy);
        let of = |loss: &GroupLoss| {
            json!({ "kind": loss.kind.name(), "group": loss.group, "entries": loss.entries })
        };
        fields["groups_lost"] = losses.iter().map(of).collect();
        Ok(Report {
            text,
            fields,
            exit: Exit::Done,
        })
    })
    .await
}

fn people(compaction: &Compaction, policy: &Retention, as_of_given: bool, paint: Paint) -> String {
    let c = compaction;
    let done = match (c.changed, c.dry_run) {
        (true, false) => paint.good("compacted"),
        (true, true) => paint.doubtful("would be compacted (dry run, nothing was changed)"),
        (false, false) => paint.good("nothing to remove"),
        (false, true) => paint.good("nothing to remove (dry run)"),
    };
    let mut text = format!("{}: {done}\n", paint.bold(&printable(&c.location)));
    field(&mut text, "limits", &text::retention(policy));
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
            &format!("{records} kept whatever their age: no time, or one before 2000"),
        );
    }
    if c.pinned_kept > 0 {
        let records = count(c.pinned_kept, "record", "records");
        let line = format!("{records} kept for consumer groups; --force removes them");
        field(&mut text, "pinned", &line);
    }
    if c.pinned_removed > 0 {
        let records = count(c.pinned_removed, "record", "records");
        let line =
            paint.bad(&format!("{records} removed, from the first on that consumer groups need"));
        field(&mut text, "pinned", &line);
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

fn has_age(policy: &Retention) -> bool {
    policy.journal.max_age_seconds.is_some()
        || policy.per_kind.iter().any(|kind| kind.limits.max_age_seconds.is_some())
}

/// A policy as it appears in documents.
pub(super) fn policy_fields(policy: &Retention) -> Value {
    let limits = |limits: &papyra_persistence::journal::Limits| {
        json!({
            "max_records": limits.max_records,
            "max_age_seconds": limits.max_age_seconds,
            "max_total_bytes": limits.max_total_bytes,
        })
    };
    let mut fields = limits(&policy.journal);
    let per_kind = policy.per_kind.iter();
    fields["per_kind"] =
        per_kind.map(|kind| (kind.kind.name().to_owned(), limits(&kind.limits))).collect();
    fields
}

fn fields(compaction: &Compaction, policy: &Retention) -> Value {
    let c = compaction;
    json!({
        "backend": c.backend,
        "location": c.location,
        "retention": policy_fields(policy),
        "as_of": c.as_of,
        "dry_run": c.dry_run,
        "changed": c.changed,
        "records_before": c.records_before,
        "records_after": c.records_after,
        "bytes_before": c.bytes_before,
        "bytes_after": c.bytes_after,
        "kept": findings::kind_counts(&c.kept),
        "damaged_removed": c.damaged_removed,
        "damaged_kept": c.damaged_kept,
        "untimed_kept": c.untimed_kept,
        "pinned_removed": c.pinned_removed,
        "pinned_kept": c.pinned_kept,
        "rewritten": c.rewritten,
        "quarantine": c.quarantine,
        "audit": recover::audit_fields(&c.audit),
        "note": c.note,
    })
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
            pinned_removed: 0,
            pinned_kept: 0,
            rewritten: vec!["app.ndjson".into()],
            quarantine: Vec::new(),
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
            people(&compaction(), &policy(), false, Paint::NONE),
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
        let text = people(&dry, &policy(), false, Paint::NONE);
        assert!(text.contains("--as-of 1738000000.25 in place of --dry-run"), "{text}");
        let given = people(&dry, &policy(), true, Paint::NONE);
        assert!(given.ends_with("type the same without --dry-run.\n"), "{given}");
    }

    #[test]
    fn a_document_names_the_policy() {
        let fields = fields(&compaction(), &policy()).to_string();
        assert!(fields.contains(r#""retention":{"max_records":null,"max_age_seconds":2592000.0,"#));
        assert!(fields.contains(r#""per_kind":{}"#), "{fields}");
    }
}
