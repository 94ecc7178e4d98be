//! Fetching entries, in pages of about as many bytes as are wanted.

use std::sync::atomic::{AtomicU64, Ordering};

use redis::Value;

use super::super::super::{Chunk, Frame, Payload, Position, StoreError};
use super::super::id::{self, Shift};
use super::super::link::{Repeat, SharedLink};
use super::super::reply::{self, Entry};
use super::survey::Surveyed;

/// The minimum length to assume for entries, so that a run of tiny ones does not make the next page a
/// huge one.
const LEAST_AVERAGE: u64 = 128;

/// How many bytes a page should have.
const LEAST_PAGE: u64 = 64 << 10;
/// Up to three pages are held. Half as much is as fast.
const MOST_PAGE: u64 = 512 << 10;

/// Consecutive entries, in ascending order.
pub struct Page {
    pub entries: Vec<Entry>,
    /// Nothing more lies in the direction of reading.
    pub last: bool,
}

/// A page as the server has sent it.
pub struct Sent {
    reply: Value,
    command: &'static str,
    /// How many entries were asked for.
    count: u64,
    shift: Shift,
}

impl Sent {
    /// Where the page after this one begins, read off the last entry alone: so the next page can be
    /// asked for before this one is taken apart. `None` if there is none, or no sense in the reply.
    pub fn next(&self) -> Option<Position> {
        let Value::Array(entries) = &self.reply else { return None };
        let full = entries.len() as u64 >= self.count;
        let last = entries.last().filter(|_| full).and_then(reply::id_of)?;
        Some(id::after(self.shift.position(last)))
    }
}

/// How the entries of one stream are fetched.
pub struct Pages {
    link: SharedLink,
    key: String,
    shift: Shift,
    start: Position,
    end: Position,
    max_read: u64,
    /// Bytes of an entry, as seen lately.
    average: AtomicU64,
}

impl Pages {
    pub fn new(link: SharedLink, found: &Surveyed, max_read: u32) -> Self {
        let Surveyed { segment, shift } = found;
        let entries = segment.entries.unwrap_or(0).max(1);
        Self {
            link,
            key: segment.name.clone(),
            shift: *shift,
            start: segment.start,
            end: segment.end,
            max_read: u64::from(max_read),
            average: AtomicU64::new((segment.bytes / entries).max(LEAST_AVERAGE)),
        }
    }

    /// How the ids of the stream become positions.
    pub fn shift(&self) -> Shift {
        self.shift
    }

    /// Returns true if no entry lies before `at`.
    pub fn begins_at(&self, at: Position) -> bool {
        id::key(at) <= id::key(self.start)
    }

    /// Asks for the entries from `at` on, which lies inside.
    pub async fn forward(&self, at: Position, wanted: u32) -> Result<Sent, StoreError> {
        let to = id::before(self.end).unwrap_or(id::FIRST);
        self.ask("XRANGE", at, to, wanted).await
    }

    /// Returns the entries directly before `before`, which lies inside or at the end.
    pub async fn back(&self, before: Position, wanted: u32) -> Result<Page, StoreError> {
        let from = id::before(before).unwrap_or(id::FIRST);
        let mut page = self.open(self.ask("XREVRANGE", from, self.start, wanted).await?)?;
        page.entries.reverse();
        Ok(page)
    }

    async fn ask(
        &self,
        command: &'static str,
        from: Position,
        to: Position,
        wanted: u32,
    ) -> Result<Sent, StoreError> {
        let wanted = u64::from(wanted).clamp(LEAST_PAGE, MOST_PAGE);
        // Entries differ in length: with a little less, most pages fit into one chunk.
        let wanted = wanted - wanted / 16;
        let average = self.average.load(Ordering::Relaxed).max(LEAST_AVERAGE);
        let count = (wanted / average).clamp(1, self.max_read.max(1));
        let mut call = redis::cmd(command);
        let (from, to) = (self.shift.id(from), self.shift.id(to));
        call.arg(&self.key).arg(id::format(from)).arg(id::format(to)).arg("COUNT").arg(count);
        let reply = self.link.call("read the journal", Repeat::Yes, &call).await?;
        Ok(Sent { reply, command, count, shift: self.shift })
    }

    /// Takes a reply apart.
    pub fn open(&self, sent: Sent) -> Result<Page, StoreError> {
        let unexpected = || reply::unexpected(sent.command);
        let mut entries = reply::entries(sent.reply).ok_or_else(unexpected)?;
        for entry in &mut entries {
            entry.at = self.shift.position(entry.at);
        }
        let bytes = entries.iter().map(|entry| entry.data.as_ref().map_or(0, Vec::len) as u64);
        if let Some(average) = bytes.sum::<u64>().checked_div(entries.len() as u64) {
            self.average.store(average, Ordering::Relaxed);
        }
        let last = (entries.len() as u64) < sent.count;
        Ok(Page { entries, last })
    }
}

/// Entries as the engine gets them. `empty` is where the chunk starts if there are none.
pub fn chunk(empty: Position, entries: impl Iterator<Item = Entry>, last: bool) -> Chunk {
    let mut start = None;
    let mut data = Vec::new();
    let mut frames = Vec::with_capacity(entries.size_hint().0);
    for entry in entries {
        start.get_or_insert(entry.at);
        if let Some(bytes) = &entry.data {
            data.extend_from_slice(bytes);
        }
        let end = u32::try_from(data.len()).unwrap_or(u32::MAX);
        frames.push(Frame { at: entry.at, end, missing: entry.data.is_none() });
    }
    Chunk { start: start.unwrap_or(empty), data: Payload::Raw(data), frames, last }
}
