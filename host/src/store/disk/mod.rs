//! The common part of the stores in files: what is about threads. The protocol itself is the crate
//! `papyra-file-store`.

#[cfg(test)]
pub(super) mod faults;
mod interval;
pub(super) mod os;
mod queue;
mod rewrite;
pub mod settings;
mod snapshot;
pub mod store;
#[cfg(test)]
mod written_tests;

use std::sync::{Mutex, MutexGuard, PoisonError};

use super::{StoreError, StoreErrorKind};

/// A panic elsewhere does not make this data worse than an error would.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Runs what can block where it may.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, StoreError> + Send + 'static,
) -> Result<T, StoreError> {
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result,
        Err(cause) => Err(StoreError::new(
            StoreErrorKind::Failed,
            "the operation was cut off because the runtime is shutting down",
        )
        .caused_by(cause)),
    }
}
