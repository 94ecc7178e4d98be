//! How far an object reaches in text that is damaged somewhere.
//!
//! A reading begins at a `{` and follows the grammar until the object ends or the text breaks it. The
//! objects inside are read on the way, so none of their `{` is ever begun at again. A `{` that one
//! reading passes inside a string can begin another, to which strings and structure are exchanged; there
//! is no third way to read a byte, since a backslash ends one of the two. All readings of a line together
//! therefore look at each byte twice at most, whatever the line holds.
//!
//! Numbers, literals and escapes are passed over unchecked: the validator judges what is found.

use memchr::memchr2;

/// Objects nested deeper than this are not found in damaged lines.
const MAX_NESTING: usize = 1 << 16;

/// The outcome of one reading.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Reading {
    /// The object ends before this offset.
    Whole(usize),
    /// It breaks off. The object inside that ended last, if nothing but whitespace follows it up to the
    /// break: from, to.
    Torn(Option<(usize, usize)>),
    /// The text ends first, and more is to come.
    Unfinished,
}

/// What may stand next.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Next {
    Key,
    KeyOrEnd,
    Colon,
    Value,
    ValueOrEnd,
    CommaOrEnd,
}

enum Passed {
    To(usize),
    Broken,
    Unfinished,
}

/// Reads objects of one text, each `{` once.
#[derive(Default)]
pub(super) struct Reader {
    /// One bit per byte of the text: a `{` that some reading has taken for the beginning of an object.
    begun: Vec<u64>,
    /// The open brackets: where, and whether it is an object's.
    open: Vec<(u32, bool)>,
}

impl Reader {
    pub fn has_begun(&self, at: usize) -> bool {
        self.begun.get(at / 64).is_some_and(|word| word >> (at % 64) & 1 != 0)
    }

    fn begin(&mut self, at: usize) {
        let word = at / 64;
        if word >= self.begun.len() {
            self.begun.resize(word + 1, 0);
        }
        if let Some(word) = self.begun.get_mut(word) {
            *word |= 1 << (at % 64);
        }
    }

    /// Reads the object that begins at `text[start]`. `more`: the text goes on behind its end.
    pub fn read(&mut self, text: &[u8], start: usize, more: bool) -> Reading {
        self.open.clear();
        let (mut at, mut next) = (start, Next::Value);
        let mut ended = None;
        loop {
            at = skip_space(text, at);
            let Some(byte) = text.get(at).copied() else {
                return if more { Reading::Unfinished } else { Reading::Torn(ended) };
            };
            let in_object = self.open.last().is_some_and(|(_, object)| *object);
            match (next, byte) {
                (Next::Value | Next::ValueOrEnd, b'{' | b'[') => {
                    let object = byte == b'{';
                    if self.open.len() == MAX_NESTING {
                        return Reading::Torn(None);
                    }
                    if object {
                        self.begin(at);
                    }
                    self.open.push((u32::try_from(at).unwrap_or(u32::MAX), object));
                    next = if object { Next::KeyOrEnd } else { Next::ValueOrEnd };
                    (at, ended) = (at + 1, None);
                }
                (Next::KeyOrEnd | Next::CommaOrEnd, b'}') if in_object => {
                    let begin = self.open.pop().map_or(at, |(begin, _)| begin as usize);
                    at += 1;
                    if self.open.is_empty() {
                        return Reading::Whole(at);
                    }
                    (next, ended) = (Next::CommaOrEnd, Some((begin, at)));
                }
                (Next::ValueOrEnd | Next::CommaOrEnd, b']') if !in_object => {
                    self.open.pop();
                    (at, next, ended) = (at + 1, Next::CommaOrEnd, None);
                }
                (Next::CommaOrEnd, b',') => {
                    next = if in_object { Next::Key } else { Next::Value };
                    (at, ended) = (at + 1, None);
                }
                (Next::Colon, b':') => (at, next) = (at + 1, Next::Value),
                (Next::Key | Next::KeyOrEnd | Next::Value | Next::ValueOrEnd, b'"') => {
                    match string(text, at, more) {
                        Passed::To(end) => at = end,
                        Passed::Broken => return Reading::Torn(None),
                        Passed::Unfinished => return Reading::Unfinished,
                    }
                    let key = matches!(next, Next::Key | Next::KeyOrEnd);
                    next = if key { Next::Colon } else { Next::CommaOrEnd };
                }
                (Next::Value | Next::ValueOrEnd, _) if is_scalar(byte) => {
                    let rest = text.get(at..).unwrap_or_default();
                    at += rest.iter().take_while(|byte| is_scalar(**byte)).count();
                    next = Next::CommaOrEnd;
                }
                _ => return Reading::Torn(ended),
            }
        }
    }
}

fn is_scalar(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'+' | b'.')
}

/// Passes over the string that opens at `text[quote]`. A control character breaks it.
fn string(text: &[u8], quote: usize, more: bool) -> Passed {
    let mut at = quote + 1;
    loop {
        let rest = text.get(at..).unwrap_or_default();
        let found = memchr2(b'"', b'\\', rest);
        let plain = rest.get(..found.unwrap_or(rest.len())).unwrap_or_default();
        if plain.iter().any(|byte| *byte < 0x20) {
            return Passed::Broken;
        }
        match found {
            Some(length) if rest.get(length) == Some(&b'"') => return Passed::To(at + length + 1),
            Some(length) => at += length + 2,
            None if more => return Passed::Unfinished,
            None => return Passed::Broken,
        }
    }
}

/// The first offset from `at` on where no whitespace stands.
pub(super) fn skip_space(text: &[u8], mut at: usize) -> usize {
    while let Some(b' ' | b'\t' | b'\r' | b'\n') = text.get(at) {
        at += 1;
    }
    at
}
