//! What a setting may look like, and what it is then.

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use crate::store::{file_word, redacted};
use crate::{Durability, units};

/// The shape of a setting's value, with its range.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum Form {
    /// A whole number in this range.
    Count {
        /// The least that is allowed.
        least: u64,
        /// The most that is allowed.
        most: u64,
    },
    /// A length of time in this range, in seconds.
    Time {
        /// The least that is allowed.
        least: f64,
        /// The most that is allowed; may be infinite.
        most: f64,
    },
    /// A number of bytes in this range.
    Size {
        /// The least that is allowed.
        least: u64,
        /// The most that is allowed.
        most: u64,
    },
    /// One of these words; of each group the first is the proper name, the others are understood.
    Word(&'static [&'static [&'static str]]),
    /// When an append counts as done.
    Sync,
    /// A directory.
    Directory,
    /// A store: a URL or the path of a file.
    Store {
        /// Whether `none` is allowed, which drops what would be stored.
        none: bool,
    },
    /// An address to listen on.
    Address,
    /// Which log events are written.
    Levels,
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
    /// As it may be shown: without passwords.
    #[must_use]
    pub fn shown(&self) -> String {
        match self {
            Self::Path(path) => file_word(path),
            Self::Url(url) => redacted(url),
            Self::Nowhere => "none".to_owned(),
        }
    }
}

/// A valid value.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Value {
    /// Of [`Form::Count`].
    Count(u64),
    /// Of [`Form::Time`], in seconds.
    Time(f64),
    /// Of [`Form::Size`], in bytes.
    Size(u64),
    /// Of [`Form::Word`]: the proper name.
    Word(&'static str),
    /// Of [`Form::Sync`].
    Sync(Durability),
    /// Of [`Form::Directory`].
    Directory(PathBuf),
    /// Of [`Form::Store`].
    Store(Place),
    /// Of [`Form::Address`].
    Address(SocketAddr),
    /// Of [`Form::Levels`].
    Levels(String),
}

impl Form {
    /// The value that a word stands for.
    ///
    /// # Errors
    ///
    /// One line that says what is allowed instead.
    pub fn parse(&self, word: &str) -> Result<Value, String> {
        if word.contains('\0') {
            return Err("it contains a NUL character".to_owned());
        }
        match *self {
            Self::Count { least, most } => {
                let number = units::parse_count(word)?;
                self.within(Value::Count(number), (least..=most).contains(&number))
            }
            Self::Time { least, most } => {
                let seconds = units::parse_seconds(word)?;
                self.within(Value::Time(seconds), (least..=most).contains(&seconds))
            }
            Self::Size { least, most } => {
                let bytes = units::parse_size(word)?;
                self.within(Value::Size(bytes), (least..=most).contains(&bytes))
            }
            Self::Word(words) => {
                let same = |other: &str| plain(other) == plain(word);
                let group = words.iter().find(|group| group.iter().any(|other| same(other)));
                let name = group.and_then(|group| group.first());
                name.map(|name| Value::Word(name)).ok_or_else(|| self.expected())
            }
            Self::Sync => units::parse_sync(word).map(Value::Sync),
            Self::Directory if word.is_empty() => Err("give the name of a directory".to_owned()),
            Self::Directory => Ok(Value::Directory(word.into())),
            Self::Store { none: true } if word == "none" => Ok(Value::Store(Place::Nowhere)),
            Self::Store { .. } if word.is_empty() => Err(self.expected()),
            Self::Store { .. } => Ok(Value::Store(Place::Url(word.to_owned()))),
            Self::Address => word.parse().map(Value::Address).map_err(|_| self.expected()),
            Self::Levels => levels(word).map(Value::Levels),
        }
    }

    fn within(&self, value: Value, inside: bool) -> Result<Value, String> {
        if inside { Ok(value) } else { Err(self.expected()) }
    }

    fn expected(&self) -> String {
        match self {
            Self::Count { .. } | Self::Time { .. } | Self::Size { .. } => {
                format!("it must be {}", self.allowed())
            }
            _ => format!("write {}", self.allowed()),
        }
    }

    /// Whether a number without quotes can be one.
    pub(super) fn is_number(&self) -> bool {
        matches!(self, Self::Count { .. } | Self::Time { .. } | Self::Size { .. })
    }

    /// How the file has it.
    pub(super) fn toml_type(&self) -> &'static str {
        match self {
            Self::Count { .. } => "a whole number",
            Self::Time { .. } | Self::Size { .. } => "a number or a string",
            _ => "a string",
        }
    }

    /// What is allowed, in a few words.
    #[must_use]
    pub fn allowed(&self) -> String {
        match *self {
            Self::Count { least, most: u64::MAX } => format!("{least} or more"),
            Self::Count { least, most } => format!("{least} to {most}"),
            Self::Time { least, most } if most.is_infinite() => {
                format!("{} or more", units::format_seconds(least))
            }
            Self::Time { least, most } => {
                format!("{} to {}", units::format_seconds(least), units::format_seconds(most))
            }
            Self::Size { least, most: u64::MAX } => {
                format!("{} or more", units::format_size(least))
            }
            Self::Size { least, most } => {
                format!("{} to {}", units::format_size(least), units::format_size(most))
            }
            Self::Word(words) => {
                let names: Vec<_> = words.iter().filter_map(|group| group.first()).collect();
                list(&names)
            }
            Self::Sync => "always, interval:MS or never".to_owned(),
            Self::Directory => "a directory".to_owned(),
            Self::Store { none: false } => "a URL or a path".to_owned(),
            Self::Store { none: true } => "a URL, a path or none".to_owned(),
            Self::Address => "an address and a port, such as 127.0.0.1:9464".to_owned(),
            Self::Levels => {
                "error, warn, info, debug, trace or off; or target=level, separated by commas"
                    .to_owned()
            }
        }
    }
}

/// Papyra's spellings differ in case and in what joins the words.
fn plain(word: &str) -> String {
    word.to_ascii_lowercase().replace('_', "-")
}

fn list(names: &[&&str]) -> String {
    match names {
        [] => String::new(),
        [one] => (**one).to_owned(),
        [first @ .., last] => {
            let first: Vec<&str> = first.iter().map(|name| **name).collect();
            format!("{} or {last}", first.join(", "))
        }
    }
}

/// A word that is no level would be taken for a target, and nothing would be logged.
fn levels(word: &str) -> Result<String, String> {
    const LEVELS: [&str; 6] = ["error", "warn", "info", "debug", "trace", "off"];
    let level = |word: &str| LEVELS.contains(&word.to_ascii_lowercase().as_str());
    let target = |word: &str| {
        !word.is_empty() && word.chars().all(|c| c.is_ascii_alphanumeric() || "_:-".contains(c))
    };
    let sound = word.split(',').map(str::trim).all(|part| match part.split_once('=') {
        Some((name, word)) => target(name) && level(word),
        None => level(part),
    });
    if sound { Ok(word.replace(' ', "")) } else { Err(format!("write {}", Form::Levels.allowed())) }
}

/// As it can be written again, without secrets.
impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Count(number) => write!(f, "{number}"),
            Self::Time(seconds) => f.write_str(&units::format_seconds(*seconds)),
            Self::Size(bytes) => f.write_str(&units::format_size(*bytes)),
            Self::Word(word) => f.write_str(word),
            Self::Sync(durability) => f.write_str(&units::format_sync(*durability)),
            Self::Directory(path) => write!(f, "{}", path.display()),
            Self::Store(place) => f.write_str(&place.shown()),
            Self::Address(address) => write!(f, "{address}"),
            Self::Levels(levels) => f.write_str(levels),
        }
    }
}

/// A time that a setting allows is one that the clock can take.
pub(super) fn to_duration(seconds: f64) -> Duration {
    Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX)
}

#[cfg(test)]
mod tests {
    use super::super::table::SETTINGS;
    use super::*;

    #[test]
    fn every_default_is_valid_and_is_shown_as_it_is_written() {
        for setting in SETTINGS {
            let Some(default) = setting.default else { continue };
            let value = setting.form.parse(default).unwrap();
            assert_eq!(value.to_string(), default, "{}", setting.key);
        }
    }

    #[test]
    fn what_is_shown_means_the_same_again() {
        let time = Form::Time { least: 0.0, most: f64::INFINITY };
        let size = Form::Size { least: 0, most: u64::MAX };
        for (form, word) in [
            (time, "30d"),
            (time, "90m"),
            (time, "1.5s"),
            (time, "0"),
            (time, "0.0001"),
            (size, "10MiB"),
            (size, "10M"),
            (size, "0"),
            (Form::Sync, "interval:200ms"),
            (Form::Levels, "warn,papyra=debug"),
            (Form::Address, "[::1]:80"),
        ] {
            let value = form.parse(word).unwrap();
            assert_eq!(form.parse(&value.to_string()), Ok(value), "{word}");
        }
    }

    #[test]
    fn ranges_hold_at_both_ends() {
        let form = Form::Count { least: 1, most: 256 };
        assert!(form.parse("1").is_ok() && form.parse("256").is_ok());
        for word in ["0", "257", "-1", "1.5", "", "one"] {
            assert!(form.parse(word).is_err(), "{word}");
        }
        let form = Form::Time { least: 0.1, most: 3600.0 };
        assert_eq!(form.parse("2h").unwrap_err(), "it must be 100ms to 1h");
    }

    #[test]
    fn a_word_that_is_no_level_is_not_taken_for_a_target() {
        for word in ["verbose", "", "papyra=loud", "=info", "warn,,info", "a b=info"] {
            assert!(Form::Levels.parse(word).is_err(), "{word}");
        }
        assert!(Form::Levels.parse("INFO, papyra_persistence::store=trace").is_ok());
    }
}
