//! Words from the command line become valid values here; the rest of the program sees only those.
//!
//! Each message teaches the format. clap puts the option and the offending word in front of it.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use clap::ValueEnum;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use jiff::{Span, Timestamp};
use papyra_persistence::config::table;
use papyra_persistence::journal::{FieldMatch, KindLimits, Limits};
use papyra_persistence::store::Kind;
pub(super) use papyra_persistence::units::{
    parse_count as records, parse_seconds as duration, parse_size as size, parse_sync as sync,
    span_seconds as seconds,
};

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

/// Parses the time limit of a startup check.
pub(super) fn startup_timeout(word: &str) -> Result<Duration, String> {
    table::WAIT.parse(word)
}

/// Parses the interval between the checks of `serve`.
#[cfg(feature = "serve")]
pub(super) fn check_every(word: &str) -> Result<Duration, String> {
    table::PAUSE.parse(word)
}

/// Parses the time limit of `read --follow`.
pub(super) fn follow_timeout(word: &str) -> Result<Duration, String> {
    table::WAIT.parse(word)
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
        let moment = TimeZone::UTC.to_timestamp(local).map_err(|_| FORMAT.to_owned())?;
        return Ok(moment.as_duration().as_secs_f64());
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

#[cfg(test)]
mod tests {
    use super::*;

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
}
