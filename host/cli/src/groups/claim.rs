//! `groups claim`: what a dead consumer has left, for another one.

use std::time::Duration;

use clap::Args;
use clap::builder::NonEmptyStringValueParser;

use super::args::GroupArgs;
use crate::context::Context;
use crate::deliveries::{self, Deliveries};
use crate::group_values as values;
use crate::problem::Problem;

/// Take entries over from consumers that no longer work on them, and write their records
///
/// They stay pending, with the consumer that claims: `consume --own-pending` works on them, or
/// `groups ack` acknowledges them.
#[derive(Debug, Args)]
pub(super) struct ClaimArgs {
    #[command(flatten)]
    pub group: GroupArgs,
    /// The consumer that takes them over
    #[arg(long, value_name = "NAME", value_parser = NonEmptyStringValueParser::new())]
    consumer: String,
    /// Only entries that nobody has touched for so long, such as 5m
    #[arg(long, value_name = "TIME", value_parser = values::time)]
    min_idle: Duration,
    /// At most N entries, unless ids are given
    #[arg(long, value_name = "N", default_value_t = 100,
          value_parser = clap::value_parser!(u32).range(1..=10_000))]
    count: u32,
    /// Send a record to the dead letters that is delivered more than N times; 0: never
    #[arg(long, value_name = "N", default_value_t = 0)]
    max_deliveries: u32,
    /// These entries [default: all that are idle, the oldest first]
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
