//! Store URLs taken apart: `file:/var/lib/app/events.ndjson?sync=interval:100ms`, `memory:`, or a
//! plain path.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;

use super::{Durability, Profile, ProfileOptions, TimeFormat};
use crate::units;

/// Why a URL does not give a store.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum UrlError {
    /// No backend of that name is registered.
    #[error(
        "`{scheme}:` is not a kind of store; known are {known} (a file whose name contains a colon \
         is written ./{scheme}:…)"
    )]
    UnknownScheme {
        /// The name before the colon.
        scheme: String,
        /// The names that are registered, for people.
        known: String,
    },
    /// A backend of that name is registered already.
    #[error("a backend named `{0}` is registered already")]
    Registered(String),
    /// A name that cannot stand before the colon of a URL.
    #[error("`{0}` cannot name a backend: use letters, digits, `+`, `-` and `.`, a letter first")]
    BadName(String),
    /// The backend does not know the parameter.
    #[error("`{name}` is not a parameter of `{scheme}:`; known are {known}")]
    UnknownParameter {
        /// The backend.
        scheme: String,
        /// The name before the equals sign.
        name: String,
        /// The parameters that the backend has, for people.
        known: String,
    },
    /// A parameter is given under its old and its new name, with different values.
    #[error("`{old}` is the old name of `{new}`, and both are given with different values")]
    TwoNames {
        /// The old name.
        old: &'static str,
        /// The name that is used now.
        new: &'static str,
    },
    /// A parameter or the path has an invalid value.
    #[error("`{value}` is not a valid {what}; {expected}")]
    BadValue {
        /// Which part of the URL.
        what: String,
        /// Its value.
        value: String,
        /// What to write instead.
        expected: String,
    },
}

/// A parsed store URL, as the constructor of a backend gets it.
///
/// Its `Display` can be shown to anybody: credentials are replaced by `***`, and a URL that its
/// backend does not understand is reduced to its scheme.
#[derive(Clone, PartialEq)]
pub struct StoreUrl {
    pub(super) text: String,
    scheme: String,
    rest: String,
    path: String,
    parameters: BTreeMap<String, String>,
    old_spelling: bool,
    pub(super) defaults: Defaults,
    pub(super) sync: Cell<Source>,
    pub(super) quarantine_dir: Cell<Source>,
    pub(super) profile: Cell<Source>,
}

/// Settings for stores whose URLs do not give them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Defaults {
    /// When an append is synced.
    pub sync: Option<Durability>,
    /// The directory for quarantined entries.
    pub quarantine_dir: Option<PathBuf>,
    /// What the records look like.
    pub profile: ProfileOptions,
}

/// Where a store has one of its settings from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Source {
    /// The backend has no such setting.
    #[default]
    Unsupported,
    /// The backend has the setting, and neither the URL nor the defaults give it.
    Missing,
    /// From the [`Defaults`].
    Default,
    /// From the URL.
    Url,
}

impl fmt::Debug for StoreUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "StoreUrl({self})")
    }
}

/// Whether URLs of this scheme can hold credentials. Elsewhere an `@` is part of a name.
pub(super) fn has_credentials(scheme: &str) -> bool {
    !["file", "rotating", "memory"].contains(&scheme)
}

/// Returns the word that names a file where a URL could stand as well.
#[cfg(feature = "config")]
pub(crate) fn file_word(path: &std::path::Path) -> String {
    let word = path.display().to_string();
    if scheme(&word).is_some() { format!("./{word}") } else { word }
}

impl StoreUrl {
    /// Parses a URL. A word that does not begin with a scheme and a colon is the path of a file and
    /// is taken as it is: `%` and `?` have no meaning in it.
    ///
    /// # Errors
    ///
    /// [`UrlError`]. The message holds no part of a URL that can be secret.
    pub fn parse(text: &str) -> Result<Self, UrlError> {
        let Some(scheme) = scheme(text) else {
            return Ok(Self::new(text, "file", text, text.to_owned()));
        };
        let rest = text.get(scheme.len() + 1..).unwrap_or_default();
        let scheme = scheme.to_ascii_lowercase();
        let shown = |part: &str| shown(&scheme, part);
        let decoded = |text: &str| {
            let decoded = units::percent_decoded(text);
            decoded.ok_or_else(|| bad("URL", &shown(text), "it must be UTF-8"))
        };
        let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
        let path = match rest.strip_prefix("//") {
            Some(path) if path.starts_with('/') => path,
            _ => rest,
        };
        let mut url = Self::new(text, &scheme, rest, decoded(path)?);
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            let Some((name, value)) = pair.split_once('=') else {
                return Err(bad("parameter", &shown(pair), "write name=value"));
            };
            let (name, value) = (decoded(name)?, decoded(value)?);
            if url.parameters.contains_key(&name) {
                return Err(bad("parameter", &shown(&name), "it is given twice"));
            }
            url.parameters.insert(name, value);
        }
        url.renamed(OLD_NAME, NAME)
    }

    fn new(text: &str, scheme: &str, rest: &str, path: String) -> Self {
        Self {
            text: text.to_owned(),
            scheme: scheme.to_owned(),
            rest: rest.to_owned(),
            path,
            parameters: BTreeMap::new(),
            old_spelling: false,
            defaults: Defaults::default(),
            sync: Cell::default(),
            quarantine_dir: Cell::default(),
            profile: Cell::default(),
        }
    }

    /// Stores a parameter of the file stores that has its old name under its new one.
    fn renamed(mut self, old: &'static str, new: &'static str) -> Result<Self, UrlError> {
        if !["file", "rotating"].contains(&self.scheme.as_str()) {
            return Ok(self);
        }
        let Some(value) = self.parameters.remove(old) else { return Ok(self) };
        self.old_spelling = true;
        match self.parameters.insert(new.to_owned(), value.clone()) {
            Some(other) if other != value => Err(UrlError::TwoNames { old, new }),
            _ => Ok(self),
        }
    }

    /// The old and the new name of a parameter, if it is given under the old one.
    #[cfg(feature = "config")]
    pub(crate) fn old_spelling(&self) -> Option<(&'static str, &'static str)> {
        self.old_spelling.then_some((OLD_NAME, NAME))
    }

    /// The part before the first colon, in lower case.
    #[must_use]
    pub fn scheme(&self) -> &str {
        &self.scheme
    }

    /// Everything between the first colon and the parameters, as written. It can hold a password.
    #[must_use]
    pub fn rest(&self) -> &str {
        &self.rest
    }

    /// The same without a leading empty authority (`//`), percent-decoded.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.path
    }

    /// A parameter, percent-decoded.
    #[must_use]
    pub fn parameter(&self, name: &str) -> Option<&str> {
        self.parameters.get(name).map(String::as_str)
    }

    /// A parameter, parsed by one of the functions of [`units`] or by your own, whose error says
    /// what to write instead.
    ///
    /// # Errors
    ///
    /// [`UrlError::BadValue`] with that message.
    pub fn value<T>(
        &self,
        name: &str,
        parse: impl FnOnce(&str) -> Result<T, String>,
    ) -> Result<Option<T>, UrlError> {
        let parse = |value: &str| {
            let shown = if self.is_torn() { "…" } else { value };
            parse(value).map_err(|expected| bad(name, shown, &expected))
        };
        self.parameter(name).map(parse).transpose()
    }

    /// When the store is to sync appends: the parameter `sync`, or the default.
    ///
    /// # Errors
    ///
    /// [`UrlError::BadValue`].
    pub fn sync(&self) -> Result<Option<Durability>, UrlError> {
        let value = self.value("sync", units::parse_sync)?;
        Ok(choose(value, self.defaults.sync, &self.sync))
    }

    /// Where the store is to quarantine entries: the parameter `quarantine_dir`, or the default.
    pub fn quarantine_dir(&self) -> Option<PathBuf> {
        let value = self.parameter(NAME).map(PathBuf::from);
        choose(value, self.defaults.quarantine_dir.clone(), &self.quarantine_dir)
    }

    /// What the records look like: the parameters [`PROFILE`], or the default if none of them is given.
    ///
    /// # Errors
    ///
    /// [`UrlError::BadValue`].
    pub fn profile(&self) -> Result<Option<Profile>, UrlError> {
        let [preset, kind_field, time_field, time_format] = PROFILE;
        let options = ProfileOptions {
            preset: self.value(preset, ProfileOptions::parse_preset)?,
            kind_field: self.value(kind_field, ProfileOptions::parse_field)?,
            time_field: self.value(time_field, ProfileOptions::parse_field)?,
            time_format: self.value(time_format, TimeFormat::parse)?,
        };
        let given = |options: ProfileOptions| (!options.is_empty()).then_some(options);
        let chosen = choose(given(options), given(self.defaults.profile.clone()), &self.profile);
        Ok(chosen.and_then(|options| options.profile()))
    }

    /// Refuses parameters that the backend does not have: a typo must not change durability.
    ///
    /// # Errors
    ///
    /// [`UrlError::UnknownParameter`].
    pub fn allow(&self, known: &[&str]) -> Result<(), UrlError> {
        match self.parameters.keys().find(|name| !known.contains(&name.as_str())) {
            None => Ok(()),
            Some(name) => Err(UrlError::UnknownParameter {
                scheme: self.scheme.clone(),
                name: if self.is_torn() { shown(&self.scheme, name) } else { name.clone() },
                known: if known.is_empty() { "none".to_owned() } else { known.join(", ") },
            }),
        }
    }

    pub(super) fn has_parameters(&self) -> bool {
        !self.parameters.is_empty()
    }

    /// Whether the parameters hold the `@` that ends a password: a `?` in a password that is not
    /// percent-encoded looks as if the parameters began there.
    fn is_torn(&self) -> bool {
        has_credentials(&self.scheme)
            && self.parameters.iter().any(|(name, value)| name.contains('@') || value.contains('@'))
    }
}

/// The parameters that say what the records look like.
pub(super) const PROFILE: [&str; 4] = ["profile", "kind_field", "time_field", "time_format"];

/// The parameter with the directory for quarantined entries, and its name before 0.2.
pub(super) const NAME: &str = "quarantine_dir";
const OLD_NAME: &str = "evidence";

fn choose<T>(url: Option<T>, default: Option<T>, source: &Cell<Source>) -> Option<T> {
    source.set(match (&url, &default) {
        (Some(_), _) => Source::Url,
        (None, Some(_)) => Source::Default,
        (None, None) => Source::Missing,
    });
    url.or(default)
}

/// Returns what stands before the first colon, if it can name a backend.
pub(super) fn scheme(text: &str) -> Option<&str> {
    text.split_once(':').map(|(scheme, _)| scheme).filter(|scheme| is_scheme(scheme))
}

pub(super) fn is_scheme(text: &str) -> bool {
    text.starts_with(|first: char| first.is_ascii_alphabetic())
        && text.chars().all(|c| c.is_ascii_alphanumeric() || "+-.".contains(c))
}

/// A part of a URL for an error's message. A password that is not percent-encoded can be anywhere.
fn shown(scheme: &str, part: &str) -> String {
    if has_credentials(scheme) { "…".to_owned() } else { part.to_owned() }
}

pub(super) fn bad(what: &str, value: &str, expected: &str) -> UrlError {
    UrlError::BadValue {
        what: what.to_owned(),
        value: value.to_owned(),
        expected: expected.to_owned(),
    }
}
