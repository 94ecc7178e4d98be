//! `compact`: delete the records that retention hides.

use std::path::PathBuf;

use clap::Args;
use papyra_persistence::config::Config;
use papyra_persistence::journal::{CompactOptions, Retention};
use papyra_persistence::store::groups::ConsumerGroups;

use crate::args::{AuditArgs, JobsArgs, RetentionArgs, TargetsArgs};
use crate::context::Context;
use crate::exit::{self, Exit};
use crate::groups::pins;
use crate::per_store::{self, Report};
use crate::problem::Problem;
use crate::{quarantine, report, values};

/// Delete records beyond the retention limits; the rest stays byte for byte
///
/// All limits apply together, from the newest record back. The size limit alone never deletes the
/// newest record, and age never deletes a record without a usable timestamp. A process that writes
/// through papyra at the same time loses nothing.
#[derive(Debug, Args)]
#[command(after_help = format!(
    "Examples:\n  papyra compact app.ndjson --max-age 30d --dry-run\n  \
     papyra compact app.ndjson --max-records 100000 --max-total-bytes 1GiB\n\n{}",
    exit::help(&[
        (Exit::Done, "compacted, or nothing to remove"),
        (Exit::Usage, "wrong usage; no retention limit given or configured"),
    ])
))]
pub(super) struct CompactArgs {
    #[command(flatten)]
    pub target: TargetsArgs,
    #[command(flatten)]
    retention: RetentionArgs,
    /// Report what would be removed, but change nothing
    #[arg(long)]
    dry_run: bool,
    /// Also remove records that consumer groups have not received or not acknowledged
    #[arg(long)]
    force: bool,
    /// Keep removed records in this directory; created if it is missing
    #[arg(long, value_name = "DIR")]
    quarantine_dir: Option<PathBuf>,
    /// Count ages from this moment instead of now; a dry run prints it
    #[arg(long, value_name = "TIME", value_parser = values::moment, allow_hyphen_values = true)]
    as_of: Option<f64>,
    /// Remove all records even if they are so old that the clock may be wrong
    #[arg(long)]
    allow_expire_all: bool,
    /// Read everything, also what the index tells
    #[arg(long)]
    full: bool,
    #[command(flatten)]
    audit: AuditArgs,
    #[command(flatten)]
    jobs: JobsArgs,
}

impl CompactArgs {
    pub fn apply(&self, config: &mut Config) -> Result<(), Problem> {
        self.target.apply(config);
        self.jobs.apply(config);
        quarantine::apply(self.quarantine_dir.as_ref(), config);
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
    per_store::rewritten_if_interrupted(args.dry_run)
        .clone_into(&mut context.output.if_interrupted);
    let options = CompactOptions {
        dry_run: args.dry_run,
        force: args.force,
        // The configured directory is for recovery: a compaction that kept everything would free
        // nothing.
        keep_quarantine: args.quarantine_dir.is_some(),
        as_of: args.as_of,
        record_audit: args.audit.record(context.output),
        allow_expire_all: args.allow_expire_all,
        full: args.full,
    };
    if !options.dry_run {
        let trial = CompactOptions { dry_run: true, ..options };
        per_store::plan(context, "compact", async |journal| {
            Ok(journal.compact(trial).await.map(drop)?)
        })
        .await?;
    }
    let paint = context.output.paint();
    per_store::run(context, "compact", async |journal, target| {
        let compaction = journal.compact(options).await?;
        let losses = target.store.groups().map(ConsumerGroups::losses).unwrap_or_default();
        let as_of_given = args.as_of.is_some();
        let mut fields = report::fields(&compaction);
        fields["retention"] = report::fields(&policy);
        fields["groups_lost"] = report::fields(&losses);
        let pins = match compaction.pinned_kept {
            0 => Vec::new(),
            _ => pins::of(&*target.store, &target.kinds).await,
        };
        report::compact::pins_in(&mut fields, &pins);
        Ok(Report {
            text: report::compact::text(&compaction, &policy, &losses, &pins, as_of_given, paint),
            fields,
            exit: Exit::Done,
        })
    })
    .await
}
