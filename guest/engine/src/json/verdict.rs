//! What the validator says about a line.

use core::fmt;

pub use crate::bindings::papyra::persistence::types::Kind;

impl Kind {
    /// Every kind, in the order of [`index`](Self::index).
    pub const ALL: [Self; 4] = [Self::Event, Self::Audit, Self::DeadLetter, Self::Metric];

    /// The word a record carries.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Event => "event",
            Self::Audit => "audit",
            Self::DeadLetter => "dead_letter",
            Self::Metric => "metric",
        }
    }

    /// The kind that `word` names, exactly as written in a record.
    pub fn parse(word: &str) -> Option<Self> {
        Self::from_bytes(word.as_bytes())
    }

    pub(super) fn from_bytes(word: &[u8]) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str().as_bytes() == word)
    }

    /// Position in [`ALL`](Self::ALL), for tables of one entry per kind.
    pub const fn index(self) -> usize {
        self as usize
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Why a line is not a record. Where several reasons hold, the first in this order of
/// precedence is given: `InvalidUtf8`, `Malformed`, `NotAnObject`.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub enum Damage {
    /// Not JSON: cut off, glued together, or never JSON at all.
    Malformed,
    /// The bytes are not UTF-8.
    InvalidUtf8,
    /// JSON, but not an object; or nothing but whitespace.
    NotAnObject,
}

/// What is questionable about a record that is otherwise whole: a set of the constants below.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Suspect(u8);

impl Suspect {
    /// `NaN`, `Infinity` or `-Infinity` stands somewhere in the record as a value.
    pub const NONSTANDARD_NUMBER: Self = Self(1);
    /// There is no top-level `kind`.
    pub const MISSING_KIND: Self = Self(1 << 1);
    /// The top-level `kind` is not a string, or not the name of a [`Kind`].
    pub const UNKNOWN_KIND: Self = Self(1 << 2);
    /// The top level has two `kind`s or two `timestamp`s; the first one counts.
    pub const DUPLICATE_KEY: Self = Self(1 << 3);
    /// The top-level `timestamp` is missing, not a number, or not finite (`NaN`, `1e999`).
    pub const INVALID_TIMESTAMP: Self = Self(1 << 4);

    const NAMES: [(Self, &'static str); 5] = [
        (Self::NONSTANDARD_NUMBER, "NONSTANDARD_NUMBER"),
        (Self::MISSING_KIND, "MISSING_KIND"),
        (Self::UNKNOWN_KIND, "UNKNOWN_KIND"),
        (Self::DUPLICATE_KEY, "DUPLICATE_KEY"),
        (Self::INVALID_TIMESTAMP, "INVALID_TIMESTAMP"),
    ];

    /// The empty set: nothing is questionable.
    pub const fn none() -> Self {
        Self(0)
    }

    /// Whether every member of `other` is in this set.
    pub const fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// Whether nothing is questionable.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Adds every member of `other`.
    pub const fn insert(&mut self, other: Self) {
        self.0 |= other.0;
    }
}

impl fmt::Debug for Suspect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let members = Self::NAMES.iter().filter(|(member, _)| self.contains(*member));
        members
            .fold(&mut f.debug_set(), |set, (_, name)| set.entry(&format_args!("{name}")))
            .finish()
    }
}

/// What the engine needs to know about a record.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Envelope {
    /// The class, unless `kind` is missing or unknown.
    pub kind: Option<Kind>,
    /// Seconds since the epoch. Always finite.
    pub timestamp: Option<f64>,
    /// What is questionable about the record.
    pub suspect: Suspect,
    /// Deepest nesting of objects and arrays; the record itself is 1.
    pub depth: u32,
}

/// The judgement on one line.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Verdict {
    /// A whole JSON object.
    Record(Envelope),
    /// Anything else.
    Damaged(Damage),
}

/// One line of NDJSON, found and judged.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Line {
    /// Index of the `\n` that ends the line, or the length of the buffer when there is none.
    pub end: usize,
    /// Whether that `\n` is there.
    pub terminated: bool,
    /// What the line holds.
    pub verdict: Verdict,
}
