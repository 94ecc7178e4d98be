//! `groups list`: all groups, and how far behind they are.

use clap::Args;
use papyra::store::Kind;
use serde_json::json;

use super::super::Context;
use super::super::args::TargetArgs;
use super::super::findings::document;
use super::super::problem::Problem;
use super::super::target::Wishes;
use super::super::text::grouped;
use super::super::values::KindWord;
use super::{group_fields, lag, table};

/// List the groups, with what is pending and what they have yet to be given
#[derive(Debug, Args)]
pub(super) struct ListArgs {
    #[command(flatten)]
    target: TargetArgs,
    /// Only groups that consume this kind; repeatable
    #[arg(long, value_name = "KIND", value_enum, ignore_case = true)]
    kind: Vec<KindWord>,
}

pub(super) async fn run(args: ListArgs, context: &mut Context<'_>) -> Result<(), Problem> {
    let journal = context.journal(args.target.open(Wishes::default())?)?;
    let kinds: Vec<Kind> = match args.kind.as_slice() {
        [] => vec![Kind::Event, Kind::Audit, Kind::DeadLetter, Kind::Metric],
        kinds => kinds.iter().map(|kind| (*kind).into()).collect(),
    };
    let mut groups = Vec::new();
    for kind in kinds {
        groups.extend(journal.groups(kind).await?.into_iter().map(|group| (kind, group)));
    }
    context.output.report(
        |_| {
            if groups.is_empty() {
                return "no groups\n".to_owned();
            }
            let rows: Vec<_> = groups
                .iter()
                .map(|(kind, group)| {
                    [
                        group.name.clone(),
                        kind.name().to_owned(),
                        grouped(group.consumers),
                        grouped(group.pending),
                        lag(group.lag),
                        group.last_delivered.clone(),
                    ]
                })
                .collect();
            let headings = ["GROUP", "KIND", "CONSUMERS", "PENDING", "LAG", "LAST DELIVERED"];
            table::render(headings, [false, false, true, true, true, false], &rows)
        },
        || {
            let groups: Vec<_> =
                groups.iter().map(|(kind, group)| group_fields(*kind, group)).collect();
            document("papyra.groups/1", [json!({ "groups": groups })])
        },
    )
}
