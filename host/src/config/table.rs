//! Every setting there is. Reading, checking and showing the configuration, the help of `papyra
//! config` and the table in `docs/configuration.md` all come from here.

use std::fmt::Write as _;

use super::form::Form;
use crate::store::Kind;

/// One setting, or one for each kind where the key has `KIND` in it.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Setting {
    /// Its name in the file, tables joined by dots.
    pub key: &'static str,
    /// The option of the command that says the same.
    pub flag: Option<&'static str>,
    /// What may be written.
    pub form: Form,
    /// What holds when nothing is written; `None` if nothing does.
    pub default: Option<&'static str>,
    /// What the absence of a default means.
    pub absent: &'static str,
    /// What it is about.
    pub meaning: &'static str,
    /// Which commands, or which part of the library, read it.
    pub readers: &'static str,
}

const EVERY: &str = "all";
const READING: &str = "read, inspect, compact, serve";

/// The settings, in the order in which they are shown.
pub const SETTINGS: &[Setting] = &[
    Setting {
        flag: Some("--store, --path"),
        ..new("store", Form::Store { none: false }, "none", "the store, for all kinds", EVERY)
    },
    new("route.default", STORE, "none", "the store of kinds that are not named", EVERY),
    new("route.KIND", STORE, "`route.default`", "the store of one kind", EVERY),
    Setting {
        flag: Some("--max-records"),
        ..new("retention.max_records", RECORDS, "no limit", "keep at most so many records", READING)
    },
    Setting {
        flag: Some("--max-age"),
        ..new("retention.max_age", AGE, "no limit", "keep records at most so old", READING)
    },
    Setting {
        flag: Some("--max-total-bytes"),
        ..new("retention.max_total_bytes", BYTES, "no limit", "keep at most so many bytes", READING)
    },
    Setting {
        flag: Some("--kind-limit"),
        ..new("retention.KIND.max_records", RECORDS, "no limit", "the same for one kind", READING)
    },
    Setting {
        flag: Some("--kind-limit"),
        ..new("retention.KIND.max_age", AGE, "no limit", "the same for one kind", READING)
    },
    Setting {
        flag: Some("--kind-limit"),
        ..new("retention.KIND.max_total_bytes", BYTES, "no limit", "the same for one kind", READING)
    },
    Setting {
        flag: Some("--jobs"),
        ..new("jobs", JOBS, "one per core", "engine instances at once", "scan, compact, metrics")
    },
    Setting {
        flag: Some("--sync"),
        default: Some("always"),
        ..new("sync", Form::Sync, "", "when an append to a file is done", "append, recorder")
    },
    Setting {
        flag: Some("--quarantine-dir"),
        ..new("quarantine_dir", Form::Directory, "none", "where things are quarantined", RECOVERING)
    },
    Setting {
        flag: Some("--mode"),
        default: Some("fail"),
        ..new("startup.mode", STARTUP, "", "what to do about anomalies", "startup-check")
    },
    Setting {
        flag: Some("--recovery-mode"),
        default: Some("repair"),
        ..new("startup.recovery_mode", RECOVERY, "", "how mode recover recovers", "startup-check")
    },
    Setting {
        flag: Some("--timeout"),
        ..new("startup.timeout", WAIT, "no limit", "how long a startup check may take", CHECK)
    },
    Setting {
        default: Some("64MiB"),
        ..new("engine.memory_limit", MEMORY, "", "memory of one engine instance", EVERY)
    },
    Setting {
        default: Some("1m"),
        ..new("engine.storage_timeout", WAIT, "", "how long one call of a store may take", EVERY)
    },
    new(
        "engine.cache_dir",
        Form::Directory,
        "the user's cache",
        "where compiled code is kept",
        EVERY,
    ),
    Setting {
        flag: Some("--log-format"),
        default: Some("text"),
        ..new("log.format", LOG_FORMAT, "", "how log events are written", EVERY)
    },
    Setting {
        flag: Some("-v, -q"),
        default: Some("warn"),
        ..new("log.level", Form::Levels, "", "which log events are written", EVERY)
    },
    Setting {
        default: Some("1000000"),
        ..new("recorder.queue_records", QUEUE, "", "records that wait to be written", RECORDER)
    },
    Setting {
        default: Some("64MiB"),
        ..new("recorder.queue_bytes", QUEUE_BYTES, "", "bytes that wait to be written", RECORDER)
    },
    Setting {
        default: Some("drop-newest"),
        ..new("recorder.overflow", OVERFLOW, "", "what goes when the queue is full", RECORDER)
    },
    Setting {
        flag: Some("--listen"),
        default: Some("127.0.0.1:9464"),
        ..new("serve.address", Form::Address, "", "where to listen", "serve")
    },
    Setting {
        flag: Some("--check-every"),
        default: Some("1m"),
        ..new("serve.check_every", PAUSE, "", "how often to look at what was appended", "serve")
    },
];

const RECOVERING: &str = "recover, startup-check";
const CHECK: &str = "startup-check";
const RECORDER: &str = "recorder";
const STORE: Form = Form::Store { none: true };
const RECORDS: Form = Form::Count { least: 0, most: u64::MAX };
const AGE: Form = Form::Time { least: 0.0, most: f64::INFINITY };
const BYTES: Form = Form::Size { least: 0, most: u64::MAX };
const JOBS: Form = Form::Count { least: 1, most: 256 };
const WAIT: Form = Form::Time { least: 0.1, most: 3600.0 };
const PAUSE: Form = Form::Time { least: 1.0, most: 3600.0 };
const STARTUP: Form =
    Form::Word(&[&["ignore"], &["scan-only", "scan"], &["fail", "fail-on-anomaly"], &["recover"]]);
const RECOVERY: Form = Form::Word(&[&["repair", "rebuild"], &["quarantine"]]);
// Below this, long entries fail; a 32-bit engine cannot use more.
const MEMORY: Form = Form::Size { least: 40 << 20, most: 4 << 30 };
const LOG_FORMAT: Form = Form::Word(&[&["text"], &["json"]]);
const QUEUE: Form = Form::Count { least: 1, most: 100_000_000 };
// One record of the largest size must fit.
const QUEUE_BYTES: Form = Form::Size { least: 16 << 20, most: 64 << 30 };
const OVERFLOW: Form = Form::Word(&[&["drop-newest"], &["drop-oldest"]]);

const fn new(
    key: &'static str,
    form: Form,
    absent: &'static str,
    meaning: &'static str,
    readers: &'static str,
) -> Setting {
    Setting { key, flag: None, form, default: None, absent, meaning, readers }
}

/// Variables of the environment that are read and are not settings.
pub const VARIABLES: &[(&str, &str)] = &[
    ("PAPYRA_CONFIG", "the configuration file"),
    ("PAPYRA_REDIS_PASSWORD", "the password of a Redis store; never shown"),
    ("PAPYRA_REDIS_SENTINEL_PASSWORD", "the password of its sentinels; never shown"),
];

/// Old names of settings, which still work, with the new ones.
pub(super) const OLD_NAMES: &[(&str, &str)] = &[("evidence_dir", "quarantine_dir")];

/// Every key that can be written, with what it sets.
pub(super) fn keys() -> impl Iterator<Item = (String, &'static Setting)> {
    SETTINGS.iter().flat_map(|setting| {
        let names: Vec<String> = if setting.key.contains("KIND") {
            Kind::ALL.map(|kind| setting.key.replace("KIND", kind.plural())).into()
        } else {
            vec![setting.key.to_owned()]
        };
        names.into_iter().map(move |name| (name, setting))
    })
}

/// The variable of the environment that says the same as a key.
#[must_use]
pub fn variable(key: &str) -> String {
    match key {
        // The name that every program with such a filter uses.
        "log.level" => "PAPYRA_LOG".to_owned(),
        _ => format!("PAPYRA_{}", key.to_uppercase().replace('.', "_")),
    }
}

impl Setting {
    /// The default, or what holds without one, for people.
    #[must_use]
    pub fn default_shown(&self) -> &'static str {
        self.default.unwrap_or(self.absent)
    }
}

/// The table as `docs/configuration.md` has it.
#[must_use]
pub fn markdown() -> String {
    let mut text = String::from(
        "| setting | default | allowed | meaning | read by |\n|---|---|---|---|---|\n",
    );
    for setting in SETTINGS {
        let (key, default, meaning) = (setting.key, setting.default_shown(), setting.meaning);
        let (allowed, readers) = (setting.form.allowed(), setting.readers);
        let _ = writeln!(text, "| `{key}` | {default} | {allowed} | {meaning} | {readers} |");
    }
    text
}

/// The table for a terminal, one setting in two lines.
#[must_use]
pub fn plain() -> String {
    let mut text = String::new();
    for setting in SETTINGS {
        let flag = setting.flag.map(|flag| format!(", {flag}")).unwrap_or_default();
        let _ = writeln!(text, "  {}  [{}{flag}]", setting.key, variable(setting.key));
        let (default, allowed) = (setting.default_shown(), setting.form.allowed());
        let _ = writeln!(text, "      {}; read by {}", setting.meaning, setting.readers);
        let _ = writeln!(text, "      default {default}; allowed {allowed}");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_has_this_table() {
        let page = include_str!("../../../docs/configuration.md");
        assert!(page.contains(&markdown()), "put this into docs/configuration.md:\n{}", markdown());
    }

    #[test]
    fn keys_and_variables_are_unique() {
        let mut names: Vec<_> = keys().flat_map(|(key, _)| [variable(&key), key]).collect();
        names.extend(VARIABLES.iter().map(|(name, _)| (*name).to_owned()));
        let count = names.len();
        names.sort();
        names.dedup();
        assert_eq!(names.len(), count);
    }
}
