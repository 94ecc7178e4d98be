//! Records on standard output: as lines, or as the array of one document.

use std::time::Duration;

use papyra_persistence::journal::{FailureCode, JournalError, strict_json};
use serde_json::{Value, json};

use crate::fields::Fields;
use crate::output::Output;
use crate::problem::Problem;
use crate::report::{joined, schema};

/// Interval at which `--follow` polls for new records.
pub(super) const POLL: Duration = Duration::from_millis(200);

/// Returns whether a failure can pass by itself: a journal that is being replaced, a backend that
/// restarts.
pub(super) fn passes(error: &JournalError) -> bool {
    matches!(
        error.code(),
        Some(FailureCode::NotFound | FailureCode::Unavailable | FailureCode::Locked)
    )
}

/// The part of each record that is printed.
pub(super) enum Form {
    /// All of it, as stored.
    Whole,
    Fields(Fields),
    /// Nothing; they are counted.
    Count,
}

/// The way of records to standard output.
pub(super) struct Sink {
    json: bool,
    schema: String,
    form: Form,
    records: u64,
}

impl Sink {
    /// `name` is that of the document.
    pub fn new(name: &str, output: &Output) -> Self {
        Self { json: output.json(), schema: schema(name), form: Form::Whole, records: 0 }
    }

    pub fn with_form(self, form: Form) -> Self {
        Self { form, ..self }
    }

    /// The number of records so far.
    pub fn records(&self) -> u64 {
        self.records
    }

    pub fn json(&self) -> bool {
        self.json
    }

    /// Writes lines in the form that was asked for.
    pub fn lines(&mut self, records: &str, count: u32, output: &mut Output) -> Result<(), Problem> {
        match &self.form {
            Form::Whole if self.json => {
                return records.lines().try_for_each(|record| self.record("", record, "", output));
            }
            Form::Whole => output.data(records.as_bytes())?,
            Form::Fields(fields) => {
                let fields = fields.clone();
                return records
                    .lines()
                    .try_for_each(|record| self.record("", &fields.of(record), "", output));
            }
            Form::Count => {}
        }
        self.records += u64::from(count);
        Ok(())
    }

    /// Writes one record between two pieces of JSON.
    pub fn record(
        &mut self,
        head: &str,
        record: &str,
        tail: &str,
        output: &mut Output,
    ) -> Result<(), Problem> {
        if self.json {
            self.begin(output)?;
        }
        self.records += 1;
        output.data(head.as_bytes())?;
        match self.json {
            true => output.data(strict_json(record).as_bytes())?,
            false => output.data(record.as_bytes())?,
        }
        output.data(tail.as_bytes())?;
        if self.json { Ok(()) } else { output.data(b"\n") }
    }

    fn begin(&self, output: &mut Output) -> Result<(), Problem> {
        match self.records {
            0 => output.begin(&format!(r#"{{"schema":"{}","records":["#, self.schema)),
            _ => output.data(b","),
        }
    }

    /// Ends the output; a document gets these fields behind the number of records.
    pub fn end(&self, fields: Value, output: &mut Output) -> Result<(), Problem> {
        if !self.json {
            return output.flush();
        }
        if matches!(self.form, Form::Count) {
            let counted = json!({ "schema": self.schema, "count": self.records });
            return output.report(|_| String::new(), || joined([counted, fields]));
        }
        if self.records == 0 {
            self.begin(output)?;
        }
        output.finish(&joined([json!({ "count": self.records }), fields]))
    }
}
