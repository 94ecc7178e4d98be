//! `inspect`: a summary whose cost does not depend on the size of the journal.

use clap::Args;
use papyra_persistence::config::Config;
use papyra_persistence::journal::InspectOptions;

use crate::args::{RetentionArgs, TargetsArgs};
use crate::context::Context;
use crate::exit::{self, Exit};
use crate::per_store::{self, Report};
use crate::problem::Problem;
use crate::{report, values, warnings};

/// Summarise the newest records of a journal
///
/// Takes the same short time for a journal of any size. Records that retention hides are not counted.
#[derive(Debug, Args)]
#[command(after_help = format!(
    "Example:\n  papyra inspect app.ndjson --limit 10000\n\n{}",
    exit::help(&[(Exit::Done, "done, also with anomalies; `scan` checks health")])
))]
pub(super) struct InspectArgs {
    #[command(flatten)]
    pub target: TargetsArgs,
    /// Number of newest records to read
    #[arg(long, value_name = "N", default_value = "1000", value_parser = values::records)]
    limit: u64,
    /// Also show the counters of this run
    ///
    /// They count this process only. A process that writes to the journal has counters of its own.
    #[arg(long)]
    show_metrics: bool,
    #[command(flatten)]
    retention: RetentionArgs,
}

impl InspectArgs {
    pub fn apply(&self, config: &mut Config) -> Result<(), Problem> {
        self.target.apply(config);
        self.retention.apply(config)
    }
}

pub(super) async fn run(args: InspectArgs, context: &mut Context<'_>) -> Result<Exit, Problem> {
    "nothing was changed".clone_into(&mut context.output.if_interrupted);
    let paint = context.output.paint();
    let quiet = context.output.quiet();
    per_store::run(context, "inspect", async |journal, target| {
        let inspection = journal.inspect(InspectOptions { limit: args.limit }).await?;
        warnings::print(target, quiet).await;
        let policy = journal.retention();
        let metrics = args.show_metrics.then(|| journal.metrics());
        let mut fields = report::fields(&inspection);
        fields["retention"] = report::fields(policy);
        if let Some(metrics) = &metrics {
            fields["metrics"] = report::fields(metrics);
        }
        let text = report::inspect::text(&inspection, policy, metrics.as_ref(), paint);
        Ok(Report { text, fields, exit: Exit::Done })
    })
    .await
}
