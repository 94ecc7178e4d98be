//! What a damaged entry is worth: the whole records in it, and what is lost when they are kept alone.
//!
//! The unit of damage is the record, not the line. In doubt a record is kept.

mod foreign;
mod search;
#[cfg(test)]
mod tests;
mod torn;

use memchr::memchr;

pub use self::foreign::encoding;
use self::search::{Found, Search, filler};
use crate::MAX_ENTRY;
use crate::anomaly::{Anomalies, Anomaly};
use crate::failure::Outcome;
use crate::host::{Framing, Host, Position, Range, Segment};
use crate::walk::{self, Entry};

/// A line that is longer than an entry may be is searched through a window of that length. The windows
/// overlap by what they leave open; beyond so many times the length of the line, the rest is given up.
const MAX_WORK: u64 = 16;

/// What a damaged entry holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Salvage {
    /// Whole records.
    pub records: u64,
    /// Those that may be a part of a torn record.
    pub ambiguous: u64,
    /// Bytes of the entry that belong to none of them, without the line end.
    pub lost: u64,
    /// Whether these are more than NULs, byte order marks, record separators and whitespace.
    pub loses_text: bool,
    /// Whether there are NULs among these.
    pub nuls: bool,
    /// Something begins that does not end within the length of an entry; nothing behind it was looked at.
    gave_up: bool,
}

/// One record that can be kept.
#[derive(Clone, Copy, Debug)]
pub struct Kept {
    /// Its place in a segment of lines.
    pub range: Range,
    /// Its numbers are unclear; see [`crate::json::Suspect`].
    pub suspect: bool,
}

/// Looks at an entry that is not a record. `keep` sees the records in it, in order, and says which of
/// them count.
pub fn examine<H: Host>(
    host: &mut H,
    segment: &Segment,
    entry: &Entry<'_>,
    mut keep: impl FnMut(&mut H, Kept) -> Outcome<bool>,
) -> Outcome<Salvage> {
    let mut work = Work { salvage: Salvage::default(), keep: &mut keep };
    if entry.length <= MAX_ENTRY as u64 {
        let mut search = Search::new(host.form(), entry.bytes, false, false);
        work.window(host, entry.start, entry.bytes, &mut search)?;
        return Ok(work.salvage);
    }
    let end = Position { minor: entry.start.minor.saturating_add(entry.length), ..entry.start };
    let (mut at, mut torn, mut spent) = (entry.start, false, 0_u64);
    while at < end {
        let text = walk::read_piece(host, segment, at, end, MAX_ENTRY)?;
        spent = spent.saturating_add(text.len() as u64);
        let more = at.plus(text.len() as u64) < end;
        let mut search = Search::new(host.form(), &text, torn, more);
        let used = work.window(host, at, &text, &mut search)?;
        torn = search.rest().1;
        if used == 0 || spent > entry.length.saturating_mul(MAX_WORK) {
            let rest = at.plus(used as u64).until(end);
            work.salvage.lost = work.salvage.lost.saturating_add(rest);
            (work.salvage.loses_text, work.salvage.gave_up) = (true, true);
            break;
        }
        at = at.plus(used as u64);
    }
    Ok(work.salvage)
}

struct Work<'k, K> {
    salvage: Salvage,
    keep: &'k mut K,
}

impl<K> Work<'_, K> {
    /// Goes through a text that begins at `at`, and returns how much of it is settled.
    fn window<H: Host>(
        &mut self,
        host: &mut H,
        at: Position,
        text: &[u8],
        search: &mut Search<'_>,
    ) -> Outcome<usize>
    where
        K: FnMut(&mut H, Kept) -> Outcome<bool>,
    {
        let mut from = 0;
        for Found { start, end, envelope, ambiguous } in search.by_ref() {
            let range = Range { start: at.plus(start as u64), end: at.plus(end as u64) };
            let kept = Kept { range, suspect: !envelope.suspect.is_empty() };
            if (self.keep)(host, kept)? {
                self.lose(text.get(from..start).unwrap_or_default());
                self.salvage.records += 1;
                self.salvage.ambiguous += u64::from(ambiguous);
                from = end;
            }
        }
        let (used, _) = search.rest();
        self.lose(text.get(from..used).unwrap_or_default());
        Ok(used)
    }

    fn lose(&mut self, bytes: &[u8]) {
        self.salvage.lost += bytes.len() as u64;
        self.salvage.nuls = self.salvage.nuls || memchr(0, bytes).is_some();
        self.salvage.loses_text = self.salvage.loses_text || filler(bytes, false) < bytes.len();
    }
}

impl Salvage {
    /// What is wrong with the entry, now that it is known what it holds.
    pub fn anomalies(&self, entry: &Entry<'_>) -> Anomalies {
        let mut anomalies = entry.anomalies;
        if self.records > 0 {
            anomalies = Anomalies::only(Anomaly::JoinedRecords);
            if self.gave_up {
                anomalies.insert(Anomaly::OversizedEntry);
            }
        }
        if self.nuls {
            if self.records == 0 && !self.loses_text {
                anomalies = Anomalies::default();
            }
            anomalies.insert(Anomaly::NullBytes);
        }
        anomalies
    }
}

/// Where the first byte stands that is no filler.
pub fn filler_at(bytes: &[u8]) -> usize {
    filler(bytes, false)
}

/// Whether whole records can be looked for in an entry: it is damaged, and its bytes can be had.
pub fn is_examined(framing: Framing, entry: &Entry<'_>) -> bool {
    let whole = framing == Framing::Lines || entry.length <= MAX_ENTRY as u64;
    entry.envelope.is_none() && whole && !entry.anomalies.contains(Anomaly::MissingData)
}
