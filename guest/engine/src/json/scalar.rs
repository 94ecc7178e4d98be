//! Numbers and literals.

use super::simd::Block;
use super::word;

/// The numbers of a block, checked together.
pub struct Numbers {
    /// Where the grammar of numbers is broken.
    pub wrong: u64,
    /// Bytes that are not accounted for: their scalars must be looked at singly.
    pub other: u64,
}

impl Numbers {
    /// `scalar` marks the bytes of all scalars, `start` the first byte of each.
    #[inline(always)]
    pub fn new(block: Block, scalar: u64, start: u64) -> Self {
        let digit = block.digits() & scalar;
        let point = block.equal(b'.') & scalar;
        let minus = block.equal(b'-') & start & digit >> 1;
        let leading_zero = block.equal(b'0') & (start | minus << 1);
        let after_point = point << 1;
        let after_fraction = after_point.wrapping_add(digit) & !digit;
        let mut numbers = Self {
            wrong: start & point
                | leading_zero << 1 & digit
                | after_point & !digit
                | after_fraction & point,
            other: scalar & !(digit | point | minus),
        };
        if numbers.other != 0 {
            numbers.exponents(block, digit, point);
        }
        numbers
    }

    /// Accounts for exponents: an `e` behind a digit, perhaps a sign, and digits to the end.
    #[inline(always)]
    fn exponents(&mut self, block: Block, digit: u64, point: u64) {
        let e = block.equal_folded(b'e') & self.other & digit << 1;
        let sign = (block.equal(b'+') | block.equal(b'-')) & e << 1;
        let first_digit = (e << 1 & !sign) | sign << 1;
        let end = first_digit.wrapping_add(digit) & !digit;
        self.wrong |= first_digit & !digit | end & (point | e);
        self.other &= !(e | sign);
    }
}

const TRUE: u64 = word::of("true");
const FALSE: u64 = word::of("false");
const NULL: u64 = word::of("null");

/// Whether the scalar that starts at `buf[at]` and has `length` bytes is a JSON literal.
#[inline(always)]
pub fn is_literal(buf: &[u8], at: usize, length: u32) -> bool {
    let text = word::first(word::at(buf, at).unwrap_or_default(), length.clamp(4, 5));
    (length == 4) & ((text == TRUE) | (text == NULL)) | (length == 5) & (text == FALSE)
}

/// Judges the scalar that `buf[at]` is part of. `Some(true)` stands for `NaN` and the
/// infinities, which Papyra writes and JSON does not know, `None` for what is no scalar at all.
#[inline(never)]
pub fn check(buf: &[u8], at: usize) -> Option<bool> {
    let before = buf.get(..at).unwrap_or_default();
    let start = before.iter().rposition(|byte| is_delimiter(*byte)).map_or(0, |at| at + 1);
    check_at(buf, start)
}

fn check_at(buf: &[u8], at: usize) -> Option<bool> {
    match text(buf, at) {
        b"true" | b"false" | b"null" => Some(false),
        b"NaN" | b"Infinity" | b"-Infinity" => Some(true),
        number => is_number(number).then_some(false),
    }
}

/// Where the scalar at `line[at]` ends, unless it is invalid.
pub fn lone(line: &[u8], at: usize) -> Option<usize> {
    check_at(line, at).map(|_| at + text(line, at).len())
}

/// Whether the byte cannot be part of a scalar.
const fn is_delimiter(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\r' | b'\n' | b',' | b':' | b'"' | b'{' | b'}' | b'[' | b']')
}

/// The scalar at `buf[at]`: all bytes up to one that cannot be part of a scalar.
pub fn text(buf: &[u8], at: usize) -> &[u8] {
    let rest = buf.get(at..).unwrap_or_default();
    let end = rest.iter().position(|byte| is_delimiter(*byte)).unwrap_or(rest.len());
    rest.get(..end).unwrap_or_default()
}

/// `-? (0 | [1-9][0-9]*) (. [0-9]+)? ([eE] [+-]? [0-9]+)?`
pub fn is_number(text: &[u8]) -> bool {
    let text = text.strip_prefix(b"-").unwrap_or(text);
    let (whole, text) = split_digits(text);
    if whole.is_empty() || (whole.len() > 1 && whole.starts_with(b"0")) {
        return false;
    }
    let text = match text.strip_prefix(b".") {
        Some(text) => match split_digits(text) {
            ([], _) => return false,
            (_, text) => text,
        },
        None => text,
    };
    match text {
        [] => true,
        [b'e' | b'E', b'+' | b'-', digits @ ..] | [b'e' | b'E', digits @ ..] => {
            !digits.is_empty() && digits.iter().all(u8::is_ascii_digit)
        }
        _ => false,
    }
}

fn split_digits(text: &[u8]) -> (&[u8], &[u8]) {
    let end = text.iter().position(|byte| !byte.is_ascii_digit()).unwrap_or(text.len());
    text.split_at_checked(end).unwrap_or_default()
}
