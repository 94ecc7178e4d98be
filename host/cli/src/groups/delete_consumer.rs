//! `groups delete-consumer`: delete a consumer that is gone for good.

use clap::Args;
use clap::builder::NonEmptyStringValueParser;
use serde_json::json;

use super::args::GroupArgs;
use crate::context::Context;
use crate::exit::Exit;
use crate::problem::Problem;
use crate::report::document;
use crate::text::{self, count};

/// Delete a consumer of a group
///
/// Its pending entries would be handed to no consumer again, so `groups claim` comes first.
#[derive(Debug, Args)]
pub(super) struct DeleteConsumerArgs {
    #[command(flatten)]
    pub group: GroupArgs,
    /// Consumer to delete
    #[arg(long, value_name = "NAME", value_parser = NonEmptyStringValueParser::new())]
    consumer: String,
    /// Also delete a consumer with pending entries, which are then pending no longer
    #[arg(long)]
    force: bool,
}

pub(super) async fn run(
    args: DeleteConsumerArgs,
    context: &mut Context<'_>,
) -> Result<(), Problem> {
    let group = args.group.open(context)?;
    let title = format!("{} of {}", text::printable(&args.consumer), args.group.title());
    let consumers = group.consumers().await?;
    let consumer = consumers.iter().find(|info| info.name == args.consumer).ok_or_else(|| {
        let message = format!("there is no consumer {title}; `groups describe` lists them");
        Problem::new(Exit::NotFound, "not-found", message)
    })?;
    if consumer.pending > 0 && !args.force {
        let holds = count(consumer.pending, "pending entry", "pending entries");
        return Err(Problem::usage(format!(
            "{title} has {holds}, which no consumer would be handed again; `groups claim` hands them to \
             another one, --force gives them up"
        )));
    }
    let pending = group.delete_consumer(&args.consumer).await?;
    context.output.report(
        |paint| {
            let lost = match pending {
                0 => String::new(),
                pending => format!(", with {}", count(pending, "pending entry", "pending entries")),
            };
            format!("{}: deleted{lost}\n", paint.bold(&title))
        },
        || {
            let deleted = json!({ "consumer": args.consumer, "pending": pending });
            document("group-delete-consumer", [args.group.fields(), deleted])
        },
    )
}
