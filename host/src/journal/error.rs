use std::time::Duration;

use crate::bindings::papyra::persistence::types::{Failure, FailureCode};
use crate::store::{StoreError, StoreErrorKind, Written};

/// Why an operation on a journal did not succeed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum JournalError {
    /// The engine reported a failure that it expected: a bad argument, a store that cannot do what
    /// it was asked. `failure.code` says which, `failure.message` what to do next.
    #[error("{}", failure.message)]
    Failure {
        /// The operation, such as `scan`.
        operation: &'static str,
        /// The class, the message, and where it happened.
        failure: Failure,
    },
    /// The sandboxed engine trapped. Its instance is gone; the store and this process are not
    /// affected, and the next call gets a new instance.
    #[error(
        "the engine trapped during {operation}; nothing more was done, and the next call starts afresh"
    )]
    Trap {
        /// The operation.
        operation: &'static str,
        /// What wasmtime says.
        #[source]
        source: wasmtime::Error,
    },
    /// The operation took longer than the caller allowed. An append may have been written. Otherwise the
    /// store is as it was, except that a recovery that was just being switched to is there, whole.
    #[error(
        "{operation} did not end within {limit:?}; give it more time, or look at the store's device"
    )]
    TimedOut {
        /// The operation.
        operation: &'static str,
        /// What was allowed.
        limit: Duration,
    },
    /// The progress callback asked to stop. Every file is as it was or, of rotating files, replaced as a
    /// whole.
    #[error("{operation} was cancelled; the store is consistent")]
    Cancelled {
        /// The operation.
        operation: &'static str,
    },
}

impl From<&StoreError> for Failure {
    fn from(error: &StoreError) -> Self {
        Self {
            code: error.kind().into(),
            retryable: error.is_retryable(),
            written: error.written(),
            message: error.one_line(),
            segment: None,
            line: None,
        }
    }
}

impl JournalError {
    pub(crate) fn trap(operation: &'static str, source: wasmtime::Error) -> Self {
        Self::Trap { operation, source }
    }

    /// A failure of this host, about which no more is known than its message says.
    pub(crate) fn failed(operation: &'static str, message: String) -> Self {
        Self::store(operation, &StoreError::new(StoreErrorKind::Failed, message))
    }

    /// A failure of the store itself, met without the engine.
    pub(crate) fn store(operation: &'static str, error: &StoreError) -> Self {
        Self::Failure { operation, failure: error.into() }
    }

    /// How much was written by an append that failed. `None` for any other operation, and for an append of
    /// which nothing was tried.
    pub fn written(&self) -> Option<Written> {
        match self {
            Self::Failure { failure, .. } => failure.written,
            Self::Trap { operation, .. }
            | Self::TimedOut { operation, .. }
            | Self::Cancelled { operation } => (*operation == "append").then_some(Written::Unknown),
        }
    }

    /// Whether a later retry of the same call can help.
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::Failure { failure, .. } => failure.retryable,
            Self::TimedOut { .. } => true,
            _ => false,
        }
    }

    /// The class of an expected failure, a missed deadline included; `None` for traps and cancellation.
    pub fn code(&self) -> Option<FailureCode> {
        match self {
            Self::Failure { failure, .. } => Some(failure.code),
            Self::TimedOut { .. } => Some(FailureCode::Unavailable),
            _ => None,
        }
    }
}
