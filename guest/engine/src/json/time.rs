//! Times as other programs write them, in seconds since the epoch.

use super::fields::number_at;
use super::{scalar, string};
use crate::bindings::papyra::persistence::storage::TimeFormat;

/// The time that the value at `buf[at]` gives. Numbers may stand in a string.
pub fn parse(format: TimeFormat, buf: &[u8], at: usize) -> Option<f64> {
    let text = || (buf.get(at) == Some(&b'"')).then(|| string::body(buf, at));
    if format == TimeFormat::Rfc3339 {
        return rfc3339(text()?);
    }
    let (buf, at) = match text() {
        Some(text) => (scalar::is_number(text).then_some(text)?, 0),
        None => (buf, at),
    };
    let per_second = match format {
        TimeFormat::Rfc3339 | TimeFormat::Seconds => 1.0,
        TimeFormat::Milliseconds => 1e3,
        TimeFormat::Microseconds => 1e6,
        TimeFormat::Nanoseconds => return nanoseconds(buf, at),
    };
    number_at(buf, at).map(|number| number / per_second)
}

/// A double cannot hold the nanoseconds of today: divided after it, one time in four is off by a step, and a query
/// for the very time of a record misses it.
fn nanoseconds(buf: &[u8], at: usize) -> Option<f64> {
    let text = std::str::from_utf8(scalar::text(buf, at)).ok()?;
    match text.parse::<i64>() {
        Ok(whole) => Some(seconds(whole / BILLION, whole % BILLION)),
        Err(_) => number_at(buf, at).map(|number| number / 1e9),
    }
}

const BILLION: i64 = 1_000_000_000;

fn seconds(seconds: i64, nanoseconds: i64) -> f64 {
    seconds as f64 + nanoseconds as f64 / 1e9
}

/// `2026-11-29T18:00:00.5Z`: with `T` or a space, a fraction of any length behind a point or a comma, and `Z` or an
/// offset, which Go also writes without a colon. Without an offset it is no time. A leap second is the second
/// after it.
fn rfc3339(text: &[u8]) -> Option<f64> {
    let (&[y, c, d, u, b'-', m, n, b'-', e, f, between, h, i, b':', j, k, b':', s, t], rest) =
        text.split_first_chunk::<19>()?
    else {
        return None;
    };
    if !matches!(between, b'T' | b't' | b' ') {
        return None;
    }
    let year = 100 * two([y, c])? + two([d, u])?;
    let days = days(year, two([m, n])?, two([e, f])?)?;
    let (hour, minute, second) = (two([h, i])?, two([j, k])?, two([s, t])?);
    if hour > 23 || minute > 59 || second > 60 {
        return None;
    }
    let (nanoseconds, rest) = fraction(rest)?;
    let clock = 86_400 * days + 3600 * hour + 60 * minute + second;
    Some(seconds(clock - offset(rest)?, nanoseconds))
}

/// The number that two digits stand for.
fn two(digits: [u8; 2]) -> Option<i64> {
    let [tens, ones] = digits.map(|digit| i64::from(digit.wrapping_sub(b'0')));
    (tens <= 9 && ones <= 9).then_some(10 * tens + ones)
}

/// Nanoseconds, cut off, and what follows the fraction.
fn fraction(text: &[u8]) -> Option<(i64, &[u8])> {
    let [b'.' | b',', digits @ ..] = text else { return Some((0, text)) };
    let end = digits.iter().position(|byte| !byte.is_ascii_digit())?;
    let (digits, rest) = digits.split_at_checked(end).filter(|(digits, _)| !digits.is_empty())?;
    let padded = digits.iter().chain(std::iter::repeat(&b'0')).take(9);
    Some((padded.fold(0, |sum, digit| 10 * sum + i64::from(digit - b'0')), rest))
}

/// Seconds east of Greenwich.
fn offset(text: &[u8]) -> Option<i64> {
    let (sign, [h, i], [j, k]) = match *text {
        [b'Z' | b'z'] => return Some(0),
        [sign, h, i, b':', j, k] | [sign, h, i, j, k] => (sign, [h, i], [j, k]),
        _ => return None,
    };
    let (hours, minutes) = (two([h, i])?, two([j, k])?);
    let seconds = 3600 * hours + 60 * minutes;
    match sign {
        _ if hours > 23 || minutes > 59 => None,
        b'+' => Some(seconds),
        b'-' => Some(-seconds),
        _ => None,
    }
}

/// Days from 1970-01-01 to a day of the Gregorian calendar. Years begin in March here, so that the leap day is the
/// last one.
fn days(year: i64, month: i64, day: i64) -> Option<i64> {
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let last = match month {
        2 => 28 + i64::from(leap),
        4 | 6 | 9 | 11 => 30,
        1..=12 => 31,
        _ => return None,
    };
    if !(1..=last).contains(&day) {
        return None;
    }
    let (year, month) = if month < 3 { (year - 1, month + 9) } else { (year, month - 3) };
    let leap_days = year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400);
    Some(365 * year + leap_days + (153 * month + 2) / 5 + day - 719_469)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> Option<f64> {
        rfc3339(text.as_bytes())
    }

    #[test]
    fn times_are_read_with_every_offset_and_fraction() {
        for (text, seconds) in [
            ("1970-01-01T00:00:00Z", 0.0),
            ("1969-12-31T23:59:59Z", -1.0),
            ("2000-02-29T12:00:00Z", 951_825_600.0),
            ("2026-11-29T18:00:00.5Z", 1_795_975_200.5),
            ("2026-11-29t18:00:00,123456789z", 1_795_975_200.123_456_7),
            ("2026-11-29 20:00:00.0000000009+02:00", 1_795_975_200.0),
            ("2026-11-29T13:30:00-0430", 1_795_975_200.0),
            ("2016-12-31T23:59:60Z", 1_483_228_800.0),
            ("0000-03-01T00:00:00Z", -62_162_035_200.0),
            ("9999-12-31T23:59:59Z", 253_402_300_799.0),
        ] {
            assert_eq!(of(text), Some(seconds), "{text}");
        }
    }

    #[test]
    fn what_is_no_time_is_none() {
        for text in [
            "",
            "2026-11-29",
            "2026-11-29T18:00:00",
            "2026-11-29T18:00:00.Z",
            "2026-11-29T18:00:00.5",
            "2026-11-29T18:00:61Z",
            "2026-11-29T24:00:00Z",
            "2026-11-29T18:60:00Z",
            "2026-13-29T18:00:00Z",
            "2026-02-29T18:00:00Z",
            "2026-00-01T18:00:00Z",
            "2026-01-00T18:00:00Z",
            "2026-11-29T18:00:00+24:00",
            "2026-11-29T18:00:00+01:60",
            "2026-11-29T18:00:00+01",
            "2026-11-29T18:00:00 01:00",
            "2026-11-29T18:00:00Zulu",
            "2026/11/29T18:00:00Z",
            "20261129T180000Z",
            "2026-11-29T18:00:00.5\u{661}Z",
            "x026-11-29T18:00:00Z",
        ] {
            assert_eq!(of(text), None, "{text}");
        }
    }

    #[test]
    fn numbers_are_read_in_every_unit_with_or_without_quotes() {
        for (format, value, seconds) in [
            (TimeFormat::Seconds, "1738000000.25", Some(1_738_000_000.25)),
            (TimeFormat::Milliseconds, "1738000000123", Some(1_738_000_000.123)),
            (TimeFormat::Microseconds, "\"1738000000123456\"", Some(1_738_000_000.123_456)),
            (TimeFormat::Nanoseconds, "1738000000123456789", Some(1_738_000_000.123_456_7)),
            (TimeFormat::Nanoseconds, "\"1738000000123456789\"", Some(1_738_000_000.123_456_7)),
            (TimeFormat::Nanoseconds, "1.5e18", Some(1_500_000_000.0)),
            (TimeFormat::Nanoseconds, "-1", Some(-1e-9)),
            // More than 64 bits, the least 64 bits, and nearly the greatest.
            (TimeFormat::Nanoseconds, "10000000000000000000", Some(1e10)),
            (TimeFormat::Nanoseconds, "-9223372036854775808", Some(-9_223_372_036.854_776)),
            (TimeFormat::Nanoseconds, "9223372036000000000", Some(9_223_372_036.0)),
            (TimeFormat::Nanoseconds, "1e999", None),
            (TimeFormat::Nanoseconds, "{}", None),
            (TimeFormat::Nanoseconds, "\"+1738000000123456789\"", None),
            (TimeFormat::Nanoseconds, "\"0x10\"", None),
            (TimeFormat::Seconds, "\"1738000000 \"", None),
            (TimeFormat::Seconds, "\"\"", None),
            (TimeFormat::Seconds, "null", None),
            (TimeFormat::Seconds, "NaN", None),
            (TimeFormat::Seconds, "1e999", None),
            (TimeFormat::Rfc3339, "1738000000", None),
        ] {
            assert_eq!(parse(format, value.as_bytes(), 0), seconds, "{format:?} {value}");
        }
    }
}
