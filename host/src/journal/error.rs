use std::time::Duration;

use crate::bindings::papyra::persistence::types::{Failure, FailureCode};
use crate::store::StoreError;

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
    /// The operation took longer than the caller allowed. The store is as it was, except that a
    /// recovery that was just being switched to is there, whole.
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

impl JournalError {
    pub(crate) fn trap(operation: &'static str, source: wasmtime::Error) -> Self {
        Self::Trap { operation, source }
    }

    /// A failure of the store itself, met without the engine.
    pub(crate) fn store(operation: &'static str, error: &StoreError) -> Self {
        let failure = Failure {
            code: error.kind().into(),
            message: error.one_line(),
            segment: None,
            line: None,
        };
        Self::Failure { operation, failure }
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
