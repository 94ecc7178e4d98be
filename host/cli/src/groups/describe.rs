//! `groups describe`: one group and its consumers.

use clap::Args;
use papyra_persistence::consumer::{GroupInfo, PendingSummary};
use serde_json::{Value, json};

use super::super::Context;
use super::super::exit::Exit;
use super::super::findings::document;
use super::super::output::Paint;
use super::super::problem::Problem;
use super::super::text::{field, grouped, printable};
use super::{GroupArgs, group_fields, lag};

/// Show one group: what is pending, with whom, and what it has yet to be given
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
        |paint| people(&args.group.title(), &info, &summary, paint),
        || {
            let parts = [group_fields(kind, &info), summary_fields(&summary)];
            document("papyra.group/1", parts)
        },
    )
}

fn people(title: &str, info: &GroupInfo, summary: &PendingSummary, paint: Paint) -> String {
    let mut text = format!("{}\n", paint.bold(title));
    field(&mut text, "delivered", &format!("up to {}", printable(&info.last_delivered)));
    field(&mut text, "lag", &lag(info.lag));
    let span = match (&summary.min, &summary.max) {
        (Some(min), Some(max)) => format!("  ({} to {})", printable(min), printable(max)),
        _ => String::new(),
    };
    field(&mut text, "pending", &format!("{}{span}", grouped(summary.count)));
    field(&mut text, "consumers", &grouped(info.consumers));
    for share in &summary.consumers {
        field(&mut text, "", &format!("{} {}", printable(&share.consumer), grouped(share.count)));
    }
    text
}

fn summary_fields(summary: &PendingSummary) -> Value {
    let consumers = summary.consumers.iter();
    let consumers: Vec<_> = consumers
        .map(|share| json!({ "consumer": share.consumer, "pending": share.count }))
        .collect();
    json!({ "min_pending": summary.min, "max_pending": summary.max, "pending_by_consumer": consumers })
}

#[cfg(test)]
mod tests {
    use papyra_persistence::consumer::ConsumerPending;

    use super::*;

    #[test]
    fn an_unknown_lag_is_shown_as_unknown() {
        let info = GroupInfo {
            name: "billing".into(),
            consumers: 2,
            pending: 3,
            last_delivered: "9-0".into(),
            lag: None,
        };
        let summary = PendingSummary {
            count: 3,
            min: Some("1-0".into()),
            max: Some("9-0".into()),
            consumers: vec![ConsumerPending { consumer: "b1".into(), count: 3 }],
        };
        assert_eq!(
            people("billing (event)", &info, &summary, Paint::NONE),
            "billing (event)\n  delivered    up to 9-0\n  lag          unknown\n  \
             pending      3  (1-0 to 9-0)\n  consumers    2\n               b1 3\n"
        );
        assert_eq!(group_fields(papyra_persistence::Kind::Event, &info)["lag"], Value::Null);
    }
}
