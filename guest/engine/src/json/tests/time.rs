//! Times, checked against a calendar that others wrote, and numbers against the standard library.

use jiff::civil::DateTime;
use jiff::tz::Offset;
use jiff::{Timestamp, ToSpan};
use proptest::prelude::*;

use super::TimeFormat;
use crate::json::time_at;

/// The double nearest to so many nanoseconds, in seconds.
fn nearest(nanoseconds: i128) -> Option<f64> {
    let (sign, all) = (if nanoseconds < 0 { "-" } else { "" }, nanoseconds.unsigned_abs());
    format!("{sign}{}.{:09}", all / 1_000_000_000, all % 1_000_000_000).parse().ok()
}

fn written(text: &str) -> Option<f64> {
    time_at(TimeFormat::Rfc3339, format!("\"{text}\"").as_bytes(), 0)
}

/// 2000 to 2099, the times that age limits and queries go by.
fn moment() -> impl Strategy<Value = i64> {
    946_684_800_000_000_000..4_102_444_800_000_000_000_i64
}

proptest! {
    #[test]
    fn a_written_time_is_what_a_calendar_makes_of_it(
        nanoseconds in moment(),
        digits in 0_u32..=9,
        minutes in -1439_i32..=1439,
        separator in prop_oneof![Just("T"), Just("t"), Just(" ")],
        colon in prop_oneof![Just(":"), Just("")],
    ) {
        let step = 10_i64.pow(9 - digits);
        let nanoseconds = nanoseconds / step * step;
        let moment = Timestamp::from_nanosecond(nanoseconds.into()).unwrap();
        let offset = Offset::from_seconds(60 * minutes).unwrap();
        let local = offset.to_datetime(moment);
        let seconds = local.strftime(&format!("%Y-%m-%d{separator}%H:%M:%S")).to_string();
        let fraction = format!("{:09}", local.subsec_nanosecond());
        let fraction = match digits as usize {
            0 => String::new(),
            digits => format!(".{}", &fraction[..digits]),
        };
        let (hours, rest) = (minutes.abs() / 60, minutes.abs() % 60);
        let sign = if minutes < 0 { '-' } else { '+' };
        let text = format!("{seconds}{fraction}{sign}{hours:02}{colon}{rest:02}");
        prop_assert_eq!(written(&text), nearest(nanoseconds.into()), "{}", text);
        // This is what `--since` makes of it.
        prop_assert_eq!(written(&text), Some(moment.as_duration().as_secs_f64()), "{}", text);
    }

    #[test]
    fn every_day_of_every_year_is_counted(day in 0_i64..3_652_423) {
        let first: DateTime = "0000-01-01T00:00:00".parse().unwrap();
        let local = first.checked_add(day.days()).unwrap();
        let moment = Offset::UTC.to_timestamp(local).unwrap();
        prop_assert_eq!(written(&format!("{local}Z")), Some(moment.as_second() as f64), "{}", local);
    }

    #[test]
    fn what_is_nearly_a_time_is_none_or_the_same_for_a_calendar(
        at in 0_usize..30,
        byte in prop::sample::select(b"0123456789-+:.,TtZz /x\"".to_vec()),
        removed in prop::bool::ANY,
    ) {
        let mut text = b"2024-02-29T23:59:59.123456+01:30".to_vec();
        if removed { text.remove(at); } else { text[at] = byte; }
        let text = String::from_utf8(text).unwrap();
        if let (Some(found), Ok(moment)) = (written(&text), text.parse::<Timestamp>()) {
            prop_assert_eq!(found, moment.as_duration().as_secs_f64(), "{}", text);
        }
    }

    #[test]
    fn a_number_in_every_unit_is_the_nearest_time(nanoseconds in moment(), quoted in prop::bool::ANY) {
        for (format, unit) in [
            (TimeFormat::Nanoseconds, 1),
            (TimeFormat::Microseconds, 1_000),
            (TimeFormat::Milliseconds, 1_000_000),
            (TimeFormat::Seconds, 1_000_000_000),
        ] {
            let number = nanoseconds / unit;
            let text = if quoted { format!("\"{number}\"") } else { number.to_string() };
            let found = time_at(format, text.as_bytes(), 0);
            prop_assert_eq!(found, nearest(i128::from(number * unit)), "{:?} {}", format, text);
        }
    }

    #[test]
    fn no_bytes_are_too_odd(bytes in prop::collection::vec(any::<u8>(), 0..40), at in 0_usize..41) {
        for format in [TimeFormat::Rfc3339, TimeFormat::Seconds, TimeFormat::Nanoseconds] {
            let found = time_at(format, &bytes, at);
            prop_assert!(found.is_none_or(f64::is_finite));
        }
    }
}
