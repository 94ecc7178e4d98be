//! `read`: records as they are stored, as many as fit into any pipe.

use std::time::Duration;

use clap::Args;
use papyra_persistence::JournalError;
use papyra_persistence::config::Config;
use papyra_persistence::journal::{
    FailureCode, FieldMatch, Order, Page, Pages, Selection, standard,
};
use serde_json::{Value, json};

use super::Context;
use super::args::{RetentionArgs, TargetArgs};
use super::exit::{self, Exit};
use super::output::Output;
use super::problem::Problem;
use super::text::count;
use super::values::{self, KindWord};
use super::{each, merged};

/// How often `--follow` looks for new records.
pub(super) const POLL: Duration = Duration::from_millis(200);

/// Write records as they are stored, one per line
///
/// Damaged entries are passed over and counted, and what the retention limits hide is left out. With
/// --json the records are an array in one document; NaN and infinities, which are not JSON, become
/// null there.
#[derive(Debug, Args)]
#[command(after_help = format!(
    "Examples:\n  papyra persistence read --path app.ndjson --kind event --since 2h | jq .\n  \
     papyra persistence read --path app.ndjson --where actor.name=billing --limit 20\n  \
     papyra persistence read --path app.ndjson --limit 10 --follow\n\n{}",
    exit::help(&[(Exit::Done, "done; also when the reader of a pipe has had enough")])
))]
pub(super) struct ReadArgs {
    #[command(flatten)]
    target: TargetArgs,
    /// Only records of this kind; repeatable
    #[arg(long, value_name = "KIND", value_enum, ignore_case = true, help_heading = "Selection")]
    kind: Vec<KindWord>,
    /// Only records from this moment on: 2h or 7d ago, 2026-01-31T10:00:00Z, or epoch seconds
    #[arg(long, value_name = "TIME", help_heading = "Selection",
          value_parser = values::moment, allow_hyphen_values = true)]
    since: Option<f64>,
    /// Only records up to this moment, written like --since
    #[arg(long, value_name = "TIME", help_heading = "Selection",
          value_parser = values::moment, allow_hyphen_values = true)]
    until: Option<f64>,
    /// Only records with this value in this field; a.b is b inside a; repeatable
    #[arg(long = "where", value_name = "FIELD=VALUE", help_heading = "Selection",
          value_parser = values::field_match)]
    matching: Vec<FieldMatch>,
    /// The newest N records that match
    #[arg(long, value_name = "N", help_heading = "Selection",
          value_parser = values::records, allow_hyphen_values = true)]
    limit: Option<u64>,
    /// Newest first
    #[arg(long)]
    reverse: bool,
    /// Go on with what is appended, until interrupted
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
        cursor: None,
    };
    let (route, targets) = context.route()?;
    let target = match targets.as_slice() {
        [] => return Err(each::nowhere()),
        [only] => only,
        several => return merged::run(selection, args.follow, route, several, context).await,
    };
    let journal = context.journal(target.store.clone())?;
    let output = &mut *context.output;
    let mut sink = Sink::new(output.json());
    let mut pages = journal.query(selection);
    let mut cursor = None;
    while let Some(page) = pages.next().await? {
        sink.page(&page, output)?;
        if output.is_closed() {
            return Ok(Exit::Done);
        }
        cursor = Some(page.cursor);
    }
    if args.follow {
        follow(&mut pages, &mut sink, output).await?;
    } else {
        sink.end(cursor.as_deref(), output)?;
    }
    if sink.damaged > 0 {
        let damaged = count(sink.damaged, "damaged entry was", "damaged entries were");
        let flags = &target.flags;
        output
            .note(&format!("{damaged} passed over; `papyra persistence scan {flags}` lists them"));
    }
    Ok(Exit::Done)
}

/// Writes what is appended until nobody reads it any more. The limit was for what was there already.
async fn follow(pages: &mut Pages, sink: &mut Sink, output: &mut Output) -> Result<(), Problem> {
    let mut waiting = false;
    loop {
        output.flush()?;
        if output.is_closed() || output.reader_gone() {
            return Ok(());
        }
        let at_end = match pages.poll().await {
            Ok(page) => {
                waiting = false;
                sink.page(&page, output)?;
                page.end
            }
            Err(error) if passes(&error) => {
                if !waiting {
                    output.note(&format!("{}; waiting for it", super::problem::chain(&error)));
                }
                waiting = true;
                true
            }
            Err(error) => return Err(error.into()),
        };
        if at_end {
            output.flush()?;
            tokio::time::sleep(POLL).await;
        }
    }
}

/// What can be over by itself: a journal that is being replaced, a backend that restarts.
pub(super) fn passes(error: &JournalError) -> bool {
    matches!(
        error.code(),
        Some(FailureCode::NotFound | FailureCode::Unavailable | FailureCode::Locked)
    )
}

/// Where pages go.
pub(super) struct Sink {
    json: bool,
    records: u64,
    damaged: u64,
}

impl Sink {
    pub fn new(json: bool) -> Self {
        Self { json, records: 0, damaged: 0 }
    }

    fn page(&mut self, page: &Page, output: &mut Output) -> Result<(), Problem> {
        self.damaged += page.damaged;
        self.records(&page.records, page.count, output)
    }

    pub fn records(
        &mut self,
        records: &str,
        count: u32,
        output: &mut Output,
    ) -> Result<(), Problem> {
        if self.json {
            for record in records.lines() {
                let head = if self.records == 0 { HEAD } else { "," };
                output.begin(head)?;
                output.data(standard(record).as_bytes())?;
                self.records += 1;
            }
        } else {
            self.records += u64::from(count);
            output.data(records.as_bytes())?;
        }
        Ok(())
    }

    fn end(&self, cursor: Option<&str>, output: &mut Output) -> Result<(), Problem> {
        if !self.json {
            return output.flush();
        }
        self.close(json!({ "damaged": self.damaged, "cursor": cursor }), output)
    }

    /// Ends the document with these fields.
    pub fn close(&self, fields: Value, output: &mut Output) -> Result<(), Problem> {
        if self.records == 0 {
            output.begin(HEAD)?;
        }
        let mut end = json!({ "count": self.records });
        if let (Some(end), Value::Object(fields)) = (end.as_object_mut(), fields) {
            end.extend(fields);
        }
        output.finish(&end)
    }
}

const HEAD: &str = r#"{"schema":"papyra.read/1","records":["#;
