//! From settings to stores.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::form::Place;
use super::{Config, ConfigError, Fault, Origin, Set, Settings};
use crate::journal::{RecoveryMode, StartupMode};
use crate::route::Route;
use crate::store::{Defaults, Kind, Opened, Registry, Source, Store, StoreUrl, UrlError};

/// A store, and the key that names it.
#[derive(Clone)]
pub(super) struct Named {
    pub place: Place,
    pub key: String,
    pub origin: Origin,
}

impl Named {
    fn new(key: &str, set: &Set<Option<Place>>) -> Option<Self> {
        let place = set.value.clone()?;
        Some(Self { place, key: key.to_owned(), origin: set.origin.clone() })
    }
}

/// Which place each kind has, in the order of [`Kind::ALL`], and one for what has no other.
pub(super) struct Places {
    pub default: Option<Named>,
    pub kinds: Vec<Named>,
}

impl Places {
    fn all(&self) -> impl Iterator<Item = &Named> {
        self.default.iter().chain(&self.kinds)
    }

    /// Whether everything that is stored is stored in one place.
    fn are_one(&self) -> bool {
        let all = self.all().map(|named| &named.place);
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
        let mut opener = Opener::new(self, registry, places.are_one());
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
            let same = opener.opened.iter().find(|(_, other)| Arc::ptr_eq(store, &other.store));
            same.map_or(Place::Nowhere, |(place, _)| place.clone())
        };
        let places = built.stores().map(|(store, _)| place(store)).collect();
        Ok(Some((built, places)))
    }

    /// What is configured, with the stronger settings taking the place of the weaker.
    pub(super) fn places(&self) -> Result<Option<Places>, Vec<Fault>> {
        let single = Named::new("store", &self.settings.store);
        let overruled =
            |named: &Named| single.as_ref().is_some_and(|s| s.origin.rank() > named.origin.rank());
        let route = |key: &str, set| Named::new(key, set).filter(|named| !overruled(named));
        let default = route("route.default", &self.settings.route_default);
        let kinds = Kind::ALL.into_iter().zip(&self.settings.route);
        let kinds: Vec<_> = kinds
            .map(|(kind, set)| (kind, route(&format!("route.{}", kind.plural()), set)))
            .collect();
        let first = default.as_ref().or_else(|| kinds.iter().find_map(|(_, named)| named.as_ref()));
        if let (Some(single), Some(named)) = (&single, first)
            && single.origin.rank() == named.origin.rank()
        {
            let message = format!(
                "`store` is for all kinds and excludes `{}`; write it as `route.default`",
                named.key
            );
            return Err(vec![Fault::new(&single.origin, message).about("store", None)]);
        }
        let Some(origin) = first.or(single.as_ref()).map(|named| named.origin.clone()) else {
            return Ok(None);
        };
        // Whatever is left of the route is stronger than `store`, which is for the rest.
        let default = default.or(single);
        let (mut chosen, mut faults) = (Vec::new(), Vec::new());
        for (kind, named) in kinds {
            match named.or_else(|| default.clone()) {
                Some(named) => chosen.push(named),
                None => {
                    let name = kind.plural();
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
}

struct Opener<'c> {
    config: &'c Config,
    registry: &'c Registry,
    defaults: Defaults,
    /// There is one store only, which then is what an option is about.
    alone: bool,
    opened: Vec<(Place, Opened)>,
    /// Which place names a file, by the file.
    files: BTreeMap<PathBuf, Place>,
}

impl<'c> Opener<'c> {
    fn new(config: &'c Config, registry: &'c Registry, alone: bool) -> Self {
        let sync = &config.settings.sync;
        let defaults = Defaults {
            // Other backends may have another default.
            sync: (sync.origin != Origin::Default).then_some(sync.value),
            quarantine_dir: config.settings.quarantine_dir.value.clone(),
            profile: config.profile(),
        };
        Self { config, registry, defaults, alone, opened: Vec::new(), files: BTreeMap::new() }
    }

    fn open(&mut self, named: &Named) -> Result<Option<Arc<dyn Store>>, ConfigError> {
        if let Some((_, opened)) = self.opened.iter().find(|(place, _)| *place == named.place) {
            return Ok(Some(opened.store.clone()));
        }
        let fault = |message: String| {
            Fault::new(&named.origin, message).about(&named.key, named.place.shown())
        };
        let Some(made) = self.make(&named.place) else { return Ok(None) };
        let opened = made.map_err(|error| Fault {
            contradiction: matches!(error, UrlError::TwoNames { .. }),
            ..fault(error.to_string())
        })?;
        if let Some(message) = self.misplaced(&opened) {
            return Err(fault(message).into());
        }
        self.once(&named.place, &*opened.store).map_err(fault)?;
        let store = opened.store.clone();
        self.opened.push((named.place.clone(), opened));
        Ok(Some(store))
    }

    fn make(&self, place: &Place) -> Option<Result<Opened, UrlError>> {
        match place {
            Place::Url(url) => Some(self.registry.open_with(url, &self.defaults)),
            // A path need not be UTF-8, as a URL is.
            Place::Path(path) => Some(Ok(Opened::file(path, &self.defaults))),
            Place::Nowhere => None,
        }
    }

    /// Where the settings that are defaults of stores are set, where a store has them from, and
    /// whether it does not matter that it has none.
    fn settings(&self, opened: &Opened) -> [(&'c Origin, Source, bool); 6] {
        let Settings { sync, quarantine_dir, profile, .. } = &self.config.settings;
        let Settings { kind_field, time_field, time_format, .. } = &self.config.settings;
        // Nothing that vanishes with the process has to be quarantined.
        let volatile = opened.store.describe().volatile;
        [
            (&sync.origin, opened.sync, false),
            (&quarantine_dir.origin, opened.quarantine_dir, volatile),
            (&profile.origin, opened.profile, false),
            (&kind_field.origin, opened.profile, false),
            (&time_field.origin, opened.profile, false),
            (&time_format.origin, opened.profile, false),
        ]
    }

    /// Why an option that is about this store is in vain.
    fn misplaced(&self, opened: &Opened) -> Option<String> {
        let asked = |(origin, ..): &(&Origin, _, _)| matches!(origin, Origin::Flag(_));
        let mut settings = self.settings(opened).into_iter().filter(asked);
        settings.find_map(|(origin, source, moot)| match source {
            Source::Url => {
                Some(format!("{origin} is given twice: the URL of the store says it as well"))
            }
            // With several stores an option is for those that have it.
            Source::Unsupported if self.alone && !moot => {
                let backend = opened.store.describe().backend;
                // Redis has its quarantine beside the entries, under a name of its own.
                let instead = match (&*backend, origin) {
                    ("redis", Origin::Flag(flag)) if flag == "--quarantine-dir" => {
                        "; the URL says where its quarantine is, with `quarantine_prefix`"
                    }
                    _ => "",
                };
                Some(format!("{origin} does not go with a {backend} store{instead}"))
            }
            _ => None,
        })
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

    /// An option that no store has would do nothing.
    fn every_option_is_taken(&self) -> Result<(), ConfigError> {
        let stores: Vec<_> = self.opened.iter().map(|(_, opened)| self.settings(opened)).collect();
        let Some(first) = stores.first() else { return Ok(()) };
        let in_vain = |(index, (origin, ..)): &(usize, &(&Origin, Source, bool))| {
            let mut all = stores.iter().filter_map(|settings| settings.get(*index));
            matches!(origin, Origin::Flag(_))
                && all.all(|(_, source, moot)| *source == Source::Unsupported && !moot)
        };
        let in_vain = first.iter().enumerate().filter(in_vain);
        let fault = |(_, (origin, ..)): (usize, &(&Origin, _, _))| {
            Fault::new(origin, "no store of the route has this option")
        };
        let faults: Vec<_> = in_vain.map(fault).collect();
        if faults.is_empty() { Ok(()) } else { Err(ConfigError::Wrong(faults)) }
    }
}

impl Config {
    /// Checks what only the backends can judge. No store is touched.
    ///
    /// # Errors
    ///
    /// As [`Config::route`]; also if a startup check is to quarantine entries and no directory is
    /// set for them.
    pub fn check(&self, registry: &Registry) -> Result<(), ConfigError> {
        self.route(registry)?;
        let Settings { startup_mode, startup_recovery_mode: recovery, .. } = &self.settings;
        let quarantines = startup_mode.value == StartupMode::Recover
            && recovery.value == RecoveryMode::Quarantine;
        if quarantines && self.lacks_quarantine_dir(registry) {
            let message = "set `quarantine_dir`, the directory for quarantined entries";
            let fault = Fault::new(&recovery.origin, message);
            return Err(fault.about("startup.recovery_mode", "quarantine".to_owned()).into());
        }
        Ok(())
    }

    /// Whether a store needs a directory for quarantined entries, and neither its URL nor the
    /// configuration names one.
    #[must_use]
    pub fn lacks_quarantine_dir(&self, registry: &Registry) -> bool {
        let Ok(Some(places)) = self.places() else { return false };
        let opener = Opener::new(self, registry, true);
        let missing = |opened: &Opened| opened.quarantine_dir == Source::Missing;
        let lacks = |place: &Place| opener.make(place)?.ok().filter(missing);
        places.all().any(|named| lacks(&named.place).is_some())
    }

    /// Notes on spellings that still work, and what to write instead.
    #[must_use]
    pub fn notes(&self) -> Vec<String> {
        let mut notes = self.notes.clone();
        for named in self.places().ok().flatten().iter().flat_map(Places::all) {
            let Place::Url(url) = &named.place else { continue };
            if let Some((old, new)) = StoreUrl::parse(url).ok().and_then(|url| url.old_spelling()) {
                notes.push(format!("{}: `?{old}=` is called `?{new}=` now", named.origin));
            }
        }
        notes.dedup();
        notes
    }
}
