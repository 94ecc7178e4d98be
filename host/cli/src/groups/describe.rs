//! `groups describe`: one group and its consumers.

use clap::Args;
use serde_json::json;

use super::args::{self, GroupArgs};
use crate::context::Context;
use crate::problem::Problem;
use crate::report::{self, document};

/// Show one group: its position, lag, and consumers with their pending entries and idle times
#[derive(Debug, Args)]
pub(super) struct DescribeArgs {
    #[command(flatten)]
    pub group: GroupArgs,
}

pub(super) async fn run(args: DescribeArgs, context: &mut Context<'_>) -> Result<(), Problem> {
    let kind = args.group.kind.into();
    let journal = context.journal_of(kind)?;
    let groups = journal.groups(kind).await?;
    let info = groups.into_iter().find(|info| info.name == args.group.group);
    let info = info.ok_or_else(|| args::missing(&args.group))?;
    let group = journal.group(kind, &args.group.group);
    let summary = group.summarize_pending().await?;
    let consumers = group.consumers().await?;
    context.output.report(
        |paint| report::groups::one(&args.group.title(), &info, &summary, &consumers, paint),
        || {
            let group = report::groups::fields(kind, &info);
            let consumers = json!({ "consumer_list": consumers });
            document("group", [group, report::fields(&summary), consumers])
        },
    )
}
