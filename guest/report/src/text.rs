//! Values as text: grouped numbers, sizes in two units, nothing that moves a cursor.

use std::borrow::Cow;
use std::fmt::Write as _;

use jiff::Timestamp;

/// The width that every terminal has.
const WIDTH: usize = 80;

/// The width of the column of labels.
const LABEL: usize = 12;

/// `1234567` as `1,234,567`.
pub fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// `1 record`, `2 records`, with the number grouped.
pub fn count(number: u64, one: &str, many: &str) -> String {
    format!("{} {}", grouped(number), if number == 1 { one } else { many })
}

/// Exact bytes, and from 1 KiB on a size that one can picture.
pub fn bytes(number: u64) -> String {
    let exact = count(number, "byte", "bytes");
    if number < 1024 { exact } else { format!("{exact} ({})", size(number)) }
}

/// A size in binary units, such as `1.5 GiB`.
pub fn size(number: u64) -> String {
    const UNITS: [&str; 6] = ["KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];
    if number < 1024 {
        return format!("{number} B");
    }
    let mut value = number as f64;
    let mut unit = "";
    for next in UNITS {
        value /= 1024.0;
        unit = next;
        // What would be rounded to 1024.0 belongs to the next unit.
        if value < 1023.95 {
            break;
        }
    }
    format!("{value:.1} {unit}")
}

/// Seconds since the epoch as a moment in UTC. What is no calendar time stays a number.
pub fn moment(seconds: f64) -> String {
    // Milliseconds: a double holds no more of the present without showing its rounding.
    match Timestamp::from_millisecond((seconds * 1e3).round() as i64) {
        Ok(moment) if seconds.abs() < 2.5e11 => moment.to_string(),
        _ if seconds.abs() >= 1e15 => format!("{seconds:e}"),
        _ => seconds.to_string(),
    }
}

/// A line `kinds  event 1,000, audit 20`, more than one where it would be too long. Kinds that do not
/// occur are left out.
pub fn kinds(text: &mut String, label: &str, counts: &[(&str, u64)]) {
    let mut line = String::new();
    let mut label = label;
    for (kind, records) in counts.iter().filter(|(_, records)| *records > 0) {
        let item = format!("{kind} {}", grouped(*records));
        if !line.is_empty() {
            line.push(',');
            // The label stands before, with a margin and a space on its sides.
            if LABEL + 4 + line.len() + item.len() > WIDTH {
                field(text, std::mem::take(&mut label), &line);
                line.clear();
            } else {
                line.push(' ');
            }
        }
        line.push_str(&item);
    }
    if !line.is_empty() {
        field(text, label, &line);
    }
}

/// A line `  label       value`.
pub fn field(text: &mut String, label: &str, value: &str) {
    let _ = writeln!(text, "  {label:<LABEL$} {value}");
}

/// Control characters, which could rewrite a terminal, as escapes.
pub fn printable(text: &str) -> Cow<'_, str> {
    // Directional overrides make text look like what it is not.
    let unsafe_char =
        |c: char| c.is_control() || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    if !text.contains(unsafe_char) {
        return Cow::Borrowed(text);
    }
    let mut escaped = String::with_capacity(text.len() + 8);
    for c in text.chars() {
        if unsafe_char(c) {
            escaped.extend(c.escape_default());
        } else {
            escaped.push(c);
        }
    }
    Cow::Owned(escaped)
}

/// A word quoted for a shell; it can hold any bytes.
pub fn quoted(word: &[u8]) -> String {
    let plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"/._-+=:,@%".contains(byte);
    if !word.is_empty() && word.iter().all(plain) {
        return String::from_utf8_lossy(word).into_owned();
    }
    match std::str::from_utf8(word) {
        Ok(text) if matches!(printable(text), Cow::Borrowed(_)) => {
            format!("'{}'", text.replace('\'', r"'\''"))
        }
        _ => {
            let escaped: String = word.iter().map(|byte| byte.escape_ascii().to_string()).collect();
            format!("$'{escaped}'")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_grouped() {
        for (number, text) in [(0, "0"), (999, "999"), (1000, "1,000"), (1_234_567, "1,234,567")] {
            assert_eq!(grouped(number), text);
        }
        assert_eq!(grouped(u64::MAX), "18,446,744,073,709,551,615");
        assert_eq!(count(1, "byte", "bytes"), "1 byte");
    }

    #[test]
    fn sizes_never_show_1024_of_a_unit() {
        assert_eq!(size(1023), "1023 B");
        assert_eq!(size(1024), "1.0 KiB");
        assert_eq!(size((1 << 20) - 1), "1.0 MiB");
        assert_eq!(size(u64::MAX), "16.0 EiB");
        assert_eq!(bytes(1536), "1,536 bytes (1.5 KiB)");
    }

    #[test]
    fn many_kinds_take_a_second_line() {
        let mut text = String::new();
        kinds(&mut text, "kinds", &[("event", 1), ("audit", 0)]);
        assert_eq!(text, "  kinds        event 1\n");
        let many = ["event", "audit", "dead_letter", "metric"];
        let mut text = String::new();
        kinds(&mut text, "kinds", &many.map(|kind| (kind, 1_200_000)));
        assert_eq!(
            text,
            "  kinds        event 1,200,000, audit 1,200,000, dead_letter 1,200,000,\n\
             \x20              metric 1,200,000\n"
        );
    }

    #[test]
    fn moments_are_utc_and_nonsense_stays_a_number() {
        assert_eq!(moment(0.0), "1970-01-01T00:00:00Z");
        assert_eq!(moment(1_738_000_000.25), "2025-01-27T17:46:40.25Z");
        assert_eq!(moment(1e300), "1e300");
        assert_eq!(moment(f64::NAN), "NaN");
    }

    #[test]
    fn words_survive_a_shell() {
        assert_eq!(quoted("/var/log/a.ndjson".as_bytes()), "/var/log/a.ndjson");
        assert_eq!(quoted("it's here".as_bytes()), r"'it'\''s here'");
        assert_eq!(quoted(b"a\xff\n"), r"$'a\xff\n'");
        assert_eq!(quoted("".as_bytes()), "''");
        assert_eq!(quoted("$HOME".as_bytes()), "'$HOME'");
    }

    #[test]
    fn control_characters_never_reach_a_terminal() {
        assert_eq!(printable("a\u{1b}[31mb\u{202e}"), "a\\u{1b}[31mb\\u{202e}");
        assert_eq!(printable("Zürich 🎉"), "Zürich 🎉");
    }
}
