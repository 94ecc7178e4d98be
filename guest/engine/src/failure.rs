//! Expected failures: a class for programs, a line for people.

pub use crate::bindings::papyra::persistence::types::{Failure, FailureCode, Written};
use crate::host::{AppendError, StorageError};

/// What every operation of the engine returns.
pub type Outcome<T> = Result<T, Failure>;

impl Failure {
    pub fn new(code: FailureCode, message: impl Into<String>) -> Self {
        let retryable = matches!(code, FailureCode::Unavailable | FailureCode::Locked);
        let message = message.into();
        Self { code, retryable, written: None, message, segment: None, line: None }
    }

    /// The caller asked for something that makes no sense.
    pub fn argument(message: impl Into<String>) -> Self {
        Self::new(FailureCode::InvalidArgument, message)
    }

    /// The store contradicts itself.
    pub fn contradiction(segment: &str, what: &str) -> Self {
        let message =
            format!("the store contradicts itself: {what}; this is a defect of the store");
        Self::new(FailureCode::Corrupt, message).in_segment(segment)
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

impl From<AppendError> for Failure {
    fn from(failed: AppendError) -> Self {
        Self { written: Some(failed.written), ..failed.error.into() }
    }
}

impl From<StorageError> for Failure {
    fn from(error: StorageError) -> Self {
        let (code, message) = match error {
            StorageError::Unavailable(message) => (FailureCode::Unavailable, message),
            StorageError::Full(message) => (FailureCode::Full, message),
            StorageError::Locked(message) => (FailureCode::Locked, message),
            StorageError::Denied(message) => (FailureCode::Denied, message),
            StorageError::NotFound(message) => (FailureCode::NotFound, message),
            StorageError::Unsupported(message) => (FailureCode::Unsupported, message),
            StorageError::Corrupt(message) => (FailureCode::Corrupt, message),
            StorageError::Failed(message) => (FailureCode::Failed, message),
        };
        Self::new(code, message)
    }
}
