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
mod read;
pub mod table;

use std::ffi::OsString;
use std::path::{Path, PathBuf};

pub use self::error::{ConfigError, Fault, Origin};
pub use self::form::{Form, Place, Value};
pub use self::read::StartupSettings;
use self::table::{OLD_NAMES, Setting, keys, variable};
use crate::store::redacted;

/// The most faults that one error lists.
const FAULTS: usize = 100;

/// How many letters may be wrong in a name that is taken for a misspelt one.
const SLIP: usize = 2;

/// In a variable with fewer letters than this after `PAPYRA_` only one: two make another word of it.
const SHORT: usize = 6;

/// A valid configuration.
#[derive(Clone, Debug)]
pub struct Config {
    entries: Vec<Entry>,
    file: Option<PathBuf>,
    notes: Vec<String>,
}

/// One setting and what it is.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Entry {
    /// Its name.
    pub key: String,
    /// What is known about it.
    pub setting: &'static Setting,
    /// What it is; `None` if nothing is said and there is no default.
    pub value: Option<Value>,
    /// Who says so.
    pub origin: Origin,
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
        let mut config = Config::defaults();
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
        let mut config = Self::defaults();
        let mut faults = Vec::new();
        config.read_file(Path::new("papyra.toml"), text, true, &mut faults);
        config.checked(faults)
    }

    /// What holds when nobody says anything.
    #[must_use]
    pub fn defaults() -> Self {
        let entry = |(key, setting): (String, &'static Setting)| Entry {
            key,
            setting,
            // A test checks that every default is valid.
            value: setting.default.and_then(|word| setting.form.parse(word).ok()),
            origin: Origin::Default,
        };
        Self { entries: keys().map(entry).collect(), file: None, notes: Vec::new() }
    }

    /// Every setting, in the order of the table.
    #[must_use]
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// The file that was read.
    #[must_use]
    pub fn file(&self) -> Option<&Path> {
        self.file.as_deref()
    }

    /// Sets `key` as an option of the command does, over everything else. Returns whether there is
    /// such a setting.
    pub fn set(&mut self, key: &str, value: Value, flag: &str) -> bool {
        let entry = self.entries.iter_mut().find(|entry| entry.key == key);
        entry.map(|entry| entry.put(value, Origin::Flag(flag.to_owned()))).is_some()
    }

    /// Forgets all retention limits.
    pub fn clear_retention(&mut self) {
        for entry in self.entries.iter_mut().filter(|entry| entry.key.starts_with("retention.")) {
            entry.value = None;
            entry.origin = Origin::Default;
        }
    }

    fn entry(&self, key: &str) -> Option<&Entry> {
        self.entries.iter().find(|entry| entry.key == key)
    }

    fn read_file(&mut self, path: &Path, text: &str, trusted: bool, faults: &mut Vec<Fault>) {
        let written = match file::entries(path, text) {
            Ok(written) => written,
            Err(fault) => return faults.push(*fault),
        };
        for file::Written { key, word, bare, origin } in written {
            let new = OLD_NAMES.iter().find(|(old, _)| *old == key).map(|(_, new)| *new);
            if let Some(new) = new {
                self.notes.push(format!("{origin}: `{key}` is called `{new}` now"));
            }
            let key = new.map_or(key, str::to_owned);
            let known = self.entries.iter_mut().find(|entry| entry.key == key);
            let result = match (known, word) {
                (None, _) => Err(Box::new(unknown(&key, &origin))),
                (Some(entry), Some(word)) if !bare || entry.setting.form.is_number() => {
                    entry.read(&word, origin.clone())
                }
                (Some(entry), _) => {
                    let form = entry.setting.form;
                    let message = format!("write {}; {}", form.toml_type(), form.allowed());
                    Err(Box::new(Fault::new(&origin, message).about(&key, None)))
                }
            };
            // wasmtime runs what is in its cache.
            let result = match result {
                Ok(()) if key == "engine.cache_dir" && !trusted => {
                    let message = "a file that merely lies in the working directory may not choose \
                                   where compiled code comes from; name it with --config";
                    Err(Box::new(Fault::new(&origin, message).about(&key, None)))
                }
                result => result,
            };
            faults.extend(result.err().map(|fault| *fault));
        }
    }

    fn read_environment(&mut self, variables: &[(OsString, OsString)], faults: &mut Vec<Fault>) {
        for (name, word) in variables {
            let Some(name) = name.to_str().filter(|name| name.starts_with("PAPYRA_")) else {
                continue;
            };
            let origin = Origin::Environment(name.to_owned());
            let new = OLD_NAMES.iter().find(|(old, _)| variable(old) == name);
            let new = new.map(|(_, new)| variable(new)).filter(|_| !word.is_empty());
            if let Some(new) = &new {
                self.notes.push(format!("{name} is called {new} now"));
            }
            let name = new.as_deref().unwrap_or(name);
            let known = self.entries.iter_mut().find(|entry| variable(&entry.key) == name);
            let result = match (known, word.to_str()) {
                // `PAPYRA_STORE= papyra …` unsets it for once, as shells do.
                (Some(_), Some("")) => Ok(()),
                (Some(entry), Some(word)) => entry.read(word, origin),
                (Some(entry), None) => {
                    let fault = Fault::new(&origin, "the value is not UTF-8");
                    Err(Box::new(fault.about(&entry.key, None)))
                }
                (None, _) => misspelt(name, &origin).map_or(Ok(()), |fault| Err(Box::new(fault))),
            };
            faults.extend(result.err().map(|fault| *fault));
        }
    }

    fn checked(self, mut faults: Vec<Fault>) -> Result<Self, ConfigError> {
        faults.extend(self.places().err().into_iter().flatten());
        faults.truncate(FAULTS);
        if faults.is_empty() { Ok(self) } else { Err(ConfigError::Wrong(faults)) }
    }
}

impl Entry {
    fn put(&mut self, value: Value, origin: Origin) {
        self.value = Some(value);
        self.origin = origin;
    }

    fn read(&mut self, word: &str, origin: Origin) -> Result<(), Box<Fault>> {
        match self.setting.form.parse(word) {
            // One source gives a setting twice only by its old name and its new one.
            Ok(value)
                if self.origin.rank() == origin.rank() && self.value != Some(value.clone()) =>
            {
                let message = "its old and its new name are given with different values";
                let fault = Fault::new(&origin, message).about(&self.key, None);
                Err(Box::new(Fault { contradiction: true, ..fault }))
            }
            Ok(value) => {
                self.put(value, origin);
                Ok(())
            }
            Err(message) => {
                let shown: String = redacted(word).chars().take(80).collect();
                Err(Box::new(Fault::new(&origin, message).about(&self.key, shown)))
            }
        }
    }
}

/// Whether keys begin with this name and a dot.
fn is_table(name: &str) -> bool {
    keys().any(|(key, _)| key.strip_prefix(name).is_some_and(|rest| rest.starts_with('.')))
}

fn unknown(key: &str, origin: &Origin) -> Fault {
    let names: Vec<String> = keys().map(|(key, _)| key).collect();
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
    let names: Vec<String> = keys().map(|(key, _)| variable(&key)).chain(others).collect();
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
