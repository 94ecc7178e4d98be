//! `read`: print records as they are stored.

use clap::Args;
use papyra_persistence::config::Config;
use papyra_persistence::journal::{FieldMatch, Order, Selection};
use papyra_persistence::route::{MergedPages, StoreEnd};
use serde_json::json;

use crate::args::{RetentionArgs, TargetArgs};
use crate::context::Context;
use crate::exit::{self, Exit};
use crate::output::Output;
use crate::per_store;
use crate::problem::Problem;
use crate::records::{POLL, Sink, passes};
use crate::target::Target;
use crate::text::count;
use crate::values::{self, KindWord};

/// Print records, one per line, exactly as stored
///
/// Damaged entries are skipped and counted; records beyond the retention limits are left out. With
/// --json, the records are an array in one document, where NaN and infinities, which JSON lacks, become
/// null.
#[derive(Debug, Args)]
#[command(after_help = format!(
    "Examples:\n  papyra persistence read --path app.ndjson --kind event --since 2h | jq .\n  \
     papyra persistence read --path app.ndjson --where actor.name=billing --limit 20\n  \
     papyra persistence read --path app.ndjson --limit 10 --follow\n\n{}",
    exit::help(&[(Exit::Done, "done; also when the reader of a pipe has closed it")])
))]
pub(super) struct ReadArgs {
    #[command(flatten)]
    target: TargetArgs,
    /// Only records of this kind; repeatable
    #[arg(long, value_name = "KIND", value_enum, ignore_case = true, help_heading = "Selection")]
    kind: Vec<KindWord>,
    /// Only records from this time on: 2h or 7d ago, 2026-01-31T10:00:00Z, or epoch seconds
    #[arg(long, value_name = "TIME", help_heading = "Selection",
          value_parser = values::moment, allow_hyphen_values = true)]
    since: Option<f64>,
    /// Only records up to this time, written like --since
    #[arg(long, value_name = "TIME", help_heading = "Selection",
          value_parser = values::moment, allow_hyphen_values = true)]
    until: Option<f64>,
    /// Only records with this value in this field; a.b is b inside a; repeatable
    #[arg(long = "where", value_name = "FIELD=VALUE", help_heading = "Selection",
          value_parser = values::field_match)]
    matching: Vec<FieldMatch>,
    /// Only the newest N records that match
    #[arg(long, value_name = "N", help_heading = "Selection",
          value_parser = values::records, allow_hyphen_values = true)]
    limit: Option<u64>,
    /// Newest first
    #[arg(long)]
    reverse: bool,
    /// Read everything, whatever the index says
    ///
    /// The index beside a journal, which startup-check leaves, says which parts of it hold no record of these
    /// kinds or times. It is believed only while samples of the journal agree with it.
    #[arg(long)]
    no_index: bool,
    /// Continue with records that are appended, until interrupted
    #[arg(long, conflicts_with_all = ["reverse", "until", "json"])]
    follow: bool,
    #[command(flatten)]
    retention: RetentionArgs,
}

impl ReadArgs {
    pub fn apply(&self, config: &mut Config) -> Result<(), Problem> {
        self.target.apply(config);
        self.retention.apply(config)
    }
}

pub(super) async fn run(args: ReadArgs, context: &mut Context<'_>) -> Result<Exit, Problem> {
    "nothing was changed".clone_into(&mut context.output.if_interrupted);
    if args.follow {
        // That is how following ends; it needs no comment.
        context.output.if_interrupted.clear();
    }
    let selection = Selection {
        kinds: args.kind.iter().map(|&kind| kind.into()).collect(),
        since: args.since,
        until: args.until,
        matching: args.matching,
        limit: args.limit,
        order: if args.reverse { Order::NewestFirst } else { Order::OldestFirst },
        no_index: args.no_index,
        cursor: None,
    };
    let (journal, targets) = context.routed()?;
    let output = &mut *context.output;
    let mut sink = Sink::new("read", output);
    let mut pages = journal.query(selection);
    while let Some(page) = pages.next().await {
        sink.lines(&page.records, page.count, output)?;
        if output.is_closed() {
            return Ok(Exit::Done);
        }
    }
    if args.follow {
        // One store that cannot be read is no store to wait for: its name may be wrong.
        if let (1, Some((_, error))) = (targets.len(), pages.failures().pop()) {
            return Err(error.into());
        }
        follow(&mut pages, &mut sink, &targets, output).await?;
    }
    end(pages.ends(), args.follow, &sink, &targets, output)
}

/// Reports how each store has ended; the exit code is that of the most serious failure.
fn end(
    ends: Vec<StoreEnd>,
    followed: bool,
    sink: &Sink,
    targets: &[Target],
    output: &mut Output,
) -> Result<Exit, Problem> {
    output.flush()?;
    let mut worst = Exit::Done;
    let mut stores = Vec::new();
    let mut damaged = 0;
    for (end, target) in ends.into_iter().zip(targets) {
        damaged += end.damaged;
        let mut fields = json!({ "damaged": end.damaged, "cursor": end.cursor });
        // A store that could not be read to its end may have been followed since.
        if let Some(error) = end.error.filter(|_| !followed) {
            let problem = Problem::from(error);
            if targets.len() == 1 || problem.exit == Exit::Interrupted {
                return Err(problem);
            }
            output.eprint_line(&per_store::failure(target, &problem));
            worst = worst.worse(problem.exit);
            fields["error"] = problem.fields();
        } else if end.damaged > 0 {
            let damaged = count(end.damaged, "damaged entry was", "damaged entries were");
            let flags = &target.flags;
            output.note(&format!(
                "{damaged} passed over; `papyra persistence scan {flags}` lists them"
            ));
        }
        stores.push((target, fields));
    }
    let fields = match stores.as_slice() {
        [(_, only)] => only.clone(),
        _ => {
            let stores =
                stores.into_iter().map(|(target, fields)| per_store::entry(target, fields));
            json!({ "damaged": damaged, "stores": stores.collect::<Vec<_>>(), "exit": worst.code() })
        }
    };
    sink.end(fields, output)?;
    Ok(worst)
}

/// Writes what is appended until the reader is gone. A limit applies to the records before that.
///
/// Records of several stores that one poll finds are in the order of time. A store that cannot
/// be reached now is waited for, while the others go on.
async fn follow(
    pages: &mut MergedPages,
    sink: &mut Sink,
    targets: &[Target],
    output: &mut Output,
) -> Result<(), Problem> {
    let mut waiting = vec![false; targets.len()];
    loop {
        output.flush()?;
        if output.is_closed() || output.reader_gone() {
            return Ok(());
        }
        let (page, failed) = pages.poll().await;
        sink.lines(&page.records, page.count, output)?;
        let before = std::mem::replace(&mut waiting, vec![false; targets.len()]);
        for (index, error) in failed {
            if !passes(&error) {
                return Err(error.into());
            }
            if let (Some(waits), Some(target)) = (waiting.get_mut(index), targets.get(index)) {
                *waits = true;
                if before.get(index) == Some(&false) {
                    let message = per_store::failure(target, &Problem::from(error));
                    output.note(&format!("{message}; waiting for it"));
                }
            }
        }
        if page.end {
            output.flush()?;
            tokio::time::sleep(POLL).await;
        }
    }
}
