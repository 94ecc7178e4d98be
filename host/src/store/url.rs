//! Stores by URL: `file:/var/lib/app/events.ndjson?sync=interval:100ms`, `memory:`, or a plain path.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use percent_encoding::percent_decode_str;

use super::{DiskBuilder, Durability, FileStore, MemoryStore, RotatingStore, Store};

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
        /// What stands before the colon.
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
        /// What stands before the equals sign.
        name: String,
        /// The parameters that the backend has, for people.
        known: String,
    },
    /// A parameter or the path has a value that makes no sense.
    #[error("`{value}` is not a valid {what}; {expected}")]
    BadValue {
        /// Which part of the URL.
        what: String,
        /// What it was.
        value: String,
        /// What it should have been.
        expected: String,
    },
}

/// A URL that has been taken apart, as a backend's constructor gets it.
#[derive(Clone, PartialEq, Eq)]
pub struct StoreUrl {
    scheme: String,
    rest: String,
    path: String,
    parameters: BTreeMap<String, String>,
}

/// Leaves out everything that can hold a secret.
impl fmt::Debug for StoreUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StoreUrl").field("scheme", &self.scheme).finish_non_exhaustive()
    }
}

impl StoreUrl {
    /// The part before the first colon, in lower case.
    #[must_use]
    pub fn scheme(&self) -> &str {
        &self.scheme
    }

    /// Everything after the first colon up to the parameters, as written. It can hold a password.
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

    /// Whether what looks like parameters holds the `@` that ends a password: with a `?` in it, the
    /// password begins before them.
    fn is_torn(&self) -> bool {
        self.parameters.iter().any(|(name, value)| name.contains('@') || value.contains('@'))
    }

    /// A parameter that is `true` or `false`.
    ///
    /// # Errors
    ///
    /// [`UrlError::BadValue`] for any other word.
    pub fn flag(&self, name: &str) -> Result<Option<bool>, UrlError> {
        let parse = |value: &str| match value {
            "true" => Ok(true),
            "false" => Ok(false),
            _ => Err(bad(name, value, "write true or false")),
        };
        self.parameter(name).map(parse).transpose()
    }

    /// A parameter that is a time, such as `100ms`, `10s` or `1m`.
    ///
    /// # Errors
    ///
    /// [`UrlError::BadValue`] for anything else.
    pub fn duration(&self, name: &str) -> Result<Option<Duration>, UrlError> {
        self.parameter(name).map(|value| duration(name, value)).transpose()
    }

    /// The message of an error shows parts of the URL of a file only: in others, a password that is
    /// not percent-encoded can be at any place.
    fn parse(scheme: &str, text: &str) -> Result<Self, UrlError> {
        let shown = |part: &str| shown(scheme, part);
        let (rest, query) = text.split_once('?').unwrap_or((text, ""));
        let path = match rest.strip_prefix("//") {
            Some(path) if path.starts_with('/') => path,
            _ => rest,
        };
        let mut parameters = BTreeMap::new();
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            let Some((name, value)) = pair.split_once('=') else {
                return Err(bad("parameter", &shown(pair), "write name=value"));
            };
            let (name, value) = (decoded(scheme, name)?, decoded(scheme, value)?);
            if parameters.contains_key(&name) {
                return Err(bad("parameter", &shown(&name), "it is given twice"));
            }
            parameters.insert(name, value);
        }
        Ok(Self {
            scheme: scheme.to_ascii_lowercase(),
            rest: rest.to_owned(),
            path: decoded(scheme, path)?,
            parameters,
        })
    }
}

type Constructor = Box<dyn Fn(&StoreUrl) -> Result<Arc<dyn Store>, UrlError> + Send + Sync>;

/// The backends that URLs can name.
///
/// ```
/// use papyra_persistence::store::Registry;
///
/// let registry = Registry::standard();
/// let store = registry.open("file:/var/lib/app/events.ndjson?sync=never")?;
/// assert_eq!(store.describe().backend, "file");
/// # Ok::<(), papyra_persistence::store::UrlError>(())
/// ```
#[derive(Default)]
pub struct Registry {
    constructors: BTreeMap<String, Constructor>,
}

impl fmt::Debug for Registry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.constructors.keys()).finish()
    }
}

impl Registry {
    /// Without any backend; plain paths need `file`.
    #[must_use]
    pub fn empty() -> Self {
        Self::default()
    }

    /// With the backends of this crate.
    #[must_use]
    pub fn standard() -> Self {
        let mut registry = Self::empty();
        registry.constructors.insert("file".to_owned(), Box::new(file));
        registry.constructors.insert("memory".to_owned(), Box::new(memory));
        #[cfg(feature = "redis")]
        for scheme in ["redis", "rediss", "redis+cluster", "redis+sentinel"] {
            registry.constructors.insert(scheme.to_owned(), Box::new(super::redis::by_url));
        }
        registry.constructors.insert("rotating".to_owned(), Box::new(rotating));
        registry
    }

    /// Adds a backend: its name, and what makes a store of a URL. Neither may touch the store itself.
    ///
    /// # Errors
    ///
    /// [`UrlError::Registered`] if the name is taken, [`UrlError::BadName`] if it cannot be one.
    pub fn register(
        &mut self,
        name: &str,
        constructor: impl Fn(&StoreUrl) -> Result<Arc<dyn Store>, UrlError> + Send + Sync + 'static,
    ) -> Result<(), UrlError> {
        if !is_scheme(name) {
            return Err(UrlError::BadName(name.to_owned()));
        }
        let name = name.to_ascii_lowercase();
        if self.constructors.contains_key(&name) {
            return Err(UrlError::Registered(name));
        }
        self.constructors.insert(name, Box::new(constructor));
        Ok(())
    }

    /// The names that are registered, in order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.constructors.keys().map(String::as_str)
    }

    /// The store that a URL or a plain path names. Nothing is touched yet.
    ///
    /// What does not begin with a name and a colon is a path, and is taken as it is: `%` and `?`
    /// have no meaning in it.
    ///
    /// # Errors
    ///
    /// See [`UrlError`]. The message holds no part of a URL that can be secret.
    pub fn open(&self, url: &str) -> Result<Arc<dyn Store>, UrlError> {
        let (scheme, parsed) = match url.split_once(':').filter(|(scheme, _)| is_scheme(scheme)) {
            Some((scheme, rest)) => (scheme.to_ascii_lowercase(), StoreUrl::parse(scheme, rest)?),
            None => ("file".to_owned(), plain_path(url)),
        };
        match self.constructors.get(&scheme) {
            Some(constructor) => constructor(&parsed),
            None => {
                let known: Vec<String> = self.names().map(|name| format!("`{name}:`")).collect();
                Err(UrlError::UnknownScheme { scheme, known: known.join(", ") })
            }
        }
    }
}

fn plain_path(path: &str) -> StoreUrl {
    StoreUrl {
        scheme: "file".to_owned(),
        rest: path.to_owned(),
        path: path.to_owned(),
        parameters: BTreeMap::new(),
    }
}

/// What stands before the first colon, if that names a backend and not a part of a plain path.
#[cfg(feature = "config")]
pub(crate) fn url_scheme(url: &str) -> Option<&str> {
    url.split_once(':').map(|(scheme, _)| scheme).filter(|scheme| is_scheme(scheme))
}

fn is_scheme(text: &str) -> bool {
    text.starts_with(|first: char| first.is_ascii_alphabetic())
        && text.chars().all(|c| c.is_ascii_alphanumeric() || "+-.".contains(c))
}

/// Nothing in the URLs of these is secret.
const WITHOUT_SECRETS: [&str; 3] = ["file", "rotating", "memory"];

/// The parameters that all stores in files have.
const IN_FILES: [&str; 5] = ["sync", "quarantine", "create", "parents", "lock_wait"];

fn file(url: &StoreUrl) -> Result<Arc<dyn Store>, UrlError> {
    url.allow(&IN_FILES)?;
    Ok(Arc::new(settings(url, FileStore::builder(path(url)?))?.build()))
}

fn rotating(url: &StoreUrl) -> Result<Arc<dyn Store>, UrlError> {
    url.allow(&[["max_bytes", "max_files"].as_slice(), &IN_FILES].concat())?;
    let mut builder = settings(url, RotatingStore::builder(path(url)?))?;
    if let Some(value) = url.parameter("max_bytes") {
        let bytes = value.parse().ok().filter(|bytes| *bytes > 0);
        let expected = "write a number of bytes, 1 or more";
        builder = builder.max_bytes(bytes.ok_or_else(|| bad("max_bytes", value, expected))?);
    }
    if let Some(value) = url.parameter("max_files") {
        let files = value.parse().ok().filter(|files| (1..=1000).contains(files));
        let expected = "write a number of files from 1 to 1000, the one appended to included";
        builder = builder.max_files(files.ok_or_else(|| bad("max_files", value, expected))?);
    }
    Ok(Arc::new(builder.build()))
}

fn path(url: &StoreUrl) -> Result<&str, UrlError> {
    let path = url.path();
    if path.is_empty() || path.ends_with('/') || path.contains('\0') {
        return Err(bad("path", path, "give the path of a file"));
    }
    if path.starts_with("//") {
        let scheme = url.scheme();
        let expected =
            format!("a file is on this machine: write {scheme}:/absolute or {scheme}:relative");
        return Err(bad("path", path, &expected));
    }
    Ok(path)
}

fn settings<Kind>(
    url: &StoreUrl,
    mut builder: DiskBuilder<Kind>,
) -> Result<DiskBuilder<Kind>, UrlError> {
    if let Some(sync) = url.parameter("sync") {
        builder = builder.durability(durability(sync)?);
    }
    if let Some(dir) = url.parameter("quarantine") {
        builder = builder.quarantine_dir(dir);
    }
    if let Some(create) = url.flag("create")? {
        builder = builder.create(create);
    }
    if let Some(parents) = url.flag("parents")? {
        builder = builder.create_parents(parents);
    }
    if let Some(wait) = url.duration("lock_wait")? {
        builder = builder.lock_wait(wait);
    }
    Ok(builder)
}

fn memory(url: &StoreUrl) -> Result<Arc<dyn Store>, UrlError> {
    url.allow(&["max_bytes"])?;
    if !url.path().is_empty() {
        return Err(bad("journal in memory", url.path(), "write memory: and nothing else"));
    }
    let Some(max) = url.parameter("max_bytes") else { return Ok(Arc::new(MemoryStore::new())) };
    let max = max.parse().map_err(|_| bad("max_bytes", max, "write a number of bytes"))?;
    Ok(Arc::new(MemoryStore::with_max_bytes(max)))
}

fn durability(value: &str) -> Result<Durability, UrlError> {
    match value.split_once(':') {
        None if value == "always" => Ok(Durability::Always),
        None if value == "never" => Ok(Durability::Never),
        Some(("interval", time)) => Ok(Durability::Interval(duration("sync", time)?)),
        _ => Err(bad("sync", value, "write always, never, or interval:100ms")),
    }
}

fn duration(name: &str, value: &str) -> Result<Duration, UrlError> {
    let digits = value.find(|c: char| !c.is_ascii_digit()).unwrap_or(value.len());
    let (number, unit) = value.split_at(digits);
    let parsed = number.parse::<u64>().ok().and_then(|number| match unit {
        "ms" => Some(Duration::from_millis(number)),
        "s" => Some(Duration::from_secs(number)),
        "m" => number.checked_mul(60).map(Duration::from_secs),
        _ => None,
    });
    parsed.ok_or_else(|| bad(name, value, "write a time with its unit: 100ms, 10s or 1m"))
}

fn decoded(scheme: &str, text: &str) -> Result<String, UrlError> {
    let decoded = percent_decode_str(text).decode_utf8();
    let wrong = |_| bad("URL", &shown(scheme, text), "it must be UTF-8");
    decoded.map(std::borrow::Cow::into_owned).map_err(wrong)
}

/// Whether a URL of this scheme can have a password. Elsewhere an `@` is part of a name.
pub(crate) fn has_secrets(scheme: &str) -> bool {
    !WITHOUT_SECRETS.iter().any(|known| scheme.eq_ignore_ascii_case(known))
}

/// A part of a URL for an error's message.
fn shown(scheme: &str, part: &str) -> String {
    if has_secrets(scheme) { "…".to_owned() } else { part.to_owned() }
}

fn bad(what: &str, value: &str, expected: &str) -> UrlError {
    UrlError::BadValue {
        what: what.to_owned(),
        value: value.to_owned(),
        expected: expected.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn location(url: &str) -> Result<String, String> {
        let store = Registry::standard().open(url).map_err(|error| error.to_string())?;
        Ok(store.describe().location)
    }

    #[test]
    fn a_plain_path_is_taken_as_it_is() {
        for path in ["a.ndjson", "/x/y%20z?sync=never", "./a:b", "../c", "d/e:f"] {
            assert_eq!(location(path).unwrap(), path);
        }
    }

    #[test]
    fn a_file_url_is_decoded() {
        assert_eq!(location("file:/a/b%20c?sync=interval:100ms").unwrap(), "/a/b c");
        assert_eq!(location("FILE:///a").unwrap(), "/a");
        assert_eq!(location("file:a/b").unwrap(), "a/b");
        assert_eq!(location("rotating:/a%20b?max_bytes=5&max_files=2&sync=never").unwrap(), "/a b");
        assert!(location("file://host/a").unwrap_err().contains("this machine"));
    }

    #[test]
    fn what_is_unknown_is_refused_and_says_what_is_known() {
        let error = location("s3:bucket").unwrap_err();
        assert!(error.contains("`file:`, `memory:`"), "{error}");
        let error = location("file:a?snyc=never").unwrap_err();
        assert!(error.contains("sync, quarantine"), "{error}");
        for url in [
            "file:",
            "file:a?sync=ALWAYS",
            "file:a?sync=interval:5",
            "file:a?sync",
            "file:a?sync=never&sync=always",
            "memory:x",
            "rotating:a?max_files=0",
            "rotating:a?max_files=1001",
            "rotating:a?max_bytes=0",
            "rotating:a?max_bytes=50MB",
            "rotating:",
            "file:a?max_bytes=5",
            "memory:?max_bytes=-1",
            "file:%ff",
        ] {
            assert!(location(url).is_err(), "{url}");
        }
    }

    #[test]
    fn a_password_that_was_not_encoded_is_not_shown() {
        for url in [
            "redis://me:s3cr%ffet@h",
            "redis://me:s3cr?et@h:1/0",
            "redis://me:s3?cr=et@h:1/0",
            "redis://me:s3?cr=%ffet@h",
            "redis://me:s3?cr=1&cr=et@h",
            "s4:me:s3?et",
        ] {
            let error = location(url).unwrap_err();
            assert!(["s3", "cr", "et@"].iter().all(|part| !error.contains(part)), "{error}");
        }
        for url in ["file:a?snyc", "redis://h?snyc=1"] {
            let error = location(url).unwrap_err();
            assert!(error.contains("snyc"), "{error}");
        }
    }

    #[test]
    fn a_name_is_registered_once() {
        let mut registry = Registry::standard();
        assert!(matches!(registry.register("File", file), Err(UrlError::Registered(_))));
        assert!(matches!(registry.register("a/b", file), Err(UrlError::BadName(_))));
        registry.register("mine", memory).unwrap();
        assert_eq!(registry.open("mine:").unwrap().describe().backend, "memory");
    }
}
