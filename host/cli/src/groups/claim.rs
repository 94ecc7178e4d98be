//! `groups claim`: move entries of a dead consumer to another one.

use std::time::Duration;

use clap::Args;
use clap::builder::NonEmptyStringValueParser;

use super::args::GroupArgs;
use crate::context::Context;
use crate::deliveries::{self, Deliveries};
use crate::group_values as values;
use crate::problem::Problem;

/// Take over entries of consumers that no longer work on them, and print their records
///
/// They stay pending with the new consumer: `consume --own-pending` reads them again, and `groups ack`
/// acknowledges them.
#[derive(Debug, Args)]
pub(super) struct ClaimArgs {
    #[command(flatten)]
    pub group: GroupArgs,
    /// Consumer that takes them over
    #[arg(long, value_name = "NAME", value_parser = NonEmptyStringValueParser::new())]
    consumer: String,
    /// Only entries that have been idle for at least this duration, such as 5m
    #[arg(long, value_name = "TIME", value_parser = values::time)]
    min_idle: Duration,
    /// Maximum number of entries, unless ids are given
    #[arg(long, value_name = "N", default_value_t = 100,
          value_parser = clap::value_parser!(u32).range(1..=10_000))]
    count: u32,
    /// Move a record to the dead letters after N deliveries; 0: never
    #[arg(long, value_name = "N", default_value_t = 0)]
    max_deliveries: u32,
    /// Ids of the entries [default: all that are idle, oldest first]
    #[arg(value_name = "ID", value_parser = values::id)]
    ids: Vec<String>,
}

pub(super) async fn run(args: ClaimArgs, context: &mut Context<'_>) -> Result<(), Problem> {
    "what was claimed is pending with the new consumer"
        .clone_into(&mut context.output.if_interrupted);
    let journal = context.journal_of(args.group.kind.into())?;
    let mut consumer = journal
        .consumer(args.group.kind.into(), &args.group.group, &args.consumer)
        .count(args.count)
        .max_deliveries(args.max_deliveries)
        .build();
    let output = &mut *context.output;
    let mut sink = Deliveries::new(output);
    if args.ids.is_empty() {
        let batch = consumer.claim_idle(args.min_idle, None).await?;
        sink.take(&batch, output)?;
        deliveries::note(&batch, output);
        if batch.next.is_some() {
            output.note("there can be more; claim again, or with a greater --count");
        }
    } else {
        let mut left = args.ids.as_slice();
        while !left.is_empty() {
            let batch = consumer.claim(left, args.min_idle).await?;
            sink.take(&batch, output)?;
            deliveries::note(&batch, output);
            let next = batch.next.and_then(|next| left.iter().position(|id| *id == next));
            // Each call takes one at least, so this ends.
            left = next.filter(|next| *next > 0).map_or(&[], |next| left.split_at(next).1);
        }
    }
    sink.end(output)
}
