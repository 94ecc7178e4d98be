//! The failure of a command: an exit code, a name for programs and one line for people.

use papyra_persistence::config::{ConfigError, Origin};
use papyra_persistence::journal::{FailureCode, JournalError};
use papyra_persistence::store::{StoreError, Written};
use serde_json::{Value, json};

use crate::exit::Exit;
use crate::{report, text};

/// The reason why a command has failed.
#[derive(Debug)]
pub(super) struct Problem {
    pub exit: Exit,
    /// The class, for programs: `not-found`, `usage`, …
    pub code: &'static str,
    /// One line: what, where, what to do next.
    pub message: String,
    /// The file, of several.
    pub location: Option<String>,
    pub segment: Option<String>,
    /// Counted from 1, in the segment or in standard input.
    pub line: Option<u64>,
    /// A later retry of the same command can help.
    pub retryable: bool,
    /// How much of a batch an append has written.
    pub written: Option<Written>,
    /// The store does not exist.
    pub store_missing: bool,
}

impl Problem {
    pub fn new(exit: Exit, code: &'static str, message: impl Into<String>) -> Self {
        Self {
            exit,
            code,
            message: message.into(),
            location: None,
            segment: None,
            line: None,
            retryable: matches!(exit, Exit::Unavailable | Exit::Locked),
            written: None,
            store_missing: false,
        }
    }

    /// The command was called with wrong arguments.
    pub fn usage(message: impl Into<String>) -> Self {
        Self::new(Exit::Usage, "usage", message)
    }

    /// The route has no store at all.
    pub fn nowhere() -> Self {
        Self::new(
            Exit::NotFound,
            "not-found",
            "every kind goes to `none`, so there is no store; see `papyra config show --origin`",
        )
    }

    /// The command itself met an I/O error.
    pub fn io(what: &str, error: &std::io::Error) -> Self {
        Self::new(Exit::of_io(error), "io", format!("{what}: {error}"))
    }

    /// As part of a document of another schema.
    pub fn fields(&self) -> Value {
        let mut value = json!({
            "code": self.code,
            "exit": self.exit.code(),
            "message": self.message,
            "retryable": self.retryable,
        });
        if let Some(written) = self.written {
            value["written"] = json!(match written {
                Written::None => "none",
                Written::All => "all",
                Written::Some => "some",
                Written::Unknown => "unknown",
            });
        }
        if let Some(location) = &self.location {
            value["location"] = json!(location);
        }
        if let Some(segment) = &self.segment {
            value["segment"] = json!(segment);
        }
        if let Some(line) = self.line {
            value["line"] = json!(line);
        }
        value
    }

    /// As a document of its own.
    pub fn document(&self) -> Value {
        report::document("error", [self.fields()])
    }
}

impl From<ConfigError> for Problem {
    fn from(error: ConfigError) -> Self {
        let faults = error.faults();
        if let [fault, ..] = faults
            && faults
                .iter()
                .all(|fault| fault.contradiction || matches!(fault.origin, Origin::Flag(_)))
        {
            return Self::usage(match fault.origin {
                Origin::Flag(_) => fault.message.clone(),
                _ => fault.to_string(),
            });
        }
        let mut problem = Self::new(Exit::Configuration, "configuration", chain(&error));
        if let Some(Origin::File { line, .. }) = faults.first().map(|fault| &fault.origin) {
            problem.line = Some(*line as u64);
        }
        problem
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        JournalError::Failure { operation: "store", failure: (&error).into() }.into()
    }
}

impl From<JournalError> for Problem {
    fn from(error: JournalError) -> Self {
        let message = chain(&error);
        let (written, retryable) = (error.written(), error.is_retryable());
        let problem = match error {
            JournalError::Failure { operation, failure } => {
                let place = match (&failure.segment, failure.line) {
                    (Some(segment), Some(line)) => format!("{segment}:{line}"),
                    (Some(segment), None) => segment.clone(),
                    _ => String::new(),
                };
                let message = match place.as_str() {
                    "" => message,
                    place if message.contains(place) => message,
                    place => format!("{place}: {message}"),
                };
                Self {
                    exit: Exit::of(failure.code),
                    code: name(failure.code),
                    message,
                    location: None,
                    segment: failure.segment,
                    line: failure.line,
                    retryable,
                    written,
                    // A startup check accepts a missing store; only its directory can be missing.
                    store_missing: failure.code == FailureCode::NotFound
                        && operation != "startup-check",
                }
            }
            JournalError::Cancelled { .. } => Self::new(Exit::Interrupted, "interrupted", message),
            JournalError::TimedOut { .. } => {
                let message = format!("{message}; --timeout or `startup.timeout` says how much");
                Self::new(Exit::Unavailable, "timed-out", message)
            }
            JournalError::Trap { .. } => Self::new(Exit::Failed, "trap", message),
            _ => Self::new(Exit::Failed, "failed", message),
        };
        Self { written, ..problem }
    }
}

/// An error and its causes in one line. Of a cause that is itself a page of text, such as a
/// backtrace, the first line.
pub(super) fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    let mut line = first_line(&error.to_string());
    let mut cause = error.source();
    while let Some(error) = cause {
        let next = first_line(&error.to_string());
        if !line.ends_with(&next) {
            line.push_str(": ");
            line.push_str(&next);
        }
        cause = error.source();
    }
    line
}

fn first_line(text: &str) -> String {
    let line = text.lines().next().unwrap_or_default();
    text::printable(line.trim_end().trim_end_matches(':')).into_owned()
}

fn name(code: FailureCode) -> &'static str {
    match code {
        FailureCode::InvalidArgument => "invalid-argument",
        FailureCode::InvalidRecord => "invalid-record",
        FailureCode::NotFound => "not-found",
        FailureCode::Unavailable => "unavailable",
        FailureCode::Full => "full",
        FailureCode::Locked => "locked",
        FailureCode::Denied => "denied",
        FailureCode::Unsupported => "unsupported",
        FailureCode::Corrupt => "corrupt",
        FailureCode::Failed => "failed",
    }
}

#[cfg(test)]
mod tests {
    use papyra_persistence::journal::Failure;

    use super::*;

    #[test]
    fn a_failure_keeps_its_class_and_its_place() {
        let problem = Problem::from(JournalError::Failure {
            operation: "append",
            failure: Failure {
                code: FailureCode::Locked,
                retryable: true,
                written: Some(Written::None),
                message: "held by another process".into(),
                segment: Some("a.ndjson".into()),
                line: Some(7),
            },
        });
        assert_eq!(problem.exit, Exit::Locked);
        assert_eq!(problem.message, "a.ndjson:7: held by another process");
        assert_eq!(
            problem.document().to_string(),
            r#"{"schema":"papyra.error/2","code":"locked","exit":75,"message":"a.ndjson:7: held by another process","retryable":true,"written":"none","segment":"a.ndjson","line":7}"#
        );
    }

    #[test]
    fn causes_are_joined_in_one_line() {
        let cause = std::io::Error::other("first\nsecond \u{1b}[31m");
        assert_eq!(chain(&cause), "first");
    }
}
