//! What is known of consecutive entries without reading them.

use serde::{Deserialize, Serialize};

use crate::amount::{Amount, Kinds};
use crate::health::tally::{Span, Tally};
use crate::host::Position;
use crate::json::Kind;
use crate::time;
use crate::walk::Entry;

/// More of anything is not in a block. It also keeps sums of what a forged index says from overflowing.
const MOST: u64 = 1 << 48;

/// A summary of consecutive entries, from the end of the block before.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(from = "Row", into = "Row")]
pub struct Block {
    /// Just after the last entry.
    pub end: Position,
    pub entries: u64,
    pub bytes: u64,
    pub records: u64,
    /// Records per kind.
    pub kinds: Kinds,
    /// Entries with which anything is wrong, or whose timestamp is no finite number. A block that has any is
    /// always read.
    pub anomalous: u64,
    /// Records without a timestamp that can be calendar time.
    pub untimed: u64,
    /// Least and greatest of the timestamps that can be calendar time, also far ahead.
    pub calendar: Option<(f64, f64)>,
    /// Least and greatest of the others.
    pub other: Option<(f64, f64)>,
}

impl Block {
    /// Adds the next entry.
    pub fn add(&mut self, entry: &Entry<'_>) {
        self.end = entry.end;
        self.entries += 1;
        self.bytes += entry.stored;
        let unusual = entry.envelope.and_then(|envelope| envelope.timestamp);
        let unusual = unusual.is_some_and(|timestamp| !timestamp.is_finite());
        self.anomalous += u64::from(!entry.anomalies.is_empty() || unusual);
        let Some(envelope) = &entry.envelope else { return };
        self.records += 1;
        if let Some(kind) = envelope.kind {
            self.kinds.add(kind, entry.stored);
        }
        match envelope.timestamp.filter(|_| !unusual) {
            Some(timestamp) if timestamp >= time::PLAUSIBLE_FROM => {
                widen(&mut self.calendar, (timestamp, timestamp));
            }
            Some(timestamp) => {
                widen(&mut self.other, (timestamp, timestamp));
                self.untimed += 1;
            }
            None => self.untimed += 1,
        }
    }

    /// Adds the next block.
    pub fn join(&mut self, next: &Self) {
        self.end = next.end;
        self.entries += next.entries;
        self.bytes += next.bytes;
        self.records += next.records;
        self.kinds.merge(&next.kinds);
        self.anomalous += next.anomalous;
        self.untimed += next.untimed;
        for (mine, theirs) in [(&mut self.calendar, next.calendar), (&mut self.other, next.other)] {
            if let Some(range) = theirs {
                widen(mine, range);
            }
        }
    }

    /// Whether no operation can miss anything by not reading it, as far as sums are concerned: nothing is wrong
    /// with it, and nothing in it is from the future.
    pub fn speaks_for_itself(&self, now: f64) -> bool {
        self.anomalous == 0 && self.calendar.is_none_or(|(_, newest)| !time::is_ahead(newest, now))
    }

    /// What a scan of it would count, if it [speaks for itself](Self::speaks_for_itself).
    pub fn tally(&self) -> Tally {
        Tally {
            bytes: self.bytes,
            entries: self.entries,
            records: self.records,
            kinds: self.kinds,
            span: Span {
                oldest: self.calendar.map(|(oldest, _)| oldest),
                newest: self.calendar.map(|(_, newest)| newest),
            },
            untimed: self.untimed,
            ..Tally::default()
        }
    }

    /// Whether a record that lies between these times can be in it.
    pub fn may_hold_times(&self, since: Option<f64>, until: Option<f64>) -> bool {
        let meets = |(least, greatest): (f64, f64)| {
            since.is_none_or(|since| greatest >= since) && until.is_none_or(|until| least <= until)
        };
        (since.is_none() && until.is_none())
            || self.calendar.is_some_and(meets)
            || self.other.is_some_and(meets)
    }

    /// Whether records of this kind are in it.
    pub fn holds(&self, kind: Kind) -> bool {
        self.kinds.get(kind) != Amount::default()
    }

    /// Whether it can be what it says, coming from an index that anybody can have written.
    pub(super) fn is_possible(&self) -> bool {
        let counts = [self.entries, self.bytes, self.records, self.anomalous, self.untimed];
        let mut kinds = Amount::default();
        Kind::ALL.into_iter().for_each(|kind| kinds.merge(self.kinds.get(kind)));
        self.entries > 0
            && self.records <= self.entries
            && kinds.records <= self.records
            && kinds.bytes <= self.bytes
            && counts.into_iter().all(|count| count <= MOST)
    }
}

fn widen(range: &mut Option<(f64, f64)>, (least, greatest): (f64, f64)) {
    let (from, to) = range.unwrap_or((least, greatest));
    *range = Some((from.min(least), to.max(greatest)));
}

/// A block as it is written: a list without names, since there are thousands.
#[derive(Serialize, Deserialize)]
struct Row((u64, u64), u64, u64, u64, Kinds, u64, u64, Option<(f64, f64)>, Option<(f64, f64)>);

impl From<Block> for Row {
    fn from(block: Block) -> Self {
        let Block { end, entries, bytes, records, kinds, anomalous, untimed, calendar, other } =
            block;
        let end = (end.major, end.minor);
        Self(end, entries, bytes, records, kinds, anomalous, untimed, calendar, other)
    }
}

impl From<Row> for Block {
    fn from(row: Row) -> Self {
        let Row(
            (major, minor),
            entries,
            bytes,
            records,
            kinds,
            anomalous,
            untimed,
            calendar,
            other,
        ) = row;
        let end = Position { major, minor };
        Self { end, entries, bytes, records, kinds, anomalous, untimed, calendar, other }
    }
}
