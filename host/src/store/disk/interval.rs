//! The delayed sync of `Durability::Interval`.
//!
//! A thread of its own rather than a task: it outlives the runtime in which the appends were made, so
//! that a program that ends in good order does not leave its last batches to chance. It exists only
//! while something waits to be synced.

use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use super::locked;

/// The maximum time that dropping a store takes.
const LONGEST: Duration = Duration::from_secs(1);

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
    /// Calls `sync` within the interval. It returns whether that has succeeded.
    pub fn start(self: &Arc<Self>, interval: Duration, sync: impl Fn() -> bool + Send + 'static) {
        let mut state = locked(&self.state);
        state.more = true;
        if std::mem::replace(&mut state.running, true) {
            return;
        }
        drop(state);
        let sync = Arc::new(Mutex::new(sync));
        let (timer, later) = (Arc::clone(self), Arc::clone(&sync));
        let thread = thread::Builder::new()
            .name("papyra-sync".to_owned())
            .spawn(move || timer.run(interval, &*locked(&later)));
        if thread.is_err() {
            // Without a thread it is done now.
            locked(&self.state).running = false;
            locked(&sync)();
        }
    }

    fn run(&self, interval: Duration, sync: &impl Fn() -> bool) {
        loop {
            let state = locked(&self.state);
            let waited = self.changed.wait_timeout_while(state, interval, |state| !state.closed);
            let (mut state, _) = waited.unwrap_or_else(PoisonError::into_inner);
            state.more = false;
            drop(state);
            let synced = sync();
            let mut state = locked(&self.state);
            // A sync that fails is tried again, but not for a store that is gone.
            if !state.more && (synced || state.closed) {
                state.running = false;
                self.changed.notify_all();
                return;
            }
        }
    }

    /// The store is gone: sync at once, and end. Waits for that at most [`LONGEST`], so that a program that ends
    /// next does not leave it to chance.
    pub fn close(&self) {
        let mut state = locked(&self.state);
        state.closed = true;
        self.changed.notify_all();
        drop(self.changed.wait_timeout_while(state, LONGEST, |state| state.running));
    }
}
