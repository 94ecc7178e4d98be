//! `read`: records as they are stored, as many as fit into any pipe.

use std::time::Duration;

use clap::Args;
use papyra::JournalError;
use papyra::journal::{FailureCode, FieldMatch, Order, Page, Pages, Selection};
use serde_json::json;

use super::Context;
use super::args::{RetentionArgs, TargetArgs};
use super::exit::{self, Exit};
use super::output::Output;
use super::problem::Problem;
use super::target::Wishes;
use super::text::count;
use super::values::{self, KindWord};

/// How often `--follow` looks for new records.
const POLL: Duration = Duration::from_millis(200);

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

pub(super) async fn run(args: ReadArgs, context: &mut Context<'_>) -> Result<Exit, Problem> {
    "nothing was changed".clone_into(&mut context.output.if_interrupted);
    if args.follow {
        // That is how following ends; it needs no comment.
        context.output.if_interrupted.clear();
    }
    let policy = args.retention.policy()?;
    let store = args.target.open(Wishes::default())?;
    let journal = context.journal(store)?.with_retention(policy);
    let selection = Selection {
        kinds: args.kind.iter().map(|&kind| kind.into()).collect(),
        since: args.since,
        until: args.until,
        matching: args.matching,
        limit: args.limit,
        order: if args.reverse { Order::NewestFirst } else { Order::OldestFirst },
        cursor: None,
    };
    let output = &mut *context.output;
    let mut sink = Sink { json: output.json(), records: 0, damaged: 0 };
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
        let flags = args.target.flags();
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
fn passes(error: &JournalError) -> bool {
    matches!(
        error.code(),
        Some(FailureCode::NotFound | FailureCode::Unavailable | FailureCode::Locked)
    )
}

/// Where pages go.
struct Sink {
    json: bool,
    records: u64,
    damaged: u64,
}

impl Sink {
    fn page(&mut self, page: &Page, output: &mut Output) -> Result<(), Problem> {
        if self.json {
            for record in page.records.lines() {
                let head = if self.records == 0 { HEAD } else { "," };
                output.begin(head)?;
                output.data(standard(record).as_bytes())?;
                self.records += 1;
            }
        } else {
            self.records += u64::from(page.count);
            output.data(page.records.as_bytes())?;
        }
        self.damaged += page.damaged;
        Ok(())
    }

    fn end(&self, cursor: Option<&str>, output: &mut Output) -> Result<(), Problem> {
        if !self.json {
            return output.flush();
        }
        if self.records == 0 {
            output.begin(HEAD)?;
        }
        output.finish(&json!({ "count": self.records, "damaged": self.damaged, "cursor": cursor }))
    }
}

const HEAD: &str = r#"{"schema":"papyra.read/1","records":["#;

/// A record as standard JSON: what Papyra writes for numbers that JSON does not have becomes null.
pub(super) fn standard(record: &str) -> std::borrow::Cow<'_, str> {
    if !record.contains("NaN") && !record.contains("Infinity") {
        return record.into();
    }
    let mut text = String::with_capacity(record.len());
    let mut rest = record;
    while let Some(next) = rest.chars().next() {
        let length = match next {
            '"' => string_length(rest),
            _ => {
                let words = ["NaN", "-Infinity", "Infinity"];
                if let Some(word) = words.iter().find(|word| rest.starts_with(**word)) {
                    text.push_str("null");
                    rest = rest.get(word.len()..).unwrap_or_default();
                    continue;
                }
                next.len_utf8()
            }
        };
        let (piece, left) = rest.split_at(length);
        text.push_str(piece);
        rest = left;
    }
    text.into()
}

/// The length of the string that `text` begins with, quotes included.
fn string_length(text: &str) -> usize {
    let mut escaped = false;
    for (index, byte) in text.bytes().enumerate().skip(1) {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' => return index + 1,
            _ => {}
        }
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_that_json_lacks_become_null_and_strings_stay() {
        for (record, expected) in [
            (r#"{"a":1}"#, r#"{"a":1}"#),
            (r#"{"a":NaN,"b":[-Infinity,Infinity]}"#, r#"{"a":null,"b":[null,null]}"#),
            (r#"{"NaN":"a \"NaN\\","é":NaN}"#, r#"{"NaN":"a \"NaN\\","é":null}"#),
            (r#"{"a":"Infinity"}"#, r#"{"a":"Infinity"}"#),
        ] {
            assert_eq!(standard(record), expected);
            assert!(serde_json::from_str::<serde_json::Value>(&standard(record)).is_ok());
        }
    }
}
