//! A journal in Redis Streams: one stream per kind, an entry per record.
//!
//! The keys are `{prefix}:{system_id}:events`, `audits`, `dead_letters` and `metrics`. The field
//! `data` of an entry holds the record and `kind` its class; entries that have `data` alone, as
//! Papyra writes them, are read as well. Streams are never deleted. `{prefix}:{system_id}:index`
//! is a text that startup checks leave for the next one.
//!
//! # Guarantees
//!
//! * A batch is one transaction: all of it or nothing. On a Cluster that holds for each kind, and the
//!   written part of a batch that fails later is taken back.
//! * An acknowledged batch is as durable as the server makes it (`appendfsync`, replicas).
//! * When the connection breaks or the server does not answer in time, it is not known whether the
//!   batch was written; the error says so. Nothing is sent twice on its own.
//! * Entries of different streams keep the order in which one server was given them: sequence
//!   numbers begin with the microsecond.
//! * A snapshot has fixed ends. Entries that are removed meanwhile are missing from it.
//! * A rewrite removes in steps, each atomic; after a crash some of them have been done, and doing it
//!   again does the rest. Two processes that rewrite at the same time do not harm each other.
//! * Compaction never removes an entry that a consumer group has not been given or not acknowledged,
//!   unless forced; then it removes entry by entry and counts the losses of each group. Recovery
//!   acknowledges the entries that it removes, in all groups.

mod append;
mod config;
mod eviction;
mod failure;
mod group_losses;
mod groups;
mod id;
mod index;
mod keys;
mod link;
mod reply;
mod rewrite;
mod scripts;
mod snapshot;

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;

pub use self::config::RedisConfig;
pub(super) use self::config::SCHEMES;
use self::keys::Keys;
use self::link::{Link, SharedLink};
use super::{
    ConsumerGroups, Description, Framing, Layout, Run, Snapshot, Store, StoreError, StoreUrl,
    UrlError,
};

/// A journal in Redis Streams. Clones share their connections.
#[derive(Clone)]
pub struct RedisStore {
    link: SharedLink,
    keys: Arc<Keys>,
    config: Arc<RedisConfig>,
    /// Held by the one rewrite that may be open.
    rewriting: Arc<tokio::sync::Mutex<()>>,
    losses: Arc<group_losses::Losses>,
}

impl fmt::Debug for RedisStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisStore").field("config", &self.config).finish_non_exhaustive()
    }
}

impl RedisStore {
    /// A store that connects when it is first used.
    ///
    /// # Errors
    ///
    /// [`UrlError::BadValue`] for settings that make no sense. The message never shows a password.
    pub fn new(config: RedisConfig) -> Result<Self, UrlError> {
        let quarantine = config.quarantine_prefix.as_deref();
        Ok(Self {
            link: Arc::new(Link::new(&config)?),
            keys: Arc::new(Keys::new(&config.prefix, &config.system_id, quarantine)),
            config: Arc::new(config),
            rewriting: Arc::default(),
            losses: Arc::default(),
        })
    }

    /// Returns the settings of the store.
    #[must_use]
    pub fn config(&self) -> &RedisConfig {
        &self.config
    }
}

/// Whether a URL is one of ours, so that nothing but its credentials can be a secret.
pub(super) fn understands(url: &StoreUrl) -> bool {
    RedisConfig::of_url(url).is_ok_and(|config| config::Address::parse(&config.url).is_ok())
}

/// The constructor behind `redis:`, `rediss:`, `redis+unix:`, `redis+cluster:` and `redis+sentinel:`.
pub(super) fn by_url(url: &StoreUrl) -> Result<Arc<dyn Store>, UrlError> {
    Ok(Arc::new(RedisStore::new(RedisConfig::of_url(url)?)?))
}

#[async_trait]
impl Store for RedisStore {
    fn describe(&self) -> Description {
        let usual = RedisConfig::default();
        let mut location = self.link.location().to_owned();
        for (name, value, usual) in [
            ("prefix", &self.config.prefix, &usual.prefix),
            ("system_id", &self.config.system_id, &usual.system_id),
        ] {
            if value != usual {
                location.push(if location.contains('?') { '&' } else { '?' });
                location.push_str(name);
                location.push('=');
                location.push_str(value);
            }
        }
        Description {
            backend: "redis".to_owned(),
            location,
            framing: Framing::Entries,
            layout: Layout::Parallel,
            volatile: false,
            profile: None,
        }
    }

    async fn append(&self, lines: String, runs: &[Run]) -> Result<(), StoreError> {
        self.append_batch(lines, runs).await
    }

    async fn snapshot(&self) -> Result<Arc<dyn Snapshot>, StoreError> {
        Ok(Arc::new(Box::pin(snapshot::RedisSnapshot::take(self)).await?))
    }

    async fn warnings(&self) -> Vec<String> {
        eviction::warning(&self.link).await.into_iter().collect()
    }

    fn groups(&self) -> Option<&dyn ConsumerGroups> {
        Some(self)
    }

    fn scan_sample(&self) -> Option<u64> {
        self.config.scan_sample_size
    }

    async fn load_index(&self) -> Result<String, StoreError> {
        self.read_index().await
    }

    async fn save_index(&self, text: String) -> Result<(), StoreError> {
        self.write_index(&text).await
    }
}
