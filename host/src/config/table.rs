//! Every setting there is. Reading, checking and showing the configuration, the help of `papyra
//! config` and the table in `docs/configuration.md` all come from here.

use std::fmt::Write as _;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use super::error::Origin;
use super::form::{
    Form, IndexPolicy, LogFormat, Place, Toml, age, count, duration, parse_directory, parse_levels,
    size, text, words, yes_or_no,
};
use crate::journal::{RecoveryMode, StartupMode};
use crate::recorder::Overflow;
use crate::store::{Kind, ProfileOptions, TimeFormat};
use crate::{Durability, units};

/// The value of one setting and where it comes from.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Set<T> {
    /// What is in force.
    pub value: T,
    /// Where it is set.
    pub origin: Origin,
}

impl<T> Set<T> {
    fn new(value: T) -> Self {
        Self { value, origin: Origin::Default }
    }

    /// Sets what nobody has set.
    pub fn clear(&mut self)
    where
        T: Default,
    {
        *self = Self::new(T::default());
    }

    /// Sets the value as an option of the command does, over everything else, if the option is given.
    pub fn by_flag<V: Into<T>>(&mut self, value: Option<V>, flag: &str) {
        if let Some(value) = value {
            *self = Self { value: value.into(), origin: Origin::Flag(flag.to_owned()) };
        }
    }
}

/// Why a word does not become the value of a setting.
pub(super) enum Refusal {
    Invalid(String),
    /// The same source gives another value, by another name of the setting.
    Contradiction,
}

impl<T: PartialEq> Set<T> {
    fn read<V: Into<T>>(
        &mut self,
        form: &Form<V>,
        word: &str,
        origin: Origin,
    ) -> Result<(), Refusal> {
        let value = form.parse(word).map_err(Refusal::Invalid)?.into();
        // Only its old and its new name can set something twice.
        if origin.rank() == self.origin.rank() && value != self.value {
            return Err(Refusal::Contradiction);
        }
        *self = Self { value, origin };
        Ok(())
    }
}

/// One setting, or one for each kind, in the order of [`Kind::ALL`].
trait Slots<T> {
    fn slots(&self) -> &[Set<T>];
    fn slots_mut(&mut self) -> &mut [Set<T>];
}

impl<T> Slots<T> for Set<T> {
    fn slots(&self) -> &[Set<T>] {
        std::slice::from_ref(self)
    }

    fn slots_mut(&mut self) -> &mut [Set<T>] {
        std::slice::from_mut(self)
    }
}

impl<T> Slots<T> for PerKind<T> {
    fn slots(&self) -> &[Set<T>] {
        self
    }

    fn slots_mut(&mut self) -> &mut [Set<T>] {
        self
    }
}

/// A setting of each kind, in the order of [`Kind::ALL`].
pub type PerKind<T> = [Set<T>; Kind::ALL.len()];

/// One row of the table: a setting, or one for each kind where the key has `KIND` in it.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Setting {
    /// Its name in the file, tables joined by dots.
    pub key: &'static str,
    /// The option of the command that says the same.
    pub flag: Option<&'static str>,
    /// The values that are allowed.
    pub allowed: &'static str,
    /// How the file may have it.
    pub toml: Toml,
    /// The meaning of the absence of a default.
    pub absent: &'static str,
    /// What it is about.
    pub meaning: &'static str,
    /// Which commands, or which part of the library, use it.
    pub used_by: &'static str,
    pub(super) read: fn(&mut Settings, usize, &str, Origin) -> Result<(), Refusal>,
    pub(super) show: fn(&Settings, usize) -> Option<Shown<'_>>,
}

/// The value of a setting as it is written, if it has one, and where it is set.
type Shown<'s> = (Option<String>, &'s Origin);

macro_rules! settings {
    ($($key:literal $field:ident: $slots:ty = $default:expr, $form:expr, [$flag:expr, $absent:literal],
       $meaning:literal, $used_by:expr;)*) => {
        /// The value of every setting.
        #[derive(Clone, Debug, PartialEq)]
        #[non_exhaustive]
        pub struct Settings {
            $(#[doc = concat!("`", $key, "`: ", $meaning, ".")] pub $field: $slots,)*
        }

        impl Default for Settings {
            fn default() -> Self {
                Self { $($field: $default,)* }
            }
        }

        /// The settings, in the order in which they are shown.
        pub const SETTINGS: &[Setting] = &[$(Setting {
            key: $key,
            flag: $flag,
            allowed: $form.allowed,
            toml: $form.toml,
            absent: $absent,
            meaning: $meaning,
            used_by: $used_by,
            read: |settings, kind, word, origin| match settings.$field.slots_mut().get_mut(kind) {
                Some(set) => set.read(&$form, word, origin),
                None => Ok(()),
            },
            show: |settings, kind| {
                let set = settings.$field.slots().get(kind)?;
                Some(($form.show(&set.value), &set.origin))
            },
        },)*];
    };
}

fn set<T>(value: T) -> Set<T> {
    Set::new(value)
}

fn unset<T>() -> Set<Option<T>> {
    Set::new(None)
}

fn per_kind<T>() -> PerKind<Option<T>> {
    Kind::ALL.map(|_| unset())
}

settings! {
    "store" store: Set<Option<Place>> = unset(), STORE, [Some("--store, --path"), "none"],
        "store of all kinds of record", ALL;
    "route.default" route_default: Set<Option<Place>> = unset(), ROUTE, [None, "none"],
        "store of the kinds without a route of their own", ALL;
    "route.KIND" route: PerKind<Option<Place>> = per_kind(), ROUTE, [None, "`route.default`"],
        "store of this kind", ALL;
    "profile" profile: Set<Option<String>> = unset(), PROFILE, [Some("--profile"), "papyra"],
        "which program wrote the records", ALL;
    "kind_field" kind_field: Set<Option<String>> = unset(), FIELD,
        [Some("--kind-field"), "by the profile"], "the field that names the kind of a record", ALL;
    "time_field" time_field: Set<Option<String>> = unset(), FIELD,
        [Some("--time-field"), "by the profile"], "the field that gives the time of a record", ALL;
    "time_format" time_format: Set<Option<TimeFormat>> = unset(), TIME_FORMAT,
        [Some("--time-format"), "by the profile"], "how that field gives the time", ALL;
    "retention.max_records" max_records: Set<Option<u64>> = unset(), RECORDS,
        [Some("--max-records"), "no limit"], "maximum number of records to keep", READING;
    "retention.max_age" max_age: Set<Option<f64>> = unset(), AGE, [Some("--max-age"), "no limit"],
        "maximum age of the records to keep", READING;
    "retention.max_total_bytes" max_total_bytes: Set<Option<u64>> = unset(), BYTES,
        [Some("--max-total-bytes"), "no limit"], "maximum total size of the records to keep", READING;
    "retention.KIND.max_records" kind_max_records: PerKind<Option<u64>> = per_kind(), RECORDS,
        [Some("--kind-limit"), "no limit"], "the same limit for records of this kind", READING;
    "retention.KIND.max_age" kind_max_age: PerKind<Option<f64>> = per_kind(), AGE,
        [Some("--kind-limit"), "no limit"], "the same limit for records of this kind", READING;
    "retention.KIND.max_total_bytes" kind_max_total_bytes: PerKind<Option<u64>> = per_kind(), BYTES,
        [Some("--kind-limit"), "no limit"], "the same limit for records of this kind", READING;
    "jobs" jobs: Set<Option<u64>> = unset(), JOBS, [Some("--jobs"), "one per core"],
        "number of engine instances that work in parallel", "scan, compact, metrics";
    "sync" sync: Set<Durability> = set(Durability::Always), SYNC, [Some("--sync"), ""],
        "when an append to a file is synced to disk", "append, recorder";
    "quarantine_dir" quarantine_dir: Set<Option<PathBuf>> = unset(), DIRECTORY,
        [Some("--quarantine-dir"), "none"], "directory for quarantined entries",
        "recover, startup-check";
    "index" index: Set<IndexPolicy> = set(IndexPolicy::Maintenance), INDEX, [None, ""],
        "who keeps the index of a journal", ALL;
    "startup.mode" startup_mode: Set<StartupMode> = set(StartupMode::Fail), STARTUP,
        [Some("--mode"), ""], "reaction of a startup check to anomalies", CHECK;
    "startup.recovery_mode" startup_recovery_mode: Set<RecoveryMode> = set(RecoveryMode::Repair),
        RECOVERY, [Some("--recovery-mode"), ""],
        "recovery mode of `startup.mode = \"recover\"`", CHECK;
    "startup.timeout" startup_timeout: Set<Option<Duration>> = unset(), WAIT,
        [Some("--timeout"), "no limit"], "time limit of a startup check, for each store", CHECK;
    "engine.memory_limit" engine_memory_limit: Set<u64> = set(64 << 20), MEMORY, [None, ""],
        "memory limit of one engine instance", ALL;
    "engine.storage_timeout" engine_storage_timeout: Set<Duration> = set(MINUTE), WAIT, [None, ""],
        "time limit of one call of a store", ALL;
    "engine.cache_dir" engine_cache_dir: Set<Option<PathBuf>> = unset(), DIRECTORY,
        [None, "the user's cache"], "directory for compiled code", ALL;
    "log.format" log_format: Set<LogFormat> = set(LogFormat::Text), LOG_FORMAT,
        [Some("--log-format"), ""], "format of log events", ALL;
    "log.level" log_level: Set<String> = set("warn".to_owned()), LEVELS, [Some("-v, -q"), ""],
        "which log events are written", ALL;
    "recorder.queue_records" recorder_queue_records: Set<u64> = set(1_000_000), QUEUE, [None, ""],
        "maximum number of records in the queue", RECORDER;
    "recorder.queue_bytes" recorder_queue_bytes: Set<u64> = set(64 << 20), QUEUE_BYTES, [None, ""],
        "maximum size of the records in the queue", RECORDER;
    "recorder.overflow" recorder_overflow: Set<Overflow> = set(Overflow::DropNewest), OVERFLOW,
        [None, ""], "which records are dropped when the queue is full", RECORDER;
    "recorder.index_every" recorder_index_every: Set<Duration> = set(FIVE_MINUTES), PAUSE, [None, ""],
        "how often a recorder adds to the index, with `index = \"recorder\"`", RECORDER;
    "recorder.loss_records" recorder_loss_records: Set<bool> = set(true), YES_OR_NO, [None, ""],
        "whether an audit record tells of records that were lost", RECORDER;
    "serve.address" serve_address: Set<SocketAddr> = set(LISTEN), ADDRESS, [Some("--listen"), ""],
        "address and port to listen on", "serve";
    "serve.check_every" serve_check_every: Set<Duration> = set(MINUTE), PAUSE,
        [Some("--check-every"), ""], "interval between checks of what was appended", "serve";
}

const ALL: &str = "all";
const READING: &str = "read, inspect, compact, serve";
const CHECK: &str = "startup-check";
const RECORDER: &str = "recorder";

const STORE: Form<Place> = text(Place::parse, Place::shown, "a URL or a path");
const ROUTE: Form<Place> = text(Place::parse_route, Place::shown, "a URL, a path or none");
const PROFILE: Form<String> = text(
    ProfileOptions::parse_preset,
    String::clone,
    "papyra, pino, zap, slog, bunyan, ecs, caddy, docker or journald",
);
const FIELD: Form<String> =
    text(ProfileOptions::parse_field, String::clone, "the name of a field, or its path");
const TIME_FORMAT: Form<TimeFormat> = text(
    TimeFormat::parse,
    |format| format.name().to_owned(),
    "seconds, milliseconds, microseconds, nanoseconds or rfc3339",
);
const RECORDS: Form<u64> = count(|_| true, "0 or more");
const AGE: Form<f64> = age("0s or more");
const BYTES: Form<u64> = size(|_| true, "0 or more");
const JOBS: Form<u64> = count(|jobs| 1 <= *jobs && *jobs <= 256, "1 to 256");
const SYNC: Form<Durability> =
    text(units::parse_sync, |sync| units::format_sync(*sync), "always, interval:MS or never");
const DIRECTORY: Form<PathBuf> =
    text(parse_directory, |path| path.display().to_string(), "a directory");
const INDEX: Form<IndexPolicy> = words("maintenance, recorder or never");
const STARTUP: Form<StartupMode> = words("ignore, scan-only, fail or recover");
const RECOVERY: Form<RecoveryMode> = words("repair or quarantine");
/// The form of a time limit.
pub const WAIT: Form<Duration> =
    duration(|time| Duration::from_millis(100) <= *time && *time <= HOUR, "100ms to 1h");
/// The form of an interval between checks.
pub const PAUSE: Form<Duration> =
    duration(|time| Duration::from_secs(1) <= *time && *time <= HOUR, "1s to 1h");
// With less, long entries fail; a 32-bit engine cannot use more.
const MEMORY: Form<u64> = size(|size| 40 << 20 <= *size && *size <= 4 << 30, "40MiB to 4GiB");
const LOG_FORMAT: Form<LogFormat> = words("text or json");
pub(super) const LEVELS: Form<String> = text(
    parse_levels,
    String::clone,
    "error, warn, info, debug, trace or off; or target=level, separated by commas",
);
const QUEUE: Form<u64> = count(|count| 1 <= *count && *count <= 100_000_000, "1 to 100000000");
// One record of the largest size must fit.
const QUEUE_BYTES: Form<u64> =
    size(|size| 16 << 20 <= *size && *size <= 64 << 30, "16MiB to 64GiB");
const OVERFLOW: Form<Overflow> = words("drop-newest or drop-oldest");
const YES_OR_NO: Form<bool> = yes_or_no();
const ADDRESS: Form<SocketAddr> = text(
    |word| word.parse().map_err(|_| String::new()),
    SocketAddr::to_string,
    "an address and a port, such as 127.0.0.1:9464",
);
const MINUTE: Duration = Duration::from_secs(60);
const FIVE_MINUTES: Duration = Duration::from_secs(300);
const HOUR: Duration = Duration::from_secs(3600);
const LISTEN: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 9464);

/// Variables of the environment that are read and are not settings.
pub const VARIABLES: &[(&str, &str)] = &[
    ("PAPYRA_CONFIG", "the configuration file"),
    ("PAPYRA_REDIS_PASSWORD", "the password of a Redis store; never shown"),
    ("PAPYRA_REDIS_SENTINEL_PASSWORD", "the password of its sentinels; never shown"),
];

/// Old names of settings, which still work, with the new ones.
pub(super) const OLD_NAMES: &[(&str, &str)] = &[("evidence_dir", "quarantine_dir")];

/// A key that can be written: the row of the table, and which of its slots it sets.
#[derive(Clone)]
pub(super) struct Key {
    pub name: String,
    pub setting: &'static Setting,
    pub slot: usize,
}

/// Every key that can be written.
pub(super) fn keys() -> impl Iterator<Item = Key> {
    SETTINGS.iter().flat_map(|setting| {
        let count = if setting.key.contains("KIND") { Kind::ALL.len() } else { 1 };
        Kind::ALL.into_iter().take(count).enumerate().map(move |(slot, kind)| {
            let name = setting.key.replace("KIND", kind.plural());
            Key { name, setting, slot }
        })
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
    /// The default, as it would be written.
    #[must_use]
    pub fn default(&self) -> Option<String> {
        (self.show)(&Settings::default(), 0)?.0
    }

    /// The default, or what holds without one, for people.
    #[must_use]
    pub fn default_shown(&self) -> String {
        self.default().unwrap_or_else(|| self.absent.to_owned())
    }
}

/// The table as `docs/configuration.md` has it.
#[must_use]
pub fn markdown() -> String {
    let mut text = String::from(
        "| setting | default | allowed | meaning | used by |\n|---|---|---|---|---|\n",
    );
    for setting in SETTINGS {
        let Setting { key, allowed, meaning, used_by, .. } = setting;
        let default = setting.default_shown();
        let _ = writeln!(text, "| `{key}` | {default} | {allowed} | {meaning} | {used_by} |");
    }
    text
}

/// The table for a terminal, one setting in three lines.
#[must_use]
pub fn plain() -> String {
    let mut text = String::new();
    for setting in SETTINGS {
        let Setting { key, allowed, meaning, used_by, .. } = setting;
        let flag = setting.flag.map(|flag| format!(", {flag}")).unwrap_or_default();
        let _ = writeln!(text, "  {key}  [{}{flag}]", variable(key));
        let _ = writeln!(text, "      {meaning}; used by {used_by}");
        let _ = writeln!(text, "      default {}; allowed {allowed}", setting.default_shown());
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_has_this_table() {
        let page = include_str!("../../docs/configuration.md");
        assert!(page.contains(&markdown()), "put this into docs/configuration.md:\n{}", markdown());
    }

    #[test]
    fn keys_and_variables_are_unique() {
        let mut names: Vec<_> = keys().flat_map(|key| [variable(&key.name), key.name]).collect();
        names.extend(VARIABLES.iter().map(|(name, _)| (*name).to_owned()));
        let count = names.len();
        names.sort();
        names.dedup();
        assert_eq!(names.len(), count);
    }

    /// Both ends of each range are allowed, and nothing beyond them.
    #[test]
    fn ranges_are_what_the_table_says() {
        let fits = |setting: &Setting, word: &str| {
            (setting.read)(&mut Settings::default(), 0, word, Origin::Environment("X".into()))
                .is_ok()
        };
        let ranges =
            SETTINGS.iter().filter(|setting| matches!(setting.toml, Toml::Number | Toml::Quantity));
        for setting in ranges {
            let (least, most) = match setting.allowed.split_once(" to ") {
                Some(ends) => ends,
                None => (setting.allowed.trim_end_matches(" or more"), "1000000"),
            };
            assert!(fits(setting, least) && fits(setting, most), "{}", setting.key);
            if !setting.allowed.ends_with("or more") {
                let units = most.trim_start_matches(|c: char| c.is_ascii_digit());
                let above: u64 = most.trim_end_matches(units).parse::<u64>().unwrap() + 1;
                assert!(!fits(setting, &format!("{above}{units}")), "{}", setting.key);
                let units = least.trim_start_matches(|c: char| c.is_ascii_digit());
                let below: u64 = least.trim_end_matches(units).parse::<u64>().unwrap() - 1;
                assert!(!fits(setting, &format!("{below}{units}")), "{}", setting.key);
            }
        }
    }
}
