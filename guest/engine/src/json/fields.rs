//! The two fields the engine reads: top-level `kind` and `timestamp`.

use super::verdict::{Envelope, Kind, Suspect};
use super::{decimal, lookup, string, word};

/// Where the record's `kind` and `timestamp` are: each the index of its key's closing quote.
#[derive(Clone, Copy, Default)]
pub struct Keys {
    kind: Option<usize>,
    timestamp: Option<usize>,
    duplicate: bool,
    /// A top-level key contains an escape, so it may spell `kind` in another way.
    pub escaped: bool,
    /// Opening quotes of keys in the block before.
    pub before: u64,
}

impl Keys {
    /// Takes note of the keys in the block at `buf[at]`: `open` marks the opening quotes of all
    /// keys, `close` the closing quotes of those at the top level. A key is looked at only when
    /// its length is right.
    #[inline(always)]
    pub fn note(&mut self, buf: &[u8], at: usize, open: u64, close: u64) {
        let of_length = |length: u32| (open << (length + 1) | self.before >> (63 - length)) & close;
        let (mut kinds, mut timestamps) = (of_length(4), of_length(9));
        self.before = open;
        while kinds != 0 {
            let end = at + kinds.trailing_zeros() as usize;
            kinds &= kinds - 1;
            if is_kind(buf, end) {
                self.found_kind(end);
            }
        }
        while timestamps != 0 {
            let end = at + timestamps.trailing_zeros() as usize;
            timestamps &= timestamps - 1;
            if is_timestamp(buf, end) {
                self.found_timestamp(end);
            }
        }
    }

    fn found_kind(&mut self, end: usize) {
        self.duplicate |= self.kind.is_some();
        self.kind = self.kind.or(Some(end));
    }

    fn found_timestamp(&mut self, end: usize) {
        self.duplicate |= self.timestamp.is_some();
        self.timestamp = self.timestamp.or(Some(end));
    }

    /// Finds the keys again, however they are written, in the valid record at `buf[start]`.
    #[cold]
    #[inline(never)]
    fn respelled(buf: &[u8], start: usize) -> Self {
        let mut keys = Self::default();
        lookup::each_key(buf, start, |body, end| {
            if string::spells(body, "kind") {
                keys.found_kind(end);
            } else if string::spells(body, "timestamp") {
                keys.found_timestamp(end);
            }
        });
        keys
    }

    /// What the fields say. The record at `buf[start]` is known to be valid.
    #[inline(always)]
    pub fn envelope(self, buf: &[u8], start: usize, nonstandard: bool, depth: u32) -> Envelope {
        let keys = if self.escaped { Self::respelled(buf, start) } else { self };
        let mut suspect = Suspect::none();
        if nonstandard {
            suspect.insert(Suspect::NONSTANDARD_NUMBER);
        }
        if keys.duplicate {
            suspect.insert(Suspect::DUPLICATE_KEY);
        }
        let kind = keys.kind.and_then(|end| kind_at(buf, value_after(buf, end)));
        if keys.kind.is_none() {
            suspect.insert(Suspect::MISSING_KIND);
        } else if kind.is_none() {
            suspect.insert(Suspect::UNKNOWN_KIND);
        }
        let timestamp = keys.timestamp.and_then(|end| number_at(buf, value_after(buf, end)));
        if timestamp.is_none() {
            suspect.insert(Suspect::INVALID_TIMESTAMP);
        }
        Envelope { kind, timestamp, suspect, depth }
    }
}

/// Whether `kind` stands before `buf[end]`, as one load and one comparison. (Comparing slices
/// calls `memcmp` on WebAssembly, which costs more than all the rest of a short line.)
#[inline(always)]
fn is_kind(buf: &[u8], end: usize) -> bool {
    let word = end.checked_sub(4).and_then(|from| buf.get(from..)?.first_chunk());
    word.copied().map(u32::from_le_bytes) == Some(word::of("kind") as u32)
}

/// Whether `timestamp` stands before `buf[end]`.
#[inline(always)]
fn is_timestamp(buf: &[u8], end: usize) -> bool {
    let Some(from) = end.checked_sub(9) else { return false };
    word::at(buf, from) == Some(word::of("timestam")) && buf.get(from + 8) == Some(&b'p')
}

/// Where the value begins that belongs to the key whose closing quote is `buf[end]`.
#[inline(always)]
fn value_after(buf: &[u8], end: usize) -> usize {
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

#[inline(always)]
fn kind_at(buf: &[u8], at: usize) -> Option<Kind> {
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
fn number_at(buf: &[u8], at: usize) -> Option<f64> {
    match buf.get(at)? {
        b'0'..=b'9' | b'-' => decimal::parse(buf, at),
        _ => None,
    }
}
