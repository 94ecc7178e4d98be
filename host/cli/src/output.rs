//! The only place that writes: data to one locked, buffered standard output, everything else to
//! standard error.

use std::io::{self, BufWriter, IsTerminal, StdoutLock, Write};

use anstream::{AutoStream, ColorChoice};
pub(super) use papyra_report::Paint;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use serde_json::Value;

use crate::problem::Problem;
use crate::text;

/// Enough that a long `read` makes few system calls.
const BUFFER: usize = 256 << 10;

/// The output of the command.
pub(super) struct Output {
    stdout: BufWriter<StdoutLock<'static>>,
    paint: Paint,
    terminal: bool,
    json: bool,
    quiet: bool,
    /// The reader of standard output is gone.
    closed: bool,
    /// Each document is one line, also on a terminal.
    lines: bool,
    /// Standard output is for data alone; reports go to standard error.
    data_only: bool,
    /// A document has been begun on standard output; the end of the command must complete it.
    unfinished: bool,
    /// The state that an interruption leaves behind. Empty: interrupting is the usual end, and needs no
    /// message.
    pub if_interrupted: String,
}

impl Output {
    pub fn new(json: bool, quiet: bool) -> Self {
        let stdout = io::stdout();
        let terminal = stdout.is_terminal();
        let paint = Paint::new(!matches!(AutoStream::choice(&stdout), ColorChoice::Never));
        Self {
            stdout: BufWriter::with_capacity(BUFFER, stdout.lock()),
            paint,
            terminal,
            json,
            quiet,
            closed: false,
            lines: false,
            data_only: false,
            unfinished: false,
            if_interrupted: "the store is consistent".to_owned(),
        }
    }

    pub fn json(&self) -> bool {
        self.json
    }

    /// Writes documents from now on, as with `--json`.
    pub fn write_documents(&mut self) {
        self.json = true;
    }

    /// Writes each document into one line from now on, because there are several.
    pub fn write_lines(&mut self) {
        self.lines = true;
    }

    /// Leaves standard output to data from now on; reports and documents go to standard error.
    pub fn keep_for_data(&mut self) {
        self.data_only = true;
    }

    pub fn quiet(&self) -> bool {
        self.quiet
    }

    pub fn paint(&self) -> Paint {
        self.paint
    }

    /// Returns whether the reader of standard output is gone.
    pub fn is_closed(&self) -> bool {
        self.closed
    }

    /// Writes a report: a document with `--json`, otherwise text for people, which `--quiet` drops.
    pub fn report(
        &mut self,
        text: impl FnOnce(Paint) -> String,
        document: impl FnOnce() -> Value,
    ) -> Result<(), Problem> {
        if self.json {
            self.document(&document())?;
        } else if !self.quiet {
            let text = text(self.paint);
            self.put(&text)?;
        }
        self.flush()
    }

    fn document(&mut self, document: &Value) -> Result<(), Problem> {
        let pretty = self.terminal && !self.lines;
        self.put(&if pretty { format!("{document:#}\n") } else { format!("{document}\n") })
    }

    fn put(&mut self, text: &str) -> Result<(), Problem> {
        if self.data_only {
            write_stderr(text);
            return Ok(());
        }
        self.data(text.as_bytes())
    }

    /// Writes data. A reader that is gone is not an error; see [`Self::is_closed`].
    pub fn data(&mut self, bytes: &[u8]) -> Result<(), Problem> {
        if self.closed {
            return Ok(());
        }
        let result = self.stdout.write_all(bytes);
        self.check(result)
    }

    pub fn flush(&mut self) -> Result<(), Problem> {
        if self.closed {
            return Ok(());
        }
        let result = self.stdout.flush();
        self.check(result)
    }

    fn check(&mut self, result: io::Result<()>) -> Result<(), Problem> {
        match result {
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => self.closed = true,
            Err(error) => {
                self.closed = true;
                return Err(Problem::io("cannot write to standard output", &error));
            }
            Ok(()) => {}
        }
        Ok(())
    }

    /// Begins a document that is written piece by piece. Until [`Self::finish`] it can only be
    /// completed by `],` and the fields of what ends the command.
    pub fn begin(&mut self, head: &str) -> Result<(), Problem> {
        self.unfinished = true;
        self.data(head.as_bytes())
    }

    /// Ends a document that was begun: `],` and `fields` without their opening brace.
    pub fn finish(&mut self, fields: &Value) -> Result<(), Problem> {
        self.unfinished = false;
        let fields = fields.to_string();
        self.data(b"],")?;
        self.data(fields.trim_start_matches('{').as_bytes())?;
        self.data(b"\n")?;
        self.flush()
    }

    /// One line for people on standard error, unless they want quiet.
    pub fn note(&self, line: &str) {
        if !self.quiet {
            eprint_line(line);
        }
    }

    /// One line for people on standard error, however quiet they want it.
    pub fn eprint_line(&self, line: &str) {
        eprint_line(line);
    }

    /// Says why the command ends early: a line for people, and with `--json` a document as well.
    pub fn problem(&mut self, problem: &Problem) {
        eprint_line(&problem.message);
        let written = match (self.json, self.unfinished) {
            (_, true) => self.finish(&serde_json::json!({ "error": problem.fields() })),
            (true, false) => self.document(&problem.document()),
            (false, false) => Ok(()),
        };
        // Standard error has the line already.
        let _ = written.and_then(|()| self.flush());
    }

    /// Says what is wrong with the words that the command was called with: `text` as clap has put
    /// it, over several lines.
    pub fn wrong_usage(&mut self, text: &str, problem: &Problem) {
        write_stderr(text);
        if self.json {
            let _ = self.document(&problem.document()).and_then(|()| self.flush());
        }
    }

    /// Help as the terminal takes it.
    pub fn styled(&self, text: &clap::builder::StyledStr) -> String {
        if self.paint.is_on() { text.ansi().to_string() } else { text.to_string() }
    }

    /// The reader of standard output has gone, although nothing was written that would show it.
    pub fn reader_gone(&self) -> bool {
        let stdout = rustix::stdio::stdout();
        let mut fds = [PollFd::new(&stdout, PollFlags::empty())];
        let now = Timespec { tv_sec: 0, tv_nsec: 0 };
        let gone = PollFlags::ERR | PollFlags::HUP;
        poll(&mut fds, Some(&now)).is_ok() && fds.iter().any(|fd| fd.revents().intersects(gone))
    }
}

/// One line on standard error, with nothing in it that moves a cursor.
pub(super) fn eprint_line(line: &str) {
    write_stderr(&format!("papyra: {}\n", text::printable(line)));
}

/// Writes text to standard error. If that fails, there is no place for a message.
pub(super) fn write_stderr(text: &str) {
    let _ = io::stderr().lock().write_all(text.as_bytes());
}
