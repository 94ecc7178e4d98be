//! From settings to stores.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

use super::form::Place;
use super::{Config, ConfigError, Fault, Origin, Value};
use crate::journal::{RecoveryMode, StartupMode};
use crate::route::Route;
use crate::store::{Durability, FileStore, Kind, Registry, Store, UrlError, url_scheme};

/// A store, and the keys that name it.
pub(super) struct Named {
    pub place: Place,
    pub key: String,
    pub origin: Origin,
}

/// Which place each kind has, in the order of [`Kind::ALL`], and one for what has no other.
pub(super) struct Places {
    pub default: Option<Named>,
    pub kinds: Vec<Named>,
}

impl Places {
    /// Whether everything that is stored is stored in one place.
    fn are_one(&self) -> bool {
        let all = self.default.iter().chain(&self.kinds).map(|named| &named.place);
        let mut stores = all.filter(|place| **place != Place::Nowhere);
        let first = stores.next();
        stores.all(|place| Some(place) == first)
    }
}

impl Config {
    /// The stores that are configured, by kind; `None` if none is. Each is made once, however many
    /// kinds share it, and not touched.
    ///
    /// # Errors
    ///
    /// [`ConfigError::Wrong`] for a URL that gives no store, and for two different names of one file.
    pub fn route(&self, registry: &Registry) -> Result<Option<Route>, ConfigError> {
        Ok(self.route_and_places(registry)?.map(|(route, _)| route))
    }

    /// The same, with the place of each of [`Route::stores`] as it is written.
    ///
    /// # Errors
    ///
    /// As [`Config::route`].
    pub fn route_and_places(
        &self,
        registry: &Registry,
    ) -> Result<Option<(Route, Vec<Place>)>, ConfigError> {
        let Some(places) = self.places().map_err(ConfigError::Wrong)? else { return Ok(None) };
        let mut opener = Opener {
            config: self,
            registry,
            alone: places.are_one(),
            opened: Vec::new(),
            files: BTreeMap::new(),
            taken: BTreeSet::new(),
        };
        let mut route = Route::builder();
        if let Some(named) = &places.default {
            route = match opener.open(named)? {
                Some(store) => route.default_store(store),
                None => route.discard_rest(),
            };
        }
        for (kind, named) in Kind::ALL.into_iter().zip(&places.kinds) {
            route = match opener.open(named)? {
                Some(store) => route.store(kind, store),
                None => route.discard(kind),
            };
        }
        opener.every_option_is_taken()?;
        let built = route.build().map_err(|error| {
            ConfigError::Wrong(vec![Fault::new(&Origin::Default, error.to_string())])
        })?;
        let place = |store: &Arc<dyn Store>| {
            let same = opener.opened.iter().find(|(_, other)| Arc::ptr_eq(store, other));
            same.map_or(Place::Nowhere, |(place, _)| place.clone())
        };
        let places = built.stores().map(|(store, _)| place(store)).collect();
        Ok(Some((built, places)))
    }

    /// What is configured, with the stronger settings taking the place of the weaker.
    pub(super) fn places(&self) -> Result<Option<Places>, Vec<Fault>> {
        let single = self.named("store");
        let overruled =
            |named: &Named| single.as_ref().is_some_and(|s| s.origin.rank() > named.origin.rank());
        let route = |key: &str| self.named(key).filter(|named| !overruled(named));
        let mut faults = Vec::new();
        let mut exclusive = |named: &Named| {
            if let Some(single) = &single
                && single.origin.rank() == named.origin.rank()
            {
                let message = format!(
                    "`store` is for all kinds and excludes `{}`; write it as `route.default`",
                    named.key
                );
                faults.push(Fault::new(&single.origin, message).about("store", None));
            }
        };
        let default = route("route.default");
        let kinds = Kind::ALL.map(|kind| route(&format!("route.{}", kind.plural())));
        default.iter().chain(kinds.iter().flatten()).take(1).for_each(&mut exclusive);
        if !faults.is_empty() {
            return Err(faults);
        }
        // Whatever is left of the route is stronger than `store`, which is for the rest.
        let default = default.or_else(|| self.named("store"));
        let some = default.as_ref().or(kinds.iter().flatten().next());
        let Some(origin) = some.map(|named| named.origin.clone()) else { return Ok(None) };
        let mut chosen = Vec::new();
        for (named, kind) in kinds.into_iter().zip(Kind::ALL) {
            let name = kind.plural();
            let rest = || {
                default.as_ref().map(|named| Named {
                    place: named.place.clone(),
                    key: named.key.clone(),
                    origin: named.origin.clone(),
                })
            };
            match named.or_else(rest) {
                Some(named) => chosen.push(named),
                None => {
                    let message = format!(
                        "the route has no store for {name}; set `route.{name}` or `route.default` \
                         (`none` drops them)"
                    );
                    faults.push(Fault::new(&origin, message));
                }
            }
        }
        if faults.is_empty() { Ok(Some(Places { default, kinds: chosen })) } else { Err(faults) }
    }

    fn named(&self, key: &str) -> Option<Named> {
        let entry = self.entry(key)?;
        match &entry.value {
            Some(Value::Store(place)) => Some(Named {
                place: place.clone(),
                key: key.to_owned(),
                origin: entry.origin.clone(),
            }),
            _ => None,
        }
    }
}

struct Opener<'c> {
    config: &'c Config,
    registry: &'c Registry,
    /// There is one store only, which then is what an option is about.
    alone: bool,
    opened: Vec<(Place, Arc<dyn Store>)>,
    /// Which place names a file, by the file.
    files: BTreeMap<std::path::PathBuf, Place>,
    /// The parameters that at least one store has.
    taken: BTreeSet<&'static str>,
}

impl Opener<'_> {
    fn open(&mut self, named: &Named) -> Result<Option<Arc<dyn Store>>, ConfigError> {
        if named.place == Place::Nowhere {
            return Ok(None);
        }
        if let Some((_, store)) = self.opened.iter().find(|(place, _)| *place == named.place) {
            return Ok(Some(store.clone()));
        }
        let fault = |message: String| {
            let fault = Fault::new(&named.origin, message).about(&named.key, named.place.shown());
            ConfigError::Wrong(vec![fault])
        };
        let store = self.make(&named.place).map_err(fault)?;
        self.once(&named.place, &*store).map_err(fault)?;
        self.opened.push((named.place.clone(), store.clone()));
        Ok(Some(store))
    }

    /// Two stores of one file would be read twice, and could differ in what they promise.
    fn once(&mut self, place: &Place, store: &dyn Store) -> Result<(), String> {
        let described = store.describe();
        if !["file", "rotating"].contains(&described.backend.as_str()) {
            return Ok(());
        }
        let path = Path::new(&described.location);
        let path = path.canonicalize().or_else(|_| std::path::absolute(path));
        let path = path.unwrap_or_else(|_| described.location.into());
        match self.files.insert(path, place.clone()) {
            Some(other) => Err(format!(
                "{:?} names the same file; write both alike, so that the kinds share one store",
                other.shown()
            )),
            None => Ok(()),
        }
    }
}

/// A setting as a parameter of a store's URL.
struct Extra<'c> {
    parameter: &'static str,
    value: String,
    origin: &'c Origin,
}

/// The settings that are parameters of stores.
const SYNC: &str = "sync";
const QUARANTINE: &str = "quarantine";

impl Opener<'_> {
    fn make(&mut self, place: &Place) -> Result<Arc<dyn Store>, String> {
        match place {
            Place::Nowhere => Err("`none` is not a store".to_owned()),
            Place::Path(path) => Ok(self.file_store(path)),
            // A plain path has no parameters; `?` and `%` are part of its name.
            Place::Url(url) if url_scheme(url).is_none() => {
                self.registry.open(url).map_err(|error| error.to_string())?;
                Ok(self.file_store(Path::new(url)))
            }
            Place::Url(url) => self.by_url(url),
        }
    }

    fn file_store(&mut self, path: &Path) -> Arc<dyn Store> {
        self.taken.extend([SYNC, QUARANTINE]);
        let mut builder = FileStore::builder(path).durability(self.config.durability().0);
        if let Some((directory, _)) = self.config.quarantine_dir() {
            builder = builder.quarantine_dir(directory);
        }
        Arc::new(builder.build())
    }

    /// Settings become parameters of the URL, so that the registry, which is open to further
    /// backends, judges whether the backend has them. What the URL says itself is stronger.
    fn by_url(&mut self, url: &str) -> Result<Arc<dyn Store>, String> {
        let registry = self.registry;
        let open = |url: &str| registry.open(url).map_err(|error| (error.to_string(), error));
        let plain = open(url).map_err(|(message, _)| message)?;
        let mut url = url.to_owned();
        let mut store = plain;
        for Extra { parameter, value, origin } in self.config.extras()? {
            let asked = matches!(origin, Origin::Flag(_));
            if names(&url, parameter) && !asked {
                continue;
            }
            // Nothing that vanishes with the process has to be quarantined.
            let moot = parameter == QUARANTINE && store.describe().volatile;
            let joint = if url.contains('?') { '&' } else { '?' };
            let value = utf8_percent_encode(&value, NON_ALPHANUMERIC);
            let longer = format!("{url}{joint}{parameter}={value}");
            match open(&longer) {
                Ok(opened) => {
                    self.taken.insert(parameter);
                    (url, store) = (longer, opened);
                }
                Err((_, UrlError::UnknownParameter { .. })) if moot => {
                    self.taken.insert(parameter);
                }
                // A setting is for the stores that have it, and so is an option if there are several;
                // else it is for this one.
                Err((_, UrlError::UnknownParameter { .. })) if !asked || !self.alone => {}
                Err((message, _)) => {
                    let backend = store.describe().backend;
                    return Err(format!("{origin} does not go with a {backend} store: {message}"));
                }
            }
        }
        Ok(store)
    }

    /// An option that no store has would do nothing.
    fn every_option_is_taken(&self) -> Result<(), ConfigError> {
        let sync = Some((SYNC, self.config.durability().1));
        let quarantine = self.config.quarantine_dir().map(|(_, origin)| (QUARANTINE, origin));
        let fault = |(parameter, origin): (&str, &Origin)| {
            let asked = matches!(origin, Origin::Flag(_)) && !self.opened.is_empty();
            let message = "no store of the route has this option";
            (asked && !self.taken.contains(parameter)).then(|| Fault::new(origin, message))
        };
        let faults: Vec<_> = sync.into_iter().chain(quarantine).filter_map(fault).collect();
        if faults.is_empty() { Ok(()) } else { Err(ConfigError::Wrong(faults)) }
    }
}

impl Config {
    fn extras(&self) -> Result<Vec<Extra<'_>>, String> {
        let mut extras = Vec::new();
        let (durability, origin) = self.durability();
        if *origin != Origin::Default {
            let value = match durability {
                Durability::Always => "always".to_owned(),
                Durability::Interval(time) => format!("interval:{}ms", time.as_millis()),
                Durability::Never => "never".to_owned(),
            };
            extras.push(Extra { parameter: SYNC, value, origin });
        }
        if let Some((directory, origin)) = self.quarantine_dir() {
            let value = directory.to_str().ok_or_else(|| {
                format!("{origin} names a directory that is not UTF-8; use --path for the store")
            })?;
            extras.push(Extra { parameter: QUARANTINE, value: value.to_owned(), origin });
        }
        Ok(extras)
    }
}

/// Whether a URL has this parameter.
fn names(url: &str, parameter: &str) -> bool {
    let list = url.split_once('?').map_or("", |(_, list)| list);
    list.split('&').any(|pair| pair.split_once('=').is_some_and(|(name, _)| name == parameter))
}

impl Config {
    /// Checks what only the backends can judge. No store is touched.
    ///
    /// # Errors
    ///
    /// As [`Config::route`]; and if a startup check is to quarantine entries and has no place for them.
    pub fn check(&self, registry: &Registry) -> Result<(), ConfigError> {
        self.route(registry)?;
        let startup = self.startup();
        let sets_aside = startup.mode == StartupMode::Recover
            && startup.recovery == RecoveryMode::Quarantine
            && self.lacks_quarantine_dir(registry);
        match self.entry("startup.recovery_mode").filter(|_| sets_aside) {
            None => Ok(()),
            Some(entry) => {
                let message = "set `quarantine_dir`, which says where things are quarantined";
                let fault = Fault::new(&entry.origin, message);
                Err(ConfigError::Wrong(vec![fault.about(&entry.key, "quarantine".to_owned())]))
            }
        }
    }

    /// Whether setting things aside lacks a place for them: no directory is configured, and a store
    /// that needs one names none itself.
    #[must_use]
    pub fn lacks_quarantine_dir(&self, registry: &Registry) -> bool {
        let Ok(Some(places)) = self.places() else { return false };
        let needs = |place: &Place| match place {
            Place::Nowhere => false,
            Place::Path(_) => true,
            Place::Url(url) if url_scheme(url).is_none() => true,
            Place::Url(url) => {
                let joint = if url.contains('?') { '&' } else { '?' };
                !names(url, QUARANTINE)
                    && registry.open(&format!("{url}{joint}{QUARANTINE}=x")).is_ok()
            }
        };
        let mut all = places.default.iter().chain(&places.kinds);
        self.quarantine_dir().is_none() && all.any(|named| needs(&named.place))
    }
}
