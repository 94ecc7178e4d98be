//! Groups of options that several commands have.

use std::path::PathBuf;

use clap::Args;
use clap::builder::NonEmptyStringValueParser;
use papyra_persistence::Durability;
use papyra_persistence::config::{Config, PerKind, Place, Set};
use papyra_persistence::journal::KindLimits;
use papyra_persistence::store::{Kind, ProfileOptions, TimeFormat};

use crate::output::Output;
use crate::problem::Problem;
use crate::{files, values};

/// The store of the journal; without an option, the configured one.
#[derive(Debug, Args)]
#[group(id = "target", multiple = false)]
pub(super) struct StoreArgs {
    /// The same as FILE, in the long form
    #[arg(long, value_name = "FILE", help_heading = "Store")]
    pub path: Option<PathBuf>,
    /// Store of the journal: file:PATH, rotating:PATH, redis://HOST[:PORT][/DATABASE] (or rediss:,
    /// redis+unix:, redis+cluster:, redis+sentinel:), or memory:
    #[arg(long, value_name = "URL", help_heading = "Store",
          value_parser = NonEmptyStringValueParser::new())]
    pub store: Option<String>,
}

impl StoreArgs {
    pub fn apply(&self, config: &mut Config) -> Result<(), Problem> {
        files::refuse_input(&self.path)?;
        self.name(self.path.as_ref(), config);
        Ok(())
    }

    fn name(&self, file: Option<&PathBuf>, config: &mut Config) {
        let store = &mut config.settings.store;
        store.by_flag(file.cloned().map(Place::Path), "--path");
        store.by_flag(self.store.clone().map(Place::Url), "--store");
    }
}

/// The form of records that another program wrote.
#[derive(Debug, Args)]
pub(super) struct ProfileArgs {
    /// Program that wrote the records: papyra, pino, zap, slog, bunyan, ecs, caddy, docker, journald [default: papyra]
    #[arg(long, value_name = "NAME", help_heading = "Records of other programs",
          value_parser = ProfileOptions::parse_preset)]
    profile: Option<String>,
    /// Field that names the kind of a record; without one every record is an event
    #[arg(long, value_name = "FIELD", help_heading = "Records of other programs",
          value_parser = ProfileOptions::parse_field)]
    kind_field: Option<String>,
    /// Field that gives the time of a record, or its path: a.b
    #[arg(long, value_name = "FIELD", help_heading = "Records of other programs",
          value_parser = ProfileOptions::parse_field)]
    time_field: Option<String>,
    /// How that field gives the time: seconds, milliseconds, microseconds, nanoseconds, rfc3339
    #[arg(long, value_name = "FORMAT", help_heading = "Records of other programs",
          value_parser = TimeFormat::parse)]
    time_format: Option<TimeFormat>,
}

impl ProfileArgs {
    pub fn apply(&self, config: &mut Config) {
        let settings = &mut config.settings;
        if self.profile.is_some() {
            // What is configured belongs to another profile.
            settings.kind_field.clear();
            settings.time_field.clear();
            settings.time_format.clear();
        }
        settings.profile.by_flag(self.profile.clone(), "--profile");
        settings.kind_field.by_flag(self.kind_field.clone(), "--kind-field");
        settings.time_field.by_flag(self.time_field.clone(), "--time-field");
        settings.time_format.by_flag(self.time_format, "--time-format");
    }
}

/// One journal.
#[derive(Debug, Args)]
pub(super) struct TargetArgs {
    /// File of the journal
    #[arg(value_name = "FILE", conflicts_with = "target")]
    file: Option<PathBuf>,
    #[command(flatten)]
    named: StoreArgs,
    #[command(flatten)]
    profile: ProfileArgs,
}

impl TargetArgs {
    pub fn apply(&self, config: &mut Config) -> Result<(), Problem> {
        let file = self.file.as_ref().or(self.named.path.as_ref());
        files::refuse_input(file)?;
        self.named.name(file, config);
        self.profile.apply(config);
        Ok(())
    }
}

/// One journal or several, in files.
#[derive(Debug, Args)]
pub(super) struct TargetsArgs {
    /// Files of journals, or quoted patterns such as 'logs/*.ndjson'; `-` is standard input, where that
    /// can serve
    #[arg(value_name = "FILE", conflicts_with = "target")]
    files: Vec<PathBuf>,
    #[command(flatten)]
    named: StoreArgs,
    #[command(flatten)]
    profile: ProfileArgs,
}

impl TargetsArgs {
    pub fn apply(&self, config: &mut Config) {
        self.named.name(self.files.first().or(self.named.path.as_ref()), config);
        self.profile.apply(config);
    }

    /// The files that are named; none: the store is.
    pub fn files(&self) -> Result<Vec<PathBuf>, Problem> {
        match &self.named.path {
            Some(path) => Ok(vec![path.clone()]),
            None => files::expand(&self.files),
        }
    }

    /// The same for a command that needs journals that stay.
    pub fn lasting_files(&self) -> Result<Vec<PathBuf>, Problem> {
        let files = self.files()?;
        files::refuse_input(&files)?;
        Ok(files)
    }
}

/// Parallel work.
#[derive(Debug, Args)]
pub(super) struct JobsArgs {
    /// Number of engine instances to run in parallel [default: one per core]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=256))]
    jobs: Option<u16>,
}

impl JobsArgs {
    pub fn apply(&self, config: &mut Config) {
        config.settings.jobs.by_flag(self.jobs.map(u64::from), "--jobs");
    }
}

/// Number of engine instances that share the work.
pub(super) fn jobs(config: &Config) -> usize {
    let cores = || std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let jobs = config.settings.jobs.value.and_then(|jobs| jobs.try_into().ok());
    jobs.unwrap_or_else(cores)
}

/// Puts `--sync` over the configuration.
pub(super) fn apply_sync(sync: Option<Durability>, config: &mut Config) {
    config.settings.sync.by_flag(sync, "--sync");
}

/// Retention limits.
#[derive(Debug, Args)]
pub(super) struct RetentionArgs {
    /// Maximum number of records to keep
    #[arg(long, value_name = "N", help_heading = "Retention",
          value_parser = values::records, allow_hyphen_values = true)]
    max_records: Option<u64>,
    /// Maximum age of the records to keep: 90s, 12h, 30d, or plain seconds
    #[arg(long, value_name = "DURATION", help_heading = "Retention",
          value_parser = values::duration, allow_hyphen_values = true)]
    max_age: Option<f64>,
    /// Maximum total size to keep: 10M is 10,000,000 and 10MiB is 10,485,760 bytes
    #[arg(long, value_name = "SIZE", help_heading = "Retention",
          value_parser = values::size, allow_hyphen_values = true)]
    max_total_bytes: Option<u64>,
    /// Limit one kind: KIND:records=N,age=DURATION,bytes=SIZE; repeatable
    #[arg(long, value_name = "LIMITS", help_heading = "Retention",
          value_parser = values::kind_limits)]
    kind_limit: Vec<KindLimits>,
    /// Ignore the configured limits; only those given here apply
    #[arg(long, help_heading = "Retention")]
    no_retention: bool,
}

impl RetentionArgs {
    /// Replaces each configured limit that is given here.
    pub fn apply(&self, config: &mut Config) -> Result<(), Problem> {
        if self.no_retention {
            config.clear_retention();
        }
        let settings = &mut config.settings;
        settings.max_records.by_flag(self.max_records, "--max-records");
        settings.max_age.by_flag(self.max_age, "--max-age");
        settings.max_total_bytes.by_flag(self.max_total_bytes, "--max-total-bytes");
        for (index, limit) in self.kind_limit.iter().enumerate() {
            if self.kind_limit.iter().skip(index + 1).any(|other| other.kind == limit.kind) {
                let kind = limit.kind.name();
                return Err(Problem::usage(format!(
                    "--kind-limit names {kind} twice; put its limits into one, separated by commas"
                )));
            }
            let KindLimits { kind, limits } = limit;
            let flag = "--kind-limit";
            of_kind(&mut settings.kind_max_records, *kind).by_flag(limits.max_records, flag);
            of_kind(&mut settings.kind_max_age, *kind).by_flag(limits.max_age_seconds, flag);
            of_kind(&mut settings.kind_max_total_bytes, *kind)
                .by_flag(limits.max_total_bytes, flag);
        }
        Ok(())
    }
}

/// The setting of one kind.
fn of_kind<T>(sets: &mut PerKind<T>, kind: Kind) -> &mut Set<T> {
    let [event, audit, dead_letter, metric] = sets;
    match kind {
        Kind::Event => event,
        Kind::Audit => audit,
        Kind::DeadLetter => dead_letter,
        Kind::Metric => metric,
    }
}

/// The length of the list of findings.
#[derive(Debug, Args)]
pub(super) struct FindingsArgs {
    /// Maximum number of findings to list; all are counted
    #[arg(long, value_name = "N", default_value_t = 20,
          value_parser = clap::value_parser!(u32).range(0..=10_000))]
    pub findings: u32,
}

/// The audit record of a recovery or a compaction.
#[derive(Debug, Args)]
pub(super) struct AuditArgs {
    /// Do not append an audit record of what was done
    #[arg(long)]
    no_audit: bool,
    /// The name of --no-audit before 0.2.
    #[arg(long, hide = true)]
    no_fact: bool,
}

impl AuditArgs {
    /// Returns whether an audit record is to be appended.
    pub fn record(&self, output: &Output) -> bool {
        if self.no_fact {
            output.note("--no-fact is now called --no-audit");
        }
        !(self.no_audit || self.no_fact)
    }
}
