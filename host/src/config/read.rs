//! Settings as the types that the rest of the library takes.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::form::to_duration;
use super::{Config, Origin, Value};
use crate::engine::{Engine, EngineBuilder};
use crate::journal::{KindLimits, Limits, RecoveryMode, Retention, StartupMode};
use crate::recorder::{Overflow, Recorder, RecorderBuilder};
use crate::store::{Durability, Kind};

/// What a startup check is to do.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct StartupSettings {
    /// What to do about anomalies.
    pub mode: StartupMode,
    /// How [`StartupMode::Recover`] recovers.
    pub recovery: RecoveryMode,
    /// How long it may take.
    pub timeout: Option<Duration>,
}

impl Config {
    fn value(&self, key: &str) -> Option<&Value> {
        self.entry(key).and_then(|entry| entry.value.as_ref())
    }

    fn count(&self, key: &str) -> Option<u64> {
        match self.value(key) {
            Some(Value::Count(count)) => Some(*count),
            _ => None,
        }
    }

    fn seconds(&self, key: &str) -> Option<f64> {
        match self.value(key) {
            Some(Value::Time(seconds)) => Some(*seconds),
            _ => None,
        }
    }

    fn bytes(&self, key: &str) -> Option<u64> {
        match self.value(key) {
            Some(Value::Size(bytes)) => Some(*bytes),
            _ => None,
        }
    }

    fn word(&self, key: &str) -> &'static str {
        match self.value(key) {
            Some(Value::Word(word)) => word,
            _ => "",
        }
    }

    fn directory(&self, key: &str) -> Option<&Path> {
        match self.value(key) {
            Some(Value::Directory(path)) => Some(path),
            _ => None,
        }
    }

    /// The limits that reads and compaction apply, to each store of a route on its own.
    #[must_use]
    pub fn retention(&self) -> Retention {
        let limits = |prefix: &str| Limits {
            max_records: self.count(&format!("{prefix}.max_records")),
            max_age_seconds: self.seconds(&format!("{prefix}.max_age")),
            max_total_bytes: self.bytes(&format!("{prefix}.max_total_bytes")),
        };
        let per_kind = Kind::ALL.map(|kind| KindLimits {
            kind,
            limits: limits(&format!("retention.{}", kind.plural())),
        });
        Retention {
            journal: limits("retention"),
            per_kind: per_kind
                .into_iter()
                .filter(|kind| kind.limits != Limits::default())
                .collect(),
        }
    }

    /// How many instances large scans and compactions use; `None` is one per core.
    #[must_use]
    pub fn jobs(&self) -> Option<usize> {
        self.count("jobs").and_then(|jobs| usize::try_from(jobs).ok())
    }

    /// When an append to a file counts as done, and whether somebody has said so.
    #[must_use]
    pub fn durability(&self) -> (Durability, &Origin) {
        match self.entry("sync") {
            Some(entry) => match entry.value {
                Some(Value::Sync(durability)) => (durability, &entry.origin),
                _ => (Durability::Always, &entry.origin),
            },
            None => (Durability::Always, &Origin::Default),
        }
    }

    /// Where recovery quarantines things , and who says so.
    #[must_use]
    pub fn quarantine_dir(&self) -> Option<(&Path, &Origin)> {
        let origin = &self.entry("quarantine_dir")?.origin;
        Some((self.directory("quarantine_dir")?, origin))
    }

    /// What a startup check is to do.
    #[must_use]
    pub fn startup(&self) -> StartupSettings {
        StartupSettings {
            mode: match self.word("startup.mode") {
                "ignore" => StartupMode::Ignore,
                "scan-only" => StartupMode::ScanOnly,
                "recover" => StartupMode::Recover,
                _ => StartupMode::Fail,
            },
            recovery: match self.word("startup.recovery_mode") {
                "quarantine" => RecoveryMode::Quarantine,
                _ => RecoveryMode::Repair,
            },
            timeout: self.seconds("startup.timeout").map(to_duration),
        }
    }

    /// An engine with these limits and this cache.
    #[must_use]
    pub fn engine(&self) -> EngineBuilder {
        let mut builder = Engine::builder();
        if let Some(bytes) = self.bytes("engine.memory_limit") {
            builder = builder.memory_limit(usize::try_from(bytes).unwrap_or(usize::MAX));
        }
        if let Some(seconds) = self.seconds("engine.storage_timeout") {
            builder = builder.storage_timeout(to_duration(seconds));
        }
        if let Some(directory) = self.directory("engine.cache_dir") {
            builder = builder.cache_directory(PathBuf::from(directory));
        }
        builder
    }

    /// Whether log events are written as JSON.
    #[must_use]
    pub fn log_json(&self) -> bool {
        self.word("log.format") == "json"
    }

    /// Which log events are written: levels, and targets with levels.
    #[must_use]
    pub fn log_level(&self) -> &str {
        match self.value("log.level") {
            Some(Value::Levels(levels)) => levels,
            _ => "warn",
        }
    }

    /// A recorder that holds so much, and drops what it is told to beyond that.
    pub fn recorder(&self) -> RecorderBuilder {
        let mut recorder = Recorder::builder();
        if let Some(records) = self.count("recorder.queue_records") {
            recorder = recorder.max_records(records);
        }
        if let Some(bytes) = self.bytes("recorder.queue_bytes") {
            recorder = recorder.max_bytes(bytes);
        }
        recorder.overflow(match self.word("recorder.overflow") {
            "drop-oldest" => Overflow::DropOldest,
            _ => Overflow::DropNewest,
        })
    }

    /// Where `papyra serve` listens.
    #[must_use]
    pub fn serve_address(&self) -> SocketAddr {
        match self.value("serve.address") {
            Some(Value::Address(address)) => *address,
            _ => SocketAddr::from(([127, 0, 0, 1], 9464)),
        }
    }

    /// How often `papyra serve` looks at what was appended.
    #[must_use]
    pub fn serve_check_every(&self) -> Duration {
        self.seconds("serve.check_every").map_or(Duration::from_secs(60), to_duration)
    }
}
