//! `recover`: repair a journal without losing an intact record.

use std::path::PathBuf;

use clap::Args;
use papyra_persistence::config::Config;
use papyra_persistence::journal::{RecoverOptions, Recovery, RecoveryMode};

use crate::args::{AuditArgs, FindingsArgs, TargetsArgs};
use crate::context::Context;
use crate::exit::{self, Exit};
use crate::input::Input;
use crate::per_store::{self, Report};
use crate::problem::Problem;
use crate::quarantine::{self, ModeWord};
use crate::{files, report};

/// Repair a damaged journal; intact records are never changed
///
/// `repair` keeps every whole record, also one that shares its line with something else, drops the
/// rest, completes an unterminated last record and keeps suspect records. It refuses what does not look
/// like a journal. `quarantine` moves what is damaged and suspect records, byte for byte, to a
/// directory, or with Redis to a stream. Files are replaced atomically: after a crash, either the old or the new file is there,
/// complete. With `-` the journal comes from standard input, the recovered one goes to standard output, and
/// the report to standard error.
#[derive(Debug, Args)]
#[command(after_help = format!(
    "Examples:\n  papyra recover app.ndjson --dry-run\n  \
     papyra recover app.ndjson --mode quarantine --quarantine-dir quarantine\n  \
     papyra recover - < damaged.ndjson > sound.ndjson\n\n{}",
    exit::help(&[
        (Exit::Done, "the journal is healthy now (--dry-run: would be)"),
        (Exit::Remaining, "recovery finished, anomalies remain (--dry-run: would remain)"),
    ])
))]
pub(super) struct RecoverArgs {
    #[command(flatten)]
    pub target: TargetsArgs,
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
    if context.files.iter().any(|file| files::is_input(file)) {
        return filter(options, context).await;
    }
    if !options.dry_run {
        let trial = RecoverOptions { dry_run: true, ..options };
        per_store::plan(context, "recover", async |journal| {
            Ok(journal.recover(trial).await.map(drop)?)
        })
        .await?;
    }
    let paint = context.output.paint();
    per_store::run(context, "recover", async |journal, target| {
        let recovery = journal.recover(options).await?;
        Ok(Report {
            text: report::recover::text(&recovery, &target.flags, paint),
            fields: report::fields(&recovery),
            exit: end(&recovery),
        })
    })
    .await
}

fn end(recovery: &Recovery) -> Exit {
    if recovery.remaining > 0 { Exit::Remaining } else { Exit::Done }
}

/// Recovers from standard input to standard output.
async fn filter(options: RecoverOptions, context: &mut Context<'_>) -> Result<Exit, Problem> {
    context.output.keep_for_data();
    "what was written to standard output is not the whole journal"
        .clone_into(&mut context.output.if_interrupted);
    if context.files.len() > 1 {
        return Err(Problem::usage("recover takes files or `-`, not both"));
    }
    if options.mode == RecoveryMode::Quarantine {
        return Err(Problem::usage(
            "standard input has no quarantine; use --mode repair, or recover a file",
        ));
    }
    let input = Input::new(context.config.profile().profile());
    let (routed, _) = context.input(input.clone())?;
    let (journal, _) = routed.journals().next().ok_or_else(Problem::nowhere)?;
    let recovery = journal.recover(options).await?;
    if !options.dry_run {
        input.write_to(context.output).await?;
    }
    // Only a file has a quarantine.
    let text = |paint| report::recover::text(&recovery, "--path FILE", paint);
    context.output.report(text, || report::document("recover", [report::fields(&recovery)]))?;
    Ok(end(&recovery))
}
