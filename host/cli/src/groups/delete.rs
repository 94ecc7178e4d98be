//! `groups delete`: delete a group; the records stay.

use clap::Args;
use serde_json::json;

use super::args::{self, GroupArgs};
use crate::context::Context;
use crate::problem::Problem;
use crate::report::document;
use crate::text::count;

/// Delete a group with its position; the records stay
///
/// Compaction no longer spares records for it.
#[derive(Debug, Args)]
pub(super) struct DeleteArgs {
    #[command(flatten)]
    pub group: GroupArgs,
    /// Also delete a group with pending entries, which are then pending no longer
    #[arg(long)]
    force: bool,
}

pub(super) async fn run(args: DeleteArgs, context: &mut Context<'_>) -> Result<(), Problem> {
    let group = args.group.open(context)?;
    let pending = group.summarize_pending().await?.count;
    if pending > 0 && !args.force {
        let holds = count(pending, "pending entry", "pending entries");
        return Err(Problem::usage(format!(
            "{} has {holds}, which `groups pending` lists; acknowledge them, or delete it with --force",
            args.group.title()
        )));
    }
    if !group.delete().await? {
        return Err(args::missing(&args.group));
    }
    context.output.report(
        |paint| {
            let lost = match pending {
                0 => String::new(),
                pending => format!(", with {}", count(pending, "pending entry", "pending entries")),
            };
            format!("{}: deleted{lost}\n", paint.bold(&args.group.title()))
        },
        || document("group-delete", [args.group.fields(), json!({ "pending": pending })]),
    )
}
