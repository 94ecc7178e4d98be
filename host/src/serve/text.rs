//! Numbers, moments and records, for people.

use std::fmt::Write as _;
use std::time::{SystemTime, UNIX_EPOCH};

use jiff::Timestamp;

/// Thousands apart.
pub(super) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A moment in seconds since the epoch; the number itself if it is no calendar time.
pub(super) fn moment(seconds: f64) -> String {
    formatted(seconds, "%Y-%m-%d %H:%M:%SZ")
}

/// The same on an axis of this duration.
pub(super) fn short_moment(seconds: f64, duration: f64) -> String {
    match duration {
        ..120.0 => formatted(seconds, "%H:%M:%S"),
        120.0..86_400.0 => formatted(seconds, "%H:%M"),
        _ => formatted(seconds, "%m-%d %H:%M"),
    }
}

/// The same for a field of a form, always as a moment.
pub(super) fn stamp(seconds: f64) -> String {
    let parsed = Timestamp::from_millisecond((seconds * 1000.0) as i64).ok();
    parsed.map_or(String::new(), |moment| moment.strftime("%Y-%m-%dT%H:%M:%S%.3f").to_string())
}

fn formatted(seconds: f64, format: &str) -> String {
    let parsed = Timestamp::from_millisecond((seconds * 1000.0) as i64).ok();
    match parsed.filter(|_| seconds >= 946_684_800.0) {
        Some(timestamp) => timestamp.strftime(format).to_string(),
        None => format!("{seconds}"),
    }
}

pub(super) fn now() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0.0, |since| since.as_secs_f64())
}

/// At most this many characters, with control characters spelt out.
pub(super) fn excerpt(text: &str, most: usize) -> String {
    let mut characters = text.chars();
    let mut shown = String::new();
    for character in characters.by_ref().take(most) {
        match character.is_control() {
            true => drop(write!(shown, "\\u{{{:x}}}", u32::from(character))),
            false => shown.push(character),
        }
    }
    if characters.next().is_some() {
        shown.push('…');
    }
    shown
}

/// A record with each field on a line of its own. Names, values and their spelling stay as stored, which
/// parsing and writing would not do for numbers.
pub(super) fn pretty(record: &str) -> String {
    let mut text = String::with_capacity(record.len() * 2);
    let (mut depth, mut in_string, mut escaped) = (0_usize, false, false);
    let mut characters = record.chars().peekable();
    while let Some(character) = characters.next() {
        if in_string {
            text.push(character);
            in_string = escaped || character != '"';
            escaped = !escaped && character == '\\';
            continue;
        }
        match character {
            '{' | '[' => {
                text.push(character);
                while characters.next_if(char::is_ascii_whitespace).is_some() {}
                match characters.next_if(|next| matches!(next, '}' | ']')) {
                    Some(close) => text.push(close),
                    None => {
                        depth += 1;
                        indent(&mut text, depth);
                    }
                }
            }
            '}' | ']' => {
                depth = depth.saturating_sub(1);
                indent(&mut text, depth);
                text.push(character);
            }
            ',' => {
                text.push(',');
                indent(&mut text, depth);
            }
            ':' => text.push_str(": "),
            space if space.is_ascii_whitespace() => {}
            other => {
                in_string = other == '"';
                text.push(other);
            }
        }
    }
    text
}

/// Deeper nesting is not moved further: a record of brackets alone would grow with the square of its length.
const DEEPEST: usize = 8;

fn indent(text: &mut String, depth: usize) {
    text.push('\n');
    text.extend(std::iter::repeat_n("  ", depth.min(DEEPEST)));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_moments_are_for_people() {
        assert_eq!((grouped(7), grouped(1_234_567)), ("7".to_owned(), "1,234,567".to_owned()));
        assert_eq!(moment(1_738_000_000.5), "2025-01-27 17:46:40Z");
        assert_eq!((moment(2403.198), moment(1e300)), ("2403.198".to_owned(), moment(1e300)));
        assert_eq!(stamp(1_738_000_000.25), "2025-01-27T17:46:40.250");
    }

    #[test]
    fn an_excerpt_is_short_and_shows_what_controls() {
        assert_eq!(excerpt("a\u{1b}bc", 3), "a\\u{1b}b…");
    }

    #[test]
    fn a_pretty_record_has_the_spelling_of_the_stored_one() {
        let record = r#"{"a":1.50, "b":{"c":["x\",{",2]},"d":{ },"e":[]}"#;
        let lines = [
            "{",
            "  \"a\": 1.50,",
            "  \"b\": {",
            "    \"c\": [",
            "      \"x\\\",{\",",
            "      2",
            "    ]",
            "  },",
            "  \"d\": {},",
            "  \"e\": []",
            "}",
        ];
        assert_eq!(pretty(record), lines.join("\n"));
    }
}
