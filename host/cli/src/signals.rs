//! SIGINT and SIGTERM: the operation is dropped, which leaves the store consistent.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Duration;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::Notify;

use crate::exit::Exit;
use crate::output;
use crate::problem::Problem;

/// Time limit for an operation to wind up before the process ends.
const PATIENCE: Duration = Duration::from_secs(2);

/// Sent for a write beyond `ulimit -f`. Caught, so that the write fails as on a full disk instead of
/// killing the process half-way. The number is the same on Linux and the BSDs.
const SIGXFSZ: i32 = 25;

/// A request to stop the command, by a signal.
#[derive(Clone, Default)]
pub(super) struct Interruption(Arc<State>);

#[derive(Default)]
struct State {
    /// An exit code, or 0.
    exit: AtomicU8,
    arrived: Notify,
}

impl Interruption {
    /// Watches from a thread of its own, because the main one can be stuck in a write to a pipe
    /// that is not read, and the others in the engine. Without it (`thread`) a signal ends the process at
    /// once, as if it were killed.
    pub fn watch(thread: bool) -> Result<Self, Problem> {
        let failed = |error: std::io::Error| Problem::io("cannot watch for signals", &error);
        let runtime =
            tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(failed)?;
        let interruption = Self::default();
        if !thread {
            let _context = runtime.enter();
            drop(signal(SignalKind::from_raw(SIGXFSZ)).map_err(failed)?);
            return Ok(interruption);
        }
        let watched = interruption.clone();
        let (int, term) = {
            let _context = runtime.enter();
            // The handler stays when this listener goes.
            drop(signal(SignalKind::from_raw(SIGXFSZ)).map_err(failed)?);
            let int = signal(SignalKind::interrupt()).map_err(failed)?;
            (int, signal(SignalKind::terminate()).map_err(failed)?)
        };
        let body = move || runtime.block_on(watched.run(int, term));
        std::thread::Builder::new().name("signals".into()).spawn(body).map_err(failed)?;
        Ok(interruption)
    }

    async fn run(self, mut int: Signal, mut term: Signal) {
        let first = either(&mut int, &mut term).await;
        self.0.exit.store(first.code(), Ordering::Release);
        self.0.arrived.notify_one();
        // A second signal is meant seriously.
        let last = tokio::time::timeout(PATIENCE, either(&mut int, &mut term)).await;
        output::eprint_line("interrupted; gave up waiting for the operation to wind up");
        std::process::exit(i32::from(last.unwrap_or(first).code()));
    }

    /// Completes when the command is to stop.
    pub async fn arrived(&self) {
        while self.pending().is_none() {
            self.0.arrived.notified().await;
        }
    }

    /// How the command is to end, if it is to stop.
    pub fn pending(&self) -> Option<Exit> {
        match self.0.exit.load(Ordering::Acquire) {
            0 => None,
            code if code == Exit::Terminated.code() => Some(Exit::Terminated),
            _ => Some(Exit::Interrupted),
        }
    }
}

async fn either(int: &mut Signal, term: &mut Signal) -> Exit {
    tokio::select! {
        _ = int.recv() => Exit::Interrupted,
        _ = term.recv() => Exit::Terminated,
    }
}
