//! The same judgement made slowly, by `serde_json` where it can: what the tests compare with.

use super::super::{Damage, Envelope, Kind, Suspect, Verdict};
use serde::de::IgnoredAny;

/// Judges one line, given without its newline.
pub fn judge(line: &[u8]) -> Verdict {
    let Ok(text) = core::str::from_utf8(line) else {
        return Verdict::Damaged(Damage::InvalidUtf8);
    };
    let (text, nonstandard) = standard(text);
    let text = text.trim_matches([' ', '\t', '\r']);
    if text.is_empty() {
        return Verdict::Damaged(Damage::NotAnObject);
    }
    if serde_json::from_str::<IgnoredAny>(text).is_err() {
        return Verdict::Damaged(Damage::Malformed);
    }
    if !text.starts_with('{') {
        return Verdict::Damaged(Damage::NotAnObject);
    }
    let (fields, depth) = top_level(text);
    Verdict::Record(envelope(&fields, depth, nonstandard))
}

/// The text in JSON that `serde_json` takes: nonstandard numbers become a literal that has no
/// other use here, and lone surrogates become the replacement character.
fn standard(text: &str) -> (String, bool) {
    let mut out = String::new();
    let mut nonstandard = false;
    let mut inside = false;
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        let scalar = rest.find(|c| " \t\r\n,:{}[]\"".contains(c)).unwrap_or(rest.len());
        let mut taken = c.len_utf8();
        if inside && c == '\\' {
            taken += rest.chars().nth(1).map_or(0, char::len_utf8);
            let digits = rest.get(2..6).filter(|_| rest.starts_with("\\u"));
            let code = digits.and_then(|digits| u32::from_str_radix(digits, 16).ok());
            if matches!(code, Some(0xd800..0xe000)) && !digits.is_some_and(|d| d.contains('+')) {
                out += "\\ufffd";
                taken = 6;
            } else {
                out += &rest[..taken];
            }
        } else if inside || scalar == 0 {
            inside ^= c == '"';
            out.push(c);
        } else {
            taken = scalar;
            let strange = matches!(&rest[..scalar], "NaN" | "Infinity" | "-Infinity");
            nonstandard |= strange;
            out += if strange { "null" } else { &rest[..scalar] };
        }
        rest = &rest[taken..];
    }
    (out, nonstandard)
}

/// Keys and values of a valid object as they are written, and how deep it is nested.
fn top_level(text: &str) -> (Vec<(&str, &str)>, u32) {
    let (mut depth, mut deepest) = (0, 0);
    let (mut inside, mut escaped) = (false, false);
    let (mut start, mut key) = (1, "");
    let mut fields = Vec::new();
    for (at, c) in text.char_indices() {
        if inside {
            inside = c != '"' || escaped;
            escaped = c == '\\' && !escaped;
            continue;
        }
        match c {
            '"' => inside = true,
            '{' | '[' => depth += 1,
            ':' if depth == 1 => (key, start) = (text[start..at].trim(), at + 1),
            ',' | '}' if depth == 1 => {
                fields.push((key, text[start..at].trim()));
                start = at + 1;
            }
            _ => {}
        }
        deepest = deepest.max(depth);
        if matches!(c, '}' | ']') {
            depth -= 1;
        }
    }
    (fields, deepest)
}

fn envelope(fields: &[(&str, &str)], depth: u32, nonstandard: bool) -> Envelope {
    let string = |raw: &str| serde_json::from_str::<String>(raw).ok();
    let values = |key: &str| -> Vec<&str> {
        let named = fields.iter().filter(|(raw, _)| string(raw).as_deref() == Some(key));
        named.map(|(_, value)| *value).collect()
    };
    let (kinds, timestamps) = (values("kind"), values("timestamp"));
    let kind = kinds.first().and_then(|raw| Kind::parse(&string(raw)?));
    let timestamp = timestamps.first().and_then(|raw| {
        let number: f64 = raw.parse().ok()?;
        number.is_finite().then_some(number)
    });
    let mut suspect = Suspect::none();
    for (holds, member) in [
        (nonstandard, Suspect::NONSTANDARD_NUMBER),
        (kinds.is_empty(), Suspect::MISSING_KIND),
        (!kinds.is_empty() && kind.is_none(), Suspect::UNKNOWN_KIND),
        (kinds.len() > 1 || timestamps.len() > 1, Suspect::DUPLICATE_KEY),
        (timestamp.is_none(), Suspect::INVALID_TIMESTAMP),
    ] {
        if holds {
            suspect.insert(member);
        }
    }
    Envelope { kind, timestamp, suspect, depth }
}
