//! `scan`: is this journal healthy?

use clap::Args;
use papyra_persistence::config::Config;
use papyra_persistence::journal::ScanOptions;
use papyra_report::scan::people;

use super::Context;
use super::args::{self, FindingsArgs, JobsArgs, TargetArgs};
use super::each::{self, Report};
use super::exit::{self, Exit};
use super::findings;
use super::problem::Problem;

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
            text: people(&findings::view(&report), &target.flags, context.output.paint()),
            fields: findings::fields(&report),
            exit: if findings::is_healthy(&report) { Exit::Done } else { Exit::Anomalies },
        })
    })
    .await
}

#[cfg(test)]
mod tests {
    use papyra_persistence::journal::ScanReport;

    use super::super::findings::tests::{damaged, healthy};
    use super::super::output::Paint;
    use super::*;

    #[test]
    fn a_healthy_journal_takes_few_words() {
        assert_eq!(
            people(&findings::view(&healthy()), "--path app.ndjson", Paint::NONE),
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
        let next = people(&findings::view(&picture), "--path cat.png", Paint::NONE);
        assert!(next.contains("Is this a journal at all?") && !next.contains("recover"), "{next}");
    }

    #[test]
    fn a_damaged_journal_says_where_what_and_what_next() {
        let text = people(&findings::view(&damaged()), "--path '/var/log/my app'", Paint::NONE);
        assert!(text.starts_with("/var/log/app.ndjson: 1 damaged\n"), "{text}");
        assert!(text.contains("/var/log/app.ndjson:4: malformed_json"), "{text}");
        assert!(
            text.ends_with("\n  papyra persistence recover --path '/var/log/my app' --dry-run\n")
        );
        assert!(text.lines().all(|line| line.chars().count() <= 80), "{text}");
    }
}
