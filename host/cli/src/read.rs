//! `read`: print records as they are stored.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use clap::Args;
use clap::builder::NonEmptyStringValueParser;
use papyra_persistence::config::Config;
use papyra_persistence::journal::{FieldMatch, Order, Selection};
use papyra_persistence::route::{RoutedJournal, StoreEnd};
use serde_json::json;

use crate::args::{RetentionArgs, TargetsArgs};
use crate::context::Context;
use crate::cursor_file::{CursorFile, delivered};
use crate::exit::{self, Exit};
use crate::fields::Fields;
use crate::follow::follow;
use crate::output::Output;
use crate::per_store;
use crate::problem::Problem;
use crate::records::{Form, Sink};
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
    "Examples:\n  papyra read app.ndjson --kind event --since 2h | jq .\n  \
     papyra read app.ndjson --where actor.name=billing --fields timestamp,actor.name\n  \
     papyra read app.ndjson --limit 10 --follow\n  \
     papyra read app.ndjson --follow --cursor-file shipped | ship\n  \
     zstd -dc old.ndjson.zst | papyra read - --count\n\n{}",
    exit::help(&[(Exit::Done, "done; also when the reader of a pipe has closed it")])
))]
pub(super) struct ReadArgs {
    #[command(flatten)]
    pub target: TargetsArgs,
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
    /// End --follow after this duration, such as 30s, with exit code 0
    #[arg(long, value_name = "TIME", requires = "follow",
          value_parser = values::follow_timeout, allow_hyphen_values = true)]
    timeout: Option<Duration>,
    /// Go on after this cursor, which `read --json` prints; see also --cursor-file
    #[arg(long, value_name = "CURSOR", conflicts_with_all = ["reverse", "limit", "cursor_file"],
          value_parser = NonEmptyStringValueParser::new())]
    after_cursor: Option<String>,
    /// Go on after the cursor in this file, if it exists, and keep it up to date
    ///
    /// It is replaced after each page of about 1 MiB was written to standard output. Killed at any time, no
    /// record is missed, and only records of the last page come again.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["reverse", "json", "count"])]
    cursor_file: Option<PathBuf>,
    /// Print only these fields, in this order, as an object per record; a.b is b inside a
    #[arg(long, value_name = "FIELD,...", help_heading = "Output", value_parser = Fields::parse)]
    fields: Option<Fields>,
    /// Print only the number of records
    #[arg(long, help_heading = "Output", conflicts_with_all = ["fields", "follow"])]
    count: bool,
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
    let journals = context.journals()?;
    let stores = journals.iter().map(|(_, targets)| targets.len()).sum();
    let reading = Reading::new(args, journals.len(), stores)?;
    if let [(journal, targets)] = journals.as_slice() {
        return reading.one(journal, targets, context.output).await.map(|(exit, _)| exit);
    }
    context.output.write_lines();
    let (mut worst, mut total) = (Exit::Done, 0);
    for (journal, targets) in &journals {
        match (reading.one(journal, targets, context.output).await, targets.first()) {
            (Ok((exit, records)), _) => {
                worst = worst.worse(exit);
                total += records;
            }
            (Err(problem), Some(target)) => {
                worst = worst.worse(per_store::failed(context.output, target, problem)?);
            }
            (Err(problem), None) => return Err(problem),
        }
        if context.output.is_closed() {
            return Ok(Exit::Done);
        }
    }
    reading.print_count(total, context.output)?;
    Ok(worst)
}

/// A selection of records, and the form in which they are printed.
struct Reading {
    selection: Selection,
    cursor_file: Option<PathBuf>,
    follow: bool,
    /// When following ends.
    until: Option<Instant>,
    fields: Option<Fields>,
    count: bool,
    /// This journal is the only one.
    alone: bool,
}

impl Reading {
    fn new(args: ReadArgs, journals: usize, stores: usize) -> Result<Self, Problem> {
        if journals > 1 && args.follow {
            return Err(Problem::usage("--follow takes one file; start a command for each"));
        }
        if stores > 1 && (args.cursor_file.is_some() || args.after_cursor.is_some()) {
            return Err(Problem::usage(
                "a cursor belongs to one store; name it with --store, and start a command for each",
            ));
        }
        let selection = Selection {
            kinds: args.kind.iter().map(|&kind| kind.into()).collect(),
            since: args.since,
            until: args.until,
            matching: args.matching,
            limit: args.limit,
            order: if args.reverse { Order::NewestFirst } else { Order::OldestFirst },
            no_index: args.no_index,
            cursor: args.after_cursor,
        };
        Ok(Self {
            selection,
            cursor_file: args.cursor_file,
            follow: args.follow,
            until: args.timeout.and_then(|time| Instant::now().checked_add(time)),
            fields: args.fields,
            count: args.count,
            alone: journals == 1,
        })
    }

    /// Reads one journal, and returns how many records it has given.
    async fn one(
        &self,
        journal: &RoutedJournal,
        targets: &[Target],
        output: &mut Output,
    ) -> Result<(Exit, u64), Problem> {
        let mut selection = self.selection.clone();
        let mut saved = self.cursor_file.as_deref().map(CursorFile::open).transpose()?;
        if let Some(cursor) = saved.as_ref().and_then(CursorFile::saved) {
            selection.cursor = Some(cursor);
        }
        let mut sink = Sink::new("read", output).with_form(match &self.fields {
            Some(fields) => Form::Fields(fields.clone()),
            None if self.count => Form::Count,
            None => Form::Whole,
        });
        let mut pages = journal.query(selection);
        while let Some(page) = pages.next().await {
            sink.lines(&page.records, page.count, output)?;
            delivered(pages.cursor(), saved.as_mut(), output)?;
            if output.is_closed() {
                return Ok((Exit::Done, sink.records()));
            }
        }
        if self.follow {
            // One store that cannot be read is no store to wait for: its name may be wrong.
            if let (1, Some((_, error))) = (targets.len(), pages.failures().pop()) {
                return Err(error.into());
            }
            let following = follow(&mut pages, &mut sink, targets, saved.as_mut(), output);
            match self.until {
                // What was fetched but not written is fetched again: no cursor has passed it.
                Some(end) => match tokio::time::timeout_at(end.into(), following).await {
                    Ok(ended) => ended?,
                    Err(_) => output.flush()?,
                },
                None => following.await?,
            }
        }
        let records = sink.records();
        let ends = pages.ends();
        let exit = end(ends, self.follow, &sink, targets, output)?;
        if self.alone {
            self.print_count(records, output)?;
        }
        Ok((exit, records))
    }

    fn print_count(&self, records: u64, output: &mut Output) -> Result<(), Problem> {
        if !self.count || output.json() {
            return Ok(());
        }
        output.data(format!("{records}\n").as_bytes())?;
        output.flush()
    }
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
