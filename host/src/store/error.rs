use std::fmt;
use std::io;
use std::time::Duration;

use papyra_file_store::Kind;

use super::Written;

/// The class of a store's failure. It decides the exit code of the command and whether trying again can
/// help.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum StoreErrorKind {
    /// The backend cannot be reached now.
    Unavailable,
    /// No space is left.
    Full,
    /// Another process holds the store.
    Locked,
    /// Permission is missing.
    Denied,
    /// There is no such store, or no such segment.
    NotFound,
    /// This store cannot do this.
    Unsupported,
    /// The store found itself damaged in a way it cannot work with.
    Corrupt,
    /// Anything else.
    Failed,
}

/// A store's failure: a class for programs, a line for people, and the cause.
///
/// The message says what was being done, to what, and what to do next. It does not repeat the cause,
/// which is in [`source`](std::error::Error::source).
#[derive(Debug)]
pub struct StoreError {
    kind: StoreErrorKind,
    message: String,
    written: Option<Written>,
    source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

impl StoreError {
    /// A failure without an underlying cause.
    pub fn new(kind: StoreErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), written: None, source: None }
    }

    /// A failure caused by an I/O error, which also determines the class.
    pub fn io(message: impl Into<String>, cause: io::Error) -> Self {
        Self::new(Kind::of(&cause).into(), message).caused_by(cause)
    }

    /// A store that has not answered within the engine's limit.
    pub(crate) fn timed_out(limit: Duration) -> Self {
        let message = format!(
            "the store did not answer within {limit:?}; check the device or server behind it"
        );
        Self::new(StoreErrorKind::Unavailable, message)
    }

    /// Adds the cause.
    #[must_use]
    pub fn caused_by(mut self, cause: impl std::error::Error + Send + Sync + 'static) -> Self {
        self.source = Some(Box::new(cause));
        self
    }

    /// Says how much of a batch was written by the append that failed.
    #[must_use]
    pub fn wrote(mut self, written: Written) -> Self {
        self.written = Some(written);
        self
    }

    /// How much of a batch was written by the append that failed; `None` if the error does not say.
    pub fn written(&self) -> Option<Written> {
        self.written
    }

    /// Whether a later retry of the same call can help.
    pub fn is_retryable(&self) -> bool {
        matches!(self.kind, StoreErrorKind::Unavailable | StoreErrorKind::Locked)
    }

    /// The class.
    pub fn kind(&self) -> StoreErrorKind {
        self.kind
    }

    /// The message and all causes in one line, for where no chain can be carried, such as WIT.
    pub fn one_line(&self) -> String {
        let mut line = self.message.clone();
        let mut cause = std::error::Error::source(self);
        while let Some(error) = cause {
            let text = error.to_string();
            // Some errors say themselves what their cause says.
            if !line.ends_with(&text) {
                line.push_str(": ");
                line.push_str(&text);
            }
            cause = error.source();
        }
        line
    }
}

impl From<Kind> for StoreErrorKind {
    fn from(kind: Kind) -> Self {
        match kind {
            Kind::Full => Self::Full,
            Kind::Locked => Self::Locked,
            Kind::Denied => Self::Denied,
            Kind::NotFound => Self::NotFound,
            Kind::Unsupported => Self::Unsupported,
            Kind::Corrupt => Self::Corrupt,
            Kind::Unavailable => Self::Unavailable,
            Kind::Failed => Self::Failed,
        }
    }
}

impl From<papyra_file_store::Written> for Written {
    fn from(written: papyra_file_store::Written) -> Self {
        match written {
            papyra_file_store::Written::None => Self::None,
            papyra_file_store::Written::All => Self::All,
            papyra_file_store::Written::Some => Self::Some,
            papyra_file_store::Written::Unknown => Self::Unknown,
        }
    }
}

impl From<papyra_file_store::Error> for StoreError {
    fn from(error: papyra_file_store::Error) -> Self {
        let papyra_file_store::Error { kind, message, cause } = error;
        Self { kind: kind.into(), message, written: None, source: cause }
    }
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for StoreError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.source.as_ref().map(|cause| &**cause as _)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_line_already_says_is_not_said_again() {
        let cause = io::Error::other(io::Error::other("timed out"));
        let error = StoreError::io("cannot append", cause);
        assert_eq!(error.one_line(), "cannot append: timed out");
    }
}
