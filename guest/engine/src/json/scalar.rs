//! Numbers and literals.

use super::simd::{self, WINDOW};

/// Judges the scalar at `buf[at]`: `Some(true)` for `NaN` and the infinities, which Papyra
/// writes and JSON does not know, `None` for what is no scalar at all. `length` is how far it
/// is known to reach; when `whole` it ends there.
#[inline(always)]
pub fn check(buf: &[u8], at: usize, length: u32, whole: bool) -> Option<bool> {
    if whole
        && (length as usize) < WINDOW
        && let Some(bytes) = buf.get(at..).and_then(|rest| rest.first_chunk::<WINDOW>())
        && is_plain(bytes, length)
    {
        return Some(false);
    }
    check_slowly(buf, at)
}

/// Whether the first `length` bytes are digits with at most a point among them. Other numbers
/// exist, but these are nearly all.
#[inline(always)]
fn is_plain(bytes: &[u8; WINDOW], length: u32) -> bool {
    let other = !simd::digits(bytes) & ((1 << length) - 1);
    let leading_zero = bytes[0] == b'0';
    if other == 0 {
        return !leading_zero || length == 1;
    }
    let point = other.trailing_zeros();
    other & (other - 1) == 0
        && bytes.get(point as usize) == Some(&b'.')
        && point > 0
        && point + 1 < length
        && (!leading_zero || point == 1)
}

#[inline(never)]
fn check_slowly(buf: &[u8], at: usize) -> Option<bool> {
    match text(buf, at) {
        b"true" | b"false" | b"null" => Some(false),
        b"NaN" | b"Infinity" | b"-Infinity" => Some(true),
        number => is_number(number).then_some(false),
    }
}

/// Where the scalar at `line[at]` ends, unless it is invalid.
pub fn lone(line: &[u8], at: usize) -> Option<usize> {
    check_slowly(line, at).map(|_| at + text(line, at).len())
}

/// The scalar at `buf[at]`: all bytes up to one that cannot be part of a scalar.
pub fn text(buf: &[u8], at: usize) -> &[u8] {
    let rest = buf.get(at..).unwrap_or_default();
    let ends = |byte: &u8| {
        matches!(
            byte,
            b' ' | b'\t' | b'\r' | b'\n' | b',' | b':' | b'"' | b'{' | b'}' | b'[' | b']'
        )
    };
    let end = rest.iter().position(ends).unwrap_or(rest.len());
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
