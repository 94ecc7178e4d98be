//! `groups create`: create a group before its first consumer.

use clap::Args;
use papyra_persistence::consumer::Start;
use serde_json::json;

use super::args::GroupArgs;
use crate::context::Context;
use crate::group_values as values;
use crate::problem::Problem;
use crate::report::document;

/// Create a group; an existing group is left unchanged
#[derive(Debug, Args)]
pub(super) struct CreateArgs {
    #[command(flatten)]
    pub group: GroupArgs,
    /// Start of the group: 0 (everything), $ (from now on), or the last id to skip
    #[arg(long, value_name = "ID", default_value = "0", value_parser = values::start)]
    start: Start,
}

pub(super) async fn run(args: CreateArgs, context: &mut Context<'_>) -> Result<(), Problem> {
    let made = args.group.open(context)?.create(&args.start).await?;
    context.output.report(
        |paint| {
            let done = if made { paint.good("made") } else { "exists already".to_owned() };
            format!("{}: {done}\n", paint.bold(&args.group.title()))
        },
        || document("group-create", [args.group.fields(), json!({ "made": made })]),
    )
}
