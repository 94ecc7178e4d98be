//! The one writer of a queue: a thread with a runtime of its own, so that it works wherever the
//! recorder was made, and goes on when the caller's runtime is busy or gone.

use std::borrow::Cow;
use std::cell::Cell;
use std::ops::Range;
use std::sync::{Arc, mpsc};
use std::time::{Duration, Instant};

use tokio::time::{sleep, sleep_until, timeout};

use super::config::Config;
use super::loss::LossLog;
use super::queue::{Chunk, Next, Queue};
use super::tally::DropReason;
use crate::journal::{FailureCode, IndexOptions, Journal, JournalError};

/// After this duration without a record, the writer sleeps until one wakes it. Before, it polls:
/// waking it costs the caller a system call.
const DROWSY: Duration = Duration::from_millis(100);
/// Between two looks whether there is nothing to write.
const PAUSE: Duration = Duration::from_millis(50);
/// Maximum number of traps or panics of one batch before its rest is dropped. Enough to find one
/// bad record among a million by halving.
const MAX_TRAPS: u32 = 24;

thread_local! {
    static WRITING: Cell<bool> = const { Cell::new(false) };
}

/// Returns true on the thread of a writer, where recording would lead to further writing for ever.
#[cfg(feature = "tracing-layer")]
pub(super) fn is_writing() -> bool {
    WRITING.try_with(Cell::get).unwrap_or(false)
}

pub(super) struct Writer {
    pub queue: Arc<Queue>,
    pub journal: Journal,
    pub config: Arc<Config>,
    /// Where audits are written: the losses of all queues.
    pub losses: Option<LossLog>,
}

/// The failure of an attempt.
enum Trouble {
    /// The engine refuses a line, counted from 1 if it says which.
    Refused(Option<u64>),
    /// It can pass.
    Passing(String),
    /// The engine trapped, or the store panicked.
    Crashed(String),
    /// It cannot pass.
    Lasting(String),
}

impl Writer {
    /// Starts the thread.
    pub fn start(self) -> std::io::Result<()> {
        let (ready, is_ready) = mpsc::channel();
        std::thread::Builder::new().name("papyra-recorder".into()).spawn(move || {
            WRITING.set(true);
            // Made here: a runtime must not be dropped in a task, as it would be if there were no thread.
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            let runtime = match runtime {
                Ok(runtime) => runtime,
                Err(error) => return drop(ready.send(Err(error))),
            };
            drop(ready.send(Ok(())));
            runtime.block_on(async {
                tokio::select! {
                    () = self.work() => {}
                    () = self.time_is_up() => {}
                    () = self.keep_index() => {}
                    () = self.keep_losses() => {}
                }
            });
            // Nothing is left but what was given up, and the stores' own affairs.
            self.queue.abandon();
            drop(self);
            runtime.shutdown_background();
        })?;
        is_ready.recv().unwrap_or_else(|_| Err(std::io::Error::other("the thread has ended")))
    }

    async fn time_is_up(&self) {
        loop {
            match self.queue.give_up_at() {
                // A later call of `close` can only shorten the time.
                Some(at) => {
                    tokio::select! {
                        () = sleep_until(at.into()) => return,
                        () = self.queue.closing.notified() => {}
                    }
                }
                None => self.queue.closing.notified().await,
            }
        }
    }

    /// Adds to the index now and then, where that is wanted. It never ends.
    async fn keep_index(&self) {
        let Some(every) = self.config.index_every else { return std::future::pending().await };
        let mut indexed = 0;
        loop {
            sleep(every).await;
            // It shares the thread with what writes, which comes first, but not for ever.
            let at_last = Instant::now() + every;
            let settled = loop {
                match self.queue.progress() {
                    (settled, false) if Instant::now() >= at_last => break settled,
                    (settled, true) => break settled,
                    _ => sleep(PAUSE).await,
                }
            };
            if settled == indexed {
                continue;
            }
            match self.journal.index(IndexOptions { hash: false, full: false }).await {
                Ok(_) => indexed = settled,
                Err(error) if error.code() == Some(FailureCode::Unsupported) => {
                    tracing::info!(%error, "no index is kept");
                    return std::future::pending().await;
                }
                Err(error) => tracing::warn!(%error, "the index was not kept up to date"),
            }
        }
    }

    async fn keep_losses(&self) {
        match &self.losses {
            Some(losses) => losses.keep().await,
            None => std::future::pending().await,
        }
    }

    async fn work(&self) {
        self.run().await;
        // An account that was given as final stays as it is.
        if let Some(losses) = self.losses.as_ref().filter(|_| !self.queue.is_abandoned()) {
            losses.conclude().await;
        }
    }

    async fn run(&self) {
        let gather = self.config.gather_for;
        let mut last_work = Instant::now();
        let mut gathered = false;
        loop {
            match self.queue.take(gathered || gather.is_zero()) {
                Next::Ended => return,
                Next::Write(chunk) => {
                    gathered = false;
                    self.write(chunk).await;
                    last_work = Instant::now();
                }
                Next::Idle { empty } => {
                    let awake = last_work.elapsed() < DROWSY && !gather.is_zero();
                    if awake || !empty || !self.queue.fall_asleep() {
                        let _ = timeout(gather, self.queue.wake.notified()).await;
                    } else {
                        self.queue.wake.notified().await;
                        last_work = Instant::now();
                    }
                    // What is there now has had its time to gather, or is wanted at once.
                    gathered = !empty;
                }
            }
        }
    }

    /// Writes a batch in order. Each of its records is settled when this returns.
    async fn write(&self, chunk: Chunk) {
        let began = Instant::now();
        let Chunk { bytes, start, records, .. } = chunk;
        let lines = Arc::new(bytes);
        let mut batch = Batch::new(&lines, start, records);
        self.queue.count_batch();
        let mut pause = self.config.first_pause;
        let mut failing_since = None;
        let mut traps = 0;
        let mut trapped_at = None;
        while !batch.is_done() {
            let piece = batch.piece();
            match self.attempt(&lines, piece.range.clone()).await {
                Ok(()) => {
                    self.settle(&mut batch, piece.lines, None);
                    if std::mem::take(&mut batch.bad_follows) {
                        self.settle(&mut batch, 1, Some(DropReason::Invalid));
                    }
                    batch.most = batch.most.saturating_mul(2);
                    failing_since = None;
                    pause = self.config.first_pause;
                }
                Err(Trouble::Refused(line)) => self.refused(&mut batch, piece.lines, line),
                Err(Trouble::Passing(error)) => {
                    let since = *failing_since.get_or_insert_with(Instant::now);
                    if since.elapsed() >= self.config.retry_for {
                        self.give_up(&mut batch, &error);
                        continue;
                    }
                    tracing::debug!(%error, ?pause, "the store does not take records; trying again");
                    self.queue.count_retry();
                    sleep(pause.min(self.config.retry_for.saturating_sub(since.elapsed()))).await;
                    pause = pause.saturating_mul(2).min(self.config.longest_pause);
                }
                Err(Trouble::Crashed(error)) => {
                    batch.bad_follows = false;
                    traps += 1;
                    let again = trapped_at.replace(batch.at) == Some(batch.at);
                    if traps > MAX_TRAPS {
                        self.give_up(&mut batch, &error);
                    } else if piece.lines == 1 && again {
                        self.settle(&mut batch, 1, Some(DropReason::Failed));
                    } else {
                        batch.most = (piece.lines / 2).max(1);
                    }
                }
                Err(Trouble::Lasting(error)) => self.give_up(&mut batch, &error),
            }
        }
        tracing::debug!(records, bytes = lines.len() - start, elapsed = ?began.elapsed(), "batch settled");
        self.queue.finish(Arc::try_unwrap(lines).ok());
    }

    /// The engine has refused a line. What it says is guest-controlled.
    fn refused(&self, batch: &mut Batch<'_>, lines: u64, line: Option<u64>) {
        batch.bad_follows = false;
        match line {
            _ if lines == 1 => self.settle(batch, 1, Some(DropReason::Invalid)),
            Some(1) => {
                self.settle(batch, 1, Some(DropReason::Invalid));
                // Where one is bad there are more: the less is copied in vain the better.
                batch.most = (lines / 2).max(1);
            }
            Some(line) if (2..=lines).contains(&line) => {
                batch.most = line - 1;
                batch.bad_follows = true;
            }
            _ => batch.most = lines / 2,
        }
    }

    /// Drops what is left of a batch.
    fn give_up(&self, batch: &mut Batch<'_>, error: &str) {
        tracing::warn!(
            records = batch.left,
            error,
            "records are dropped, the store does not take them"
        );
        self.settle(batch, batch.left, Some(DropReason::Failed));
    }

    fn settle(&self, batch: &mut Batch<'_>, lines: u64, dropped: Option<DropReason>) {
        let (lines, bytes) = batch.advance(lines);
        self.queue.settle(lines, bytes, dropped);
    }

    /// Appends some of the lines, as a task, so that a store that panics takes nothing down.
    async fn attempt(&self, lines: &Arc<Vec<u8>>, range: Range<usize>) -> Result<(), Trouble> {
        let (journal, lines) = (self.journal.clone(), Arc::clone(lines));
        let task = tokio::spawn(async move {
            let bytes = lines.get(range).unwrap_or_default();
            // It is text, as `serde_json` has written it; that is found out in a fraction of the time.
            let text = str::from_utf8(bytes).map(Cow::Borrowed);
            journal.append_lines(&text.unwrap_or_else(|_| String::from_utf8_lossy(bytes))).await
        });
        match task.await {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(error)) => Err(Trouble::from(error)),
            Err(error) => Err(Trouble::Crashed(format!("the store panicked: {error}"))),
        }
    }
}

impl From<JournalError> for Trouble {
    fn from(error: JournalError) -> Self {
        let text = error.to_string();
        match error {
            JournalError::Failure { failure, .. } => match failure.code {
                FailureCode::InvalidRecord => Self::Refused(failure.line),
                FailureCode::Unavailable | FailureCode::Full | FailureCode::Locked => {
                    Self::Passing(text)
                }
                _ => Self::Lasting(text),
            },
            JournalError::Trap { .. } => Self::Crashed(text),
            JournalError::TimedOut { .. } => Self::Passing(text),
            JournalError::Cancelled { .. } => Self::Lasting(text),
        }
    }
}

/// The progress of writing a batch.
struct Batch<'a> {
    bytes: &'a [u8],
    at: usize,
    /// Lines that are not settled.
    left: u64,
    /// Maximum number of lines of the next attempt.
    most: u64,
    /// The line after the next attempt is known to be refused.
    bad_follows: bool,
}

struct Piece {
    range: Range<usize>,
    lines: u64,
}

impl<'a> Batch<'a> {
    fn new(bytes: &'a [u8], at: usize, records: u64) -> Self {
        Self { bytes, at, left: records, most: u64::MAX, bad_follows: false }
    }

    fn is_done(&self) -> bool {
        self.left == 0
    }

    fn piece(&self) -> Piece {
        let lines = self.most.clamp(1, self.left);
        Piece { range: self.at..self.end_of(lines), lines }
    }

    /// The end of the next `lines` lines.
    fn end_of(&self, lines: u64) -> usize {
        if lines >= self.left {
            return self.bytes.len();
        }
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        let nth = usize::try_from(lines.saturating_sub(1)).unwrap_or(usize::MAX);
        memchr::memchr_iter(b'\n', rest).nth(nth).map_or(self.bytes.len(), |end| self.at + end + 1)
    }

    /// Passes over lines; returns how many, and their bytes.
    fn advance(&mut self, lines: u64) -> (u64, u64) {
        let lines = lines.min(self.left);
        let end = self.end_of(lines);
        let bytes = (end - self.at) as u64;
        self.at = end;
        self.left -= lines;
        (lines, bytes)
    }
}
