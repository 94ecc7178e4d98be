//! `verify`: tell whether a journal is what it was.

use std::path::PathBuf;

use clap::Args;
use papyra_persistence::config::Config;
use papyra_persistence::journal::{VerifyOptions, VerifyOutcome};

use crate::anchor;
use crate::args::{JobsArgs, TargetArgs};
use crate::context::Context;
use crate::exit::{self, Exit};
use crate::per_store::{self, Report};
use crate::problem::Problem;
use crate::report;

/// Tell whether a journal is what it was when its index was made, or when its head was noted
///
/// Hashes every byte, and names the first part that differs. What was appended since does not matter. Only a head
/// that is kept elsewhere proves anything: the index can be made anew by anybody who can write the journal.
#[derive(Debug, Args)]
#[command(after_help = format!(
    "Examples:\n  papyra verify app.ndjson\n  \
     papyra verify app.ndjson --anchor /mnt/elsewhere/heads.txt\n\n{}",
    exit::help(&[
        (Exit::Done, "every byte is what it was"),
        (Exit::Anomalies, "something was changed, removed or inserted"),
        (Exit::Remaining, "it cannot be told of all: a compaction has removed a part of it"),
        (Exit::NotFound, "no such store, or nothing to compare it with"),
    ])
))]
pub(super) struct VerifyArgs {
    #[command(flatten)]
    target: TargetArgs,
    /// Compare with this head, which `index --head` has printed, and not with the index
    #[arg(long, value_name = "LENGTH:HASH")]
    head: Option<String>,
    /// Compare with the last head of the journal in this file, and append the present one if nothing differs
    #[arg(long, value_name = "FILE", conflicts_with = "head")]
    anchor: Option<PathBuf>,
    #[command(flatten)]
    jobs: JobsArgs,
}

impl VerifyArgs {
    pub fn apply(&self, config: &mut Config) -> Result<(), Problem> {
        self.target.apply(config)?;
        self.jobs.apply(config);
        Ok(())
    }
}

pub(super) async fn run(args: VerifyArgs, context: &mut Context<'_>) -> Result<Exit, Problem> {
    "nothing was changed".clone_into(&mut context.output.if_interrupted);
    let paint = context.output.paint();
    per_store::run(context, "verify", async |journal, _| {
        let location = journal.describe().location;
        let noted = args.anchor.as_deref().map(|file| anchor::last(file, &location)).transpose()?;
        let head = match &noted {
            // The first time there is nothing to compare with.
            Some(noted) => Some(noted.clone().unwrap_or_default()),
            None => args.head.clone(),
        };
        let found = journal.verify(&VerifyOptions { head }).await?;
        let mut text = match noted {
            Some(None) => report::verify::first(&found, paint),
            _ => report::verify::text(&found, paint),
        };
        if let (Some(file), true) = (&args.anchor, found.is_intact()) {
            anchor::append(file, &location, &found.head)?;
            text.push_str(&report::verify::noted(file));
        }
        let exit = match found.outcome {
            VerifyOutcome::Intact => Exit::Done,
            VerifyOutcome::Differs => Exit::Anomalies,
            VerifyOutcome::Unverifiable => Exit::Remaining,
        };
        Ok(Report { text, fields: report::fields(&found), exit })
    })
    .await
}
