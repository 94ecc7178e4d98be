//! `recover`: repair a journal without losing an intact record.

use std::path::PathBuf;

use clap::Args;
use papyra_persistence::config::Config;
use papyra_persistence::journal::{RecoverOptions, RecoveryMode};

use crate::args::{AuditArgs, FindingsArgs, TargetArgs};
use crate::context::Context;
use crate::exit::{self, Exit};
use crate::per_store::{self, Report};
use crate::problem::Problem;
use crate::quarantine::{self, ModeWord};
use crate::report;

/// Repair a damaged journal; intact records are never changed
///
/// `repair` keeps every whole record, also one that shares its line with something else, drops the
/// rest, completes an unterminated last record and keeps suspect records. It refuses what does not look
/// like a journal. `quarantine` moves what is damaged and suspect records, byte for byte, to a
/// directory, or with Redis to a stream. Files are replaced atomically: after a crash, either the old or the new file is there,
/// complete.
#[derive(Debug, Args)]
#[command(after_help = format!(
    "Examples:\n  papyra persistence recover --path app.ndjson --dry-run\n  \
     papyra persistence recover --path app.ndjson --mode quarantine --quarantine-dir quarantine\n\n{}",
    exit::help(&[
        (Exit::Done, "the journal is healthy now (--dry-run: would be)"),
        (Exit::Remaining, "recovery finished, anomalies remain (--dry-run: would remain)"),
    ])
))]
pub(super) struct RecoverArgs {
    #[command(flatten)]
    target: TargetArgs,
    /// How to treat damaged entries and suspect records
    #[arg(long, value_name = "MODE", value_enum, ignore_case = true, default_value_t)]
    mode: ModeWord,
    /// Directory for quarantined entries of files; created if it is missing
    #[arg(long, value_name = "DIR")]
    quarantine_dir: Option<PathBuf>,
    /// Report what would be done, but change nothing
    #[arg(long)]
    dry_run: bool,
    /// Repair even what does not look like a journal
    #[arg(long)]
    allow_loss: bool,
    #[command(flatten)]
    audit: AuditArgs,
    #[command(flatten)]
    findings: FindingsArgs,
}

impl RecoverArgs {
    pub fn apply(&self, config: &mut Config) {
        self.target.apply(config);
        quarantine::apply(self.quarantine_dir.as_ref(), config);
    }
}

pub(super) async fn run(args: RecoverArgs, context: &mut Context<'_>) -> Result<Exit, Problem> {
    let mode = RecoveryMode::from(args.mode);
    quarantine::check(mode, "--mode", args.quarantine_dir.as_ref(), context.config)?;
    if args.mode == ModeWord::Rebuild {
        context.output.note("`rebuild` is called `repair` here");
    }
    per_store::rewritten_if_interrupted(args.dry_run)
        .clone_into(&mut context.output.if_interrupted);
    let options = RecoverOptions {
        mode,
        dry_run: args.dry_run,
        max_findings: args.findings.findings,
        record_audit: args.audit.record(context.output),
        allow_loss: args.allow_loss,
    };
    let paint = context.output.paint();
    per_store::run(context, "recover", async |journal, target| {
        let recovery = journal.recover(options).await?;
        Ok(Report {
            text: report::recover::text(&recovery, &target.flags, paint),
            fields: report::fields(&recovery),
            exit: if recovery.remaining > 0 { Exit::Remaining } else { Exit::Done },
        })
    })
    .await
}
