//! What can be typed: the one definition behind parsing, help, man pages and completions.

use std::path::PathBuf;

use clap::builder::NonEmptyStringValueParser;
use clap::{Args, Parser, Subcommand};
use papyra_persistence::Durability;
use papyra_persistence::config::{Config, Place, Value};
use papyra_persistence::journal::KindLimits;

use super::exit::{self, Exit};
use super::problem::Problem;
use super::{
    Context, append, compact, config, consume, extras, groups, inspect, log, metrics, read,
    recover, scan, startup_check, values,
};

/// Check, repair, shrink, read and write journals of newline-delimited JSON.
///
/// All decisions are made by a sandboxed engine that sees nothing but the journal.
#[derive(Debug, Parser)]
#[command(name = "papyra", version, after_help = exit::overview(), max_term_width = 100)]
pub(super) struct Cli {
    /// Write one JSON document with raw numbers and a `schema`, errors included
    #[arg(long, global = true, help_heading = "Output")]
    pub json: bool,
    /// Write no report, no notes and no progress; errors and the exit code remain
    #[arg(long, short, global = true, help_heading = "Output")]
    pub quiet: bool,
    #[command(flatten)]
    pub log: log::LogArgs,
    /// The configuration file, in place of PAPYRA_CONFIG or the first papyra.toml that is found
    #[arg(long, value_name = "FILE", global = true, help_heading = "Configuration")]
    pub config: Option<PathBuf>,
    #[command(subcommand)]
    pub command: Command,
}

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Work on a journal
    #[command(subcommand, after_help = exit::overview())]
    Persistence(PersistenceCommand),
    #[cfg(feature = "serve")]
    Serve(super::serve::ServeArgs),
    /// Show, check and explain the configuration
    #[command(subcommand, after_help = config::overview())]
    Config(config::ConfigCommand),
    Completions(extras::CompletionsArgs),
    Man(extras::ManArgs),
}

#[derive(Debug, Subcommand)]
pub(super) enum PersistenceCommand {
    Scan(scan::ScanArgs),
    Recover(recover::RecoverArgs),
    Compact(compact::CompactArgs),
    Inspect(inspect::InspectArgs),
    Metrics(metrics::MetricsArgs),
    StartupCheck(startup_check::StartupCheckArgs),
    Read(read::ReadArgs),
    Append(append::AppendArgs),
    Consume(consume::ConsumeArgs),
    Groups(groups::GroupsArgs),
}

impl PersistenceCommand {
    pub fn name(&self) -> &'static str {
        match self {
            Self::Scan(_) => "scan",
            Self::Recover(_) => "recover",
            Self::Compact(_) => "compact",
            Self::Inspect(_) => "inspect",
            Self::Metrics(_) => "metrics",
            Self::StartupCheck(_) => "startup-check",
            Self::Read(_) => "read",
            Self::Append(_) => "append",
            Self::Consume(_) => "consume",
            Self::Groups(_) => "groups",
        }
    }

    /// Puts the command's options over the configuration; from then on only that is asked.
    pub fn apply(&self, config: &mut Config) -> Result<(), Problem> {
        match self {
            Self::Scan(args) => args.apply(config),
            Self::Recover(args) => args.apply(config),
            Self::Compact(args) => return args.apply(config),
            Self::Inspect(args) => return args.apply(config),
            Self::Metrics(args) => args.apply(config),
            Self::StartupCheck(args) => args.apply(config),
            Self::Read(args) => return args.apply(config),
            Self::Append(args) => args.apply(config),
            Self::Consume(args) => args.apply(config),
            Self::Groups(args) => args.apply(config),
        }
        Ok(())
    }

    /// How many threads the command can use.
    pub fn jobs(&self, config: &Config) -> usize {
        match self {
            Self::Scan(_) | Self::Compact(_) | Self::Metrics(_) => jobs(config),
            _ => 1,
        }
    }

    pub async fn run(self, context: &mut Context<'_>) -> Result<Exit, Problem> {
        match self {
            Self::Scan(args) => scan::run(args, context).await,
            Self::Recover(args) => recover::run(args, context).await,
            Self::Compact(args) => compact::run(args, context).await,
            Self::Inspect(args) => inspect::run(args, context).await,
            Self::Metrics(args) => metrics::run(args, context).await,
            Self::StartupCheck(args) => startup_check::run(args, context).await,
            Self::Read(args) => read::run(args, context).await,
            Self::Append(args) => append::run(args, context).await,
            Self::Consume(args) => consume::run(args, context).await,
            Self::Groups(args) => groups::run(args, context).await,
        }
    }
}

/// Where the journal lies. Without either, where the configuration says.
#[derive(Debug, Args)]
#[group(id = "target", multiple = false)]
pub(super) struct TargetArgs {
    /// The journal's file
    #[arg(long, value_name = "FILE", help_heading = "Store")]
    pub path: Option<PathBuf>,
    /// The journal's store: file:PATH, rotating:PATH, redis://HOST[:PORT][/DATABASE] (or rediss:,
    /// redis+cluster:, redis+sentinel:), or memory:
    #[arg(long, value_name = "URL", help_heading = "Store",
          value_parser = NonEmptyStringValueParser::new())]
    pub store: Option<String>,
}

impl TargetArgs {
    pub fn apply(&self, config: &mut Config) {
        if let Some(path) = &self.path {
            config.set("store", Value::Store(Place::Path(path.clone())), "--path");
        } else if let Some(url) = &self.store {
            config.set("store", Value::Store(Place::Url(url.clone())), "--store");
        }
    }
}

/// How many instances of the engine work at once.
#[derive(Debug, Args)]
pub(super) struct JobsArgs {
    /// Instances of the engine that share the work [default: one per core]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=256))]
    jobs: Option<u16>,
}

impl JobsArgs {
    pub fn apply(&self, config: &mut Config) {
        if let Some(jobs) = self.jobs {
            config.set("jobs", Value::Count(jobs.into()), "--jobs");
        }
    }
}

/// How many instances share the work.
pub(super) fn jobs(config: &Config) -> usize {
    let cores = || std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    config.jobs().unwrap_or_else(cores)
}

/// Puts `--sync` over the configuration.
pub(super) fn apply_sync(sync: Option<Durability>, config: &mut Config) {
    if let Some(durability) = sync {
        config.set("sync", Value::Sync(durability), "--sync");
    }
}

/// Puts `--quarantine-dir` over the configuration.
pub(super) fn apply_quarantine_dir(directory: Option<&PathBuf>, config: &mut Config) {
    if let Some(directory) = directory {
        config.set("quarantine_dir", Value::Directory(directory.clone()), "--quarantine-dir");
    }
}

/// How much to keep.
#[derive(Debug, Args)]
pub(super) struct RetentionArgs {
    /// Keep at most N records
    #[arg(long, value_name = "N", help_heading = "Retention",
          value_parser = values::records, allow_hyphen_values = true)]
    max_records: Option<u64>,
    /// Keep records that are at most so old: 90s, 12h, 30d, or plain seconds
    #[arg(long, value_name = "DURATION", help_heading = "Retention",
          value_parser = values::duration, allow_hyphen_values = true)]
    max_age: Option<f64>,
    /// Keep at most so many bytes: 10M is 10,000,000 and 10MiB is 10,485,760
    #[arg(long, value_name = "SIZE", help_heading = "Retention",
          value_parser = values::size, allow_hyphen_values = true)]
    max_total_bytes: Option<u64>,
    /// Limit one kind: KIND:records=N,age=DURATION,bytes=SIZE; repeatable
    #[arg(long, value_name = "LIMITS", help_heading = "Retention",
          value_parser = values::kind_limits)]
    kind_limit: Vec<KindLimits>,
    /// Apply no limits but those given here, whatever the configuration says
    #[arg(long, help_heading = "Retention")]
    no_retention: bool,
}

impl RetentionArgs {
    /// Each limit that is given takes the place of the configured one.
    pub fn apply(&self, config: &mut Config) -> Result<(), Problem> {
        if self.no_retention {
            config.clear_retention();
        }
        let mut set = |key: &str, value: Option<Value>, flag: &str| {
            if let Some(value) = value {
                config.set(key, value, flag);
            }
        };
        set("retention.max_records", self.max_records.map(Value::Count), "--max-records");
        set("retention.max_age", self.max_age.map(Value::Time), "--max-age");
        set(
            "retention.max_total_bytes",
            self.max_total_bytes.map(Value::Size),
            "--max-total-bytes",
        );
        for (index, limit) in self.kind_limit.iter().enumerate() {
            if self.kind_limit.iter().skip(index + 1).any(|other| other.kind == limit.kind) {
                let kind = limit.kind.name();
                return Err(Problem::usage(format!(
                    "--kind-limit names {kind} twice; put its limits in one, separated by commas"
                )));
            }
            let key = |name: &str| format!("retention.{}.{name}", limit.kind.plural());
            let limits = &limit.limits;
            set(&key("max_records"), limits.max_records.map(Value::Count), "--kind-limit");
            set(&key("max_age"), limits.max_age_seconds.map(Value::Time), "--kind-limit");
            set(&key("max_total_bytes"), limits.max_total_bytes.map(Value::Size), "--kind-limit");
        }
        Ok(())
    }
}

/// How much of a long list of findings to show.
#[derive(Debug, Args)]
pub(super) struct FindingsArgs {
    /// List at most N findings; all are counted
    #[arg(long, value_name = "N", default_value_t = 20,
          value_parser = clap::value_parser!(u32).range(0..=10_000))]
    pub findings: u32,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<Cli, clap::Error> {
        Cli::try_parse_from(["papyra", "persistence"].into_iter().chain(line.split(' ')))
    }

    #[test]
    fn at_most_one_place_can_be_named() {
        assert!(parse("scan --path a").is_ok());
        assert!(parse("scan --store file:a").is_ok());
        // The configuration can name one.
        assert!(parse("scan").is_ok());
        assert!(parse("scan --path a --store file:a").is_err());
        // `--path $UNSET` and `--path "$UNSET"` in a script.
        assert!(parse("scan --path").is_err());
        assert!(parse("scan --path --json").is_err());
        assert!(parse("scan --path=").is_err());
        assert!(parse("scan --store=").is_err());
    }

    #[test]
    fn modes_are_accepted_in_papyras_spellings() {
        for line in [
            "startup-check --path a --mode FAIL_ON_ANOMALY",
            "startup-check --path a --mode scan_only",
            "startup-check --path a --mode Scan-Only",
            "startup-check --path a --mode RECOVER --recovery-mode Repair",
            "recover --path a --mode REBUILD",
            "recover --path a --mode Quarantine --quarantine-dir q",
        ] {
            assert!(parse(line).is_ok(), "{line}");
        }
        for line in [
            "startup-check --path a --mode fail_on_anomalies",
            "recover --path a --mode ignore",
            "recover --path a --mode=",
        ] {
            assert!(parse(line).is_err(), "{line}");
        }
    }

    #[test]
    fn limits_that_make_no_sense_are_wrong_usage() {
        for limit in [
            "--max-age soon",
            "--max-age -1",
            "--max-age -3d",
            "--max-age NaN",
            "--max-records -1",
            "--max-records 1.5",
            "--max-total-bytes -1",
            "--max-total-bytes NaN",
            "--jobs 0",
        ] {
            assert!(parse(&format!("compact --path a {limit}")).is_err(), "{limit}");
        }
        assert!(parse("compact --path a --max-age 30d --max-total-bytes 10MiB").is_ok());
    }

    #[cfg(unix)]
    #[test]
    fn paths_need_not_be_utf_8() {
        use std::os::unix::ffi::OsStringExt;
        let path = std::ffi::OsString::from_vec(b"a\xff".to_vec());
        let words = ["papyra", "persistence", "scan", "--path"].map(std::ffi::OsString::from);
        assert!(Cli::try_parse_from(words.into_iter().chain([path])).is_ok());
    }
}
