//! `groups pending`: entries that are delivered, but not acknowledged.

use std::time::Duration;

use clap::Args;
use papyra_persistence::consumer::PendingFilter;
use serde_json::json;

use super::args::GroupArgs;
use crate::context::Context;
use crate::group_values as values;
use crate::problem::Problem;
use crate::report::{self, document};

/// List entries that are delivered, but not acknowledged, oldest first
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
    /// Maximum number of entries
    #[arg(long, value_name = "N", default_value_t = 100,
          value_parser = clap::value_parser!(u32).range(1..=10_000))]
    count: u32,
    /// Only entries that have been idle for at least this duration, such as 5m
    #[arg(long, value_name = "TIME", value_parser = values::time)]
    min_idle: Option<Duration>,
    /// Only entries of this consumer
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
        |_| report::groups::pending(&entries),
        || document("group-pending", [args.group.fields(), json!({ "entries": entries })]),
    )
}
