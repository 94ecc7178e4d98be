//! Where to go on reading, in a form that survives appends, rotation, recovery and compaction.
//!
//! A position alone is not enough: rewriting moves entries. So a cursor remembers the last entry that
//! was looked at by its length and a hash, and looks for that entry when it is no longer where it was.

use serde::{Deserialize, Serialize};

use crate::failure::{Failure, Outcome};
use crate::host::{Framing, Host, Position, Range, Segment};
use crate::retention::Retainer;
use crate::walk::{self, Entry, NEXT, Place, STOP, View};

/// Everything a query needs to go on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Cursor {
    version: u32,
    /// The last entry that was looked at; absent if there was none yet.
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

const VERSION: u32 = 2;

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

/// An entry to be found again.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Anchor {
    segment: String,
    start: Position,
    end: Position,
    length: u64,
    terminated: bool,
    hash: u64,
}

/// Where an anchor's entry is now.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Found {
    pub before: Place,
    pub after: Place,
}

impl Anchor {
    pub fn at(segment: &str, entry: &Entry<'_>) -> Self {
        Self {
            segment: segment.to_owned(),
            start: entry.start,
            end: entry.end,
            length: entry.length,
            terminated: entry.terminated,
            hash: hash(entry.bytes),
        }
    }

    fn is(&self, entry: &Entry<'_>) -> bool {
        entry.length == self.length && hash(entry.bytes) == self.hash
    }

    /// Finds the entry: where it was, or wherever it has moved to. `None` if it is gone.
    pub fn find<H: Host>(&self, host: &mut H, view: &View) -> Outcome<Option<Found>> {
        if view.description.framing == Framing::Entries {
            return Ok(Some(self.find_by_position(view)));
        }
        match self.find_in_place(host, view)? {
            Some(found) => Ok(Some(found)),
            None => self.search(host, view),
        }
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

    /// Looks for the entry from the newest back: rewriting moves it, but does not change it.
    fn search<H: Host>(&self, host: &mut H, view: &View) -> Outcome<Option<Found>> {
        let mut found = None;
        let _ = view.backward(host, &mut |_: &mut H, index, entry: &Entry<'_>| {
            if self.is(entry) {
                found = Some(Found { before: (index, entry.start), after: (index, entry.end) });
                return STOP;
            }
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
