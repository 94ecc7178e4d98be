//! Numbers and literals.

use super::bits::{Next, Skip};
use super::simd::Block;
use super::word;

/// Checks all numbers of a block at once, as far as they are digits and points; what is
/// carried between blocks.
#[derive(Clone, Copy, Default)]
pub struct Numbers {
    zeros: Next,
    points: Next,
    fractions: Skip,
}

impl Numbers {
    /// Given the bytes of all scalars and the first byte of each: where a number is wrong, and
    /// which bytes are neither digits nor points, so that their scalar needs a look of its own.
    #[inline(always)]
    pub fn step(&mut self, block: Block, scalar: u64, start: u64) -> (u64, u64) {
        let digit = block.digits() & scalar;
        let point = block.equal(b'.') & scalar;
        let zero = block.equal(b'0') & start;
        let wrong = start & point
            | self.zeros.step(zero) & digit
            | self.points.step(point) & !digit
            | self.fractions.after(point, digit) & point;
        (wrong, scalar & !(digit | point))
    }
}

const TRUE: u64 = word::of("true");
const FALSE: u64 = word::of("false");
const NULL: u64 = word::of("null");

/// Judges a scalar that is more than digits and points. `bit` is one of its bytes in the block
/// at `buf[at]`. `Some(true)` stands for `NaN` and the infinities, which Papyra writes and JSON
/// does not know, `None` for what is no scalar at all.
#[inline(always)]
pub fn check(buf: &[u8], at: usize, bit: u32, scalar: u64, start: u64) -> Option<bool> {
    let length = (!(scalar >> bit)).trailing_zeros();
    let here = at + bit as usize;
    if length <= 5 && bit + length < u64::BITS && start >> bit & 1 == 1 {
        let text = word::first(word::at(buf, here).unwrap_or_default(), length);
        if (text == TRUE) | (text == FALSE) | (text == NULL) {
            return Some(false);
        }
    }
    check_around(buf, here)
}

/// Judges the scalar that `buf[at]` is part of.
#[inline(never)]
fn check_around(buf: &[u8], at: usize) -> Option<bool> {
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
