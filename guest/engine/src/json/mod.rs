//! Finds and judges NDJSON lines.
//!
//! [`Validator::line`] answers in one pass over the bytes: where the line ends, whether it is a
//! record, and the few facts about a record that the engine decides by. Nothing is built, and
//! nothing is allocated for records nested less than 64 deep.
//!
//! The grammar is RFC 8259 to the letter, with two concessions to what Papyra writes: `NaN`,
//! `Infinity` and `-Infinity` are values (and make the record suspect), and a surrogate escape
//! may stand alone. A raw newline ends the line wherever it stands.

mod bits;
mod decimal;
mod fields;
mod form;
mod lane;
mod lookup;
mod nesting;
mod scalar;
mod scan;
mod simd;
mod string;
mod time;
mod utf8;
mod verdict;
mod word;

#[cfg(test)]
mod tests;

use self::fields::{Fields, Papyra};
pub use fields::number_at;
pub use form::Form;
pub use lookup::{equals, find};
pub use time::parse as time_at;
pub use verdict::{Damage, Envelope, Kind, Line, Suspect, Verdict};

/// Judges lines, one at a time. Keeps scratch space, so use one for many lines.
#[derive(Debug, Default)]
pub struct Validator {
    /// How records say their kind and their time.
    form: Form,
    /// Open brackets beyond the innermost 64.
    outer: Vec<u64>,
}

impl Validator {
    /// A validator of records in this form, with empty scratch space.
    pub fn new(form: Form) -> Self {
        Self { form, outer: Vec::new() }
    }

    /// Judges the line that starts at `buf[start]`. The bytes are hostile: whatever they are,
    /// this neither panics nor recurses, and takes time proportional to the line.
    #[inline]
    pub fn line(&mut self, buf: &[u8], start: usize) -> Line {
        let Self { form, outer } = self;
        match form {
            Form::Papyra => line(&Papyra, outer, buf, start),
            Form::Foreign(fields) => line(&**fields, outer, buf, start),
        }
    }

    /// The record, if `bytes` are one from their first to their last: nothing else is said about them.
    pub fn record(&mut self, bytes: &[u8]) -> Option<Envelope> {
        let Self { form, outer } = self;
        let line = match form {
            Form::Papyra => careful(&Papyra, outer, bytes, 0),
            Form::Foreign(fields) => careful(&**fields, outer, bytes, 0),
        };
        match line? {
            Line { terminated: false, verdict: Verdict::Record(envelope), .. } => Some(envelope),
            _ => None,
        }
    }
}

/// A function of its own for each form: in one function with another, it is half as fast.
#[inline(never)]
fn line(fields: &impl Fields, outer: &mut Vec<u64>, buf: &[u8], start: usize) -> Line {
    let usual = container::<false>(fields, outer, buf, start);
    usual.unwrap_or_else(|| unusual(fields, outer, buf, start))
}

#[cold]
#[inline(never)]
fn unusual(fields: &impl Fields, outer: &mut Vec<u64>, buf: &[u8], start: usize) -> Line {
    careful(fields, outer, buf, start).unwrap_or_else(|| other(buf, start))
}

#[inline(never)]
fn careful(fields: &impl Fields, outer: &mut Vec<u64>, buf: &[u8], start: usize) -> Option<Line> {
    container::<true>(fields, outer, buf, start)
}

/// The common case: the line is an object or array and nothing else.
#[inline(always)]
fn container<const CAREFUL: bool>(
    fields: &impl Fields,
    outer: &mut Vec<u64>,
    buf: &[u8],
    start: usize,
) -> Option<Line> {
    let first = skip_space(buf, start);
    let object = match buf.get(first)? {
        b'{' => true,
        b'[' => false,
        _ => return None,
    };
    let whole = scan::container::<CAREFUL>(fields, buf, first, outer)?;
    let end = skip_space(buf, whole.end);
    if !matches!(buf.get(end), Some(b'\n') | None) {
        return None;
    }
    let encoded = whole.wide.is_none_or(|wide| utf8::is_valid(buf, wide, end));
    let verdict = if !encoded {
        Verdict::Damaged(Damage::InvalidUtf8)
    } else if object {
        Verdict::Record(whole.keys.envelope(fields, buf, first, whole.nonstandard, whole.depth))
    } else {
        Verdict::Damaged(Damage::NotAnObject)
    };
    Some(Line { end, terminated: end < buf.len(), verdict })
}

/// Judges a line that is neither object nor array.
#[cold]
#[inline(never)]
fn other(buf: &[u8], start: usize) -> Line {
    let rest = buf.get(start..).unwrap_or_default();
    let length = memchr::memchr(b'\n', rest).unwrap_or(rest.len());
    let line = rest.get(..length).unwrap_or_default();
    let damage = if core::str::from_utf8(line).is_err() {
        Damage::InvalidUtf8
    } else if is_lone_scalar(line) {
        Damage::NotAnObject
    } else {
        Damage::Malformed
    };
    let end = start.saturating_add(length).min(buf.len());
    Line { end, terminated: length < rest.len(), verdict: Verdict::Damaged(damage) }
}

/// Whether the line is a string, a number, a literal or blank.
fn is_lone_scalar(line: &[u8]) -> bool {
    let first = skip_space(line, 0);
    let end = match line.get(first) {
        None => first,
        Some(b'"') => match string::lone(line, first) {
            Some(end) => end,
            None => return false,
        },
        Some(_) => match scalar::lone(line, first) {
            Some(end) => end,
            None => return false,
        },
    };
    skip_space(line, end) == line.len()
}

/// The content of the string at `buf[at]`, if it is one without escapes.
pub fn text_at(buf: &[u8], at: usize) -> Option<&str> {
    if buf.get(at) != Some(&b'"') {
        return None;
    }
    core::str::from_utf8(string::body(buf, at)).ok().filter(|text| !text.contains('\\'))
}

/// Index of the first byte from `at` on that is not whitespace. Newlines do not count as such.
#[inline(always)]
fn skip_space(buf: &[u8], mut at: usize) -> usize {
    while let Some(b' ' | b'\t' | b'\r') = buf.get(at) {
        at += 1;
    }
    at
}
