//! From `--path` or `--store` to a store: the only place of the command that knows store types.

use std::ffi::OsStr;
use std::path::Path;
use std::sync::Arc;

use papyra::store::{Durability, FileStore, Registry, Store};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

use super::args::TargetArgs;
use super::problem::{self, Problem};
use super::text;
use super::values::Sync;

/// A store, ready for a journal.
pub(super) type Opened = Arc<dyn Store>;

/// What a command wants of a store beyond its place.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Wishes<'a> {
    /// Where evidence goes.
    pub evidence: Option<&'a Path>,
    /// When an append counts as done.
    pub sync: Option<Sync>,
}

impl TargetArgs {
    /// Makes the store. Nothing is touched before the first operation.
    pub fn open(&self, wishes: Wishes<'_>) -> Result<Opened, Problem> {
        match (&self.path, &self.store) {
            (Some(path), _) => Ok(file(path, wishes)),
            (None, Some(url)) => by_url(url, wishes),
            (None, None) => Err(Problem::usage("give --path FILE or --store URL")),
        }
    }

    /// Whether the URL itself says where evidence goes. Redis keeps it beside the streams.
    pub fn names_evidence(&self) -> bool {
        if self.store.as_deref().is_some_and(is_redis) {
            return true;
        }
        let parameters = self.store.as_ref().and_then(|url| url.split_once('?'));
        parameters.is_some_and(|(_, list)| list.split('&').any(|p| p.starts_with("evidence=")))
    }

    /// How the user named the store, to be typed again; without user and password.
    pub fn flags(&self) -> String {
        match (&self.path, &self.store) {
            (Some(path), _) => format!("--path {}", text::quoted(path.as_os_str())),
            (None, Some(url)) => format!("--store {}", text::quoted(OsStr::new(&without_login(url)))),
            (None, None) => String::new(),
        }
    }
}

fn file(path: &Path, wishes: Wishes<'_>) -> Opened {
    let mut builder = FileStore::builder(path);
    if let Some(directory) = wishes.evidence {
        builder = builder.evidence_dir(directory);
    }
    if let Some(sync) = wishes.sync {
        builder = builder.durability(match sync {
            Sync::Always => Durability::Always,
            Sync::Interval(time) => Durability::Interval(time),
            Sync::Never => Durability::Never,
        });
    }
    Arc::new(builder.build())
}

/// Options become parameters of the URL, so that the registry, which is open to further backends,
/// judges whether the backend has them.
fn by_url(url: &str, wishes: Wishes<'_>) -> Result<Opened, Problem> {
    let registry = Registry::standard();
    let open =
        |url: &str| registry.open(url).map_err(|error| Problem::usage(problem::chain(&error)));
    let plain = open(url)?;
    let described = plain.describe();
    if is_redis(url) {
        return match wishes {
            Wishes { evidence: Some(_), .. } => Err(Problem::usage(
                "Redis keeps what is set aside in a stream of its own, not in a directory: leave \
                 --quarantine-dir out (the parameter quarantine_prefix of the URL names the stream)",
            )),
            Wishes { sync: Some(_), .. } => Err(Problem::usage(
                "--sync is for files; how durable an append to Redis is decides its setting \
                 appendfsync",
            )),
            Wishes { .. } => Ok(plain),
        };
    }
    let mut parameters = Vec::new();
    if let Some(directory) = wishes.evidence.filter(|_| !described.volatile) {
        let text = directory.to_str().ok_or_else(|| {
            Problem::usage("a --quarantine-dir that is not UTF-8 needs --path instead of --store")
        })?;
        parameters.push(("evidence", text.to_owned()));
    }
    if let Some(sync) = wishes.sync {
        if described.volatile {
            let backend = described.backend;
            return Err(Problem::usage(format!("--sync makes no sense for a {backend} store")));
        }
        let word = match sync {
            Sync::Always => "always".to_owned(),
            Sync::Interval(time) => format!("interval:{}ms", time.as_millis()),
            Sync::Never => "never".to_owned(),
        };
        parameters.push(("sync", word));
    }
    if parameters.is_empty() {
        return Ok(plain);
    }
    // A plain path has no parameters; `?` and `%` are part of its name.
    if described.backend == "file" && !has_scheme(url) {
        return Ok(file(Path::new(url), wishes));
    }
    let mut url = url.to_owned();
    for (name, value) in parameters {
        url.push(if url.contains('?') { '&' } else { '?' });
        url.push_str(name);
        url.push('=');
        url.extend(utf8_percent_encode(&value, NON_ALPHANUMERIC));
    }
    open(&url)
}

fn is_redis(url: &str) -> bool {
    let scheme = url.split_once(':').map(|(scheme, _)| scheme.to_ascii_lowercase());
    matches!(scheme.as_deref(), Some("redis" | "rediss" | "redis+cluster" | "redis+sentinel"))
}

/// The URL without what stands before the `@` of a host, which can be a password.
fn without_login(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://").filter(|_| is_redis(url)) else {
        return url.to_owned();
    };
    let (address, parameters) = rest.split_at(rest.find('?').unwrap_or(rest.len()));
    let hosts = address.rsplit_once('@').map_or(address, |(_, hosts)| hosts);
    format!("{scheme}://{hosts}{parameters}")
}

fn has_scheme(url: &str) -> bool {
    url.get(..5).is_some_and(|scheme| scheme.eq_ignore_ascii_case("file:"))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::exit::Exit;
    use super::*;

    fn url(url: &str) -> TargetArgs {
        TargetArgs { path: None, store: Some(url.to_owned()) }
    }

    #[test]
    fn options_are_added_to_urls_and_judged_by_the_backend() {
        let wishes = Wishes {
            evidence: Some(Path::new("my evidence&more")),
            sync: Some(Sync::Interval(Duration::from_millis(5))),
        };
        let refused = |place: &str| url(place).open(wishes).map(|_| ()).unwrap_err();
        assert_eq!(url("file:a").open(wishes).unwrap().describe().location, "a");
        assert!(url("file:a?create=true").open(wishes).is_ok());
        assert!(url("./a?b%zz").open(wishes).is_ok());
        assert!(refused("file:a?sync=never").message.contains("twice"));
        assert!(refused("memory:").message.contains("--sync makes no sense"));
        assert_eq!(refused("floppy:a").exit, Exit::Usage);
    }

    #[test]
    fn memory_needs_no_place_for_evidence() {
        let wishes = Wishes { evidence: Some(Path::new("q")), sync: None };
        assert_eq!(url("memory:").open(wishes).unwrap().describe().backend, "memory");
    }

    #[test]
    fn redis_takes_neither_a_directory_nor_a_sync_policy_and_passwords_stay_hidden() {
        let store = url("redis://me:secret@h:1/2?prefix=p");
        assert_eq!(store.flags(), "--store 'redis://h:1/2?prefix=p'");
        assert!(store.names_evidence());
        let described = store.open(Wishes::default()).unwrap().describe();
        assert_eq!(described.location, "redis://h:1/2?prefix=p");
        let directory = Wishes { evidence: Some(Path::new("q")), sync: None };
        let sync = Wishes { evidence: None, sync: Some(Sync::Never) };
        for wishes in [directory, sync] {
            assert_eq!(store.open(wishes).map(drop).unwrap_err().exit, Exit::Usage);
        }
        let broken = url("redis://me:sec/ret@h:x").open(Wishes::default()).map(drop).unwrap_err();
        assert!(!broken.message.contains("sec"), "{}", broken.message);
    }

    #[test]
    fn a_url_can_name_the_evidence() {
        assert!(url("file:a?sync=never&evidence=q").names_evidence());
        assert!(!url("file:a?no_evidence=q").names_evidence());
        let path = TargetArgs { path: Some("a b".into()), store: None };
        assert!(!path.names_evidence());
        assert_eq!(path.flags(), "--path 'a b'");
    }
}
