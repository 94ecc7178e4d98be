//! `groups ack`: acknowledge entries of any consumer.

use clap::Args;
use serde_json::json;

use super::args::GroupArgs;
use crate::context::Context;
use crate::group_values as values;
use crate::problem::Problem;
use crate::report::document;
use crate::text::count;

/// Acknowledge entries, pending with any consumer
#[derive(Debug, Args)]
pub(super) struct AckArgs {
    #[command(flatten)]
    pub group: GroupArgs,
    /// Ids of the entries
    #[arg(value_name = "ID", required = true, value_parser = values::id)]
    ids: Vec<String>,
}

pub(super) async fn run(args: AckArgs, context: &mut Context<'_>) -> Result<(), Problem> {
    let acked = args.group.open(context)?.ack(&args.ids).await?;
    let asked = args.ids.len() as u64;
    context.output.report(
        |paint| {
            let entries = count(acked, "entry", "entries");
            let rest = match asked.saturating_sub(acked) {
                0 => String::new(),
                rest => format!("; {rest} not pending"),
            };
            format!("{}: {entries} acknowledged{rest}\n", paint.bold(&args.group.title()))
        },
        || {
            let counts = json!({ "asked": asked, "acknowledged": acked });
            document("group-ack", [args.group.fields(), counts])
        },
    )
}
