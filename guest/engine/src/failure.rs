//! Expected failures: a class for programs, a line for people.

use crate::host::StorageError;

/// The class of a failure; `wit/types.wit` documents each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Code {
    InvalidArgument,
    InvalidRecord,
    NotFound,
    Unavailable,
    Full,
    Locked,
    Denied,
    Unsupported,
    Corrupt,
    Failed,
}

/// Why an operation did not succeed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    pub code: Code,
    pub message: String,
    pub segment: Option<String>,
    pub line: Option<u64>,
}

/// What every operation of the engine returns.
pub type Outcome<T> = Result<T, Failure>;

impl Failure {
    pub fn new(code: Code, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), segment: None, line: None }
    }

    /// The caller asked for something that makes no sense.
    pub fn argument(message: impl Into<String>) -> Self {
        Self::new(Code::InvalidArgument, message)
    }

    /// The store contradicts itself.
    pub fn contradiction(segment: &str, what: &str) -> Self {
        let message =
            format!("the store contradicts itself: {what}; this is a defect of the store");
        Self::new(Code::Corrupt, message).in_segment(segment)
    }

    #[must_use]
    pub fn in_segment(mut self, segment: &str) -> Self {
        self.segment = Some(segment.to_owned());
        self
    }

    #[must_use]
    pub fn at_line(mut self, line: u64) -> Self {
        self.line = Some(line);
        self
    }
}

impl From<StorageError> for Failure {
    fn from(error: StorageError) -> Self {
        let (code, message) = match error {
            StorageError::Unavailable(message) => (Code::Unavailable, message),
            StorageError::Full(message) => (Code::Full, message),
            StorageError::Locked(message) => (Code::Locked, message),
            StorageError::Denied(message) => (Code::Denied, message),
            StorageError::NotFound(message) => (Code::NotFound, message),
            StorageError::Unsupported(message) => (Code::Unsupported, message),
            StorageError::Corrupt(message) => (Code::Corrupt, message),
            StorageError::Failed(message) => (Code::Failed, message),
        };
        Self::new(code, message)
    }
}
