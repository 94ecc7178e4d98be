//! `scan`: check the health of a journal.

use clap::Args;
use papyra_persistence::config::Config;
use papyra_persistence::journal::ScanOptions;

use crate::args::{FindingsArgs, JobsArgs, TargetsArgs};
use crate::context::Context;
use crate::exit::{self, Exit};
use crate::per_store::{self, Report};
use crate::problem::Problem;
use crate::report;

/// Check every entry and report anomalies
///
/// Changes nothing and does not disturb a process that writes to the journal. Memory use does not
/// depend on the size of the journal.
#[derive(Debug, Args)]
#[command(after_help = format!(
    "Examples:\n  papyra scan app.ndjson\n  \
     papyra scan app.ndjson --json | jq .anomalies\n  \
     papyra scan 'logs/*.ndjson' --quiet\n\n{}",
    exit::help(&[
        (Exit::Done, "healthy"),
        (Exit::Anomalies, "anomalies found"),
        (Exit::NotFound, "no such store; a missing file is not healthy"),
    ])
))]
pub(super) struct ScanArgs {
    #[command(flatten)]
    pub target: TargetsArgs,
    #[command(flatten)]
    jobs: JobsArgs,
    #[command(flatten)]
    findings: FindingsArgs,
    /// Check only the newest N entries of each segment
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    sample: Option<u64>,
}

impl ScanArgs {
    pub fn apply(&self, config: &mut Config) {
        self.target.apply(config);
        self.jobs.apply(config);
    }
}

pub(super) async fn run(args: ScanArgs, context: &mut Context<'_>) -> Result<Exit, Problem> {
    "nothing was changed".clone_into(&mut context.output.if_interrupted);
    let options = ScanOptions { max_findings: args.findings.findings, sample: args.sample };
    let paint = context.output.paint();
    per_store::run(context, "scan", async |journal, target| {
        let scan = journal.scan(options).await?;
        Ok(Report {
            text: report::scan::text(&scan, &target.flags, paint),
            fields: report::fields(&scan),
            exit: if scan.is_healthy() { Exit::Done } else { Exit::Anomalies },
        })
    })
    .await
}
