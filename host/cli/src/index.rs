//! `index`: make the index of a journal.

use clap::Args;
use papyra_persistence::config::Config;
use papyra_persistence::journal::IndexOptions;
use serde_json::json;

use crate::args::{JobsArgs, TargetArgs};
use crate::context::Context;
use crate::exit::{self, Exit};
use crate::per_store::{self, Report};
use crate::problem::Problem;
use crate::report;

/// Make the index of a journal, or add what was appended since
///
/// With an index `read --since`, `inspect` and `startup-check` read only what they need. It lies beside the
/// journal, holds nothing of any record, and can be lost. Its hashes are what `verify` compares with.
#[derive(Debug, Args)]
#[command(after_help = format!(
    "Examples:\n  papyra index app.ndjson\n  \
     papyra index app.ndjson --head\n\n{}",
    exit::help(&[(Exit::Done, "the index is there")])
))]
pub(super) struct IndexArgs {
    #[command(flatten)]
    target: TargetArgs,
    /// Leave out the hashes, which cost about as much as a scan
    #[arg(long, conflicts_with = "head")]
    no_hash: bool,
    /// Read everything again, also what the index knows
    #[arg(long)]
    full: bool,
    /// Print nothing but the head of the journal, which `verify --head` takes
    #[arg(long)]
    head: bool,
    /// Remove the index
    #[arg(long, conflicts_with_all = ["no_hash", "full", "head"])]
    drop: bool,
    #[command(flatten)]
    jobs: JobsArgs,
}

impl IndexArgs {
    pub fn apply(&self, config: &mut Config) -> Result<(), Problem> {
        self.target.apply(config)?;
        self.jobs.apply(config);
        Ok(())
    }
}

pub(super) async fn run(args: IndexArgs, context: &mut Context<'_>) -> Result<Exit, Problem> {
    "the index is as it was".clone_into(&mut context.output.if_interrupted);
    let options = IndexOptions { hash: !args.no_hash, full: args.full };
    let paint = context.output.paint();
    per_store::run(context, "index", async |journal, _| {
        if args.drop {
            journal.drop_index().await?;
            let location = journal.describe().location;
            let text = format!("{}: the index is removed\n", crate::text::printable(&location));
            let fields = json!({ "location": location, "dropped": true });
            return Ok(Report { text, fields, exit: Exit::Done });
        }
        let index = journal.index(options).await?;
        let text = match (args.head, &index.head) {
            (true, Some(head)) => format!("{head}\n"),
            _ => report::index::text(&index, paint),
        };
        Ok(Report { text, fields: report::fields(&index), exit: Exit::Done })
    })
    .await
}
