//! `consume`: records of a consumer group, acknowledged once they have left the process.

use std::time::Duration;

use clap::Args;
use clap::builder::NonEmptyStringValueParser;
use papyra_persistence::JournalError;
use papyra_persistence::config::Config;
use papyra_persistence::consumer::{Batch, Consumer, Start, Wait};
use papyra_persistence::journal::FailureCode;

use crate::args::TargetArgs;
use crate::context::Context;
use crate::deliveries::{self, Deliveries};
use crate::exit::{self, Exit};
use crate::group_values::{WaitWord, start, wait};
use crate::output::Output;
use crate::problem::{self, Problem};
use crate::records::passes;
use crate::values::KindWord;

/// Maximum duration of one call. Between calls, the command checks that its reader is still there.
const TURN: Duration = Duration::from_secs(1);

/// Pause before a backend that cannot be reached is tried again.
const PAUSE: Duration = Duration::from_secs(1);

/// Read records as a member of a consumer group
///
/// Each record goes to one consumer of the group. It is written as one line, `{"id":…,
/// "deliveries":…,"record":…}`, and acknowledged after the output has been flushed: a crash can repeat a
/// record, but never loses one. With --no-ack, it stays pending until `groups ack`. Entries that are not
/// records are quarantined, and records delivered more often than --max-deliveries go to the dead
/// letters. Without --follow, the command reads one batch.
#[derive(Debug, Args)]
#[command(after_help = format!(
    "Examples:\n  papyra consume --store redis://localhost --group billing --consumer b1\n  \
     papyra consume --store redis://localhost --group billing --consumer b1 \\\n      \
     --follow --max-deliveries 5 | ./bill\n\n{}",
    exit::help(&[(Exit::Done, "done, also when no record came in time")])
))]
pub(super) struct ConsumeArgs {
    #[command(flatten)]
    target: TargetArgs,
    /// Consumer group; created if it does not exist
    #[arg(long, value_name = "NAME", value_parser = NonEmptyStringValueParser::new())]
    group: String,
    /// Name of this consumer; after a crash, the same name continues
    #[arg(long, value_name = "NAME", value_parser = NonEmptyStringValueParser::new())]
    consumer: String,
    /// Records of this kind
    #[arg(long, value_name = "KIND", value_enum, ignore_case = true, default_value = "event")]
    kind: KindWord,
    /// Start of a new group: 0 (everything), $ (from now on), or the last id to skip
    #[arg(long, value_name = "ID", default_value = "0", value_parser = start)]
    start: Start,
    /// Maximum number of records in a batch
    #[arg(long, value_name = "N", default_value_t = 100,
          value_parser = clap::value_parser!(u32).range(1..=10_000))]
    count: u32,
    /// How long to wait for records: none, a duration such as 5s, or forever
    #[arg(long, value_name = "TIME", default_value = "none", value_parser = wait)]
    wait: WaitWord,
    /// Move a record to the dead letters after N deliveries; 0: never
    #[arg(long, value_name = "N", default_value_t = 0)]
    max_deliveries: u32,
    /// Read records that this consumer has received but not acknowledged, instead of new ones
    #[arg(long)]
    own_pending: bool,
    /// Leave the records pending
    #[arg(long)]
    no_ack: bool,
    /// Continue until interrupted; with --own-pending, new records follow the old ones
    #[arg(long, conflicts_with_all = ["wait", "json"])]
    follow: bool,
}

impl ConsumeArgs {
    pub fn apply(&self, config: &mut Config) -> Result<(), Problem> {
        self.target.apply(config)
    }
}

pub(super) async fn run(args: ConsumeArgs, context: &mut Context<'_>) -> Result<Exit, Problem> {
    "what was not acknowledged is still pending".clone_into(&mut context.output.if_interrupted);
    if args.follow {
        // That is how following ends; it needs no comment.
        context.output.if_interrupted.clear();
    }
    let turn = match args.wait {
        _ if args.follow => Wait::For(TURN),
        WaitWord::None => Wait::None,
        WaitWord::For(time) => Wait::For(time.min(TURN)),
        WaitWord::Forever => Wait::For(TURN),
    };
    let consumer = context
        .journal_of(args.kind.into())?
        .consumer(args.kind.into(), &args.group, &args.consumer)
        .start(&args.start)
        .count(args.count)
        .wait(turn)
        .max_deliveries(args.max_deliveries)
        .build();
    let output = &mut *context.output;
    let mut work = Work { consumer, sink: Deliveries::new(output), ack: !args.no_ack };
    if args.own_pending {
        work.own_pending(output).await?;
    }
    match args.follow {
        true => work.follow(output).await?,
        false if args.own_pending => {}
        false => work.once(args.wait, output).await?,
    }
    work.sink.end(output)?;
    Ok(Exit::Done)
}

/// A consumer and where its records go.
struct Work {
    consumer: Consumer,
    sink: Deliveries,
    ack: bool,
}

impl Work {
    async fn own_pending(&mut self, output: &mut Output) -> Result<(), Problem> {
        let mut after = None;
        loop {
            let batch = self.consumer.own_pending(after.as_deref()).await?;
            self.hand_on(&batch, output).await?;
            after = match batch.last {
                Some(last) if !output.is_closed() => Some(last),
                _ => return Ok(()),
            };
        }
    }

    /// Reads one batch, and waits for it as `wait` says.
    async fn once(&mut self, wait: WaitWord, output: &mut Output) -> Result<(), Problem> {
        let mut left = match wait {
            WaitWord::None => Some(Duration::ZERO),
            WaitWord::For(time) => Some(time),
            WaitWord::Forever => None,
        };
        loop {
            let batch = self.consumer.next().await?;
            left = left.map(|left| left.saturating_sub(TURN));
            if batch.last.is_some() || left == Some(Duration::ZERO) || output.reader_gone() {
                return self.hand_on(&batch, output).await;
            }
        }
    }

    /// Continues until the reader is gone, or an interruption.
    async fn follow(&mut self, output: &mut Output) -> Result<(), Problem> {
        let mut waiting = false;
        while !output.is_closed() && !output.reader_gone() {
            match self.consumer.next().await {
                Ok(batch) => {
                    waiting = false;
                    self.hand_on(&batch, output).await?;
                }
                // A group that is gone does not come back.
                Err(error) if passes(&error) && error.code() != Some(FailureCode::NotFound) => {
                    if !waiting {
                        output.note(&format!("{}; waiting for it", problem::chain(&error)));
                    }
                    waiting = true;
                    tokio::time::sleep(PAUSE).await;
                }
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }

    /// Writes a batch, and acknowledges the records that have left this process.
    async fn hand_on(&mut self, batch: &Batch, output: &mut Output) -> Result<(), Problem> {
        self.sink.take(batch, output)?;
        output.flush()?;
        if self.ack && !output.is_closed() {
            self.consumer.ack(batch.ids()).await?;
        }
        deliveries::note(batch, output);
        match &batch.partial_failure {
            Some(failure) => {
                Err(JournalError::Failure { operation: "consume", failure: failure.clone() }.into())
            }
            None => Ok(()),
        }
    }
}
