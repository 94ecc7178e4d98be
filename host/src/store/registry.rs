//! Which backend a store URL names, and the backends of this crate.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use super::url::{Defaults, NAME, PROFILE, Source, StoreUrl, UrlError, bad, is_scheme};
use super::{DiskBuilder, FileStore, MemoryStore, RotatingStore, Store};
use crate::units;

/// A store made by [`Registry::open_with`], and where it has its settings from.
#[derive(Clone)]
#[non_exhaustive]
pub struct Opened {
    /// The store, not touched yet.
    pub store: Arc<dyn Store>,
    /// Where [`Defaults::sync`] or its equivalent comes from.
    pub sync: Source,
    /// Where [`Defaults::quarantine_dir`] or its equivalent comes from.
    pub quarantine_dir: Source,
    /// Where [`Defaults::profile`] comes from.
    pub profile: Source,
}

impl Opened {
    /// The store of one file, whose path need not be UTF-8.
    #[cfg(feature = "config")]
    pub(crate) fn file(path: &std::path::Path, defaults: &Defaults) -> Self {
        let mut builder = FileStore::builder(path).profile(defaults.profile.profile());
        if let Some(sync) = defaults.sync {
            builder = builder.durability(sync);
        }
        if let Some(dir) = &defaults.quarantine_dir {
            builder = builder.quarantine_dir(dir);
        }
        let source = |set: bool| if set { Source::Default } else { Source::Missing };
        Self {
            store: Arc::new(builder.build()),
            sync: source(defaults.sync.is_some()),
            quarantine_dir: source(defaults.quarantine_dir.is_some()),
            profile: source(!defaults.profile.is_empty()),
        }
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
    /// Returns a registry without any backend; plain paths need `file`.
    #[must_use]
    pub fn empty() -> Self {
        Self::default()
    }

    /// Returns a registry with the backends of this crate.
    #[must_use]
    pub fn standard() -> Self {
        let mut registry = Self::empty();
        registry.constructors.insert("file".to_owned(), Box::new(file));
        registry.constructors.insert("memory".to_owned(), Box::new(memory));
        #[cfg(feature = "redis")]
        for scheme in super::redis::SCHEMES {
            registry.constructors.insert(scheme.to_owned(), Box::new(super::redis::by_url));
        }
        registry.constructors.insert("rotating".to_owned(), Box::new(rotating));
        registry
    }

    /// Adds a backend: its name, and a function that makes a store of a URL. Neither may touch the
    /// store itself.
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

    /// Makes the store that a URL or a plain path names. The store is not touched yet.
    ///
    /// # Errors
    ///
    /// [`UrlError`]. The message holds no part of a URL that can be secret.
    pub fn open(&self, url: &str) -> Result<Arc<dyn Store>, UrlError> {
        self.open_with(url, &Defaults::default()).map(|opened| opened.store)
    }

    /// Makes the store, with `defaults` for what its URL does not say.
    ///
    /// # Errors
    ///
    /// As [`Registry::open`].
    pub fn open_with(&self, url: &str, defaults: &Defaults) -> Result<Opened, UrlError> {
        let mut url = StoreUrl::parse(url)?;
        url.defaults = defaults.clone();
        let Some(constructor) = self.constructors.get(url.scheme()) else {
            let known: Vec<String> = self.names().map(|name| format!("`{name}:`")).collect();
            let scheme = url.scheme().to_owned();
            return Err(UrlError::UnknownScheme { scheme, known: known.join(", ") });
        };
        let store = constructor(&url)?;
        let (sync, quarantine_dir) = (url.sync.get(), url.quarantine_dir.get());
        Ok(Opened { store, sync, quarantine_dir, profile: url.profile.get() })
    }
}

/// Parameters of all stores in files.
pub(super) const FILE: [&str; 9] = {
    let [preset, kind, time, format] = PROFILE;
    ["sync", NAME, "create", "parents", "lock_wait", preset, kind, time, format]
};
pub(super) const ROTATING: [&str; 11] = {
    let [sync, quarantine, create, parents, wait, preset, kind, time, format] = FILE;
    ["max_bytes", "max_files", sync, quarantine, create, parents, wait, preset, kind, time, format]
};
pub(super) const MEMORY: [&str; 1] = ["max_bytes"];

fn file(url: &StoreUrl) -> Result<Arc<dyn Store>, UrlError> {
    url.allow(&FILE)?;
    Ok(Arc::new(settings(url, FileStore::builder(path(url)?))?.build()))
}

fn rotating(url: &StoreUrl) -> Result<Arc<dyn Store>, UrlError> {
    url.allow(&ROTATING)?;
    let mut builder = settings(url, RotatingStore::builder(path(url)?))?;
    let bytes = |word: &str| match units::parse_size(word) {
        Ok(0) => Err("write a size of 1 byte or more".to_owned()),
        parsed => parsed,
    };
    let files = |word: &str| {
        let files = units::parse_count(word).ok().filter(|files| (1..=1000).contains(files));
        let files = files.and_then(|files| files.try_into().ok());
        files.ok_or_else(|| {
            "write a number of files from 1 to 1000, the one appended to included".to_owned()
        })
    };
    if let Some(bytes) = url.value("max_bytes", bytes)? {
        builder = builder.max_bytes(bytes);
    }
    if let Some(files) = url.value("max_files", files)? {
        builder = builder.max_files(files);
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
    if let Some(sync) = url.sync()? {
        builder = builder.durability(sync);
    }
    if let Some(dir) = url.quarantine_dir() {
        builder = builder.quarantine_dir(dir);
    }
    if let Some(create) = url.value("create", units::parse_bool)? {
        builder = builder.create(create);
    }
    if let Some(parents) = url.value("parents", units::parse_bool)? {
        builder = builder.create_parents(parents);
    }
    if let Some(wait) = url.value("lock_wait", units::parse_duration)? {
        builder = builder.lock_wait(wait);
    }
    Ok(builder.profile(url.profile()?))
}

fn memory(url: &StoreUrl) -> Result<Arc<dyn Store>, UrlError> {
    url.allow(&MEMORY)?;
    if !url.path().is_empty() {
        return Err(bad("journal in memory", url.path(), "write memory: and nothing else"));
    }
    Ok(Arc::new(match url.value("max_bytes", units::parse_size)? {
        Some(max) => MemoryStore::with_max_bytes(max),
        None => MemoryStore::new(),
    }))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::store::Durability;

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
        assert!(error.contains("sync, quarantine_dir"), "{error}");
        for url in [
            "file:",
            "file:a?sync=sometimes",
            "file:a?sync=interval:0",
            "file:a?quarantine=q",
            "file:a?lock_wait=soon",
            "file:a?sync",
            "file:a?sync=never&sync=always",
            "memory:x",
            "rotating:a?max_files=0",
            "rotating:a?max_files=1001",
            "rotating:a?max_bytes=0",
            "rotating:a?max_bytes=50 potatoes",
            "rotating:",
            "file:a?max_bytes=5",
            "memory:?max_bytes=-1",
            "file:%ff",
        ] {
            assert!(location(url).is_err(), "{url}");
        }
    }

    #[test]
    fn parameters_are_written_as_options_are() {
        for url in [
            "file:a?sync=ALWAYS",
            "file:a?sync=interval:5",
            "file:a?sync=interval:1s",
            "file:a?lock_wait=1h",
            "file:a?lock_wait=5",
            "rotating:a?max_bytes=50MB",
            "memory:?max_bytes=1MiB",
        ] {
            assert!(location(url).is_ok(), "{url}");
        }
    }

    #[test]
    fn the_old_name_of_a_parameter_is_understood() {
        let url = StoreUrl::parse("file:a?evidence=q").unwrap();
        assert_eq!(url.quarantine_dir(), Some("q".into()));
        assert!(location("rotating:a?evidence=q&quarantine_dir=q").is_ok());
        let error = Registry::standard().open("file:a?evidence=q&quarantine_dir=r");
        let error = error.map(|_| ()).unwrap_err();
        assert!(matches!(error, UrlError::TwoNames { .. }), "{error}");
    }

    #[test]
    fn defaults_are_for_what_the_url_does_not_say() {
        let defaults = Defaults {
            sync: Some(Durability::Never),
            quarantine_dir: Some("q".into()),
            ..Defaults::default()
        };
        let sources = |url: &str, defaults: &Defaults| {
            let opened = Registry::standard().open_with(url, defaults).unwrap();
            (opened.sync, opened.quarantine_dir)
        };
        assert_eq!(sources("a", &defaults), (Source::Default, Source::Default));
        assert_eq!(sources("file:a?sync=always", &defaults), (Source::Url, Source::Default));
        assert_eq!(sources("rotating:a", &Defaults::default()), (Source::Missing, Source::Missing));
        assert_eq!(sources("memory:", &defaults), (Source::Unsupported, Source::Unsupported));
        let mut url = StoreUrl::parse("file:a?sync=interval:1s").unwrap();
        url.defaults = defaults;
        assert_eq!(url.sync().unwrap(), Some(Durability::Interval(Duration::from_secs(1))));
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
