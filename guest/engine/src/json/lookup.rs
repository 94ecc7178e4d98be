//! Finding a value in a record by the names that lead to it, without building anything.
//!
//! Records here are known to be valid. Whatever the validator accepts can be looked into: deep nesting,
//! numbers beyond a double, `NaN`, a surrogate that stands alone.

use super::{scalar, skip_space, string};

/// Where the value at `path` begins in the object that opens at `buf[open]`: that of the field of this
/// very name, or else of nested objects along its dots. Of a name that occurs twice the last one counts.
pub fn find(buf: &[u8], open: usize, path: &str) -> Option<usize> {
    member(buf, open, path).or_else(|| {
        path.match_indices('.').find_map(|(dot, _)| {
            let (name, rest) = (path.get(..dot)?, path.get(dot + 1..)?);
            let value = member(buf, open, name)?;
            (buf.get(value) == Some(&b'{')).then(|| find(buf, value, rest))?
        })
    })
}

fn member(buf: &[u8], open: usize, name: &str) -> Option<usize> {
    let mut found = None;
    each_key(buf, open, |body, end| {
        if string::spells(body, name) {
            found = Some(end);
        }
    });
    let colon = skip_space(buf, found? + 1);
    Some(skip_space(buf, colon + 1))
}

/// Visits the keys of the object that opens at `buf[open]`, each with the index of its closing quote.
pub fn each_key<'b>(buf: &'b [u8], open: usize, mut visit: impl FnMut(&'b [u8], usize)) {
    let mut depth = 0_u32;
    let mut key_next = false;
    let mut at = open;
    while let Some(byte) = buf.get(at) {
        match byte {
            b'{' | b'[' => depth += 1,
            b'}' | b']' => depth -= 1,
            b'"' => {
                let body = string::body(buf, at);
                at += body.len() + 1;
                if key_next && depth == 1 {
                    visit(body, at);
                }
            }
            _ => {}
        }
        key_next = match byte {
            b'{' | b',' => true,
            b' ' | b'\t' | b'\r' => key_next,
            _ => false,
        };
        at += 1;
        if depth == 0 {
            break;
        }
    }
}

/// Whether the value at `buf[at]` is `wanted`: the content of a string, or the text or worth of a number,
/// `true`, `false` or `null`. Arrays and objects equal nothing.
pub fn equals(buf: &[u8], at: usize, wanted: &str) -> bool {
    match buf.get(at) {
        Some(b'"') => string::spells(string::body(buf, at), wanted),
        Some(b'{' | b'[') | None => false,
        Some(_) => {
            let text = scalar::text(buf, at);
            text == wanted.as_bytes()
                || std::str::from_utf8(text).is_ok_and(|text| same_number(text, wanted))
        }
    }
}

/// Whole numbers are compared exactly: those beyond 2^53 are ids, and neighbours are others.
fn same_number(one: &str, other: &str) -> bool {
    if let (Ok(one), Ok(other)) = (one.parse::<i128>(), other.parse::<i128>()) {
        return one == other;
    }
    let finite = |text: &str| text.parse::<f64>().ok().filter(|number| number.is_finite());
    finite(one).is_some_and(|number| finite(other) == Some(number))
}
