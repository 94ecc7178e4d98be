//! Words become values here: for settings, and for the options of the command, which say the same
//! things. Each message teaches the format; whoever shows it puts the name and the word in front.

use std::time::Duration;

use bytesize::ByteSize;
use jiff::{Span, SpanTotal, Unit};

use crate::Durability;

/// A length of time in seconds: `90s`, `12h`, `30d`, or a plain number of seconds.
///
/// # Errors
///
/// One line that says what to write instead.
pub fn duration(word: &str) -> Result<f64, String> {
    const FORMAT: &str = "write a number with a unit, such as 90s, 12h or 30d (a day has 24 hours), or plain seconds";
    if let Ok(seconds) = word.parse::<f64>() {
        return match seconds {
            s if !s.is_finite() => Err(format!("that is not a length of time; {FORMAT}")),
            s if s < 0.0 => Err(format!("a length of time cannot be negative; {FORMAT}")),
            s => Ok(s.abs()),
        };
    }
    let span: Span = word.parse().map_err(|_| format!("that is not a length of time; {FORMAT}"))?;
    if span.is_negative() {
        return Err(format!("a length of time cannot be negative; {FORMAT}"));
    }
    seconds(span)
}

/// The length of a span in seconds; what has no fixed length is refused.
///
/// # Errors
///
/// One line that says what to write instead.
pub fn seconds(span: Span) -> Result<f64, String> {
    if span.get_years() != 0 || span.get_months() != 0 {
        return Err("months and years have no fixed length; write days, such as 30d or 365d".into());
    }
    let unit = SpanTotal::from(Unit::Second).days_are_24_hours();
    span.total(unit).map_err(|_| "that is longer than any calendar".into())
}

/// A number of bytes: `10M` is 10,000,000, `10MiB` is 10,485,760.
///
/// # Errors
///
/// One line that says what to write instead.
pub fn size(word: &str) -> Result<u64, String> {
    const FORMAT: &str = "write a number of bytes, or a size such as 10M (decimal, 10,000,000) or 10MiB (binary, \
         10,485,760)";
    if word.starts_with('-') {
        return Err(format!("a size cannot be negative; {FORMAT}"));
    }
    match word.parse::<ByteSize>() {
        // What does not fit is clamped there, which would be another limit than the one asked for.
        Ok(ByteSize(u64::MAX)) => Err(format!("that is more than can be stored; {FORMAT}")),
        Ok(ByteSize(bytes)) => Ok(bytes),
        Err(_) => Err(format!("that is not a size; {FORMAT}")),
    }
}

/// A number of records.
///
/// # Errors
///
/// One line that says what to write instead.
pub fn records(word: &str) -> Result<u64, String> {
    word.parse().map_err(|_| "write a whole number, 0 or more".to_owned())
}

/// When an append counts as done: `always`, `interval:MS` or `never`.
///
/// # Errors
///
/// One line that says what to write instead.
pub fn sync(word: &str) -> Result<Durability, String> {
    let lower = word.to_ascii_lowercase();
    match lower.as_str() {
        "always" => return Ok(Durability::Always),
        "never" => return Ok(Durability::Never),
        _ => {}
    }
    let interval =
        lower.strip_prefix("interval:").map(|time| time.strip_suffix("ms").unwrap_or(time));
    match interval.map(str::parse::<u64>) {
        Some(Ok(milliseconds)) if milliseconds > 0 => {
            Ok(Durability::Interval(Duration::from_millis(milliseconds)))
        }
        _ => {
            Err("write always, never, or interval:MS with milliseconds, such as interval:200"
                .into())
        }
    }
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
            assert_eq!(duration(word), Ok(seconds), "{word}");
        }
        // `-0` must not travel on as a negative number.
        assert!(duration("-0").is_ok_and(f64::is_sign_positive));
    }

    #[test]
    fn nonsense_is_no_duration_and_the_message_teaches() {
        for word in ["", "soon", "NaN", "inf", "-5", "-3d", "3d ago", "1e999", "--json", "d"] {
            let error = duration(word).unwrap_err();
            assert!(error.contains("30d"), "{word}: {error}");
        }
        assert!(duration("1mo").unwrap_err().contains("no fixed length"));
        assert!(duration("1y").unwrap_err().contains("365d"));
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
            assert_eq!(size(word), Ok(bytes), "{word}");
        }
        for word in ["", "-1", "NaN", "big", "10 potatoes", "99999999999999999999", "1e30", "20EiB"]
        {
            assert!(size(word).unwrap_err().contains("10MiB"), "{word}");
        }
    }

    #[test]
    fn sync_policies() {
        assert_eq!(sync("ALWAYS"), Ok(Durability::Always));
        assert_eq!(sync("interval:200"), Ok(Durability::Interval(Duration::from_millis(200))));
        for word in ["", "sometimes", "interval", "interval:0", "interval:-1"] {
            assert!(sync(word).unwrap_err().contains("interval:200"), "{word}");
        }
    }
}
