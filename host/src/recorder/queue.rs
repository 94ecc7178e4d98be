//! The queue of records that wait to be written, and the account of all records.
//!
//! One lock guards both, so that no snapshot can show a record twice or not at all. It is held for
//! the copy of one line; the writer takes whole chunks by moving them out. (Sharding was considered:
//! it saves some tens of nanoseconds under contention, and costs the one order of all threads.)

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use tokio::sync::Notify;

use super::Accepted;
use super::config::{Config, Overflow};
use super::losses::Losses;
use super::tally::{DropReason, Tally};

/// Maximum number of bytes that the writer takes at once, but at least one record.
const CHUNK: usize = 512 << 10;
/// Buffers that are kept for reuse.
const SPARE: usize = 4;

/// Whole lines that are written together.
#[derive(Default)]
pub(super) struct Chunk {
    pub bytes: Vec<u8>,
    /// Offset of the first line that has not been dropped.
    pub start: usize,
    pub records: u64,
    /// The place of its first line in the order in which lines have entered.
    pub first: u64,
}

/// The next step of the writer.
pub(super) enum Next {
    Write(Chunk),
    /// Nothing waits that could not wait a little longer.
    Idle {
        /// Nothing waits at all.
        empty: bool,
    },
    /// The recorder is closed, and nothing is left.
    Ended,
}

pub(super) struct Queue {
    max_records: u64,
    max_bytes: u64,
    overflow: Overflow,
    chunk: usize,
    state: Mutex<State>,
    /// Wakes the writer.
    pub wake: Notify,
    /// Tells the writer by when it has to end.
    pub closing: Notify,
    /// Records have left the queue; for those who wait in a task, and in a thread.
    moved: Notify,
    moved_threads: Condvar,
}

#[derive(Default)]
struct State {
    chunks: VecDeque<Chunk>,
    spare: Vec<Vec<u8>>,
    tally: Tally,
    /// What no audit record tells of yet.
    losses: Losses,
    /// Number of records that have entered the queue. Never reset.
    entered: u64,
    /// The place of the first record that the writer has taken and not settled.
    in_flight: Option<u64>,
    /// The writer waits for `wake` and for nothing else.
    asleep: bool,
    /// Somebody waits for the queue to become empty.
    hurried: bool,
    closed: bool,
    /// Nothing is written any more; what was queued is counted as dropped.
    abandoned: bool,
    give_up_at: Option<Instant>,
}

impl Queue {
    pub fn new(config: &Config) -> Self {
        Self {
            max_records: config.max_records,
            max_bytes: config.max_bytes,
            overflow: config.overflow,
            chunk: usize::try_from(config.max_bytes / 8).unwrap_or(CHUNK).clamp(1, CHUNK),
            state: Mutex::default(),
            wake: Notify::new(),
            closing: Notify::new(),
            moved: Notify::new(),
            moved_threads: Condvar::new(),
        }
    }

    fn locked(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Queues one line, or counts it as dropped.
    pub fn push(&self, line: &[u8]) -> Accepted {
        let mut state = self.locked();
        state.tally.accepted += 1;
        if state.closed {
            state.lose(DropReason::Closed, 1);
            return Accepted::Dropped;
        }
        let bytes = line.len() as u64;
        while !self.fits(&state.tally, bytes) {
            let room_made = self.overflow == Overflow::DropOldest
                && bytes <= self.max_bytes
                && self.max_records > 0
                && state.drop_oldest();
            if !room_made {
                state.lose(DropReason::Overflow, 1);
                return Accepted::Dropped;
            }
        }
        state.append(line, self.chunk);
        let wake = std::mem::replace(&mut state.asleep, false);
        drop(state);
        if wake {
            self.wake.notify_one();
        }
        Accepted::Queued
    }

    fn fits(&self, tally: &Tally, bytes: u64) -> bool {
        tally.queued < self.max_records
            && tally.queued_bytes.saturating_add(bytes) <= self.max_bytes
    }

    /// Counts a record that could not even be queued.
    pub fn refuse(&self, reason: DropReason) -> Accepted {
        let mut state = self.locked();
        state.tally.accepted += 1;
        state.lose(reason, 1);
        Accepted::Dropped
    }

    /// Takes the next chunk to write; with `all`, also one that is still filling up. It counts as queued
    /// until it is [settled](Self::settle).
    pub fn take(&self, all: bool) -> Next {
        let mut state = self.locked();
        if state.abandoned {
            return Next::Ended;
        }
        let pressing = all || state.chunks.len() > 1 || state.hurried || state.closed;
        match state.chunks.pop_front() {
            Some(chunk) if pressing => {
                state.in_flight = Some(chunk.first);
                Next::Write(chunk)
            }
            Some(chunk) => {
                state.chunks.push_front(chunk);
                Next::Idle { empty: false }
            }
            None if state.closed => Next::Ended,
            None => {
                state.hurried = false;
                Next::Idle { empty: true }
            }
        }
    }

    /// Returns whether the writer may sleep; if so, the next record wakes it.
    pub fn fall_asleep(&self) -> bool {
        let mut state = self.locked();
        state.asleep = state.chunks.is_empty() && !state.closed && !state.hurried;
        state.asleep
    }

    /// Records that were taken are written (`None`) or dropped.
    pub fn settle(&self, records: u64, bytes: u64, dropped: Option<DropReason>) {
        let mut state = self.locked();
        // Then they have been counted already.
        if state.abandoned {
            return;
        }
        match dropped {
            Some(reason) => state.lose(reason, records),
            None => {
                state.tally.written += records;
                state.tally.bytes_written += bytes;
            }
        }
        state.leave(records, bytes);
        state.in_flight = state.in_flight.map(|first| first + records);
        drop(state);
        self.tell();
    }

    pub fn count_batch(&self) {
        self.locked().tally.batches += 1;
    }

    pub fn count_retry(&self) {
        self.locked().tally.retries += 1;
    }

    /// All of what was taken is settled; its buffer can be used again.
    pub fn finish(&self, buffer: Option<Vec<u8>>) {
        let mut state = self.locked();
        state.in_flight = None;
        if let Some(mut buffer) = buffer
            && buffer.capacity() <= CHUNK
            && state.spare.len() < SPARE
        {
            buffer.clear();
            state.spare.push(buffer);
        }
        drop(state);
        // Those that came next may have given way meanwhile, and count as settled only now.
        self.tell();
    }

    /// Takes no more records. The writer ends when all is written, or at this moment.
    pub fn close(&self, give_up_at: Option<Instant>) {
        let mut state = self.locked();
        state.closed = true;
        state.give_up_at = match (state.give_up_at, give_up_at) {
            (Some(one), Some(other)) => Some(one.min(other)),
            (one, other) => one.or(other),
        };
        drop(state);
        self.wake.notify_one();
        self.closing.notify_one();
    }

    /// By when the writer has to end, once that is known.
    pub fn give_up_at(&self) -> Option<Instant> {
        self.locked().give_up_at
    }

    /// Counts what is queued as dropped. A batch that the store is working on may be written even so.
    pub fn abandon(&self) {
        let mut state = self.locked();
        state.closed = true;
        if !std::mem::replace(&mut state.abandoned, true) {
            let (records, bytes) = (state.tally.queued, state.tally.queued_bytes);
            state.lose(DropReason::Closed, records);
            state.leave(records, bytes);
            state.in_flight = None;
            state.chunks = VecDeque::new();
            state.spare = Vec::new();
        }
        drop(state);
        self.wake.notify_one();
        self.tell();
    }

    pub fn is_abandoned(&self) -> bool {
        self.locked().abandoned
    }

    pub fn tally(&self) -> Tally {
        let state = self.locked();
        Tally { untold: state.losses.records(), ..state.tally }
    }

    /// What no audit record tells of yet.
    pub fn losses(&self) -> Losses {
        self.locked().losses.clone()
    }

    /// An audit record tells of these.
    pub fn forget(&self, told: &Losses) {
        self.locked().losses.forget(told);
    }

    /// How many records have left the queue, and whether none waits.
    pub fn progress(&self) -> (u64, bool) {
        let state = self.locked();
        (state.settled(), state.tally.queued == 0)
    }

    /// Counts from zero again; what is queued stays queued and counts as just accepted.
    pub fn reset_tally(&self) {
        let tally = &mut self.locked().tally;
        let Tally { queued, queued_bytes, .. } = *tally;
        *tally = Tally {
            accepted: queued,
            queued,
            queued_bytes,
            queued_most: queued,
            queued_bytes_most: queued_bytes,
            ..Tally::default()
        };
    }

    /// Asks the writer to hurry, and returns what to wait for.
    pub fn hurry(&self) -> u64 {
        let mut state = self.locked();
        state.hurried = true;
        state.asleep = false;
        let target = state.entered;
        drop(state);
        self.wake.notify_one();
        target
    }

    /// Waits until the first `target` records have left the queue.
    pub async fn passed(&self, target: u64) {
        loop {
            let mut moved = std::pin::pin!(self.moved.notified());
            moved.as_mut().enable();
            if self.locked().settled() >= target {
                return;
            }
            moved.await;
        }
    }

    /// The same in a thread, but not beyond `until`. Says whether they have.
    pub fn passed_by(&self, target: u64, until: Instant) -> bool {
        self.reached_by(until, |state| state.settled() >= target)
    }

    /// Waits until the writer has ended, but not beyond `until`. Says whether it has.
    pub fn ended_by(&self, until: Instant) -> bool {
        self.reached_by(until, |state| state.abandoned)
    }

    fn reached_by(&self, until: Instant, is_reached: impl Fn(&State) -> bool) -> bool {
        let mut state = self.locked();
        loop {
            if is_reached(&state) {
                return true;
            }
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return false;
            }
            let waited = self.moved_threads.wait_timeout(state, left);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    fn tell(&self) {
        self.moved.notify_waiters();
        self.moved_threads.notify_all();
    }
}

impl State {
    fn append(&mut self, line: &[u8], chunk: usize) {
        let fits = |back: &&mut Chunk| back.bytes.len() + line.len() <= chunk;
        match self.chunks.back_mut().filter(fits) {
            Some(back) => {
                back.bytes.extend_from_slice(line);
                back.records += 1;
            }
            None => {
                let mut bytes = self.spare.pop().unwrap_or_default();
                bytes.reserve(line.len().max(chunk));
                bytes.extend_from_slice(line);
                let first = self.entered;
                self.chunks.push_back(Chunk { bytes, start: 0, records: 1, first });
            }
        }
        let bytes = line.len() as u64;
        self.entered += 1;
        let tally = &mut self.tally;
        tally.queued += 1;
        tally.queued_bytes += bytes;
        tally.queued_most = tally.queued_most.max(tally.queued);
        tally.queued_bytes_most = tally.queued_bytes_most.max(tally.queued_bytes);
    }

    fn lose(&mut self, reason: DropReason, records: u64) {
        self.tally.drop(reason, records);
        if let Some(reason) = reason.lost() {
            self.losses.add(reason, records);
        }
    }

    /// Says whether there was one that the writer has not taken yet.
    fn drop_oldest(&mut self) -> bool {
        let Some(front) = self.chunks.front_mut() else { return false };
        let waiting = front.bytes.get(front.start..).unwrap_or_default();
        let length = memchr::memchr(b'\n', waiting).map_or(waiting.len(), |end| end + 1);
        front.start += length;
        front.first += 1;
        front.records = front.records.saturating_sub(1);
        if front.records == 0 {
            self.chunks.pop_front();
        }
        self.lose(DropReason::Overflow, 1);
        self.leave(1, length as u64);
        true
    }

    /// The number of records, from the first, that are written or dropped.
    fn settled(&self) -> u64 {
        let waiting = || self.chunks.front().map_or(self.entered, |chunk| chunk.first);
        self.in_flight.unwrap_or_else(waiting)
    }

    fn leave(&mut self, records: u64, bytes: u64) {
        self.tally.queued = self.tally.queued.saturating_sub(records);
        self.tally.queued_bytes = self.tally.queued_bytes.saturating_sub(bytes);
    }
}

#[cfg(test)]
mod tests {
    use std::pin::pin;
    use std::task::{Context, Waker};

    use super::*;

    #[test]
    fn who_waits_for_a_record_that_gave_way_is_told_once_those_before_it_are_settled() {
        let config = Config { max_bytes: 10, overflow: Overflow::DropOldest, ..Config::default() };
        let queue = Queue::new(&config);
        queue.push(b"1111\n");
        assert!(matches!(queue.take(true), Next::Write(_)));
        queue.push(b"2222\n");
        let mut passed = pin!(queue.passed(queue.hurry()));
        let mut is_told =
            || passed.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_ready();
        assert!(!is_told());
        // Too large beside the first, which cannot give way any more.
        assert_eq!(queue.push(b"333333\n"), Accepted::Dropped);
        queue.settle(1, 5, None);
        assert!(!is_told());
        queue.finish(None);
        assert!(is_told());
    }
}
