//! `groups pending`: what was handed out and not acknowledged.

use std::time::Duration;

use clap::Args;
use papyra_persistence::consumer::{PendingEntry, PendingFilter};
use serde_json::{Value, json};

use super::super::Context;
use super::super::findings::document;
use super::super::problem::Problem;
use super::super::text::{self, grouped};
use super::{GroupArgs, table, values};

/// List entries that were handed out and not acknowledged, the oldest first
#[derive(Debug, Args)]
pub(super) struct PendingArgs {
    #[command(flatten)]
    pub group: GroupArgs,
    /// Only from this id on
    #[arg(long, value_name = "ID", value_parser = values::id)]
    from: Option<String>,
    /// Only up to this id
    #[arg(long, value_name = "ID", value_parser = values::id)]
    to: Option<String>,
    /// At most N entries
    #[arg(long, value_name = "N", default_value_t = 100,
          value_parser = clap::value_parser!(u32).range(1..=10_000))]
    count: u32,
    /// Only entries that nobody has touched for so long, such as 5m
    #[arg(long, value_name = "TIME", value_parser = values::time)]
    min_idle: Option<Duration>,
    /// Only this consumer's
    #[arg(long, value_name = "NAME")]
    consumer: Option<String>,
}

pub(super) async fn run(args: PendingArgs, context: &mut Context<'_>) -> Result<(), Problem> {
    let idle = args.min_idle.unwrap_or_default().as_millis();
    let filter = PendingFilter {
        start: args.from.unwrap_or_else(|| "-".to_owned()),
        end: args.to.unwrap_or_else(|| "+".to_owned()),
        count: args.count,
        min_idle_ms: u64::try_from(idle).unwrap_or(u64::MAX),
        consumer: args.consumer,
    };
    let entries = args.group.open(context)?.list_pending(&filter).await?;
    if entries.len() == args.count as usize {
        context.output.note("there can be more; --count or --from shows them");
    }
    context.output.report(
        |_| people(&entries),
        || {
            let entries: Vec<_> = entries.iter().map(fields).collect();
            let list = json!({ "entries": entries });
            document("papyra.group-pending/1", [args.group.fields(), list])
        },
    )
}

fn people(entries: &[PendingEntry]) -> String {
    if entries.is_empty() {
        return "nothing pending\n".to_owned();
    }
    let row = |entry: &PendingEntry| {
        [
            entry.id.clone(),
            entry.consumer.clone(),
            text::duration(entry.idle_ms as f64 / 1e3),
            grouped(entry.deliveries),
        ]
    };
    let rows: Vec<_> = entries.iter().map(row).collect();
    let headings = ["ID", "CONSUMER", "IDLE", "DELIVERIES"];
    table::render(headings, [false, false, true, true], &rows)
}

fn fields(entry: &PendingEntry) -> Value {
    json!({
        "id": entry.id,
        "consumer": entry.consumer,
        "idle_ms": entry.idle_ms,
        "deliveries": entry.deliveries,
    })
}
