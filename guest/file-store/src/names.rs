//! The names of files, exactly: never by pattern or prefix.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The purpose of a new file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Use {
    /// It replaces a file of the journal.
    Rewrite,
    /// It is the next to be appended to.
    Next,
}

/// `.events.ndjson.papyra-rewrite` for `events.ndjson`: always the same, so that all processes
/// agree, and nothing piles up.
pub fn temporary(lock_path: &Path, purpose: Use) -> PathBuf {
    hidden(
        lock_path,
        match purpose {
            Use::Rewrite => ".papyra-rewrite",
            Use::Next => ".papyra-next",
        },
    )
}

/// `.events.ndjson.papyra-index` for `events.ndjson`, and the same before it is complete.
pub(crate) fn index(target: &Path) -> (PathBuf, PathBuf) {
    (hidden(target, ".papyra-index"), hidden(target, ".papyra-index-new"))
}

/// What versions before 0.2 kept in place of an index.
pub(crate) fn checkpoint(target: &Path) -> PathBuf {
    hidden(target, ".papyra-checkpoint")
}

/// A hidden name beside a file.
fn hidden(beside: &Path, suffix: &str) -> PathBuf {
    let mut name = OsString::from(".");
    name.push(beside.file_name().unwrap_or_default());
    name.push(suffix);
    beside.with_file_name(name)
}

/// The path of a file of a rotating set: `path` itself for 0, `path.1` for 1.
pub fn numbered(home: &Path, number: u32) -> PathBuf {
    if number == 0 {
        return home.to_owned();
    }
    let mut name = home.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{number}"));
    home.with_file_name(name)
}

/// The decimal number of `home.NUMBER`, written as [`numbered`] would write it.
pub(crate) fn number_of<'a>(home: &str, name: &'a str) -> Option<&'a str> {
    let digits = name.strip_prefix(home)?.strip_prefix('.')?;
    let canonical = !digits.starts_with('0')
        && !digits.is_empty()
        && digits.bytes().all(|b| b.is_ascii_digit());
    canonical.then_some(digits)
}

/// The name of a file, for people.
pub fn name_of(path: &Path) -> String {
    path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned()
}

/// The directory in which a file's name lies.
pub fn parent(path: &Path) -> PathBuf {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent.to_path_buf(),
        _ => PathBuf::from("."),
    }
}

/// A moment in UTC, as it stands in names of quarantine files: `20261121T144006.123Z`.
pub(crate) fn stamp(since_1970: Duration) -> String {
    let seconds = since_1970.as_secs();
    let (days, second) = (seconds / 86_400, seconds % 86_400);
    let (year, month, day) = date(days);
    format!(
        "{year:04}{month:02}{day:02}T{:02}{:02}{:02}.{:03}Z",
        second / 3600,
        second / 60 % 60,
        second % 60,
        since_1970.subsec_millis()
    )
}

/// The date of a number of days after 1970-01-01, in years that begin in March, so that the leap day is
/// their last.
fn date(days: u64) -> (u64, u64, u64) {
    let days = days.saturating_add(719_468);
    let (era, day_of_era) = (days / 146_097, days % 146_097);
    let leaps = day_of_era / 1_460 + day_of_era / 146_096 - day_of_era / 36_524;
    let year_of_era = (day_of_era - leaps) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let march_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * march_month + 2) / 5 + 1;
    let month = if march_month < 10 { march_month + 3 } else { march_month - 9 };
    let year = era.saturating_mul(400).saturating_add(year_of_era) + u64::from(month <= 2);
    (year, month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_exact_decimals_belong_to_a_set() {
        let number = |name: &str| number_of("a[1].log", name).is_some();
        for name in ["a[1].log.1", "a[1].log.40", "a[1].log.99999999999999999999999"] {
            assert!(number(name), "{name}");
        }
        for name in [
            "a[1].log",
            "a[1].log.",
            "a[1].log.0",
            "a[1].log.01",
            "a[1].log.+1",
            "a[1].log.1a",
            "a[1].log.1.gz",
            "a[1].log.20251121T000000.000Z.1.quarantine",
            ".a[1].log.papyra-next",
            "a1.log.1",
            "a[1].logs.1",
        ] {
            assert!(!number(name), "{name}");
        }
    }

    #[test]
    fn stamps_are_calendar_time() {
        let stamp = |seconds, nanoseconds| stamp(Duration::new(seconds, nanoseconds));
        assert_eq!(stamp(0, 0), "19700101T000000.000Z");
        assert_eq!(stamp(951_782_399, 999_999_999), "20000228T235959.999Z");
        assert_eq!(stamp(951_782_400, 0), "20000229T000000.000Z");
        assert_eq!(stamp(1_795_219_200, 5_000_000), "20261121T000000.005Z");
        assert_eq!(stamp(4_107_542_400, 0), "21000301T000000.000Z");
        assert!(stamp(u64::MAX, 0).ends_with('Z'), "no overflow");
    }
}
