//! Configuration: options of the command over variables of the environment over a file over
//! defaults, with every value knowing where it comes from.
//!
//! [`table::SETTINGS`] lists what can be set. The file is TOML; without a name it is the first there
//! is of `papyra.toml` in the working directory, in `$XDG_CONFIG_HOME/papyra` (or
//! `~/.config/papyra`) and in `/etc/papyra`. Files are not merged. A variable is named after its
//! setting: `retention.max_age` is `PAPYRA_RETENTION_MAX_AGE`.
//!
//! ```
//! use papyra_persistence::config::Config;
//! use papyra_persistence::store::{Kind, Registry};
//!
//! let config = Config::parse(
//!     r#"
//!     [route]
//!     default = "file:app.ndjson"
//!     metrics = "none"
//!
//!     [retention]
//!     max_age = "30d"
//!     "#,
//! )?;
//! let route = config.route(&Registry::standard())?.expect("a store is configured");
//! assert!(route.store(Kind::Event).is_some() && route.store(Kind::Metric).is_none());
//! assert_eq!(config.retention().journal.max_age_seconds, Some(30.0 * 86_400.0));
//! # Ok::<(), papyra_persistence::config::ConfigError>(())
//! ```
//!
//! A name that does not exist is an error that names the nearest one that does. Of the environment
//! only names that resemble a setting are: a cluster can put `PAPYRA_…` there for reasons of its
//! own. No message and nothing that is shown holds a password.

mod error;
mod file;
mod form;
mod open;
pub mod table;
mod uses;

use std::ffi::OsString;
use std::path::{Path, PathBuf};

pub use self::error::{ConfigError, Fault, Origin};
pub use self::form::{Form, IndexPolicy, LogFormat, Place, Toml};
use self::table::{Key, OLD_NAMES, Refusal, keys, variable};
pub use self::table::{PerKind, Set, Setting, Settings};
use crate::store::redacted;

/// The most faults that one error lists.
const FAULTS: usize = 100;

/// How many letters may be wrong in a name that is taken for a misspelt one.
const SLIP: usize = 2;

/// In a variable with fewer letters than this after `PAPYRA_` only one: two make another word of it.
const SHORT: usize = 6;

/// A valid configuration.
#[derive(Clone, Debug, Default)]
pub struct Config {
    /// The settings that are in force.
    pub settings: Settings,
    file: Option<PathBuf>,
    notes: Vec<String>,
}

/// One setting as it is shown.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Entry<'c> {
    /// Its name.
    pub key: String,
    /// Its row of the table.
    pub setting: &'static Setting,
    /// Its value as it can be written again, without secrets; `None` if it is not set and has no
    /// default.
    pub value: Option<String>,
    /// Where it is set.
    pub origin: &'c Origin,
}

/// What a configuration is made of; see [`Config::loader`].
#[derive(Clone, Debug)]
#[must_use]
pub struct Loader {
    file: Option<PathBuf>,
    search: bool,
    environment: Vec<(OsString, OsString)>,
}

impl Loader {
    /// Reads this file, which must exist, and looks for no other.
    pub fn file(mut self, path: impl Into<PathBuf>) -> Self {
        self.file = Some(path.into());
        self
    }

    /// Whether to look for a file when none is named, by [`Loader::file`] or `PAPYRA_CONFIG`.
    pub fn search(mut self, search: bool) -> Self {
        self.search = search;
        self
    }

    /// Uses these variables in place of those of the process.
    pub fn environment(
        mut self,
        variables: impl IntoIterator<Item = (OsString, OsString)>,
    ) -> Self {
        self.environment = variables.into_iter().collect();
        self
    }

    /// Reads and checks everything. No store is touched.
    ///
    /// # Errors
    ///
    /// See [`ConfigError`]; everything that is wrong is listed.
    pub fn load(self) -> Result<Config, ConfigError> {
        let found = match self.file.clone().or_else(|| self.variable("PAPYRA_CONFIG")) {
            Some(path) => Some(file::named(&path)?),
            None if self.search => file::find(self.home())?,
            None => None,
        };
        let mut config = Config::default();
        let mut faults = Vec::new();
        if let Some(found) = found {
            config.read_file(&found.path, &found.text, found.trusted, &mut faults);
            config.file = Some(found.path);
        }
        config.read_environment(&self.environment, &mut faults);
        config.checked(faults)
    }

    fn variable(&self, name: &str) -> Option<PathBuf> {
        let found = self.environment.iter().find(|(other, _)| other == name);
        found.map(|(_, value)| PathBuf::from(value)).filter(|path| !path.as_os_str().is_empty())
    }

    fn home(&self) -> Option<PathBuf> {
        let home = self.variable("XDG_CONFIG_HOME").filter(|path| path.is_absolute());
        home.or_else(|| self.variable("HOME").map(|home| home.join(".config")))
    }
}

impl Config {
    /// The configuration of this process: its environment, and the file that it names or that is
    /// found.
    ///
    /// # Errors
    ///
    /// See [`ConfigError`].
    pub fn load() -> Result<Self, ConfigError> {
        Self::loader().load()
    }

    /// For a choice of what is read.
    pub fn loader() -> Loader {
        Loader { file: None, search: true, environment: std::env::vars_os().collect() }
    }

    /// What this text says and nothing else: no environment, no other file.
    ///
    /// # Errors
    ///
    /// See [`ConfigError`].
    pub fn parse(text: &str) -> Result<Self, ConfigError> {
        let mut config = Self::default();
        let mut faults = Vec::new();
        config.read_file(Path::new("papyra.toml"), text, true, &mut faults);
        config.checked(faults)
    }

    /// Every setting, in the order of the table.
    #[must_use]
    pub fn entries(&self) -> Vec<Entry<'_>> {
        let entry = |Key { name, setting, slot }: Key| {
            let (value, origin) = (setting.show)(&self.settings, slot)?;
            Some(Entry { key: name, setting, value, origin })
        };
        keys().filter_map(entry).collect()
    }

    /// The file that was read.
    #[must_use]
    pub fn file(&self) -> Option<&Path> {
        self.file.as_deref()
    }

    fn read_file(&mut self, path: &Path, text: &str, trusted: bool, faults: &mut Vec<Fault>) {
        let written = match file::entries(path, text) {
            Ok(written) => written,
            Err(fault) => return faults.push(*fault),
        };
        for file::Written { key, word, bare, origin } in written {
            let key = match OLD_NAMES.iter().find(|(old, _)| *old == key) {
                Some((_, new)) => {
                    self.notes.push(format!("{origin}: `{key}` is called `{new}` now"));
                    (*new).to_owned()
                }
                None => key,
            };
            let result = match (keys().find(|known| known.name == key), word) {
                (None, _) => Err(unknown(&key, &origin)),
                (Some(known), Some(word)) if !bare || known.setting.toml.may_be_bare(&word) => {
                    self.read(&known, &word, &origin)
                }
                (Some(Key { setting, .. }), _) => {
                    let message = format!("write {}; {}", setting.toml, setting.allowed);
                    Err(Fault::new(&origin, message).about(&key, None))
                }
            };
            let result = match (result, &*key) {
                // wasmtime runs what is in its cache.
                (Ok(()), "engine.cache_dir") if !trusted => {
                    let message = "a file that merely lies in the working directory may not choose \
                                   where compiled code comes from; name it with --config";
                    Err(Fault::new(&origin, message).about(&key, None))
                }
                (result, _) => result,
            };
            faults.extend(result.err());
        }
    }

    fn read_environment(&mut self, variables: &[(OsString, OsString)], faults: &mut Vec<Fault>) {
        for (name, word) in variables {
            let Some(name) = name.to_str().filter(|name| name.starts_with("PAPYRA_")) else {
                continue;
            };
            // `PAPYRA_STORE= papyra …` unsets it for one command, as in shells.
            if word.is_empty() {
                continue;
            }
            let origin = Origin::Environment(name.to_owned());
            let new = OLD_NAMES.iter().find(|(old, _)| variable(old) == name);
            let new = new.map_or_else(|| name.to_owned(), |(_, new)| variable(new));
            if new != name {
                self.notes.push(format!("{name} is called {new} now"));
            }
            let known = keys().find(|known| variable(&known.name) == new);
            let result = match (known, word.to_str()) {
                (Some(known), Some(word)) => self.read(&known, word, &origin),
                (Some(known), None) => {
                    Err(Fault::new(&origin, "the value is not UTF-8").about(&known.name, None))
                }
                (None, _) => misspelt(name, &origin).map_or(Ok(()), Err),
            };
            faults.extend(result.err());
        }
    }

    #[expect(clippy::result_large_err, reason = "rare, and the caller collects them")]
    fn read(&mut self, key: &Key, word: &str, origin: &Origin) -> Result<(), Fault> {
        let read = (key.setting.read)(&mut self.settings, key.slot, word, origin.clone());
        read.map_err(|refusal| match refusal {
            Refusal::Invalid(message) => {
                let shown: String = redacted(word).chars().take(80).collect();
                Fault::new(origin, message).about(&key.name, shown)
            }
            Refusal::Contradiction => {
                let message = "its old and its new name are given with different values";
                let fault = Fault::new(origin, message).about(&key.name, None);
                Fault { contradiction: true, ..fault }
            }
        })
    }

    fn checked(self, mut faults: Vec<Fault>) -> Result<Self, ConfigError> {
        faults.extend(self.places().err().into_iter().flatten());
        faults.truncate(FAULTS);
        if faults.is_empty() { Ok(self) } else { Err(ConfigError::Wrong(faults)) }
    }
}

/// Whether keys begin with this name and a dot.
fn is_table(name: &str) -> bool {
    keys().any(|key| key.name.strip_prefix(name).is_some_and(|rest| rest.starts_with('.')))
}

fn unknown(key: &str, origin: &Origin) -> Fault {
    let names: Vec<String> = keys().map(|key| key.name).collect();
    let nearest = nearest(key, names.iter().map(String::as_str)).map(str::to_owned);
    let message = match &nearest {
        Some(nearest) => format!("there is no setting `{key}`; did you mean `{nearest}`?"),
        None => format!("there is no setting `{key}`; `papyra config settings` lists them"),
    };
    Fault { nearest, ..Fault::new(origin, message).about(key, None) }
}

fn nearest<'k>(key: &str, names: impl Iterator<Item = &'k str>) -> Option<&'k str> {
    let near = |name: &'k str| (strsim::damerau_levenshtein(name, key), name);
    let (distance, name) = names.map(near).min()?;
    // Further away it is no help.
    (distance <= (key.len() / 2).max(SLIP)).then_some(name)
}

/// A variable that is a slip away from one that is read. Others belong to somebody else.
fn misspelt(name: &str, origin: &Origin) -> Option<Fault> {
    let others = table::VARIABLES.iter().map(|(name, _)| (*name).to_owned());
    let names: Vec<String> = keys().map(|key| variable(&key.name)).chain(others).collect();
    if names.iter().any(|other| other == name) {
        return None;
    }
    let short = name.strip_prefix("PAPYRA_").is_some_and(|own| own.len() < SHORT);
    let slip = if short { 1 } else { SLIP };
    let close = |other: &&String| strsim::damerau_levenshtein(other, name) <= slip;
    let nearest = names.iter().find(close)?;
    let message = format!("no variable of this name is read; did you mean `{nearest}`?");
    Some(Fault { nearest: Some(nearest.clone()), ..Fault::new(origin, message) })
}

#[cfg(test)]
mod tests;
