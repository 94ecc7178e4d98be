//! `startup-check`: decide whether a service may start on a journal.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueEnum};
use papyra_persistence::Journal;
use papyra_persistence::config::Config;
use papyra_persistence::journal::{RecoverOptions, RecoveryMode, StartupMode, StartupOptions};
use serde_json::json;

use crate::args::{AuditArgs, TargetsArgs};
use crate::context::Context;
use crate::exit::{self, Exit};
use crate::per_store::{self, Report};
use crate::problem::Problem;
use crate::quarantine::{self, ModeWord};
use crate::{report, values, warnings};

/// Decide by exit code whether a service may start
///
/// Exit code 0 means yes. A store that does not exist yet is accepted, because the first append creates
/// it. The check leaves an index beside the journal, so that the next check reads only what was appended
/// since, and `read` and `inspect` only what they need. An index that does not match the journal is ignored.
#[derive(Debug, Args)]
#[command(after_help = format!(
    "Examples:\n  papyra startup-check app.ndjson && exec my-server\n  \
     papyra startup-check app.ndjson --mode recover\n\n{}",
    exit::help(&[
        (Exit::Done, "the service may start"),
        (Exit::Anomalies, "anomalies found (--mode fail)"),
        (Exit::Remaining, "recovery finished, damage remains (--mode recover)"),
        (Exit::NotFound, "no such directory; a store that is missing in it is accepted"),
    ])
))]
pub(super) struct StartupCheckArgs {
    #[command(flatten)]
    pub target: TargetsArgs,
    /// How to treat anomalies; FAIL_ON_ANOMALY and other spellings of Papyra are accepted
    /// [default: fail]
    #[arg(long, value_name = "MODE", value_enum, ignore_case = true)]
    mode: Option<StartupWord>,
    /// Recovery mode of --mode recover [default: repair]
    #[arg(long, value_name = "MODE", value_enum, ignore_case = true)]
    recovery_mode: Option<ModeWord>,
    /// Read everything, also what an earlier clean check has read
    #[arg(long)]
    full: bool,
    #[command(flatten)]
    audit: AuditArgs,
    /// Time limit for the check of a store, such as 30s; exit code 69 when it is over [default: none]
    #[arg(long, value_name = "TIME", value_parser = values::startup_timeout, allow_hyphen_values = true)]
    timeout: Option<Duration>,
    /// Directory for --recovery-mode quarantine; created if it is missing
    #[arg(long, value_name = "DIR")]
    quarantine_dir: Option<PathBuf>,
}

/// A startup mode, also in Papyra's spellings.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum StartupWord {
    /// Do not read the journal
    Ignore,
    /// Report anomalies, but let the service start
    #[value(aliases = ["scan_only", "scan"])]
    ScanOnly,
    /// Refuse if there is any anomaly
    #[value(aliases = ["fail_on_anomaly", "fail-on-anomaly"])]
    Fail,
    /// Recover, check again, and refuse only if damage remains
    Recover,
}

impl StartupCheckArgs {
    pub fn apply(&self, config: &mut Config) {
        self.target.apply(config);
        quarantine::apply(self.quarantine_dir.as_ref(), config);
        let mode = self.mode.map(|mode| match mode {
            StartupWord::Ignore => StartupMode::Ignore,
            StartupWord::ScanOnly => StartupMode::ScanOnly,
            StartupWord::Fail => StartupMode::Fail,
            StartupWord::Recover => StartupMode::Recover,
        });
        let settings = &mut config.settings;
        settings.startup_mode.by_flag(mode, "--mode");
        let recovery = self.recovery_mode.map(RecoveryMode::from);
        settings.startup_recovery_mode.by_flag(recovery, "--recovery-mode");
        settings.startup_timeout.by_flag(self.timeout, "--timeout");
    }
}

pub(super) async fn run(
    args: StartupCheckArgs,
    context: &mut Context<'_>,
) -> Result<Exit, Problem> {
    let settings = &context.config.settings;
    let (mode, timeout) = (settings.startup_mode.value, settings.startup_timeout.value);
    let recovery = settings.startup_recovery_mode.value;
    let directory = args.quarantine_dir.as_ref();
    if mode == StartupMode::Recover || directory.is_some() || args.recovery_mode.is_some() {
        quarantine::check(recovery, "--recovery-mode", directory, context.config)?;
    }
    let state = match mode {
        StartupMode::Recover => "the journal is either as it was or fully recovered",
        _ => "nothing was changed",
    };
    state.clone_into(&mut context.output.if_interrupted);
    let record_audit = args.audit.record(context.output);
    let options = StartupOptions { mode, recovery, full: args.full, record_audit };
    if mode == StartupMode::Recover {
        per_store::plan(context, "startup-check", async |journal| trial(journal, recovery).await)
            .await?;
    }
    if context.route()?.1.is_empty() {
        // To keep nothing is a choice, and nothing stands in the way of a start.
        let fields = json!({ "stores": [], "may_start": true, "exit": Exit::Done.code() });
        context.output.report(
            |_| "no store, as the route says; the system may start\n".to_owned(),
            || report::document("startup-check", [fields]),
        )?;
        return Ok(Exit::Done);
    }
    let (paint, quiet) = (context.output.paint(), context.output.quiet());
    per_store::run(context, "startup-check", async |journal, target| {
        let location = journal.describe().location;
        let check = journal.startup_check(options, timeout).await?;
        warnings::print(target, quiet).await;
        let fields = report::joined([json!({ "location": location }), report::fields(&check)]);
        Ok(Report {
            text: report::startup_check::text(&check, &location, &target.flags, paint),
            fields,
            exit: match (check.may_start(), mode) {
                (true, _) => Exit::Done,
                (false, StartupMode::Recover) => Exit::Remaining,
                (false, _) => Exit::Anomalies,
            },
        })
    })
    .await
}

/// Tries whether the check could repair a journal. There need not be one yet.
async fn trial(journal: &Journal, mode: RecoveryMode) -> Result<(), Problem> {
    let options = RecoverOptions { mode, dry_run: true, ..RecoverOptions::default() };
    match journal.recover(options).await.map_err(Problem::from) {
        Err(problem) if !problem.store_missing => {
            let refused = problem.exit == Exit::Usage;
            let exit = if refused { Exit::Remaining } else { problem.exit };
            Err(Problem { exit, ..problem })
        }
        _ => Ok(()),
    }
}
