//! Escapes in strings.

/// Whether every character in `escaped`, a mask over the block at `buf[at]`, may follow a
/// backslash. Surrogates need not come in pairs.
#[inline(always)]
pub fn valid_escapes(buf: &[u8], at: usize, mut escaped: u64) -> bool {
    while escaped != 0 {
        let here = at + escaped.trailing_zeros() as usize;
        escaped &= escaped - 1;
        let valid = match buf.get(here) {
            Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => true,
            Some(b'u') => is_hex4(buf.get(here + 1..).unwrap_or_default()),
            _ => false,
        };
        if !valid {
            return false;
        }
    }
    true
}

fn is_hex4(text: &[u8]) -> bool {
    text.first_chunk::<4>().is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit))
}

/// Where the string that opens at `line[quote]` ends, unless it is invalid.
pub fn lone(line: &[u8], quote: usize) -> Option<usize> {
    let body = body(line, quote);
    let end = quote + body.len() + 1;
    let mut escaped = false;
    let valid = body.iter().enumerate().all(|(at, &byte)| {
        let valid = byte >= 0x20 && (!escaped || valid_escapes(line, quote + 1 + at, 1));
        escaped = byte == b'\\' && !escaped;
        valid
    });
    (valid && line.get(end) == Some(&b'"')).then_some(end + 1)
}

/// The body of the string that opens at `buf[quote]`, escapes left as they are. The string
/// is known to be valid.
pub fn body(buf: &[u8], quote: usize) -> &[u8] {
    let rest = buf.get(quote + 1..).unwrap_or_default();
    let mut escaped = false;
    let end = rest.iter().position(|&byte| {
        let closes = byte == b'"' && !escaped;
        escaped = byte == b'\\' && !escaped;
        closes
    });
    rest.get(..end.unwrap_or(rest.len())).unwrap_or_default()
}

/// Whether a string with this body spells `word`. With a surrogate that stands alone it spells nothing.
pub fn spells(body: &[u8], word: &str) -> bool {
    let (mut rest, mut wanted) = (body, word.as_bytes());
    while !rest.is_empty() {
        let mut space = [0; 4];
        let Some((piece, tail)) = next(rest, &mut space) else { return false };
        let Some(left) = wanted.strip_prefix(piece) else { return false };
        (rest, wanted) = (tail, left);
    }
    wanted.is_empty()
}

/// One unescaped character (one byte of it, if it is not ASCII and stands as it is) and what follows it.
fn next<'b: 's, 's>(body: &'b [u8], space: &'s mut [u8; 4]) -> Option<(&'s [u8], &'b [u8])> {
    let (code, rest) = match body {
        [b'\\', b'u', rest @ ..] => unicode(rest)?,
        [b'\\', escaped, rest @ ..] => {
            let byte = match escaped {
                b'b' => 0x08,
                b'f' => 0x0c,
                b'n' => b'\n',
                b'r' => b'\r',
                b't' => b'\t',
                other => *other,
            };
            (byte.into(), rest)
        }
        _ => return body.split_at_checked(1),
    };
    Some((code.encode_utf8(space).as_bytes(), rest))
}

/// The character of the escape whose digits begin here, or of it and the next, if it takes two.
fn unicode(digits: &[u8]) -> Option<(char, &[u8])> {
    let (first, rest) = unit(digits)?;
    match rest {
        [b'\\', b'u', low @ ..] if (0xD800..0xDC00).contains(&first) => {
            let (low, rest) = unit(low)?;
            let low = low.checked_sub(0xDC00).filter(|low| *low < 0x400)?;
            Some((char::from_u32(0x10000 + ((first - 0xD800) << 10) + low)?, rest))
        }
        _ => Some((char::from_u32(first)?, rest)),
    }
}

fn unit(digits: &[u8]) -> Option<(u32, &[u8])> {
    let (digits, rest) = digits.split_first_chunk::<4>()?;
    let code = digits
        .iter()
        .try_fold(0, |code, digit| Some(code << 4 | char::from(*digit).to_digit(16)?))?;
    Some((code, rest))
}
