//! Where to go on reading, in a form that survives appends, rotation, recovery and compaction.
//!
//! A position alone is not enough: rewriting moves entries. So a cursor remembers the last entry that
//! was looked at by its length and a hash. When it is no longer where it was, the last intact record is
//! looked for: damage is what recovery removes, and one piece of it can look like another.

use serde::{Deserialize, Serialize};

use crate::failure::{Failure, Outcome};
use crate::host::{Framing, Host, Position, Range, Segment};
use crate::retention::Retainer;
use crate::walk::{self, Entry, NEXT, Place, STOP, View};

/// Everything a query needs to go on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Cursor {
    version: u32,
    /// What was looked at last; absent if there was nothing yet.
    pub anchor: Option<Anchor>,
    /// How many records may still be returned.
    pub left: Option<u64>,
    /// How far the walk back over visible records has come.
    pub retainer: Retainer,
    /// Newer than this entry is every visible record of a kind: segment name and position, per kind.
    pub kind_cuts: [Option<(String, Position)>; 4],
    /// Segments side by side, oldest first: how far each has been looked at. One place for all would
    /// miss what arrives in one segment with a position that another has already passed, which in
    /// Redis is every entry of the same millisecond.
    pub abreast: Vec<(String, Position)>,
}

const VERSION: u32 = 3;

impl Cursor {
    pub fn new(retainer: Retainer, left: Option<u64>) -> Self {
        Self {
            version: VERSION,
            anchor: None,
            left,
            retainer,
            kind_cuts: Default::default(),
            abreast: Vec::new(),
        }
    }

    /// # Errors
    ///
    /// `InvalidArgument` if the text is not a cursor of this version.
    pub fn parse(text: &str) -> Outcome<Self> {
        let cursor: Self = serde_json::from_str(text).map_err(|_| not_a_cursor())?;
        if cursor.version != VERSION {
            return Err(not_a_cursor());
        }
        Ok(cursor)
    }

    pub fn write(&self) -> Outcome<String> {
        crate::scan::write_result(self)
    }
}

fn not_a_cursor() -> Failure {
    Failure::argument("this is not a cursor of this engine version; start again without one")
}

/// What was looked at last, to be found again.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Anchor {
    entry: Mark,
    /// The last intact record, if `entry` is none and one was seen before it.
    record: Option<Mark>,
}

/// An entry, as it can be told apart from others.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Mark {
    segment: String,
    start: Position,
    end: Position,
    length: u64,
    terminated: bool,
    intact: bool,
    hash: u64,
}

/// Where an anchor's entry is now.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Found {
    pub before: Place,
    pub after: Place,
}

impl Anchor {
    /// `earlier` is what was looked at before.
    pub fn at(segment: &str, entry: &Entry<'_>, earlier: Option<Self>) -> Self {
        let entry = Mark::of(segment, entry);
        let record = earlier.filter(|_| !entry.intact).and_then(Self::into_record);
        Self { entry, record }
    }

    /// Notes an intact record that was looked at earlier, if there is none yet. Says whether there is one
    /// now.
    pub fn supplement(&mut self, segment: &str, entry: &Entry<'_>) -> bool {
        if !self.entry.intact && self.record.is_none() && entry.facts.is_some() {
            self.record = Some(Mark::of(segment, entry));
        }
        self.entry.intact || self.record.is_some()
    }

    fn into_record(self) -> Option<Mark> {
        if self.entry.intact { Some(self.entry) } else { self.record }
    }

    /// Finds the entry where it was, or else the last intact record wherever it has moved to. `None` if
    /// that is gone too.
    pub fn find<H: Host>(&self, host: &mut H, view: &View) -> Outcome<Option<Found>> {
        if view.description.framing == Framing::Entries {
            return Ok(Some(self.entry.find_by_position(view)));
        }
        if let Some(found) = self.entry.find_in_place(host, view)? {
            return Ok(Some(found));
        }
        match self.clone().into_record() {
            Some(record) => record.search(host, view),
            None => Ok(None),
        }
    }
}

impl Mark {
    fn of(segment: &str, entry: &Entry<'_>) -> Self {
        Self {
            segment: segment.to_owned(),
            start: entry.start,
            end: entry.end,
            length: entry.length,
            terminated: entry.terminated,
            intact: entry.facts.is_some(),
            hash: hash(entry.bytes),
        }
    }

    fn is(&self, entry: &Entry<'_>) -> bool {
        entry.length == self.length && hash(entry.bytes) == self.hash
    }

    /// Framed entries keep their position as long as they exist, and nothing takes it afterwards: it is
    /// a good place to go on even when the entry is gone.
    fn find_by_position(&self, view: &View) -> Found {
        let index = view.members.iter().position(|segment| segment.name == self.segment);
        match (index, view.is_parallel()) {
            (Some(index), true) => {
                Found { before: (index, self.start), after: (index + 1, self.start) }
            }
            (Some(index), false) => Found { before: (index, self.start), after: (index, self.end) },
            // Its segment is gone, and in a sequence everything older is as well.
            (None, true) => {
                Found { before: (0, self.start), after: (view.members.len(), self.start) }
            }
            (None, false) => {
                let start = view.start().unwrap_or_default();
                Found { before: start, after: start }
            }
        }
    }

    fn find_in_place<H: Host>(&self, host: &mut H, view: &View) -> Outcome<Option<Found>> {
        let named = view.members.iter().position(|segment| segment.name == self.segment);
        let Some((index, segment)) =
            named.and_then(|index| Some((index, view.members.get(index)?)))
        else {
            return Ok(None);
        };
        if self.start < segment.start || self.start >= segment.end || self.end > segment.end {
            return Ok(None);
        }
        let mut found = None;
        let range = Range { start: self.start, end: segment.end };
        let framing = view.description.framing;
        if framing == Framing::Lines && !starts_a_line(host, segment, self.start)? {
            return Ok(None);
        }
        let _ = walk::forward(host, segment, framing, range, &mut |_: &mut H, entry| {
            // An entry that was the unterminated last one may have got its line end since.
            if entry.start == self.start && self.is(entry) {
                found = Some(Found { before: (index, entry.start), after: (index, entry.end) });
            }
            STOP
        })?;
        Ok(found)
    }

    /// Looks for the entry from the newest back: rewriting moves it, but does not change it, and moves it
    /// towards the start only. So of several that are alike, the newest is taken that is not beyond where
    /// it was.
    fn search<H: Host>(&self, host: &mut H, view: &View) -> Outcome<Option<Found>> {
        let mut found = None;
        let _ = view.backward(host, &mut |_: &mut H, index, entry: &Entry<'_>| {
            if !self.is(entry) {
                return NEXT;
            }
            let here = Found { before: (index, entry.start), after: (index, entry.end) };
            if entry.start <= self.start {
                found = Some(here);
                return STOP;
            }
            found.get_or_insert(here);
            NEXT
        })?;
        Ok(found)
    }
}

fn starts_a_line<H: Host>(host: &mut H, segment: &Segment, at: Position) -> Outcome<bool> {
    if at == segment.start {
        return Ok(true);
    }
    let chunk = host.read_back(&segment.name, at, 1).map_err(Failure::from)?;
    Ok(chunk.data.last() == Some(&b'\n'))
}

/// FNV-1a, 64 bits: an entry is told apart from its neighbours, not from an adversary's.
fn hash(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    })
}
