//! `groups set-id`: move a group forward or back.

use clap::Args;
use papyra_persistence::consumer::Start;
use serde_json::json;

use super::args::GroupArgs;
use crate::context::Context;
use crate::group_values as values;
use crate::problem::Problem;
use crate::report::document;

/// Move a group's position; pending entries stay pending
#[derive(Debug, Args)]
pub(super) struct SetIdArgs {
    #[command(flatten)]
    pub group: GroupArgs,
    /// Continue after: 0 (everything again), $ (only what comes from now on), or an id
    #[arg(long, value_name = "ID", value_parser = values::start)]
    to: Start,
}

pub(super) async fn run(args: SetIdArgs, context: &mut Context<'_>) -> Result<(), Problem> {
    args.group.open(context)?.set_id(&args.to).await?;
    let to = match &args.to {
        Start::Everything => "0",
        Start::Now => "$",
        Start::After(id) => id.as_str(),
    };
    context.output.report(
        |paint| format!("{}: goes on after {to}\n", paint.bold(&args.group.title())),
        || document("group-set-id", [args.group.fields(), json!({ "after": to })]),
    )
}
