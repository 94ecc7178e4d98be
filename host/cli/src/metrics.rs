//! `metrics`: figures of a journal that other processes write to.

use std::time::{Instant, SystemTime};

use clap::{Args, ValueEnum};
use papyra_persistence::config::Config;
use papyra_persistence::consumer::GroupInfo;
use papyra_persistence::journal::{
    FailureCode, Journal, JournalError, ScanOptions, ScanReport, StartupMode, StartupOptions,
};
use papyra_persistence::metrics::{StoreLook, store_text};
use papyra_persistence::store::{Kind, Store};

use crate::args::{JobsArgs, TargetArgs};
use crate::context::Context;
use crate::exit::{self, Exit};
use crate::per_store::{self, Report};
use crate::problem::Problem;
use crate::report;

/// Report size, counts, anomalies and consumer groups, also for Prometheus
///
/// Reads what an index does not tell, or with --sample the newest entries, and changes nothing. Records written,
/// errors, latencies and drops are counted in the process that writes: expose them there, in Rust with
/// `papyra_persistence::metrics`. To watch a journal continuously, use `serve`.
#[derive(Debug, Args)]
#[command(after_help = format!(
    "Examples:\n  papyra metrics app.ndjson\n  \
     papyra metrics app.ndjson --format prometheus > app.prom\n\n{}",
    exit::help(&[
        (Exit::Done, "measured, also with anomalies; `scan` checks health"),
        (Exit::Unavailable, "not reached; with --format prometheus, papyra_store_up is 0"),
    ])
))]
pub(super) struct MetricsArgs {
    #[command(flatten)]
    target: TargetArgs,
    /// Output format; --json is the same as --format json
    #[arg(long, value_name = "FORMAT", value_enum, ignore_case = true)]
    format: Option<Format>,
    #[command(flatten)]
    jobs: JobsArgs,
    /// Read only the newest N entries of each segment; then sizes and counts are not known
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    sample: Option<u64>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    /// For people (the default)
    #[value(alias = "text")]
    Table,
    /// One document with raw numbers
    Json,
    /// OpenMetrics text, for example for the textfile collector of node_exporter
    #[value(alias = "openmetrics")]
    Prometheus,
}

impl MetricsArgs {
    pub fn apply(&self, config: &mut Config) -> Result<(), Problem> {
        self.target.apply(config)?;
        self.jobs.apply(config);
        Ok(())
    }
}

pub(super) async fn run(args: MetricsArgs, context: &mut Context<'_>) -> Result<Exit, Problem> {
    "nothing was changed".clone_into(&mut context.output.if_interrupted);
    match args.format {
        Some(Format::Json) => context.output.write_documents(),
        Some(_) if context.output.json() => {
            return Err(Problem::usage("--json asks for a document; leave it or --format out"));
        }
        _ => {}
    }
    if args.format == Some(Format::Prometheus) {
        return prometheus(args.sample, context).await;
    }
    let paint = context.output.paint();
    per_store::run(context, "metrics", async |journal, target| {
        let look = look(journal, &*target.store, args.sample).await?;
        let text = report::metrics::text(&look, paint);
        Ok(Report { text, fields: report::metrics::fields(&look), exit: Exit::Done })
    })
    .await
}

/// Writes all stores into one text, because each name may begin only once in it. A store that cannot be
/// read is reported as down, and the command fails.
async fn prometheus(sample: Option<u64>, context: &mut Context<'_>) -> Result<Exit, Problem> {
    let (routed, targets) = context.routed()?;
    let (mut looks, mut worst) = (Vec::new(), None);
    for ((journal, _), target) in routed.journals().zip(&targets) {
        let meter = context.meter("metrics");
        let journal = journal.clone().with_progress(meter.callback());
        match look(&journal, &*target.store, sample).await {
            Ok(look) => looks.push(look),
            Err(problem) if problem.exit == Exit::Interrupted => return Err(problem),
            Err(problem) => {
                if let Some(before) = worst.replace(problem) {
                    context.output.eprint_line(&before.message);
                }
                let location = journal.describe().location;
                looks.push(StoreLook { location, ..StoreLook::default() });
            }
        }
    }
    let text = store_text(&looks)
        .map_err(|error| Problem::new(Exit::Failed, "failed", error.to_string()))?;
    context.output.data(text.as_bytes())?;
    context.output.flush()?;
    worst.map_or(Ok(Exit::Done), Err)
}

async fn look(
    journal: &Journal,
    store: &dyn Store,
    sample: Option<u64>,
) -> Result<StoreLook, Problem> {
    let began = Instant::now();
    let scan = scan(journal, store, sample).await?;
    let groups = groups(journal).await?;
    Ok(StoreLook {
        location: scan.location.clone(),
        up: true,
        ready: None,
        checked: Some((SystemTime::now(), began.elapsed())),
        scan: Some(scan),
        groups,
    })
}

/// Reads everything, or what the index does not tell. Whether that was damaged in place, `scan` finds out.
async fn scan(
    journal: &Journal,
    store: &dyn Store,
    sample: Option<u64>,
) -> Result<ScanReport, JournalError> {
    let indexed = async || store.load_index().await.is_ok_and(|index| !index.is_empty());
    if sample.is_none() && indexed().await {
        let options = StartupOptions { mode: StartupMode::ScanOnly, ..StartupOptions::default() };
        if let Some(scan) = journal.clone().read_only().startup_check(options, None).await?.scan {
            return Ok(scan);
        }
    }
    journal.scan(ScanOptions { max_findings: 0, sample }).await
}

/// Consumer groups, on stores that have them.
async fn groups(journal: &Journal) -> Result<Vec<(Kind, GroupInfo)>, JournalError> {
    let mut groups = Vec::new();
    for kind in Kind::ALL {
        match journal.groups(kind).await {
            Ok(of_kind) => groups.extend(of_kind.into_iter().map(|group| (kind, group))),
            Err(error) if error.code() == Some(FailureCode::Unsupported) => break,
            Err(error) => return Err(error),
        }
    }
    Ok(groups)
}
