//! How the words of settings become values, and values become words.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use crate::journal::{RecoveryMode, StartupMode};
use crate::recorder::Overflow;
use crate::store::{file_word, redacted};
use crate::units;

/// How a setting is written.
#[derive(Debug)]
pub struct Form<T: 'static> {
    /// An empty message stands for "write" and what is allowed.
    parse: fn(&str) -> Result<T, String>,
    show: fn(&T) -> String,
    fits: fn(&T) -> bool,
    pub(super) allowed: &'static str,
    pub(super) toml: Toml,
}

/// Which types of TOML a setting may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Toml {
    /// A whole number, or a string that is one.
    Number,
    /// A number, or a string with a unit.
    Quantity,
    /// A string.
    String,
    /// A boolean, or a string that is one.
    Boolean,
}

impl Toml {
    /// Whether a setting may have this word without quotes.
    pub(super) fn may_be_bare(self, word: &str) -> bool {
        let boolean = matches!(word, "true" | "false");
        match self {
            Self::Number | Self::Quantity => !boolean,
            Self::String => false,
            Self::Boolean => boolean,
        }
    }
}

impl fmt::Display for Toml {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Number => "a whole number",
            Self::Quantity => "a number or a string",
            Self::String => "a string",
            Self::Boolean => "a boolean",
        })
    }
}

impl<T> Form<T> {
    /// Parses a word.
    ///
    /// # Errors
    ///
    /// One line that says what is allowed instead.
    pub fn parse(&self, word: &str) -> Result<T, String> {
        if word.contains('\0') {
            return Err("it contains a NUL character".to_owned());
        }
        match (self.parse)(word) {
            Ok(value) if (self.fits)(&value) => Ok(value),
            Ok(_) => Err(format!("it must be {}", self.allowed)),
            Err(message) if message.is_empty() => Err(format!("write {}", self.allowed)),
            Err(message) => Err(message),
        }
    }

    /// Formats a value, if there is one, as [`Form::parse`] reads it, without secrets.
    pub(super) fn show(&self, value: &impl Holds<T>) -> Option<String> {
        value.held().map(self.show)
    }
}

/// A value that may be missing, or never is.
pub(super) trait Holds<V> {
    fn held(&self) -> Option<&V>;
}

impl<V> Holds<V> for V {
    fn held(&self) -> Option<&V> {
        Some(self)
    }
}

impl<V> Holds<V> for Option<V> {
    fn held(&self) -> Option<&V> {
        self.as_ref()
    }
}

pub(super) const fn count(fits: fn(&u64) -> bool, allowed: &'static str) -> Form<u64> {
    let show = |number: &u64| number.to_string();
    Form { parse: units::parse_count, show, fits, allowed, toml: Toml::Number }
}

pub(super) const fn size(fits: fn(&u64) -> bool, allowed: &'static str) -> Form<u64> {
    let show = |bytes: &u64| units::format_size(*bytes);
    Form { parse: units::parse_size, show, fits, allowed, toml: Toml::Quantity }
}

pub(super) const fn duration(fits: fn(&Duration) -> bool, allowed: &'static str) -> Form<Duration> {
    let show = |time: &Duration| units::format_duration(*time);
    Form { parse: units::parse_duration, show, fits, allowed, toml: Toml::Quantity }
}

/// A form without a range, always a string.
pub(super) const fn text<T>(
    parse: fn(&str) -> Result<T, String>,
    show: fn(&T) -> String,
    allowed: &'static str,
) -> Form<T> {
    Form { parse, show, fits: |_| true, allowed, toml: Toml::String }
}

pub(super) const fn age(allowed: &'static str) -> Form<f64> {
    let show = |seconds: &f64| units::format_seconds(*seconds);
    Form { toml: Toml::Quantity, ..text(units::parse_seconds, show, allowed) }
}

/// A choice of words. The first word of a value is its name, the others are understood.
pub(super) trait Words: Copy + PartialEq + 'static {
    const WORDS: &'static [(Self, &'static [&'static str])];
}

impl Words for StartupMode {
    const WORDS: &'static [(Self, &'static [&'static str])] = &[
        (Self::Ignore, &["ignore"]),
        (Self::ScanOnly, &["scan-only", "scan"]),
        (Self::Fail, &["fail", "fail-on-anomaly"]),
        (Self::Recover, &["recover"]),
    ];
}

impl Words for RecoveryMode {
    const WORDS: &'static [(Self, &'static [&'static str])] =
        &[(Self::Repair, &["repair", "rebuild"]), (Self::Quarantine, &["quarantine"])];
}

impl Words for Overflow {
    const WORDS: &'static [(Self, &'static [&'static str])] =
        &[(Self::DropNewest, &["drop-newest"]), (Self::DropOldest, &["drop-oldest"])];
}

/// Who keeps the index of a journal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum IndexPolicy {
    /// `startup-check`, `recover`, `compact` and `index`.
    Maintenance,
    /// These, and recorders now and then.
    Recorder,
    /// Nobody, and nobody uses one.
    Never,
}

impl Words for IndexPolicy {
    const WORDS: &'static [(Self, &'static [&'static str])] = &[
        (Self::Maintenance, &["maintenance"]),
        (Self::Recorder, &["recorder"]),
        (Self::Never, &["never"]),
    ];
}

/// How log events are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum LogFormat {
    /// Lines for people.
    Text,
    /// One JSON object per line.
    Json,
}

impl Words for LogFormat {
    const WORDS: &'static [(Self, &'static [&'static str])] =
        &[(Self::Text, &["text"]), (Self::Json, &["json"])];
}

pub(super) const fn words<T: Words>(allowed: &'static str) -> Form<T> {
    text(parse_word, show_word, allowed)
}

fn parse_word<T: Words>(word: &str) -> Result<T, String> {
    // Papyra's spellings differ in case and in what joins the words.
    let word = word.to_ascii_lowercase().replace('_', "-");
    let found = T::WORDS.iter().find(|(_, words)| words.contains(&word.as_str()));
    found.map(|(value, _)| *value).ok_or_else(String::new)
}

fn show_word<T: Words>(value: &T) -> String {
    let found = T::WORDS.iter().find(|(other, _)| other == value);
    found.and_then(|(_, words)| words.first()).map_or_else(String::new, |word| (*word).to_owned())
}

pub(super) const fn yes_or_no() -> Form<bool> {
    Form { toml: Toml::Boolean, ..words("true or false") }
}

impl Words for bool {
    const WORDS: &'static [(Self, &'static [&'static str])] =
        &[(true, &["true"]), (false, &["false"])];
}

pub(super) fn parse_directory(word: &str) -> Result<PathBuf, String> {
    if word.is_empty() { Err("give the name of a directory".to_owned()) } else { Ok(word.into()) }
}

/// Parses a filter of log events. Without this check a word that is no level would be taken for a
/// target, and nothing would be logged.
pub(super) fn parse_levels(word: &str) -> Result<String, String> {
    const LEVELS: [&str; 6] = ["error", "warn", "info", "debug", "trace", "off"];
    let level = |word: &str| LEVELS.contains(&word.to_ascii_lowercase().as_str());
    let target = |word: &str| {
        !word.is_empty() && word.chars().all(|c| c.is_ascii_alphanumeric() || "_:-".contains(c))
    };
    let sound = word.split(',').map(str::trim).all(|part| match part.split_once('=') {
        Some((name, word)) => target(name) && level(word),
        None => level(part),
    });
    if sound { Ok(word.replace(' ', "")) } else { Err(String::new()) }
}

/// Where a kind of record goes.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Place {
    /// The path of a file, taken as it is.
    Path(PathBuf),
    /// A store URL, or a plain path. It can hold a password.
    Url(String),
    /// Nowhere: the records are dropped, and counted.
    Nowhere,
}

/// Leaves out what can be a secret.
impl fmt::Debug for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.shown())
    }
}

impl Place {
    /// Formats the place as a setting, without passwords.
    #[must_use]
    pub fn shown(&self) -> String {
        match self {
            Self::Path(path) => file_word(path),
            Self::Url(url) => redacted(url),
            Self::Nowhere => "none".to_owned(),
        }
    }

    pub(super) fn parse(word: &str) -> Result<Self, String> {
        if word.is_empty() { Err(String::new()) } else { Ok(Self::Url(word.to_owned())) }
    }

    pub(super) fn parse_route(word: &str) -> Result<Self, String> {
        if word == "none" { Ok(Self::Nowhere) } else { Self::parse(word) }
    }
}

#[cfg(test)]
mod tests {
    use super::super::table::{LEVELS, WAIT};
    use super::*;

    #[test]
    fn ranges_hold_at_both_ends() {
        let form = count(|n| (1..=256).contains(n), "1 to 256");
        assert!(form.parse("1").is_ok() && form.parse("256").is_ok());
        for word in ["0", "257", "-1", "1.5", "", "one"] {
            assert!(form.parse(word).is_err(), "{word}");
        }
        assert_eq!(WAIT.parse("2h").unwrap_err(), "it must be 100ms to 1h");
    }

    #[test]
    fn a_word_that_is_no_level_is_not_taken_for_a_target() {
        for word in ["verbose", "", "papyra=loud", "=info", "warn,,info", "a b=info"] {
            assert!(LEVELS.parse(word).is_err(), "{word}");
        }
        assert!(LEVELS.parse("INFO, papyra_persistence::store=trace").is_ok());
    }

    #[test]
    fn a_path_that_looks_like_a_url_is_shown_as_a_path() {
        for (path, shown) in [("file:a", "./file:a"), ("redis://h", "./redis://h"), ("a", "a")] {
            let shown_as = Place::Path(path.into()).shown();
            assert_eq!(shown_as, shown);
            assert_eq!(Place::Url(shown_as).shown(), shown);
        }
    }
}
