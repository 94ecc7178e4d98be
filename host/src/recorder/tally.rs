//! The account of a recorder.

use std::ops::Add;

use serde::Serialize;

/// The reason why a record was not written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum DropReason {
    /// The queue was full.
    Overflow,
    /// It is not an acceptable record: it could not be serialised as a JSON object, its timestamp is not
    /// finite, or the engine has refused it.
    Invalid,
    /// The store did not take it, and trying again did not help or could not help.
    Failed,
    /// It came after the recorder was closed, or was still queued when time was up.
    Closed,
    /// No store is set up for its kind.
    Unrouted,
}

/// The account of all records that were handed to a recorder.
///
/// Taken at one moment: `accepted == written + dropped() + queued`, always.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Tally {
    /// All records handed in.
    pub accepted: u64,
    /// Records that the store has taken, under its own promise of durability.
    pub written: u64,
    /// Bytes of those, line ends included.
    pub bytes_written: u64,
    /// Dropped, see [`DropReason::Overflow`].
    pub dropped_overflow: u64,
    /// Dropped, see [`DropReason::Invalid`].
    pub dropped_invalid: u64,
    /// Dropped, see [`DropReason::Failed`].
    pub dropped_failed: u64,
    /// Dropped, see [`DropReason::Closed`].
    pub dropped_closed: u64,
    /// Dropped, see [`DropReason::Unrouted`].
    pub dropped_unrouted: u64,
    /// Of the records dropped for other reasons than [`DropReason::Unrouted`]: how many no audit record tells of
    /// yet, see [`RecorderBuilder::loss_records`](super::RecorderBuilder::loss_records).
    pub untold: u64,
    /// Records that are waiting or being written, and their bytes.
    pub queued: u64,
    /// Bytes of those.
    pub queued_bytes: u64,
    /// Maximum of `queued` so far.
    pub queued_most: u64,
    /// Maximum of `queued_bytes` so far.
    pub queued_bytes_most: u64,
    /// Batches that were taken up for writing.
    pub batches: u64,
    /// Attempts that were repeated after a failure that can pass.
    pub retries: u64,
}

impl Tally {
    /// Returns the number of records dropped for any reason.
    pub fn dropped(&self) -> u64 {
        self.reasons().iter().map(|(_, count)| count).sum()
    }

    /// Returns the number of records dropped for each reason.
    pub fn reasons(&self) -> [(DropReason, u64); 5] {
        [
            (DropReason::Overflow, self.dropped_overflow),
            (DropReason::Invalid, self.dropped_invalid),
            (DropReason::Failed, self.dropped_failed),
            (DropReason::Closed, self.dropped_closed),
            (DropReason::Unrouted, self.dropped_unrouted),
        ]
    }

    pub(super) fn drop(&mut self, reason: DropReason, records: u64) {
        *match reason {
            DropReason::Overflow => &mut self.dropped_overflow,
            DropReason::Invalid => &mut self.dropped_invalid,
            DropReason::Failed => &mut self.dropped_failed,
            DropReason::Closed => &mut self.dropped_closed,
            DropReason::Unrouted => &mut self.dropped_unrouted,
        } += records;
    }
}

impl Add for Tally {
    type Output = Self;

    /// The account of two queues together; the greatest lengths may have been at different times.
    fn add(self, other: Self) -> Self {
        Self {
            accepted: self.accepted + other.accepted,
            written: self.written + other.written,
            bytes_written: self.bytes_written + other.bytes_written,
            dropped_overflow: self.dropped_overflow + other.dropped_overflow,
            dropped_invalid: self.dropped_invalid + other.dropped_invalid,
            dropped_failed: self.dropped_failed + other.dropped_failed,
            dropped_closed: self.dropped_closed + other.dropped_closed,
            dropped_unrouted: self.dropped_unrouted + other.dropped_unrouted,
            untold: self.untold + other.untold,
            queued: self.queued + other.queued,
            queued_bytes: self.queued_bytes + other.queued_bytes,
            queued_most: self.queued_most + other.queued_most,
            queued_bytes_most: self.queued_bytes_most + other.queued_bytes_most,
            batches: self.batches + other.batches,
            retries: self.retries + other.retries,
        }
    }
}
