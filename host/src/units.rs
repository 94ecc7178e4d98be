//! Durations, sizes and sync policies as words.
//!
//! Options of the command, variables of the environment, the configuration file and store URLs all
//! use this grammar. What a `format_…` function prints, the `parse_…` function beside it reads as the
//! same value. Each error message teaches the format; the caller puts the name and the word before it.

use std::time::Duration;

use bytesize::ByteSize;
use jiff::{Span, SpanTotal, Unit};
use percent_encoding::percent_decode_str;

use crate::Durability;

/// Parses a duration, in seconds: `90s`, `12h`, `30d`, or a plain number of seconds.
///
/// # Errors
///
/// One line that says what to write instead.
pub fn parse_seconds(word: &str) -> Result<f64, String> {
    const FORMAT: &str = "write a number with a unit, such as 90s, 12h or 30d (a day has 24 hours), or plain seconds";
    if let Ok(seconds) = word.parse::<f64>() {
        return match seconds {
            s if !s.is_finite() => Err(format!("that is not a duration; {FORMAT}")),
            s if s < 0.0 => Err(format!("a duration cannot be negative; {FORMAT}")),
            s => Ok(s.abs()),
        };
    }
    let span: Span = word.parse().map_err(|_| format!("that is not a duration; {FORMAT}"))?;
    if span.is_negative() {
        return Err(format!("a duration cannot be negative; {FORMAT}"));
    }
    span_seconds(span)
}

/// Parses a duration as [`parse_seconds`] does, as the type that clocks take.
///
/// # Errors
///
/// One line that says what to write instead.
pub fn parse_duration(word: &str) -> Result<Duration, String> {
    let seconds = parse_seconds(word)?;
    Duration::try_from_secs_f64(seconds).map_err(|_| "that is longer than any clock runs".into())
}

/// Formats a duration as [`format_seconds`] does.
#[must_use]
pub fn format_duration(duration: Duration) -> String {
    format_seconds(duration.as_secs_f64())
}

/// Formats a duration in seconds in the largest unit in which it is a whole number: `90m`, `30d`, `1.5s`.
#[must_use]
pub fn format_seconds(seconds: f64) -> String {
    let units = [(86_400.0, "d"), (3_600.0, "h"), (60.0, "m"), (1.0, "s"), (1e-3, "ms")];
    let whole = |(length, unit): (f64, &str)| {
        let number = (seconds / length).round();
        (1.0..1e15).contains(&number).then(|| format!("{number}{unit}"))
    };
    let fraction = format!("{seconds}s");
    // Plain seconds have every value that there is; a unit limits digits before and after the point.
    let mut forms = units.into_iter().filter_map(whole).chain([fraction]);
    forms.find(|form| parse_seconds(form) == Ok(seconds)).unwrap_or_else(|| seconds.to_string())
}

/// Returns the length of a span in seconds. A span without a fixed length is refused.
///
/// # Errors
///
/// One line that says what to write instead.
pub fn span_seconds(span: Span) -> Result<f64, String> {
    if span.get_years() != 0 || span.get_months() != 0 {
        return Err("months and years have no fixed length; write days, such as 30d or 365d".into());
    }
    let unit = SpanTotal::from(Unit::Second).days_are_24_hours();
    span.total(unit).map_err(|_| "that is longer than any calendar".into())
}

/// Parses a number of bytes: `10M` is 10,000,000, `10MiB` is 10,485,760.
///
/// # Errors
///
/// One line that says what to write instead.
pub fn parse_size(word: &str) -> Result<u64, String> {
    const FORMAT: &str = "write a number of bytes, or a size such as 10M (decimal, 10,000,000) or 10MiB (binary, \
         10,485,760)";
    if word.starts_with('-') {
        return Err(format!("a size cannot be negative; {FORMAT}"));
    }
    match word.parse::<ByteSize>() {
        // `ByteSize` clamps to this, which would be another limit than the one asked for.
        Ok(ByteSize(u64::MAX)) => Err(format!("that is more than can be stored; {FORMAT}")),
        Ok(ByteSize(bytes)) => Ok(bytes),
        Err(_) => Err(format!("that is not a size; {FORMAT}")),
    }
}

/// Formats a number of bytes exactly, in the largest binary unit in which it is a whole number.
#[must_use]
pub fn format_size(bytes: u64) -> String {
    for (length, unit) in [(1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB")] {
        if bytes >= length && bytes.is_multiple_of(length) {
            return format!("{}{unit}", bytes / length);
        }
    }
    bytes.to_string()
}

/// Parses a whole number of records, entries or files.
///
/// # Errors
///
/// One line that says what to write instead.
pub fn parse_count(word: &str) -> Result<u64, String> {
    word.parse().map_err(|_| "write a whole number, 0 or more".to_owned())
}

/// Parses when an append is synced: `always`, `never`, or `interval:` with a duration, where a plain
/// number is milliseconds.
///
/// # Errors
///
/// One line that says what to write instead.
pub fn parse_sync(word: &str) -> Result<Durability, String> {
    const FORMAT: &str = "write always, never, or interval:MS with milliseconds or a duration, such as interval:200 or \
         interval:1s";
    let lower = word.to_ascii_lowercase();
    let interval = match lower.as_str() {
        "always" => return Ok(Durability::Always),
        "never" => return Ok(Durability::Never),
        other => other.strip_prefix("interval:").ok_or(FORMAT)?,
    };
    let time = match (interval.parse::<u64>(), interval.parse::<f64>()) {
        (Ok(milliseconds), _) => Some(Duration::from_millis(milliseconds)),
        // `interval:0.5` could be either.
        (_, Ok(_)) => None,
        _ => parse_duration(interval).ok(),
    };
    let time = time.filter(|time| !time.is_zero()).ok_or(FORMAT)?;
    Ok(Durability::Interval(time))
}

/// Formats when an append is synced.
#[must_use]
pub fn format_sync(durability: Durability) -> String {
    match durability {
        Durability::Always => "always".to_owned(),
        Durability::Never => "never".to_owned(),
        Durability::Interval(time) if time.subsec_nanos().is_multiple_of(1_000_000) => {
            format!("interval:{}", time.as_millis())
        }
        Durability::Interval(time) => format!("interval:{}us", time.as_nanos() as f64 / 1e3),
    }
}

/// Parses `true` or `false`.
///
/// # Errors
///
/// One line that says what to write instead.
pub fn parse_bool(word: &str) -> Result<bool, String> {
    word.parse().map_err(|_| "write true or false".to_owned())
}

/// Returns what percent-encoded text stands for.
pub(crate) fn percent_decoded(text: &str) -> Option<String> {
    percent_decode_str(text).decode_utf8().ok().map(std::borrow::Cow::into_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_have_units_and_days_have_24_hours() {
        for (word, seconds) in [
            ("30d", 2_592_000.0),
            ("12h", 43_200.0),
            ("90s", 90.0),
            ("1h30m", 5400.0),
            ("2 weeks", 1_209_600.0),
            ("PT1H", 3600.0),
            ("86400", 86_400.0),
            ("0.5", 0.5),
            ("0", 0.0),
        ] {
            assert_eq!(parse_seconds(word), Ok(seconds), "{word}");
        }
        // `-0` must not travel on as a negative number.
        assert!(parse_seconds("-0").is_ok_and(f64::is_sign_positive));
    }

    #[test]
    fn nonsense_is_no_duration_and_the_message_teaches() {
        for word in ["", "soon", "NaN", "inf", "-5", "-3d", "3d ago", "1e999", "--json", "d"] {
            let error = parse_seconds(word).unwrap_err();
            assert!(error.contains("30d"), "{word}: {error}");
        }
        assert!(parse_seconds("1mo").unwrap_err().contains("no fixed length"));
        assert!(parse_seconds("1y").unwrap_err().contains("365d"));
    }

    #[test]
    fn sizes_are_decimal_or_binary_as_written() {
        for (word, bytes) in [
            ("10M", 10_000_000),
            ("10MB", 10_000_000),
            ("10MiB", 10_485_760),
            ("1.5 GiB", 1_610_612_736),
            ("4096", 4096),
            ("0", 0),
        ] {
            assert_eq!(parse_size(word), Ok(bytes), "{word}");
        }
        for word in ["", "-1", "NaN", "big", "10 potatoes", "99999999999999999999", "1e30", "20EiB"]
        {
            assert!(parse_size(word).unwrap_err().contains("10MiB"), "{word}");
        }
    }

    #[test]
    fn sync_policies() {
        let interval = |milliseconds| Ok(Durability::Interval(Duration::from_millis(milliseconds)));
        assert_eq!(parse_sync("ALWAYS"), Ok(Durability::Always));
        assert_eq!(parse_sync("never"), Ok(Durability::Never));
        assert_eq!(parse_sync("interval:200"), interval(200));
        assert_eq!(parse_sync("interval:200ms"), interval(200));
        assert_eq!(parse_sync("Interval:1s"), interval(1000));
        assert_eq!(parse_sync("interval:1m30s"), interval(90_000));
        for word in
            ["", "sometimes", "interval", "interval:", "interval:0", "interval:-1", "interval:0.5"]
        {
            assert!(parse_sync(word).unwrap_err().contains("interval:200"), "{word}");
        }
    }

    #[test]
    fn durations_are_formatted_in_whole_units() {
        for (seconds, text) in [
            (2_592_000.0, "30d"),
            (5400.0, "90m"),
            (1.0, "1s"),
            (1.5, "1500ms"),
            (0.1, "100ms"),
            (0.0, "0s"),
            (1e-7, "0.0000001s"),
        ] {
            assert_eq!(format_seconds(seconds), text);
        }
    }

    #[test]
    fn what_is_formatted_parses_as_the_same_value() {
        let powers = |base: f64| (-30..60).map(move |exponent| base.powi(exponent));
        let times = powers(2.0).chain(powers(10.0)).chain([1.0 / 3.0, f64::MAX, f64::MIN_POSITIVE]);
        let times = times.flat_map(|time| [time, time * 86_400.0, time + 0.25, time * 0.999]);
        for seconds in times.filter(|time| time.is_finite()) {
            let text = format_seconds(seconds);
            assert_eq!(parse_seconds(&text), Ok(seconds), "{text}");
        }
        for bit in 0..64 {
            for bytes in [1 << bit, (1 << bit) - 1, 3_u64 << bit, 1_000_u64 << bit, u64::MAX - 1] {
                assert_eq!(parse_size(&format_size(bytes)), Ok(bytes), "{bytes}");
            }
        }
        for nanoseconds in [1, 999, 1_000, 1_500, 999_999, 1_000_000, 1_000_001, 86_400_000_000_001]
        {
            let sync = Durability::Interval(Duration::from_nanos(nanoseconds));
            assert_eq!(parse_sync(&format_sync(sync)), Ok(sync), "{}", format_sync(sync));
        }
    }
}
