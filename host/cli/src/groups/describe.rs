//! `groups describe`: one group and its consumers.

use clap::Args;

use super::args::GroupArgs;
use crate::context::Context;
use crate::exit::Exit;
use crate::problem::Problem;
use crate::report::{self, document};

/// Show one group: its position, lag, and pending entries per consumer
#[derive(Debug, Args)]
pub(super) struct DescribeArgs {
    #[command(flatten)]
    pub group: GroupArgs,
}

pub(super) async fn run(args: DescribeArgs, context: &mut Context<'_>) -> Result<(), Problem> {
    let kind = args.group.kind.into();
    let journal = context.journal_of(kind)?;
    let groups = journal.groups(kind).await?;
    let info = groups.into_iter().find(|info| info.name == args.group.group).ok_or_else(|| {
        let message = format!("there is no group {}", args.group.title());
        Problem::new(Exit::NotFound, "not-found", message)
    })?;
    let summary = journal.group(kind, &args.group.group).summarize_pending().await?;
    context.output.report(
        |paint| report::groups::one(&args.group.title(), &info, &summary, paint),
        || {
            let parts = [report::groups::fields(kind, &info), report::fields(&summary)];
            document("group", parts)
        },
    )
}
