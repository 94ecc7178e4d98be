//! `inspect`: what is in this journal, at a price that does not depend on its size.

use clap::Args;
use papyra_persistence::config::Config;
use papyra_persistence::journal::{Counters, InspectOptions, Inspection, Retention};
use serde_json::{Value, json};

use super::Context;
use super::args::{RetentionArgs, TargetArgs};
use super::each::{self, Report};
use super::exit::{self, Exit};
use super::output::Paint;
use super::problem::Problem;
use super::text::{self, bytes, field, grouped, kinds, printable};
use super::{findings, values};

/// Show what is in a journal, from its newest records
///
/// Cheap however large the journal is. What the retention limits hide is not counted.
#[derive(Debug, Args)]
#[command(after_help = format!(
    "Example:\n  papyra persistence inspect --path app.ndjson --limit 10000\n\n{}",
    exit::help(&[(Exit::Done, "done, whatever was found; `scan` is the judge of health")])
))]
pub(super) struct InspectArgs {
    #[command(flatten)]
    target: TargetArgs,
    /// Look at the newest N records
    #[arg(long, value_name = "N", default_value = "1000", value_parser = values::records)]
    limit: u64,
    /// Show the counters of this run as well
    ///
    /// They are those of this process. A process that writes to the journal has counters of its own.
    #[arg(long)]
    show_metrics: bool,
    #[command(flatten)]
    retention: RetentionArgs,
}

impl InspectArgs {
    pub fn apply(&self, config: &mut Config) -> Result<(), Problem> {
        self.target.apply(config);
        self.retention.apply(config)
    }
}

pub(super) async fn run(args: InspectArgs, context: &mut Context<'_>) -> Result<Exit, Problem> {
    "nothing was changed".clone_into(&mut context.output.if_interrupted);
    each::run(context, "papyra.inspect/1", async |context, target| {
        let journal = context.journal(target.store.clone())?;
        let inspection = journal.inspect(InspectOptions { limit: args.limit }).await?;
        let policy = journal.retention();
        let metrics = args.show_metrics.then(|| journal.metrics());
        let mut fields = fields(&inspection, policy);
        if let Some(metrics) = &metrics {
            fields["metrics"] = counters(metrics);
        }
        let text = people(&inspection, policy, metrics.as_ref(), context.output.paint());
        Ok(Report { text, fields, exit: Exit::Done })
    })
    .await
}

fn people(
    inspection: &Inspection,
    policy: &Retention,
    metrics: Option<&Counters>,
    paint: Paint,
) -> String {
    let i = inspection;
    let mut text = format!("{}\n", paint.bold(&printable(&i.location)));
    field(&mut text, "backend", &printable(&i.backend));
    field(&mut text, "size", &bytes(i.bytes));
    if i.segments > 1 {
        field(&mut text, "segments", &grouped(i.segments.into()));
    }
    field(&mut text, "retention", &text::retention(policy));
    let sampled = if i.sampled { "  (sampled: older records exist)" } else { "" };
    field(&mut text, "records", &format!("{}{sampled}", grouped(i.records)));
    kinds(&mut text, "kinds", &i.kinds);
    if i.damaged > 0 {
        let damaged = format!("{} among them; `scan` lists them", grouped(i.damaged));
        field(&mut text, "damaged", &paint.bad(&damaged));
    }
    findings::span(&mut text, i.oldest, i.newest);
    findings::implausible(&mut text, i.implausible_timestamps);
    if let Some(metrics) = metrics {
        text.push_str("\n  counters of this run\n");
        if let Value::Object(counters) = counters(metrics) {
            for (name, value) in counters {
                text.push_str(&format!(
                    "    {name:<20} {}\n",
                    grouped(value.as_u64().unwrap_or(0))
                ));
            }
        }
    }
    text
}

fn fields(inspection: &Inspection, policy: &Retention) -> Value {
    let i = inspection;
    json!({
        "backend": i.backend,
        "location": i.location,
        "segments": i.segments,
        "bytes": i.bytes,
        "retention": super::compact::policy_fields(policy),
        "records": i.records,
        "kinds": findings::kind_counts(&i.kinds),
        "damaged": i.damaged,
        "sampled": i.sampled,
        "oldest": i.oldest,
        "newest": i.newest,
        "implausible_timestamps": i.implausible_timestamps,
    })
}

fn counters(counters: &Counters) -> Value {
    let c = counters;
    json!({
        "records_written": c.records_written,
        "bytes_written": c.bytes_written,
        "records_read": c.records_read,
        "scans": c.scans,
        "anomalies_detected": c.anomalies_detected,
        "recoveries": c.recoveries,
        "compactions": c.compactions,
        "bytes_reclaimed": c.bytes_reclaimed,
        "write_errors": c.write_errors,
        "read_errors": c.read_errors,
        "scan_errors": c.scan_errors,
        "recovery_errors": c.recovery_errors,
        "compaction_errors": c.compaction_errors,
    })
}

#[cfg(test)]
mod tests {
    use papyra_persistence::journal::KindCount;
    use papyra_persistence::store::Kind;

    use super::*;

    fn inspection() -> Inspection {
        Inspection {
            backend: "file".into(),
            location: "app.ndjson".into(),
            segments: 1,
            bytes: 3_000_000_000,
            records: 1_000,
            kinds: vec![
                KindCount { kind: Kind::Event, records: 990, bytes: 1 },
                KindCount { kind: Kind::DeadLetter, records: 10, bytes: 1 },
                KindCount { kind: Kind::Metric, records: 0, bytes: 0 },
            ],
            damaged: 0,
            sampled: true,
            oldest: Some(0.0),
            newest: Some(60.0),
            implausible_timestamps: 0,
        }
    }

    #[test]
    fn a_sample_is_marked_as_one_and_only_then() {
        let policy = Retention::default();
        assert_eq!(
            people(&inspection(), &policy, None, Paint::NONE),
            "app.ndjson\n  \
             backend      file\n  \
             size         3,000,000,000 bytes (2.8 GiB)\n  \
             retention    no limits\n  \
             records      1,000  (sampled: older records exist)\n  \
             kinds        event 990, dead_letter 10\n  \
             oldest       1970-01-01T00:00:00Z\n  \
             newest       1970-01-01T00:01:00Z\n"
        );
        let whole = Inspection { sampled: false, ..inspection() };
        assert!(!people(&whole, &policy, None, Paint::NONE).contains("sampled"));
    }

    #[test]
    fn metrics_are_shown_when_asked_for() {
        let metrics = Counters { records_read: 1_000, ..Counters::default() };
        let text = people(&inspection(), &Retention::default(), Some(&metrics), Paint::NONE);
        assert!(text.contains("    records_read         1,000\n"), "{text}");
    }
}
