//! `scan`: is this journal healthy?

use clap::Args;
use papyra::config::Config;
use papyra::journal::{ScanOptions, ScanReport};

use super::Context;
use super::args::{self, FindingsArgs, JobsArgs, TargetArgs};
use super::each::{self, Report};
use super::exit::{self, Exit};
use super::findings;
use super::output::Paint;
use super::problem::Problem;
use super::text::printable;

/// Look at every entry and report what is wrong
///
/// Changes nothing, and does not disturb a process that writes to the journal. Memory use does not
/// depend on the size of the journal.
#[derive(Debug, Args)]
#[command(after_help = format!(
    "Examples:\n  papyra persistence scan --path app.ndjson\n  \
     papyra persistence scan --path app.ndjson --json | jq .anomalies\n\n{}",
    exit::help(&[
        (Exit::Done, "healthy"),
        (Exit::Anomalies, "anomalies found"),
        (Exit::NotFound, "no such store; a path that is missing is not healthy"),
    ])
))]
pub(super) struct ScanArgs {
    #[command(flatten)]
    target: TargetArgs,
    #[command(flatten)]
    jobs: JobsArgs,
    #[command(flatten)]
    findings: FindingsArgs,
    /// Look only at the newest N entries of each segment
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
    each::run(context, "papyra.scan/1", async |context, target| {
        let meter = context.meter("scan");
        let journal = context.journal(target.store.clone())?;
        let journal = journal.with_jobs(args::jobs(context.config));
        let report = journal.with_progress(meter.callback()).scan(options).await?;
        Ok(Report {
            text: people(&report, &target.flags, context.output.paint()),
            fields: findings::fields(&report),
            exit: if findings::is_healthy(&report) { Exit::Done } else { Exit::Anomalies },
        })
    })
    .await
}

fn people(report: &ScanReport, flags: &str, paint: Paint) -> String {
    let location = printable(&report.location);
    let verdict = findings::verdict(report, paint);
    let empty = if report.entries == 0 { ", and empty" } else { "" };
    let mut text = format!("{}: {verdict}{empty}\n", paint.bold(&location));
    findings::totals(&mut text, report);
    if !findings::is_healthy(report) {
        text.push('\n');
        findings::list(&mut text, report, paint);
    }
    if let Some(next) = next(report, flags) {
        text.push_str(&next);
    }
    text
}

/// What to type next.
fn next(report: &ScanReport, flags: &str) -> Option<String> {
    if report.records == 0 && report.damaged > 0 && !findings::is_one_torn_record(report) {
        Some("\nNot one record is in it. Is this a journal at all?\n".into())
    } else if report.damaged > 0 {
        Some(format!(
            "\nTo see what a repair would do, without doing it:\n  \
             papyra persistence recover {flags} --dry-run\n"
        ))
    } else if report.suspect > 0 {
        Some(format!(
            "\nSuspect records are whole and stay readable. To set them aside:\n  \
             papyra persistence recover {flags} --mode quarantine --quarantine-dir DIR\n"
        ))
    } else if report.structural > 0 {
        Some(
            "\nThe records are sound. Look at the files named above; recovery leaves them.\n"
                .into(),
        )
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::super::findings::tests::{damaged, healthy};
    use super::*;

    #[test]
    fn a_healthy_journal_takes_few_words() {
        assert_eq!(
            people(&healthy(), "--path app.ndjson", Paint::NONE),
            "/var/log/app.ndjson: healthy\n  \
             records      10\n  \
             kinds        event 10\n  \
             size         2,048 bytes (2.0 KiB)\n  \
             oldest       2025-01-27T17:46:40Z\n  \
             newest       2025-01-27T17:47:40.5Z\n"
        );
    }

    #[test]
    fn what_is_no_journal_is_not_sent_to_repair() {
        let picture = ScanReport { records: 0, entries: 7, damaged: 7, ..damaged() };
        let next = next(&picture, "--path cat.png").unwrap();
        assert!(next.contains("Is this a journal at all?") && !next.contains("recover"), "{next}");
    }

    #[test]
    fn a_damaged_journal_says_where_what_and_what_next() {
        let text = people(&damaged(), "--path '/var/log/my app'", Paint::NONE);
        assert!(text.starts_with("/var/log/app.ndjson: 1 damaged\n"), "{text}");
        assert!(text.contains("/var/log/app.ndjson:4: malformed_json"), "{text}");
        assert!(
            text.ends_with("\n  papyra persistence recover --path '/var/log/my app' --dry-run\n")
        );
        assert!(text.lines().all(|line| line.chars().count() <= 80), "{text}");
    }
}
