//! Routes: a store for each kind of record. Events can go to Redis, audits to a file, metrics nowhere.
//!
//! A [`Route`] names the stores; a [`RoutedJournal`] works on all of them, one after the other for
//! maintenance and together for reading. A store that fails does not stop the others.
//!
//! ```
//! use papyra_persistence::journal::{ScanOptions, Selection};
//! use papyra_persistence::route::{Route, RoutedJournal};
//! use papyra_persistence::store::Kind;
//! use papyra_persistence::{Engine, MemoryStore};
//! use std::sync::Arc;
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let route = Route::builder()
//!     .store(Kind::Event, Arc::new(MemoryStore::new()))
//!     .discard(Kind::Metric)
//!     .default_store(Arc::new(MemoryStore::new())) // audits and dead letters
//!     .build()?;
//! let journal = RoutedJournal::new(&Engine::new()?, route);
//!
//! let lines = "{\"kind\": \"event\", \"timestamp\": 1738000002}\n\
//!              {\"kind\": \"metric\", \"timestamp\": 1738000003}\n\
//!              {\"kind\": \"audit\", \"timestamp\": 1738000001}\n";
//! let appended = journal.append_lines(lines).await?;
//! assert_eq!((appended.records, appended.dropped), (2, 1));
//!
//! for outcome in journal.scan(ScanOptions::default()).await {
//!     assert_eq!(outcome.result?.damaged, 0);
//! }
//! let mut pages = journal.query(Selection::default());
//! let page = pages.next().await.expect("two records");
//! assert!(page.records.starts_with("{\"kind\": \"audit\"")); // in the order of time
//! # Ok(())
//! # }
//! ```

mod append;
mod journal;
mod merge;
mod stamp;

use std::fmt;
use std::sync::Arc;

pub use self::append::{PartialAppend, RoutedAppend, RoutedError, StoreFailure, Written};
pub use self::journal::{Outcome, RoutedJournal};
pub use self::merge::{MergedPage, MergedPages, StoreEnd};
use crate::store::{Kind, PerKind, Store};

/// The store of each kind of record. Cheap to clone; clones share the stores.
#[derive(Clone)]
pub struct Route {
    stores: Vec<Arc<dyn Store>>,
    /// The number of the kind's store, if it has one.
    targets: PerKind<Option<usize>>,
}

impl fmt::Debug for Route {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let place = |kind: Kind| self.store(kind).map(|store| store.describe().location);
        f.debug_map().entries(Kind::ALL.map(|kind| (kind, place(kind)))).finish()
    }
}

/// The reason why a route cannot be built.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RouteError {
    /// A kind has neither a store nor a default.
    #[error("the route has no store for {kind:?}; give it a store, set a default, or discard it")]
    Unrouted {
        /// The kind.
        kind: Kind,
    },
}

impl Route {
    /// Returns a route that sends everything to one store.
    pub fn single(store: Arc<dyn Store>) -> Self {
        Self { stores: vec![store], targets: PerKind::from_fn(|_| Some(0)) }
    }

    /// Starts to build a route.
    pub fn builder() -> RouteBuilder {
        RouteBuilder::default()
    }

    /// The store of a kind; `None` if its records are dropped.
    #[must_use]
    pub fn store(&self, kind: Kind) -> Option<&Arc<dyn Store>> {
        self.target(kind).and_then(|index| self.stores.get(index))
    }

    /// Returns every store once, with its kinds. The default store is among them even if every kind has
    /// a store of its own, because it can hold older records.
    pub fn stores(&self) -> impl ExactSizeIterator<Item = (&Arc<dyn Store>, Vec<Kind>)> {
        self.stores.iter().enumerate().map(|(index, store)| {
            let kinds = Kind::ALL.into_iter().filter(|kind| self.target(*kind) == Some(index));
            (store, kinds.collect())
        })
    }

    /// The kinds whose records are dropped.
    #[must_use]
    pub fn discarded(&self) -> Vec<Kind> {
        Kind::ALL.into_iter().filter(|kind| self.target(*kind).is_none()).collect()
    }

    pub(super) fn target(&self, kind: Kind) -> Option<usize> {
        *self.targets.get(kind)
    }
}

/// Builds a [`Route`]. A later call for a kind replaces an earlier one.
#[derive(Clone, Default)]
#[must_use]
pub struct RouteBuilder {
    default: Option<Target>,
    kinds: PerKind<Option<Target>>,
}

#[derive(Clone)]
enum Target {
    Store(Arc<dyn Store>),
    Discard,
}

impl fmt::Debug for RouteBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RouteBuilder").finish_non_exhaustive()
    }
}

impl RouteBuilder {
    /// Sends records of this kind to this store. Kinds with the same `Arc` share one store.
    pub fn store(self, kind: Kind, store: Arc<dyn Store>) -> Self {
        self.with(kind, Target::Store(store))
    }

    /// Drops and counts records of this kind.
    pub fn discard(self, kind: Kind) -> Self {
        self.with(kind, Target::Discard)
    }

    /// Sends records of all other kinds to this store.
    pub fn default_store(mut self, store: Arc<dyn Store>) -> Self {
        self.default = Some(Target::Store(store));
        self
    }

    /// Drops and counts records of all other kinds.
    pub fn discard_rest(mut self) -> Self {
        self.default = Some(Target::Discard);
        self
    }

    fn with(mut self, kind: Kind, target: Target) -> Self {
        *self.kinds.get_mut(kind) = Some(target);
        self
    }

    /// Returns the route.
    ///
    /// # Errors
    ///
    /// [`RouteError::Unrouted`] if a kind has neither a store nor a default.
    pub fn build(self) -> Result<Route, RouteError> {
        let mut stores: Vec<Arc<dyn Store>> = Vec::new();
        let mut place = |target: &Target| match target {
            Target::Discard => None,
            Target::Store(store) => {
                let known = stores.iter().position(|other| Arc::ptr_eq(other, store));
                Some(known.unwrap_or_else(|| {
                    stores.push(store.clone());
                    stores.len() - 1
                }))
            }
        };
        let mut targets = PerKind::default();
        for (kind, target) in self.kinds.iter() {
            let target = target.as_ref().or(self.default.as_ref());
            *targets.get_mut(kind) = place(target.ok_or(RouteError::Unrouted { kind })?);
        }
        if let Some(default) = &self.default {
            place(default);
        }
        Ok(Route { stores, targets })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::MemoryStore;

    fn memory() -> Arc<dyn Store> {
        Arc::new(MemoryStore::new())
    }

    #[test]
    fn kinds_that_share_a_store_share_it_once() {
        let (a, b) = (memory(), memory());
        let route = Route::builder()
            .store(Kind::Event, a.clone())
            .discard(Kind::Metric)
            .store(Kind::Audit, a.clone())
            .default_store(b.clone())
            .build()
            .unwrap();
        let stores: Vec<_> = route.stores().map(|(_, kinds)| kinds).collect();
        assert_eq!(stores, [vec![Kind::Event, Kind::Audit], vec![Kind::DeadLetter]]);
        assert!(Arc::ptr_eq(route.store(Kind::DeadLetter).unwrap(), &b));
        assert_eq!(route.discarded(), [Kind::Metric]);
    }

    #[test]
    fn a_kind_of_which_nothing_is_said_is_not_dropped_silently() {
        let refused = Route::builder().store(Kind::Event, memory()).build();
        assert!(matches!(refused, Err(RouteError::Unrouted { kind: Kind::Audit })));
        assert_eq!(Route::builder().discard_rest().build().unwrap().stores().len(), 0);
    }

    #[test]
    fn a_default_that_no_kind_uses_any_more_is_still_looked_at() {
        let mut builder = Route::builder().default_store(memory());
        for kind in Kind::ALL {
            builder = builder.store(kind, memory());
        }
        assert_eq!(builder.build().unwrap().stores().len(), 5);
    }
}
