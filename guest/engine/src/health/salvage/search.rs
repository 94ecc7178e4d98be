//! The whole records in a line that is not one.

use memchr::memchr;

use super::torn::{Reader, Reading, skip_space};
use crate::json::{Envelope, Form, Validator};

/// What some programs write before a file or a line.
const BOM: &[u8] = b"\xEF\xBB\xBF";
/// The record separator of RFC 7464.
const RS: u8 = 0x1E;
/// As many bytes are compared with NUL at a time.
const NUL_BLOCK: usize = 128;

/// A whole record.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Found {
    pub start: usize,
    pub end: usize,
    pub envelope: Envelope,
    /// It stands where a torn record has a value, so it may be a part of that one.
    pub ambiguous: bool,
}

/// Finds the records of a text from left to right.
pub(super) struct Search<'t> {
    text: &'t [u8],
    /// The text is a part of a line that goes on.
    more: bool,
    at: usize,
    /// What stands before `at`, since the last record, is more than filler.
    torn: bool,
    reader: Reader,
    validator: Validator,
    /// The length of the shortest record. Judging an object has a price that does not depend on its length, and a
    /// damaged line can hold one in every five bytes.
    shortest: usize,
    /// Where something begins of which the text does not have the end.
    unfinished: Option<usize>,
}

impl<'t> Search<'t> {
    pub fn new(form: Form, text: &'t [u8], torn: bool, more: bool) -> Self {
        let (reader, shortest) = (Reader::default(), form.shortest());
        let validator = Validator::new(form);
        Self { text, more, at: 0, torn, reader, validator, shortest, unfinished: None }
    }

    /// Where to go on in the rest of the line, and whether torn text stands before that.
    pub fn rest(&self) -> (usize, bool) {
        (self.unfinished.unwrap_or(self.text.len()), self.torn)
    }

    /// Whether an object that ends here lies inside another one.
    fn is_inside(&self, end: usize) -> bool {
        matches!(self.text.get(skip_space(self.text, end)), Some(b',' | b'}' | b']'))
    }

    /// A record with a known kind and a finite timestamp.
    fn sound(&mut self, start: usize, end: usize) -> Option<Envelope> {
        let bytes = self.text.get(start..end).filter(|bytes| bytes.len() >= self.shortest)?;
        let envelope = self.validator.record(bytes)?;
        (envelope.kind.is_some() && envelope.timestamp.is_some()).then_some(envelope)
    }

    /// The next `{` that can begin a record.
    fn next_begin(&mut self) -> Option<usize> {
        loop {
            let rest = self.text.get(self.at..).unwrap_or_default();
            if !self.torn {
                let filler = filler(rest, true);
                self.at += filler;
                self.torn = !matches!(rest.get(filler), Some(b'{') | None);
                if self.torn {
                    continue;
                }
            }
            let rest = self.text.get(self.at..).unwrap_or_default();
            let Some(before) = memchr(b'{', rest) else {
                self.at = self.text.len();
                return None;
            };
            let begin = self.at + before;
            let first = skip_space(self.text, begin + 1);
            match self.text.get(first) {
                None if self.more => {
                    self.unfinished = Some(begin);
                    return None;
                }
                Some(b'"') if !self.reader.has_begun(begin) => return Some(begin),
                _ => (self.at, self.torn) = (begin + 1, true),
            }
        }
    }

    /// The record, if the object is one. Then the search goes on behind it.
    fn take(&mut self, start: usize, end: usize, ambiguous: bool) -> Option<Found> {
        let envelope = self.sound(start, end)?;
        (self.at, self.torn) = (end, false);
        Some(Found { start, end, envelope, ambiguous })
    }
}

impl Iterator for Search<'_> {
    type Item = Found;

    fn next(&mut self) -> Option<Found> {
        if self.unfinished.is_some() {
            return None;
        }
        loop {
            let begin = self.next_begin()?;
            let (object, ambiguous) = match self.reader.read(self.text, begin, self.more) {
                Reading::Whole(end) => (Some((begin, end)), false),
                Reading::Torn(ended) => (ended, true),
                Reading::Unfinished => {
                    self.unfinished = Some(begin);
                    return None;
                }
            };
            if let Some((start, end)) = object {
                let in_torn_text = self.torn || ambiguous;
                if in_torn_text && self.more && skip_space(self.text, end) == self.text.len() {
                    self.unfinished = Some(begin);
                    return None;
                }
                if !(in_torn_text && self.is_inside(end))
                    && let Some(found) = self.take(start, end, ambiguous)
                {
                    return Some(found);
                }
            }
            (self.at, self.torn) = (begin + 1, true);
        }
    }
}

/// How many bytes of filler `text` begins with: NULs, byte order marks, record separators and
/// whitespace. Commas are filler between objects only.
pub(super) fn filler(text: &[u8], commas: bool) -> usize {
    let mut at = 0;
    while let Some(byte) = text.get(at).copied() {
        at += match byte {
            0 => nuls(text.get(at..).unwrap_or_default()),
            RS | b' ' | b'\t' | b'\r' | b'\n' => 1,
            b',' if commas => 1,
            0xEF if text.get(at..).is_some_and(|rest| rest.starts_with(BOM)) => BOM.len(),
            _ => break,
        };
    }
    at
}

/// How many NULs to pass over in a text that begins with one: whole blocks of them, for a hole in a file can
/// be longer than all records.
fn nuls(text: &[u8]) -> usize {
    let blank = |block: &&[u8]| block.iter().fold(0, |all, byte| all | byte) == 0;
    let blocks = text.chunks_exact(NUL_BLOCK).take_while(blank).count();
    (blocks * NUL_BLOCK).max(1)
}
