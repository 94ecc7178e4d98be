//! `append`: records from standard input.

use std::io::{self, BufRead, BufReader, IsTerminal, Read};

use clap::Args;
use papyra_persistence::Durability;
use papyra_persistence::config::Config;
use papyra_persistence::route::{RoutedAppend, RoutedError};
use papyra_persistence::store::{Store, StoreError, StoreErrorKind, Written};
use tokio::sync::mpsc;

use crate::args::{TargetArgs, apply_sync};
use crate::context::Context;
use crate::exit::{self, Exit};
use crate::problem::{Problem, chain};
use crate::text::grouped;
use crate::{report, values};

/// Maximum size of a batch, unless one line alone is longer.
const BATCH_BYTES: usize = 8 << 20;

/// Maximum size of a record that the engine accepts.
const LINE_BYTES: usize = 16 << 20;

/// Append records from standard input
///
/// Each line must be a record: a JSON object with a known `kind` and a numeric `timestamp`. Lines are
/// written unchanged. A batch is written completely or not at all; input is cut into batches of 8 MiB.
/// When a line is refused, nothing of its batch is written, and the message gives its number and the
/// lines that are written. With --lenient all that read prints can be written again.
#[derive(Debug, Args)]
#[command(after_help = format!(
    "Examples:\n  papyra append app.ndjson < new.ndjson\n  \
     producer | papyra append app.ndjson --batch 1\n  \
     papyra read old.ndjson | papyra append new.ndjson --lenient\n\n{}",
    exit::help(&[
        (Exit::Done, "everything is written, with the durability of --sync"),
        (Exit::Usage, "wrong usage, or a line is not a record"),
        (Exit::NotFound, "no such directory; a missing file is created"),
        (Exit::Full, "no space left; no partial batch remains"),
    ])
))]
pub(super) struct AppendArgs {
    #[command(flatten)]
    target: TargetArgs,
    /// When to sync to disk: always (before a batch counts as written), interval:MS, or never [default: always]
    #[arg(long, value_name = "POLICY", value_parser = values::sync)]
    sync: Option<Durability>,
    /// Maximum number of lines in a batch, instead of 8 MiB
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    batch: Option<u64>,
    /// Also take suspect records: whole JSON objects with NaN, or without a sound kind or timestamp
    #[arg(long)]
    lenient: bool,
}

impl AppendArgs {
    pub fn apply(&self, config: &mut Config) -> Result<(), Problem> {
        self.target.apply(config)?;
        apply_sync(self.sync, config);
        Ok(())
    }
}

pub(super) async fn run(args: AppendArgs, context: &mut Context<'_>) -> Result<Exit, Problem> {
    let (journal, targets) = context.routed_or_nowhere()?;
    if io::stdin().is_terminal() {
        context.output.note("reading records from the terminal, one per line; Ctrl-D ends");
    }
    let mut batches = read_batches(args.batch.unwrap_or(u64::MAX))?;
    let mut total = RoutedAppend::default();
    let mut written = 0;
    loop {
        context.output.if_interrupted = state(written);
        let Some(batch) = batches.recv().await else { break };
        let batch = batch.map_err(|refused| refused.problem(written))?;
        let last = batch.first + batch.lines - 1;
        let before = if written == 0 { String::new() } else { format!("{}; ", state(written)) };
        context.output.if_interrupted = format!(
            "{before}whether {} too is not known: all of it or nothing",
            lines(batch.first, last)
        );
        let done = match args.lenient {
            true => journal.append_lines_leniently(&batch.text).await,
            false => journal.append_lines(&batch.text).await,
        };
        total.add(done.map_err(|error| match error {
            RoutedError::Refused(error) => explain(error.into(), &batch, written),
            other => partial(other, targets.len() == 1, &batch, written),
        })?);
        written = last;
    }
    if written == 0 {
        for target in &targets {
            check_place(&*target.store).await?;
        }
    }
    for target in &targets {
        target.store.settle().await.map_err(|error| {
            let error = Problem::from(error);
            Problem { message: format!("{}, but {}", state(written), error.message), ..error }
        })?;
    }
    let only = match targets.as_slice() {
        [only] if journal.route().discarded().is_empty() => Some(only.store.describe()),
        _ => None,
    };
    context.output.report(
        |paint| report::append::text(&total, only.as_ref(), paint),
        || report::document("append", [report::append::fields(&total, only.as_ref())]),
    )?;
    Ok(Exit::Done)
}

/// Without a record to write, nothing has shown yet whether the store is there or can be made.
async fn check_place(store: &dyn Store) -> Result<(), StoreError> {
    match store.snapshot().await {
        Err(error) if error.kind() == StoreErrorKind::NotFound => store.can_create(),
        looked => looked.map(drop),
    }
}

/// Reports that some stores have written their part of a batch, and others have not.
fn partial(error: RoutedError, single: bool, batch: &Batch, written: u64) -> Problem {
    let message = chain(&error);
    let mut exit = Exit::Done;
    let mut code = "failed";
    if let RoutedError::Partial(mut partial) = error {
        if let Some(failure) = partial.failed.pop_if(|_| single) {
            return explain(failure.error.into(), batch, written);
        }
        for failure in partial.failed {
            let problem = Problem::from(failure.error);
            if exit.worse(problem.exit) != exit {
                (exit, code) = (problem.exit, problem.code);
            }
        }
    }
    let of = lines(batch.first, batch.first + batch.lines - 1);
    // The message lists store by store which of these lines are written.
    let before =
        if written == 0 { String::new() } else { format!("; before them, {}", state(written)) };
    let message = format!("of {of}, {message}{before}");
    Problem::new(exit, code, message)
}

/// The state of the journal after `written` lines.
fn state(written: u64) -> String {
    match written {
        0 => "nothing was written".to_owned(),
        1 => "line 1 is written".to_owned(),
        last => format!("{} are written", lines(1, last)),
    }
}

/// `line 7`, or `lines 1 to 1,000`.
fn lines(first: u64, last: u64) -> String {
    match first == last {
        true => format!("line {}", grouped(first)),
        false => format!("lines {} to {}", grouped(first), grouped(last)),
    }
}

/// Says how much of a failed batch is written, and of the lines before it.
fn outcome(batch: &Batch, of_batch: Option<Written>, before: u64) -> String {
    let last = batch.first + batch.lines.max(1) - 1;
    let (these, earlier) = (lines(batch.first, last), format!("; before them, {}", state(before)));
    let earlier = if before == 0 { "" } else { &earlier };
    match (of_batch, before) {
        (None | Some(Written::None), 0) => state(0),
        (None | Some(Written::None), _) => format!("{}, nothing after them", state(before)),
        (Some(Written::All), _) => format!("{these} are written, but may not be durable{earlier}"),
        (Some(Written::Some), _) => {
            format!(
                "of {these} the beginning is written, perhaps only a part of a line{earlier}; look at the \
                 end of the journal before appending the rest"
            )
        }
        (Some(Written::Unknown), _) => format!(
            "whether {these} are written is not known: look at the end of the journal before \
             appending them again{earlier}"
        ),
    }
}

/// Numbers lines from the start of the input, and adds what is written and what is not.
fn explain(mut problem: Problem, batch: &Batch, written: u64) -> Problem {
    let state = outcome(batch, problem.written, written);
    match problem.line {
        // A line of the input, not of the journal.
        Some(number) if problem.code == "invalid-record" => {
            let line = batch.first + number.max(1) - 1;
            // The engine counts within the batch, and knows nothing of the batches before it.
            let reason = problem.message.as_str();
            let prefix = format!("record {number} cannot be written: ");
            let reason = reason.strip_prefix(&prefix).unwrap_or(reason);
            let reason = reason.strip_suffix("; nothing was written").unwrap_or(reason);
            problem.message = format!("standard input:{line}: {reason}; {state}");
            problem.line = Some(line);
        }
        _ => problem.message = format!("{}; {state}", problem.message),
    }
    problem
}

/// Lines that are written together.
struct Batch {
    text: String,
    /// Number of the first line in the input, from 1.
    first: u64,
    lines: u64,
}

/// The reason why reading the input has ended.
enum Refused {
    TooLong { line: u64 },
    NotUtf8 { line: u64 },
    Io(io::Error),
}

impl Refused {
    fn problem(self, written: u64) -> Problem {
        let (line, what) = match self {
            Self::Io(error) => return Problem::io("cannot read standard input", &error),
            Self::TooLong { line } => (line, "the line is longer than a record may be, 16 MiB"),
            Self::NotUtf8 { line } => (line, "the line is not UTF-8"),
        };
        let mut problem = Problem::new(Exit::Usage, "invalid-record", what);
        problem.line = Some(line);
        explain(problem, &Batch { text: String::new(), first: 1, lines: line }, written)
    }
}

/// Reads standard input on a thread of its own, which the process does not wait for at its end.
fn read_batches(lines: u64) -> Result<mpsc::Receiver<Result<Batch, Refused>>, Problem> {
    let (sender, receiver) = mpsc::channel(1);
    let body = move || {
        let mut reader = Batches::new(BufReader::with_capacity(1 << 20, io::stdin().lock()), lines);
        while let Some(batch) = reader.next().transpose() {
            let last = batch.is_err();
            if sender.blocking_send(batch).is_err() || last {
                return;
            }
        }
    };
    std::thread::Builder::new()
        .name("stdin".into())
        .spawn(body)
        .map_err(|error| Problem::io("cannot start a thread", &error))?;
    Ok(receiver)
}

/// Cuts input into batches of whole lines.
struct Batches<R> {
    input: R,
    max_lines: u64,
    /// Number of the next line that is read.
    next_line: u64,
    /// A line that did not fit into the batch before.
    carried: Vec<u8>,
    /// A terminal would go on after the end if it were read again.
    ended: bool,
}

impl<R: BufRead> Batches<R> {
    fn new(input: R, max_lines: u64) -> Self {
        Self { input, max_lines, next_line: 1, carried: Vec::new(), ended: false }
    }

    /// The next batch, or `None` at the end of the input.
    fn next(&mut self) -> Result<Option<Batch>, Refused> {
        if self.ended {
            return Ok(None);
        }
        let mut text = std::mem::take(&mut self.carried);
        let mut lines = u64::from(!text.is_empty());
        let first = self.next_line - lines;
        while lines < self.max_lines && text.len() < BATCH_BYTES {
            let start = text.len();
            // One more than a line and its end may have, to tell a line that is too long.
            let mut line = self.input.by_ref().take(LINE_BYTES as u64 + 2);
            let read = line.read_until(b'\n', &mut text).map_err(Refused::Io)?;
            if read == 0 {
                self.ended = true;
                break;
            }
            let line = self.next_line;
            if read - usize::from(text.ends_with(b"\n")) > LINE_BYTES {
                return Err(Refused::TooLong { line });
            }
            self.next_line += 1;
            if start > 0 && text.len() > BATCH_BYTES {
                self.carried = text.split_off(start);
                break;
            }
            lines += 1;
        }
        if lines == 0 {
            return Ok(None);
        }
        let text = String::from_utf8(text).map_err(|error| {
            let good = error.as_bytes().iter().take(error.utf8_error().valid_up_to());
            let before = good.filter(|byte| **byte == b'\n').count();
            Refused::NotUtf8 { line: first + before as u64 }
        })?;
        Ok(Some(Batch { text, first, lines }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cut(input: &[u8], lines: u64) -> Vec<(u64, u64, usize)> {
        let mut batches = Batches::new(input, lines);
        let mut cut = Vec::new();
        while let Some(batch) = batches.next().ok().flatten() {
            assert_eq!(batch.text.lines().count() as u64, batch.lines);
            cut.push((batch.first, batch.lines, batch.text.len()));
        }
        cut
    }

    #[test]
    fn small_input_is_one_batch_and_its_last_line_may_be_open() {
        assert_eq!(cut(b"", u64::MAX), []);
        assert_eq!(cut(b"a\nb\nc", u64::MAX), [(1, 3, 5)]);
        assert_eq!(cut(b"\n\n", u64::MAX), [(1, 2, 2)]);
    }

    /// Each piece is a read; a terminal goes on after an end, which is an empty one.
    struct Terminal(Vec<&'static [u8]>);

    impl Read for Terminal {
        fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
            let mut piece = self.0.remove(0);
            piece.read(into)
        }
    }

    #[test]
    fn a_terminal_is_not_read_after_its_end() {
        let mut batches = Batches::new(BufReader::new(Terminal(vec![b"a\n", b""])), u64::MAX);
        assert!(batches.next().is_ok_and(|batch| batch.is_some_and(|batch| batch.lines == 1)));
        assert!(batches.next().is_ok_and(|batch| batch.is_none()));
    }

    #[test]
    fn batches_count_lines_from_the_start_of_the_input() {
        assert_eq!(cut(b"a\nb\nc\nd\ne\n", 2), [(1, 2, 4), (3, 2, 4), (5, 1, 2)]);
    }

    #[test]
    fn large_input_is_cut_between_lines() {
        let line = [&vec![b'x'; (3 << 20) - 1][..], b"\n"].concat();
        let size = line.len();
        assert_eq!(
            cut(&line.repeat(5), u64::MAX),
            [(1, 2, 2 * size), (3, 2, 2 * size), (5, 1, size)]
        );
    }

    #[test]
    fn a_line_of_exactly_the_limit_passes_and_one_more_byte_does_not() {
        let mut input = vec![b'x'; LINE_BYTES];
        input.push(b'\n');
        assert_eq!(cut(&input, u64::MAX), [(1, 1, LINE_BYTES + 1)]);
        input.insert(0, b'x');
        input.splice(0..0, *b"ok\n");
        let mut batches = Batches::new(&input[..], u64::MAX);
        assert!(matches!(batches.next(), Err(Refused::TooLong { line: 2 })));
    }

    #[test]
    fn a_line_that_is_not_utf_8_is_named() {
        let mut batches = Batches::new(&b"a\nb\n\xff\n"[..], 2);
        assert!(batches.next().is_ok_and(|batch| batch.is_some_and(|batch| batch.lines == 2)));
        assert!(matches!(batches.next(), Err(Refused::NotUtf8 { line: 3 })));
    }

    #[test]
    fn a_refused_line_is_counted_from_the_start_and_the_state_is_said() {
        let batch = Batch { text: String::new(), first: 1001, lines: 1000 };
        let mut problem = Problem::new(
            Exit::Usage,
            "invalid-record",
            "record 7 cannot be written: no kind; nothing was written",
        );
        problem.line = Some(7);
        let problem = explain(problem, &batch, 1000);
        assert_eq!(problem.line, Some(1007));
        assert_eq!(
            problem.message,
            "standard input:1007: no kind; lines 1 to 1,000 are written, nothing after them"
        );
    }
}
