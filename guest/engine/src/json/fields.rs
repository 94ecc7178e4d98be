//! The two fields the engine reads: the kind and the time of a record, at its top level.

use super::verdict::{Envelope, Kind, Suspect};
use super::{decimal, lookup, string, word};

/// What the two fields are called, and how their values are read.
pub trait Fields {
    /// The lengths of the names of the kind and of the time; at most [`LONGEST`], 0 for a name that does not stand
    /// at the top level.
    fn lengths(&self) -> (u32, u32);
    /// Whether the name of the kind stands before `buf[end]`.
    fn is_kind(&self, buf: &[u8], end: usize) -> bool;
    /// Whether the name of the time stands before `buf[end]`.
    fn is_time(&self, buf: &[u8], end: usize) -> bool;
    /// Whether a key with this body spells the name of the kind, or that of the time.
    fn spells(&self, body: &[u8]) -> (bool, bool);
    /// The kind in the record at `buf[start]`, whose key has its closing quote at `key`.
    fn kind(&self, buf: &[u8], start: usize, key: Option<usize>) -> Result<Kind, Suspect>;
    /// The time in the record, in seconds since the epoch.
    fn time(&self, buf: &[u8], start: usize, key: Option<usize>) -> Option<f64>;
}

/// The longest name that is found in passing.
pub const LONGEST: u32 = 62;

/// Where the record's kind and time are: each the index of its key's closing quote.
#[derive(Clone, Copy, Default)]
pub struct Keys {
    kind: Option<usize>,
    time: Option<usize>,
    duplicate: bool,
    /// A top-level key contains an escape, so it may spell one of the names in another way.
    pub escaped: bool,
    /// Opening quotes of keys in the block before.
    pub before: u64,
}

impl Keys {
    /// Takes note of the keys in the block at `buf[at]`: `open` marks the opening quotes of all
    /// keys, `close` the closing quotes of those at the top level. A key is looked at only when
    /// its length is right.
    #[inline(always)]
    pub fn note(&mut self, fields: &impl Fields, buf: &[u8], at: usize, open: u64, close: u64) {
        let of_length = |length: u32| match length {
            0 => 0,
            length => (open << (length + 1) | self.before >> (63 - length)) & close,
        };
        let (kind, time) = fields.lengths();
        let (mut kinds, mut times) = (of_length(kind), of_length(time));
        self.before = open;
        while kinds != 0 {
            let end = at + kinds.trailing_zeros() as usize;
            kinds &= kinds - 1;
            if fields.is_kind(buf, end) {
                self.found_kind(end);
            }
        }
        while times != 0 {
            let end = at + times.trailing_zeros() as usize;
            times &= times - 1;
            if fields.is_time(buf, end) {
                self.found_time(end);
            }
        }
    }

    fn found_kind(&mut self, end: usize) {
        self.duplicate |= self.kind.is_some();
        self.kind = self.kind.or(Some(end));
    }

    fn found_time(&mut self, end: usize) {
        self.duplicate |= self.time.is_some();
        self.time = self.time.or(Some(end));
    }

    /// Finds the keys again, however they are written, in the valid record at `buf[start]`.
    #[cold]
    #[inline(never)]
    fn respelled(fields: &impl Fields, buf: &[u8], start: usize) -> Self {
        let mut keys = Self::default();
        lookup::each_key(buf, start, |body, end| {
            let (kind, time) = fields.spells(body);
            if kind {
                keys.found_kind(end);
            }
            if time {
                keys.found_time(end);
            }
        });
        keys
    }

    /// What the fields say. The record at `buf[start]` is known to be valid.
    #[inline(always)]
    pub fn envelope(
        self,
        fields: &impl Fields,
        buf: &[u8],
        start: usize,
        nonstandard: bool,
        depth: u32,
    ) -> Envelope {
        let keys = if self.escaped { Self::respelled(fields, buf, start) } else { self };
        let mut suspect = Suspect::none();
        if nonstandard {
            suspect.insert(Suspect::NONSTANDARD_NUMBER);
        }
        if keys.duplicate {
            suspect.insert(Suspect::DUPLICATE_KEY);
        }
        let kind = fields.kind(buf, start, keys.kind);
        if let Err(why) = kind {
            suspect.insert(why);
        }
        let timestamp = fields.time(buf, start, keys.time);
        if timestamp.is_none() {
            suspect.insert(Suspect::INVALID_TIMESTAMP);
        }
        Envelope { kind: kind.ok(), timestamp, suspect, depth }
    }
}

/// As Papyra writes them: `kind` and `timestamp`.
pub struct Papyra;

impl Fields for Papyra {
    #[inline(always)]
    fn lengths(&self) -> (u32, u32) {
        (4, 9)
    }

    /// As one load and one comparison. (Comparing slices calls `memcmp` on WebAssembly, which costs more than all
    /// the rest of a short line.)
    #[inline(always)]
    fn is_kind(&self, buf: &[u8], end: usize) -> bool {
        let word = end.checked_sub(4).and_then(|from| buf.get(from..)?.first_chunk());
        word.copied().map(u32::from_le_bytes) == Some(word::of("kind") as u32)
    }

    #[inline(always)]
    fn is_time(&self, buf: &[u8], end: usize) -> bool {
        let Some(from) = end.checked_sub(9) else { return false };
        word::at(buf, from) == Some(word::of("timestam")) && buf.get(from + 8) == Some(&b'p')
    }

    fn spells(&self, body: &[u8]) -> (bool, bool) {
        (string::spells(body, "kind"), string::spells(body, "timestamp"))
    }

    #[inline(always)]
    fn kind(&self, buf: &[u8], _: usize, key: Option<usize>) -> Result<Kind, Suspect> {
        let key = key.ok_or(Suspect::MISSING_KIND)?;
        kind_at(buf, value_after(buf, key)).ok_or(Suspect::UNKNOWN_KIND)
    }

    #[inline(always)]
    fn time(&self, buf: &[u8], _: usize, key: Option<usize>) -> Option<f64> {
        number_at(buf, value_after(buf, key?))
    }
}

/// Where the value begins that belongs to the key whose closing quote is `buf[end]`.
#[inline(always)]
pub fn value_after(buf: &[u8], end: usize) -> usize {
    // Usually `:` or `: `: told apart without a branch, since writers differ.
    let spaced = usize::from(buf.get(end + 2) == Some(&b' '));
    let mut at = end + 1 + usize::from(buf.get(end + 1) == Some(&b':')) * (1 + spaced);
    while let Some(b' ' | b'\t' | b'\r' | b':') = buf.get(at) {
        at += 1;
    }
    at
}

const EVENT: u64 = word::of("\"event\"");
const AUDIT: u64 = word::of("\"audit\"");
const METRIC: u64 = word::of("\"metric\"");
const DEAD_LE: u64 = word::of("\"dead_le");
const TTER: u64 = word::of("tter\"");

/// The kind that the value at `buf[at]` names.
#[inline(always)]
pub fn kind_at(buf: &[u8], at: usize) -> Option<Kind> {
    if buf.get(at) != Some(&b'"') {
        return None;
    }
    let head = word::at(buf, at).unwrap_or_default();
    let tail = word::at(buf, at + 8).unwrap_or_default();
    // No branch for each kind: they come in no order that a processor could predict.
    let audit = word::first(head, 7) == AUDIT;
    let dead_letter = (head == DEAD_LE) & (word::first(tail, 5) == TTER);
    let metric = head == METRIC;
    let index = usize::from(audit) + 2 * usize::from(dead_letter) + 3 * usize::from(metric);
    if index == 0 && word::first(head, 7) != EVENT {
        return kind_spelled(string::body(buf, at));
    }
    Kind::ALL.get(index).copied()
}

#[cold]
fn kind_spelled(body: &[u8]) -> Option<Kind> {
    Kind::ALL.into_iter().find(|kind| string::spells(body, kind.as_str()))
}

/// The number at `buf[at]`, if it is one and finite.
#[inline(always)]
pub fn number_at(buf: &[u8], at: usize) -> Option<f64> {
    match buf.get(at)? {
        b'0'..=b'9' | b'-' => decimal::parse(buf, at),
        _ => None,
    }
}
