//! `startup-check`: may a system start on this journal?

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use papyra_persistence::config::{Config, StartupSettings, Value as Setting};
use papyra_persistence::journal::{
    RecoveryMode, StartupMode, StartupOptions, StartupOutcome, StartupReport,
};
use serde_json::{Value, json};

use super::Context;
use super::args::{TargetArgs, apply_quarantine_dir};
use super::each::{self, Report};
use super::exit::{self, Exit};
use super::findings;
use super::output::Paint;
use super::problem::Problem;
use super::recover::{self, ModeWord};
use super::text::{field, printable};
use super::values;

/// Decide whether a system may start on a journal
///
/// The exit code is the answer: 0 is yes. A store that does not exist yet is accepted, and said so,
/// because the first append makes it. A clean check leaves a small checkpoint beside the journal, so
/// that the next one reads only what was appended since; a checkpoint that does not fit is ignored.
#[derive(Debug, Args)]
#[command(after_help = format!(
    "Examples:\n  papyra persistence startup-check --path app.ndjson && exec my-server\n  \
     papyra persistence startup-check --path app.ndjson --mode recover\n\n{}",
    exit::help(&[
        (Exit::Done, "the system may start"),
        (Exit::Anomalies, "anomalies found (--mode fail)"),
        (Exit::Remaining, "recovery finished, damage remains (--mode recover)"),
        (Exit::NotFound, "no such directory; a store that is missing in it is accepted"),
    ])
))]
pub(super) struct StartupCheckArgs {
    #[command(flatten)]
    target: TargetArgs,
    /// What to do about anomalies; FAIL_ON_ANOMALY and other spellings of Papyra are accepted
    /// [default: fail]
    #[arg(long, value_name = "MODE", value_enum, ignore_case = true)]
    mode: Option<StartupWord>,
    /// How --mode recover recovers [default: repair]
    #[arg(long, value_name = "MODE", value_enum, ignore_case = true)]
    recovery_mode: Option<ModeWord>,
    /// Read everything, also what an earlier clean check has vouched for
    #[arg(long)]
    full: bool,
    /// Do not append an audit record of what --mode recover did
    #[arg(long)]
    no_audit: bool,
    /// How long the check of a store may take, such as 30s; then exit code 69 [default: no limit]
    #[arg(long, value_name = "TIME", value_parser = values::startup_timeout, allow_hyphen_values = true)]
    timeout: Option<f64>,
    /// Where --recovery-mode quarantine quarantines things ; made if it is missing
    #[arg(long, value_name = "DIR")]
    quarantine_dir: Option<PathBuf>,
}

/// A startup mode, in Papyra's spellings too.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum StartupWord {
    /// Do not even read the journal
    Ignore,
    /// Report anomalies, and let the system start
    #[value(aliases = ["scan_only", "scan"])]
    ScanOnly,
    /// Refuse to start if there is any anomaly
    #[value(aliases = ["fail_on_anomaly", "fail-on-anomaly"])]
    Fail,
    /// Recover, look again, and refuse only if damage is left
    Recover,
}

impl StartupCheckArgs {
    pub fn apply(&self, config: &mut Config) {
        self.target.apply(config);
        apply_quarantine_dir(self.quarantine_dir.as_ref(), config);
        let mut set = |key: &str, value: Option<Setting>, flag: &str| {
            if let Some(value) = value {
                config.set(key, value, flag);
            }
        };
        let mode = self.mode.map(|mode| match mode {
            StartupWord::Ignore => "ignore",
            StartupWord::ScanOnly => "scan-only",
            StartupWord::Fail => "fail",
            StartupWord::Recover => "recover",
        });
        let recovery = self.recovery_mode.map(|mode| match RecoveryMode::from(mode) {
            RecoveryMode::Repair => "repair",
            RecoveryMode::Quarantine => "quarantine",
        });
        set("startup.mode", mode.map(Setting::Word), "--mode");
        set("startup.recovery_mode", recovery.map(Setting::Word), "--recovery-mode");
        set("startup.timeout", self.timeout.map(Setting::Time), "--timeout");
    }
}

pub(super) async fn run(
    args: StartupCheckArgs,
    context: &mut Context<'_>,
) -> Result<Exit, Problem> {
    let StartupSettings { mode, recovery, timeout, .. } = context.config.startup();
    let directory = args.quarantine_dir.as_ref();
    if mode == StartupMode::Recover || directory.is_some() || args.recovery_mode.is_some() {
        recover::check_quarantine(recovery, "--recovery-mode", directory, context.config)?;
    }
    let state = match mode {
        StartupMode::Recover => "the journal is either as it was or fully recovered",
        _ => "nothing was changed",
    };
    state.clone_into(&mut context.output.if_interrupted);
    let options = StartupOptions { mode, recovery, full: args.full, record_audit: !args.no_audit };
    if context.route()?.1.is_empty() {
        // To keep nothing is a choice, and nothing stands in the way of a start.
        let fields = json!({ "stores": [], "may_start": true, "exit": Exit::Done.code() });
        context.output.report(
            |_| "no store, as the route says; the system may start\n".to_owned(),
            || findings::document("papyra.startup-check/1", [fields]),
        )?;
        return Ok(Exit::Done);
    }
    each::run(context, "papyra.startup-check/1", async |context, target| {
        let meter = context.meter("startup-check");
        let journal = context.journal(target.store.clone())?.with_progress(meter.callback());
        let location = journal.describe().location;
        let report = journal.startup_check(options, timeout).await?;
        Ok(Report {
            text: people(&report, &location, &target.flags, context.output.paint()),
            fields: fields(&report, &location),
            exit: match (report.outcome, mode) {
                (StartupOutcome::Refused, StartupMode::Recover) => Exit::Remaining,
                (StartupOutcome::Refused, _) => Exit::Anomalies,
                _ => Exit::Done,
            },
        })
    })
    .await
}

fn people(report: &StartupReport, location: &str, flags: &str, paint: Paint) -> String {
    let location = paint.bold(&printable(location));
    let verdict = match report.outcome {
        StartupOutcome::Ignored => "not looked at, as asked; the system may start".to_owned(),
        StartupOutcome::Absent => {
            "does not exist yet; the system may start, and its first append makes it".to_owned()
        }
        StartupOutcome::Healthy => format!("{}; the system may start", paint.good("healthy")),
        StartupOutcome::Tolerated => {
            format!("{}; the system may start", paint.doubtful("anomalies, which are accepted"))
        }
        StartupOutcome::Recovered => {
            format!("{}; the system may start", paint.good("damage found and recovered"))
        }
        StartupOutcome::Refused if report.recovery.is_some() => {
            paint.bad("recovered, but damage remains; the system must not start")
        }
        StartupOutcome::Refused => paint.bad("anomalies found; the system must not start"),
    };
    let mut text = format!("{location}: {verdict}\n");
    if report.indexed_bytes > 0 {
        let vouched = bytesize::ByteSize(report.indexed_bytes);
        let since = format!("only what came since the last clean check ({vouched} before that)");
        field(&mut text, "read", &since);
    }
    if !report.note.is_empty() {
        field(&mut text, "note", &printable(&report.note));
    }
    if let Some(recovery) = &report.recovery {
        recover::body(&mut text, recovery, paint);
    }
    if let Some(scan) = report.scan.as_ref().filter(|scan| !findings::is_healthy(scan)) {
        field(&mut text, "state", &findings::verdict(scan, paint));
        text.push('\n');
        findings::list(&mut text, scan, paint);
    }
    if let (StartupOutcome::Refused, Some(scan)) = (report.outcome, &report.scan) {
        text.push_str(&findings::next(scan, flags));
    }
    text
}

fn fields(report: &StartupReport, location: &str) -> Value {
    json!({
        "location": location,
        "outcome": match report.outcome {
            StartupOutcome::Ignored => "ignored",
            StartupOutcome::Absent => "absent",
            StartupOutcome::Healthy => "healthy",
            StartupOutcome::Tolerated => "tolerated",
            StartupOutcome::Recovered => "recovered",
            StartupOutcome::Refused => "refused",
        },
        "may_start": report.outcome != StartupOutcome::Refused,
        "scan": report.scan.as_ref().map(findings::fields),
        "recovery": report.recovery.as_ref().map(recover::fields),
        "indexed_bytes": report.indexed_bytes,
        "note": report.note,
    })
}

#[cfg(test)]
mod tests {
    use super::super::findings::tests::{damaged, healthy};
    use super::super::recover::tests::recovery;
    use super::*;

    fn report(outcome: StartupOutcome) -> StartupReport {
        let note = String::new();
        StartupReport { outcome, scan: None, recovery: None, indexed_bytes: 0, note }
    }

    #[test]
    fn what_was_not_read_again_is_said() {
        let report =
            StartupReport { indexed_bytes: 3_000_000_000, ..report(StartupOutcome::Healthy) };
        let text = people(&report, "app.ndjson", "--path app.ndjson", Paint::NONE);
        assert!(text.contains("read         only what came since"), "{text}");
    }

    #[test]
    fn a_store_that_does_not_exist_is_accepted_and_said() {
        let report = report(StartupOutcome::Absent);
        let text = people(&report, "app.ndjson", "--path app.ndjson", Paint::NONE);
        assert!(text.starts_with("app.ndjson: does not exist yet"), "{text}");
        assert_eq!(fields(&report, "a")["may_start"], json!(true));
    }

    #[test]
    fn a_refusal_says_why_and_what_to_type() {
        let report = StartupReport { scan: Some(damaged()), ..report(StartupOutcome::Refused) };
        let text = people(&report, "app.ndjson", "--path app.ndjson", Paint::NONE);
        assert!(text.contains("must not start") && text.contains(":4: malformed_json"), "{text}");
        assert!(text.ends_with("recover --path app.ndjson --dry-run\n"), "{text}");
        assert_eq!(fields(&report, "a")["may_start"], json!(false));
    }

    #[test]
    fn a_recovery_is_reported_with_its_quarantine() {
        let report = StartupReport {
            scan: Some(healthy()),
            recovery: Some(recovery()),
            ..report(StartupOutcome::Recovered)
        };
        let text = people(&report, "app.ndjson", "--path app.ndjson", Paint::NONE);
        assert!(text.contains("quarantine     quarantine/app.ndjson.1"), "{text}");
    }
}
