//! Words from the command line become valid values here; the rest of the program sees only those.
//!
//! Each message teaches the format. clap puts the option and the offending word in front of it.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytesize::ByteSize;
use clap::ValueEnum;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use jiff::{Span, SpanTotal, Timestamp, Unit};
use papyra::journal::{FieldMatch, KindLimits, Limits};
use papyra::store::Kind;

/// Seconds since the epoch of 9999-12-31; what is later is milliseconds or nonsense.
const LAST_SECOND: f64 = 253_402_300_799.0;

/// A class of records, in the spellings that people use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
#[value(rename_all = "snake_case")]
pub(super) enum KindWord {
    #[value(alias = "events")]
    Event,
    #[value(alias = "audits")]
    Audit,
    #[value(aliases = ["dead_letters", "dead-letter", "dead-letters", "deadletter", "deadletters"])]
    DeadLetter,
    #[value(alias = "metrics")]
    Metric,
}

impl From<KindWord> for Kind {
    fn from(word: KindWord) -> Self {
        match word {
            KindWord::Event => Self::Event,
            KindWord::Audit => Self::Audit,
            KindWord::DeadLetter => Self::DeadLetter,
            KindWord::Metric => Self::Metric,
        }
    }
}

/// A length of time in seconds: `90s`, `12h`, `30d`, or a plain number of seconds.
pub(super) fn duration(word: &str) -> Result<f64, String> {
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

/// How long something may take; not so short that nothing can ever be done.
pub(super) fn timeout(word: &str) -> Result<Duration, String> {
    let limit = Duration::try_from_secs_f64(duration(word)?)
        .map_err(|_| "that is longer than this machine can count".to_owned())?;
    match limit.is_zero() {
        true => Err("that leaves no time at all; write such as 30s or 5m".to_owned()),
        false => Ok(limit),
    }
}

fn seconds(span: Span) -> Result<f64, String> {
    if span.get_years() != 0 || span.get_months() != 0 {
        return Err("months and years have no fixed length; write days, such as 30d or 365d".into());
    }
    let unit = SpanTotal::from(Unit::Second).days_are_24_hours();
    span.total(unit).map_err(|_| "that is longer than any calendar".into())
}

/// A number of bytes: `10M` is 10,000,000, `10MiB` is 10,485,760.
pub(super) fn size(word: &str) -> Result<u64, String> {
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
pub(super) fn records(word: &str) -> Result<u64, String> {
    word.parse().map_err(|_| "write a whole number, 0 or more".to_owned())
}

/// A moment in seconds since the epoch: such a number, RFC 3339, or how long ago.
pub(super) fn moment(word: &str) -> Result<f64, String> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
    moment_at(word, now.as_secs_f64())
}

fn moment_at(word: &str, now: f64) -> Result<f64, String> {
    const FORMAT: &str = "write seconds since the epoch, a time such as 2026-01-31T10:00:00Z \
                          (without an offset it is UTC), or how long ago, such as 2h or 7d";
    if let Ok(seconds) = word.parse::<f64>() {
        return match seconds {
            s if !s.is_finite() => Err(format!("that is not a moment; {FORMAT}")),
            s if s > LAST_SECOND => {
                Err("that is beyond the year 9999; seconds are expected, not milliseconds".into())
            }
            s => Ok(s),
        };
    }
    if let Ok(moment) = word.parse::<Timestamp>() {
        return Ok(moment.as_duration().as_secs_f64());
    }
    if let Ok(local) = word.parse::<DateTime>() {
        let moment = local.to_zoned(TimeZone::UTC).map_err(|_| FORMAT.to_owned())?;
        return Ok(moment.timestamp().as_duration().as_secs_f64());
    }
    let span: Span = word.parse().map_err(|_| format!("that is not a moment; {FORMAT}"))?;
    Ok(now - seconds(span.abs())?)
}

/// A condition `field=value`.
pub(super) fn field_match(word: &str) -> Result<FieldMatch, String> {
    match word.split_once('=') {
        Some((field, value)) if !field.is_empty() => {
            Ok(FieldMatch { field: field.to_owned(), value: value.to_owned() })
        }
        _ => Err("write FIELD=VALUE, such as event_type=ActorCrashed or actor.name=billing".into()),
    }
}

/// Limits of one kind: `event:records=1000,age=30d,bytes=10MiB`.
pub(super) fn kind_limits(word: &str) -> Result<KindLimits, String> {
    const FORMAT: &str = "write KIND:records=N,age=DURATION,bytes=SIZE with at least one of the \
                          three, such as event:records=1000,age=30d";
    let (kind, list) = word.split_once(':').ok_or(FORMAT)?;
    let kind = KindWord::from_str(kind, true).map_err(|_| {
        format!("{kind:?} is not a kind; there are event, audit, dead_letter and metric")
    })?;
    let mut limits = Limits::default();
    for part in list.split(',') {
        let (name, value) = part.split_once('=').ok_or(FORMAT)?;
        let again = match name {
            "records" => limits.max_records.replace(records(value)?).is_some(),
            "age" => limits.max_age_seconds.replace(duration(value)?).is_some(),
            "bytes" => limits.max_total_bytes.replace(size(value)?).is_some(),
            _ => return Err(format!("{name:?} is not a limit; {FORMAT}")),
        };
        if again {
            return Err(format!("{name} is given twice; {FORMAT}"));
        }
    }
    Ok(KindLimits { kind: kind.into(), limits })
}

/// When an append counts as done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sync {
    Always,
    Interval(Duration),
    Never,
}

/// `always`, `interval:MS` or `never`.
pub(super) fn sync(word: &str) -> Result<Sync, String> {
    let lower = word.to_ascii_lowercase();
    match lower.as_str() {
        "always" => return Ok(Sync::Always),
        "never" => return Ok(Sync::Never),
        _ => {}
    }
    match lower.strip_prefix("interval:").map(str::parse::<u64>) {
        Some(Ok(milliseconds)) if milliseconds > 0 => {
            Ok(Sync::Interval(Duration::from_millis(milliseconds)))
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
    fn moments_are_numbers_times_or_ages() {
        let now = 1_000_000.0;
        for (word, moment) in [
            ("1738000000.5", 1_738_000_000.5),
            ("1970-01-02T00:00:00Z", 86_400.0),
            ("1970-01-02T01:00:00+01:00", 86_400.0),
            ("1970-01-02T00:00:00", 86_400.0),
            ("1970-01-02 00:00", 86_400.0),
            ("1970-01-02", 86_400.0),
            ("2h", now - 7200.0),
            ("2h ago", now - 7200.0),
            ("-2h", now - 7200.0),
        ] {
            assert_eq!(moment_at(word, now), Ok(moment), "{word}");
        }
        for word in ["", "yesterday", "NaN", "2026-13-01", "inf"] {
            assert!(moment_at(word, now).unwrap_err().contains("2026-01-31"), "{word}");
        }
        assert!(moment_at("1738000000000", now).unwrap_err().contains("milliseconds"));
    }

    #[test]
    fn kinds_are_accepted_as_people_write_them() {
        for word in ["dead_letter", "dead-letters", "DEAD_LETTERS", "DeadLetter", "deadletter"] {
            assert_eq!(KindWord::from_str(word, true), Ok(KindWord::DeadLetter), "{word}");
        }
        assert_eq!(KindWord::from_str("events", true), Ok(KindWord::Event));
        assert!(KindWord::from_str("evnt", true).is_err());
    }

    #[test]
    fn limits_per_kind() {
        let parsed = kind_limits("events:records=10,age=1d,bytes=1k").unwrap();
        assert_eq!(parsed.kind, Kind::Event);
        assert_eq!(parsed.limits.max_records, Some(10));
        assert_eq!(parsed.limits.max_age_seconds, Some(86_400.0));
        assert_eq!(parsed.limits.max_total_bytes, Some(1000));
        for word in ["event", "event:", "evnt:records=1", "event:records", "event:records=-1"] {
            assert!(kind_limits(word).is_err(), "{word}");
        }
        assert!(kind_limits("event:records=1,records=2").unwrap_err().contains("twice"));
    }

    #[test]
    fn conditions_split_at_the_first_equals_sign() {
        let parsed = field_match("a.b=c=d").unwrap();
        assert_eq!((parsed.field.as_str(), parsed.value.as_str()), ("a.b", "c=d"));
        assert_eq!(field_match("a=").unwrap().value, "");
        assert!(field_match("=x").is_err() && field_match("x").is_err());
    }

    #[test]
    fn sync_policies() {
        assert_eq!(sync("ALWAYS"), Ok(Sync::Always));
        assert_eq!(sync("interval:200"), Ok(Sync::Interval(Duration::from_millis(200))));
        for word in ["", "sometimes", "interval", "interval:0", "interval:-1"] {
            assert!(sync(word).unwrap_err().contains("interval:200"), "{word}");
        }
    }
}
