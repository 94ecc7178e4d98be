//! What the library makes of the settings.

use super::Config;
use super::form::IndexPolicy;
use super::table::Settings;
use crate::engine::{Engine, EngineBuilder};
use crate::journal::{KindLimits, Limits, Retention};
use crate::recorder::{Recorder, RecorderBuilder};
use crate::store::{Kind, ProfileOptions};

impl Config {
    /// The limits that reads and compaction apply, to each store of a route on its own.
    #[must_use]
    pub fn retention(&self) -> Retention {
        let settings = &self.settings;
        let kinds = settings.kind_max_records.iter().zip(&settings.kind_max_age);
        let kinds = Kind::ALL.into_iter().zip(kinds.zip(&settings.kind_max_total_bytes));
        let per_kind = kinds.map(|(kind, ((records, age), bytes))| KindLimits {
            kind,
            limits: Limits {
                max_records: records.value,
                max_age_seconds: age.value,
                max_total_bytes: bytes.value,
            },
        });
        Retention {
            journal: Limits {
                max_records: settings.max_records.value,
                max_age_seconds: settings.max_age.value,
                max_total_bytes: settings.max_total_bytes.value,
            },
            per_kind: per_kind.filter(|kind| kind.limits != Limits::default()).collect(),
        }
    }

    /// Forgets all retention limits.
    pub fn clear_retention(&mut self) {
        let none = Settings::default();
        self.settings.max_records = none.max_records;
        self.settings.max_age = none.max_age;
        self.settings.max_total_bytes = none.max_total_bytes;
        self.settings.kind_max_records = none.kind_max_records;
        self.settings.kind_max_age = none.kind_max_age;
        self.settings.kind_max_total_bytes = none.kind_max_total_bytes;
    }

    /// An engine with the configured limits and cache.
    #[must_use]
    pub fn engine(&self) -> EngineBuilder {
        let settings = &self.settings;
        let memory = usize::try_from(settings.engine_memory_limit.value).unwrap_or(usize::MAX);
        let builder = Engine::builder()
            .memory_limit(memory)
            .storage_timeout(settings.engine_storage_timeout.value);
        match &settings.engine_cache_dir.value {
            Some(directory) => builder.cache_directory(directory.clone()),
            None => builder,
        }
    }

    /// What the records look like in stores whose URLs do not say it.
    pub fn profile(&self) -> ProfileOptions {
        let settings = &self.settings;
        ProfileOptions {
            preset: settings.profile.value.clone(),
            kind_field: settings.kind_field.value.clone(),
            time_field: settings.time_field.value.clone(),
            time_format: settings.time_format.value,
        }
    }

    /// A recorder with the configured queue.
    pub fn recorder(&self) -> RecorderBuilder {
        let settings = &self.settings;
        let builder = Recorder::builder()
            .max_records(settings.recorder_queue_records.value)
            .max_bytes(settings.recorder_queue_bytes.value)
            .overflow(settings.recorder_overflow.value)
            .loss_records(settings.recorder_loss_records.value);
        match settings.index.value {
            IndexPolicy::Recorder => builder.index_every(settings.recorder_index_every.value),
            _ => builder,
        }
    }

    /// Whether indexes are used and kept.
    #[must_use]
    pub fn is_indexed(&self) -> bool {
        self.settings.index.value != IndexPolicy::Never
    }
}
