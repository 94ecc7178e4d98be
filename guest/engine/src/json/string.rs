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

/// Whether a string with this body spells `word`, which is ASCII.
pub fn spells(body: &[u8], word: &str) -> bool {
    let mut rest = body;
    word.bytes().all(|wanted| {
        let (character, tail) = next(rest);
        rest = tail;
        character == Some(u32::from(wanted))
    }) && rest.is_empty()
}

/// One unescaped character (one byte, if it is not ASCII) and what follows it.
fn next(body: &[u8]) -> (Option<u32>, &[u8]) {
    match body {
        [b'\\', b'u', a, b, c, d, rest @ ..] => {
            let code = [a, b, c, d]
                .iter()
                .try_fold(0, |code, digit| Some(code << 4 | char::from(**digit).to_digit(16)?));
            (code, rest)
        }
        [b'\\', escaped, rest @ ..] => {
            let byte = match escaped {
                b'b' => 0x08,
                b'f' => 0x0c,
                b'n' => b'\n',
                b'r' => b'\r',
                b't' => b'\t',
                other => *other,
            };
            (Some(byte.into()), rest)
        }
        [byte, rest @ ..] => (Some((*byte).into()), rest),
        [] => (None, body),
    }
}
