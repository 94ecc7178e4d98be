//! `metrics`: what can be known of a journal beside the processes that write to it.

use std::time::{Instant, SystemTime};

use clap::{Args, ValueEnum};
use papyra_persistence::config::Config;
use papyra_persistence::consumer::GroupInfo;
use papyra_persistence::journal::{FailureCode, Journal, JournalError, ScanOptions};
use papyra_persistence::metrics::{StoreLook, store_text};
use papyra_persistence::store::Kind;
use serde_json::{Value, json};

use super::args::{JobsArgs, TargetArgs};
use super::each::{self, Report};
use super::exit::{self, Exit};
use super::groups::{group_fields, lag};
use super::output::Paint;
use super::problem::Problem;
use super::target::Target;
use super::text::{bytes, field, grouped, kinds, printable};
use super::{Context, args, findings};

/// Measure a journal: size, records per kind, oldest and newest, anomalies, consumer groups
///
/// Reads the whole journal, or with --sample its newest entries, and changes nothing. What is counted
/// inside a process that writes (records written, errors, latencies, drops) is known to that process
/// alone: let it expose them, through `papyra_persistence::metrics` in Rust. To watch all the time, use `serve`.
#[derive(Debug, Args)]
#[command(after_help = format!(
    "Examples:\n  papyra persistence metrics --path app.ndjson\n  \
     papyra persistence metrics --path app.ndjson --format prometheus > app.prom\n\n{}",
    exit::help(&[
        (Exit::Done, "measured, whatever was found; `scan` is the judge of health"),
        (Exit::Unavailable, "not reached; with --format prometheus, papyra_store_up is 0"),
    ])
))]
pub(super) struct MetricsArgs {
    #[command(flatten)]
    target: TargetArgs,
    /// How to write the figures; --json is the same as --format json
    #[arg(long, value_name = "FORMAT", value_enum, ignore_case = true)]
    format: Option<Format>,
    #[command(flatten)]
    jobs: JobsArgs,
    /// Look only at the newest N entries of each segment, which says nothing of sizes and counts
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
    /// OpenMetrics text, for the textfile collector of node_exporter and the like
    #[value(alias = "openmetrics")]
    Prometheus,
}

impl MetricsArgs {
    pub fn apply(&self, config: &mut Config) {
        self.target.apply(config);
        self.jobs.apply(config);
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
    each::run(context, "papyra.metrics/1", async |context, target| {
        let look = look(context, target, args.sample).await?;
        let text = people(&look, context.output.paint());
        Ok(Report { text, fields: fields(&look), exit: Exit::Done })
    })
    .await
}

/// All stores in one text, because each name may begin only once in it. One that cannot be looked at is
/// a figure too, and then the command fails.
async fn prometheus(sample: Option<u64>, context: &mut Context<'_>) -> Result<Exit, Problem> {
    let (_, targets) = context.route()?;
    if targets.is_empty() {
        return Err(each::nowhere());
    }
    let (mut looks, mut worst) = (Vec::new(), None);
    for target in &targets {
        match look(context, target, sample).await {
            Ok(look) => looks.push(look),
            Err(problem) if problem.exit == Exit::Interrupted => return Err(problem),
            Err(problem) => {
                if let Some(before) = worst.replace(problem) {
                    context.output.complain(&before.message);
                }
                let location = target.store.describe().location;
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
    context: &Context<'_>,
    target: &Target,
    sample: Option<u64>,
) -> Result<StoreLook, Problem> {
    let began = Instant::now();
    let meter = context.meter("metrics");
    let journal = context.journal(target.store.clone())?;
    let journal = journal.with_jobs(args::jobs(context.config)).with_progress(meter.callback());
    let scan = journal.scan(ScanOptions { max_findings: 0, sample }).await?;
    let groups = groups(&journal).await?;
    Ok(StoreLook {
        location: scan.location.clone(),
        up: true,
        ready: None,
        checked: Some((SystemTime::now(), began.elapsed())),
        scan: Some(scan),
        groups,
    })
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

fn people(look: &StoreLook, paint: Paint) -> String {
    let mut text = format!("{}\n", paint.bold(&printable(&look.location)));
    let Some(scan) = &look.scan else { return text };
    field(&mut text, "backend", &printable(&scan.backend));
    field(&mut text, if scan.sampled { "read" } else { "size" }, &bytes(scan.bytes));
    if scan.segments > 1 {
        field(&mut text, "segments", &grouped(scan.segments.into()));
    }
    let sampled = if scan.sampled { "  (sampled: older records exist)" } else { "" };
    field(&mut text, "records", &format!("{}{sampled}", grouped(scan.records)));
    kinds(&mut text, "kinds", &scan.kinds);
    findings::span(&mut text, scan.oldest, scan.newest);
    findings::implausible(&mut text, scan.implausible_timestamps);
    for one in &scan.anomalies {
        let counted = format!("{} {}", printable(&one.anomaly), grouped(one.count));
        field(&mut text, "anomaly", &paint.doubtful(&counted));
    }
    for (kind, group) in &look.groups {
        let (name, pending) = (printable(&group.name), grouped(group.pending));
        let line = format!("{name} ({}): {pending} pending, lag {}", kind.name(), lag(group.lag));
        field(&mut text, "group", &line);
    }
    text
}

fn fields(look: &StoreLook) -> Value {
    let scan = look.scan.as_ref().map_or(Value::Null, findings::fields);
    let groups: Vec<_> =
        look.groups.iter().map(|(kind, group)| group_fields(*kind, group)).collect();
    let took = look.checked.map(|(_, took)| took.as_secs_f64());
    let mut fields = json!({ "groups": groups, "duration_seconds": took });
    if let (Value::Object(fields), Value::Object(scan)) = (&mut fields, scan) {
        // How many findings there are says enough; `scan` lists them.
        fields.extend(scan.into_iter().filter(|(name, _)| !name.starts_with("findings")));
    }
    fields
}

#[cfg(test)]
mod tests {
    use super::super::findings::tests::damaged;
    use super::*;

    fn seen() -> StoreLook {
        let group = GroupInfo {
            name: "billing".into(),
            consumers: 2,
            pending: 3,
            lag: None,
            last_delivered: "1763700000123-0".into(),
        };
        StoreLook {
            location: "/var/log/app.ndjson".into(),
            up: true,
            scan: Some(damaged()),
            groups: vec![(Kind::Event, group)],
            ..StoreLook::default()
        }
    }

    #[test]
    fn people_see_what_there_is_and_what_is_wrong() {
        let text = people(&seen(), Paint::NONE);
        for line in [
            "  records      10\n",
            "  anomaly      malformed_json 1\n",
            "  group        billing (event): 3 pending, lag unknown\n",
        ] {
            assert!(text.contains(line), "{text}");
        }
    }

    #[test]
    fn programs_get_counts_and_no_list() {
        let fields = fields(&seen());
        assert_eq!(fields["anomalies"]["malformed_json"], 1);
        assert_eq!(fields["groups"][0]["lag"], Value::Null);
        assert!(fields.get("findings").is_none() && fields.get("findings_total").is_none());
    }
}
