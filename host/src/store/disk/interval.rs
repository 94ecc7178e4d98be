//! The delayed sync of `Durability::Interval`.
//!
//! A thread of its own rather than a task: it outlives the runtime in which the appends were made, so
//! that a program that ends in good order does not leave its last batches to chance. It exists only
//! while something waits to be synced.

use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use super::config::Durability;
use super::queue::Queue;
use super::sys::{self, locked};
use super::writer::sync_name;
use crate::store::StoreError;

#[derive(Debug, Default)]
pub(super) struct Timer {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    running: bool,
    /// Something was appended since the last sync began.
    more: bool,
    closed: bool,
}

impl Timer {
    /// Sees to it that what waits is synced in time.
    pub fn start(&self, queue: &Arc<Queue>) {
        let Durability::Interval(interval) = queue.config.durability else { return };
        let mut state = locked(&self.state);
        state.more = true;
        if std::mem::replace(&mut state.running, true) {
            return;
        }
        drop(state);
        let shared = Arc::clone(queue);
        let thread = thread::Builder::new()
            .name("papyra-sync".to_owned())
            .spawn(move || shared.timer.run(&shared, interval));
        if thread.is_err() {
            // No thread to be had: then now.
            locked(&self.state).running = false;
            let _ = queue.sync();
        }
    }

    fn run(&self, queue: &Queue, interval: Duration) {
        loop {
            let state = locked(&self.state);
            let waited = self.changed.wait_timeout_while(state, interval, |state| !state.closed);
            let (mut state, _) = waited.unwrap_or_else(PoisonError::into_inner);
            state.more = false;
            drop(state);
            let synced = queue.sync().is_ok();
            let mut state = locked(&self.state);
            // As long as syncing fails it is tried again, but not for a store that is gone.
            if !state.more && (synced || state.closed) {
                state.running = false;
                return;
            }
        }
    }

    /// The store is gone: sync at once, and end.
    pub fn close(&self) {
        locked(&self.state).closed = true;
        self.changed.notify_all();
    }
}

impl Queue {
    /// Makes durable what has been acknowledged so far. Appends go on meanwhile.
    pub fn sync(&self) -> Result<(), StoreError> {
        let mut writer = locked(&self.writer);
        if writer.is_suspect() {
            return writer.verify();
        }
        let Some(file) = writer.trusted_file() else { return Ok(()) };
        let mark = writer.unsynced.mark();
        drop(writer);
        // Any other durability syncs a file before it is sealed, and its name before the first reply.
        if self.config.durability == Durability::Never {
            if let Some(rotation) = self.config.shape.rotation() {
                rotation.sync_sealed(&self.config)?;
            }
            sync_name(&self.config)?;
        }
        let result = file.sync(&self.config.faults);
        let mut writer = locked(&self.writer);
        match result {
            Ok(()) => {
                writer.unsynced.covered(mark);
                Ok(())
            }
            Err(cause) => {
                writer.distrust();
                tracing::error!(path = %self.config.path.display(), %cause, "fdatasync failed");
                Err(sys::failure("sync", &self.config.path, cause))
            }
        }
    }
}
