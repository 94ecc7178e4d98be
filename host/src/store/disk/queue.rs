//! Group commit: appends that arrive while one is being written are written together by the next.

use std::fmt;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};

use papyra_file_store::{Durability, Failed, FileSet, Kind, Writer};

use super::interval::Timer;
use super::locked;
use crate::store::{StoreError, StoreErrorKind};

/// The maximum size of what waits to be written; further appends wait before queueing.
const ROOM_KIB: u32 = 64 * 1024;
/// The maximum number of batches in a group (`writev` takes 1024 pieces), and of bytes.
const GROUP_BATCHES: usize = 1000;
const GROUP_BYTES: usize = 16 << 20;

/// The write side of one store.
#[derive(Debug)]
pub(super) struct Queue {
    pub files: Arc<dyn FileSet>,
    pub writer: Mutex<Writer>,
    pub timer: Arc<Timer>,
    line: Mutex<Line>,
    room: Arc<Semaphore>,
}

#[derive(Debug, Default)]
struct Line {
    waiting: Vec<Pending>,
    /// A leader is writing, and takes what is waiting when that is done.
    led: bool,
}

#[derive(Debug)]
struct Pending {
    lines: String,
    reply: oneshot::Sender<Result<(), StoreError>>,
    _room: OwnedSemaphorePermit,
}

impl Queue {
    pub fn new(files: Arc<dyn FileSet>) -> Arc<Self> {
        Arc::new(Self {
            writer: Mutex::new(Writer::new(Arc::clone(&files))),
            files,
            timer: Arc::default(),
            line: Mutex::default(),
            room: Arc::new(Semaphore::new(ROOM_KIB as usize)),
        })
    }

    /// Queues a batch and waits until it is written. Once queued it is written even if this is dropped.
    pub async fn append(self: &Arc<Self>, lines: String) -> Result<(), StoreError> {
        let kib = u32::try_from(lines.len() / 1024 + 1).unwrap_or(ROOM_KIB).min(ROOM_KIB);
        let Ok(room) = Arc::clone(&self.room).acquire_many_owned(kib).await else {
            return Err(cut_off());
        };
        let (reply, written) = oneshot::channel();
        let leads = {
            let mut line = locked(&self.line);
            line.waiting.push(Pending { lines, reply, _room: room });
            !std::mem::replace(&mut line.led, true)
        };
        if leads {
            let leader = Leader { queue: Arc::clone(self), done: false };
            tokio::task::spawn_blocking(move || leader.run());
        }
        written.await.unwrap_or_else(|_| Err(cut_off()))
    }

    fn next_group(&self) -> Vec<Pending> {
        let mut line = locked(&self.line);
        let mut bytes = 0;
        let count = line
            .waiting
            .iter()
            .take(GROUP_BATCHES)
            .take_while(|pending| {
                let fits = bytes < GROUP_BYTES;
                bytes += pending.lines.len();
                fits
            })
            .count();
        if count == 0 {
            line.led = false;
        }
        line.waiting.drain(..count).collect()
    }

    fn write(self: &Arc<Self>, mut group: Vec<Pending>) {
        let mut writer = locked(&self.writer);
        let result = {
            let batches: Vec<&str> = group.iter().map(|pending| pending.lines.as_str()).collect();
            writer.append(&batches)
        };
        match result {
            // One batch that is too large for the disk must not take its neighbours with it. What may
            // be in the journal must not come there again.
            Err(Failed { error, left: Some(0) }) if error.kind == Kind::Full && group.len() > 1 => {
                drop(writer);
                for pending in group {
                    self.write(vec![pending]);
                }
            }
            Err(failed) => {
                drop(writer);
                let mut before = 0;
                let written: Vec<_> = group
                    .iter()
                    .map(|pending| {
                        let written = failed.written(&pending.lines, before);
                        before += pending.lines.len() as u64;
                        written
                    })
                    .collect();
                let error = Arc::new(StoreError::from(failed.error));
                for (pending, written) in group.into_iter().zip(written) {
                    let _ = pending.reply.send(Err(shared(&error).wrote(written.into())));
                }
            }
            Ok(()) => {
                let later = self.account(&mut writer, &mut group);
                drop(writer);
                if let Some(interval) = later {
                    let queue = Arc::clone(self);
                    self.timer.start(interval, move || queue.sync().is_ok());
                }
                for pending in group {
                    let _ = pending.reply.send(Ok(()));
                }
            }
        }
    }

    /// Remembers what waits for a later sync; returns within which time that is due, if it is.
    fn account(&self, writer: &mut Writer, group: &mut [Pending]) -> Option<Duration> {
        let Durability::Interval(interval) = self.files.settings().durability else { return None };
        let batches = group.iter_mut().map(|pending| std::mem::take(&mut pending.lines));
        writer.remember(batches).then_some(interval)
    }

    /// Makes durable what has been acknowledged so far. Appends go on meanwhile.
    pub fn sync(&self) -> Result<(), StoreError> {
        let begun = locked(&self.writer).begin_sync()?;
        let Some(syncing) = begun else { return Ok(()) };
        let synced = syncing.run();
        Ok(locked(&self.writer).end_sync(&syncing, synced)?)
    }
}

/// Writes for all that are waiting.
struct Leader {
    queue: Arc<Queue>,
    done: bool,
}

impl Leader {
    fn run(mut self) {
        let mut breath = Instant::now();
        loop {
            let group = self.queue.next_group();
            if group.is_empty() {
                self.done = true;
                return;
            }
            self.queue.write(group);
            // The lock has no queue, and other processes ask for it now and then: give them a chance.
            if breath.elapsed() > Duration::from_millis(20) {
                thread::sleep(Duration::from_micros(200));
                breath = Instant::now();
            }
        }
    }
}

impl Drop for Leader {
    fn drop(&mut self) {
        if !self.done {
            // The runtime has dropped this before it ran, or a batch has made it panic. The dropped
            // senders tell all that wait, and the next append leads again.
            let mut line = locked(&self.queue.line);
            line.led = false;
            line.waiting.clear();
        }
    }
}

fn cut_off() -> StoreError {
    StoreError::new(
        StoreErrorKind::Failed,
        "the append was cut off because the runtime is shutting down; it may have been written",
    )
}

/// The same failure for each batch of a group.
fn shared(error: &Arc<StoreError>) -> StoreError {
    let copy = StoreError::new(error.kind(), error.to_string());
    match std::error::Error::source(&**error) {
        Some(_) => copy.caused_by(SharedCause(Arc::clone(error))),
        None => copy,
    }
}

#[derive(Debug)]
struct SharedCause(Arc<StoreError>);

impl SharedCause {
    fn cause(&self) -> Option<&(dyn std::error::Error + 'static)> {
        std::error::Error::source(&*self.0)
    }
}

impl fmt::Display for SharedCause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.cause() {
            Some(cause) => write!(f, "{cause}"),
            None => write!(f, "{}", self.0),
        }
    }
}

impl std::error::Error for SharedCause {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.cause().and_then(std::error::Error::source)
    }
}
