//! `groups list`: all groups and their lag.

use clap::Args;
use papyra_persistence::route::Route;
use papyra_persistence::store::Kind;
use serde_json::json;

use crate::args::StoreArgs;
use crate::context::Context;
use crate::problem::Problem;
use crate::report::{self, document};
use crate::values::KindWord;

/// List the groups with their pending entries and lag
#[derive(Debug, Args)]
pub(super) struct ListArgs {
    #[command(flatten)]
    pub target: StoreArgs,
    /// Only groups that consume this kind; repeatable
    #[arg(long, value_name = "KIND", value_enum, ignore_case = true)]
    kind: Vec<KindWord>,
}

pub(super) async fn run(args: ListArgs, context: &mut Context<'_>) -> Result<(), Problem> {
    let (routed, _) = context.routed()?;
    let kinds: Vec<Kind> = match args.kind.as_slice() {
        [] => with_groups(routed.route()),
        kinds => kinds.iter().map(|kind| (*kind).into()).collect(),
    };
    let mut groups = Vec::new();
    for kind in kinds {
        let journal = routed.journal(kind).ok_or_else(Problem::nowhere)?;
        let of_kind = journal.groups(kind).await?;
        groups.extend(of_kind.into_iter().map(|group| (kind, group)));
    }
    context.output.report(
        |_| report::groups::list(&groups),
        || {
            let groups = groups.iter().map(|(kind, group)| report::groups::fields(*kind, group));
            document("groups", [json!({ "groups": groups.collect::<Vec<_>>() })])
        },
    )
}

/// The kinds whose store has groups; all, if none has any: then asking it tells why.
fn with_groups(route: &Route) -> Vec<Kind> {
    let has = |kind: &Kind| route.store(*kind).is_some_and(|store| store.groups().is_some());
    let kinds: Vec<Kind> = Kind::ALL.into_iter().filter(has).collect();
    if kinds.is_empty() { Kind::ALL.to_vec() } else { kinds }
}
