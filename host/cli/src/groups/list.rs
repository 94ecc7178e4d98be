//! `groups list`: all groups, and how far behind they are.

use clap::Args;
use papyra_persistence::store::Kind;
use serde_json::json;

use super::super::Context;
use super::super::args::TargetArgs;
use super::super::each;
use super::super::findings::document;
use super::super::problem::Problem;
use super::super::text::grouped;
use super::super::values::KindWord;
use super::{group_fields, lag, table};

/// List the groups, with what is pending and what they have yet to be given
#[derive(Debug, Args)]
pub(super) struct ListArgs {
    #[command(flatten)]
    pub target: TargetArgs,
    /// Only groups that consume this kind; repeatable
    #[arg(long, value_name = "KIND", value_enum, ignore_case = true)]
    kind: Vec<KindWord>,
}

pub(super) async fn run(args: ListArgs, context: &mut Context<'_>) -> Result<(), Problem> {
    let kinds: Vec<Kind> = match args.kind.as_slice() {
        [] => with_groups(context)?,
        kinds => kinds.iter().map(|kind| (*kind).into()).collect(),
    };
    let mut groups = Vec::new();
    for kind in kinds {
        let of_kind = context.journal_of(kind)?.groups(kind).await?;
        groups.extend(of_kind.into_iter().map(|group| (kind, group)));
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

/// The kinds whose store has groups; all, if none has any: then asking it tells why.
fn with_groups(context: &Context<'_>) -> Result<Vec<Kind>, Problem> {
    let (route, targets) = context.route()?;
    if targets.is_empty() {
        return Err(each::nowhere());
    }
    let has = |kind: &Kind| route.store(*kind).is_some_and(|store| store.groups().is_some());
    let kinds: Vec<Kind> = Kind::ALL.into_iter().filter(has).collect();
    Ok(if kinds.is_empty() { Kind::ALL.to_vec() } else { kinds })
}
