//! The command line: the one definition behind parsing, help, man pages and completions.

use std::path::PathBuf;

use clap::{Parser, Subcommand};
use papyra_persistence::config::Config;

use crate::context::Context;
use crate::exit::{self, Exit};
use crate::problem::Problem;
use crate::{
    append, args, compact, completions, config, consume, groups, index, inspect, log, man, metrics,
    read, recover, scan, startup_check, verify,
};

/// Check, repair, compact, read and write journals of newline-delimited JSON.
///
/// A sandboxed engine makes all decisions; it can reach nothing but the journal and the clock.
#[derive(Debug, Parser)]
#[command(name = "papyra", version, after_help = exit::overview(), max_term_width = 100)]
pub(super) struct Cli {
    /// Print one JSON document (see its `schema`), also for errors
    #[arg(long, global = true, help_heading = "Output")]
    pub json: bool,
    /// Print nothing but errors
    #[arg(long, short, global = true, help_heading = "Output")]
    pub quiet: bool,
    #[command(flatten)]
    pub log: log::LogArgs,
    /// Configuration file, instead of PAPYRA_CONFIG or the first papyra.toml that is found
    #[arg(long, value_name = "FILE", global = true, help_heading = "Configuration")]
    pub config: Option<PathBuf>,
    #[command(subcommand)]
    pub command: Command,
}

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    #[command(flatten)]
    Short(PersistenceCommand),
    /// The commands above in the long form: papyra persistence scan --path FILE
    #[command(subcommand, after_help = exit::overview())]
    Persistence(PersistenceCommand),
    #[cfg(feature = "serve")]
    Serve(crate::serve::ServeArgs),
    /// Show, check and explain the configuration
    #[command(subcommand, after_help = config::overview())]
    Config(config::ConfigCommand),
    Completions(completions::CompletionsArgs),
    Man(man::ManArgs),
}

#[derive(Debug, Subcommand)]
pub(super) enum PersistenceCommand {
    Scan(scan::ScanArgs),
    Recover(recover::RecoverArgs),
    Compact(compact::CompactArgs),
    Inspect(inspect::InspectArgs),
    Metrics(metrics::MetricsArgs),
    StartupCheck(startup_check::StartupCheckArgs),
    Index(index::IndexArgs),
    Verify(verify::VerifyArgs),
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
            Self::Index(_) => "index",
            Self::Verify(_) => "verify",
            Self::Read(_) => "read",
            Self::Append(_) => "append",
            Self::Consume(_) => "consume",
            Self::Groups(_) => "groups",
        }
    }

    /// Puts the command's options over the configuration, which then holds everything.
    pub fn apply(&self, config: &mut Config) -> Result<(), Problem> {
        match self {
            Self::Scan(args) => args.apply(config),
            Self::Recover(args) => args.apply(config),
            Self::Compact(args) => return args.apply(config),
            Self::Inspect(args) => return args.apply(config),
            Self::Metrics(args) => return args.apply(config),
            Self::StartupCheck(args) => args.apply(config),
            Self::Index(args) => return args.apply(config),
            Self::Verify(args) => return args.apply(config),
            Self::Read(args) => return args.apply(config),
            Self::Append(args) => return args.apply(config),
            Self::Consume(args) => return args.apply(config),
            Self::Groups(args) => return args.apply(config),
        }
        Ok(())
    }

    /// The files that the command was given, if it is one that takes several; none: the configured store.
    pub fn files(&self) -> Result<Vec<PathBuf>, Problem> {
        match self {
            Self::Scan(args) => args.target.files(),
            Self::Recover(args) => args.target.files(),
            Self::Compact(args) => args.target.lasting_files(),
            Self::Inspect(args) => args.target.files(),
            Self::StartupCheck(args) => args.target.lasting_files(),
            Self::Read(args) => args.target.files(),
            _ => Ok(Vec::new()),
        }
    }

    /// Number of threads that the command can use.
    pub fn jobs(&self, config: &Config) -> usize {
        match self {
            Self::Scan(_)
            | Self::Compact(_)
            | Self::Metrics(_)
            | Self::Index(_)
            | Self::Verify(_) => args::jobs(config),
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
            Self::Index(args) => index::run(args, context).await,
            Self::Verify(args) => verify::run(args, context).await,
            Self::Read(args) => read::run(args, context).await,
            Self::Append(args) => append::run(args, context).await,
            Self::Consume(args) => consume::run(args, context).await,
            Self::Groups(args) => groups::run(args, context).await,
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

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
        assert!(parse("recover --path a --mode quarantine --quarantine-dir=").is_err());
        assert!(parse("compact --path a --quarantine-dir=").is_err());
    }

    #[test]
    fn the_short_form_is_the_long_one() {
        let parse = |line: &str| Cli::try_parse_from(line.split(' '));
        for line in ["papyra scan a b", "papyra scan -", "papyra append a", "papyra scan --path a"]
        {
            assert!(matches!(parse(line).unwrap().command, Command::Short(_)), "{line}");
        }
        assert!(parse("papyra persistence scan a b").is_ok());
        for line in ["papyra append a b", "papyra scan a --path b", "papyra scan a --store b"] {
            assert!(parse(line).is_err(), "{line}");
        }
        assert_eq!(refused("append -").exit, Exit::Usage);
        assert_eq!(refused("append --path -").exit, Exit::Usage);
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

    #[test]
    fn the_definition_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn every_command_lists_its_exit_codes() {
        let command = Cli::command();
        let persistence = command.find_subcommand("persistence").unwrap();
        for command in persistence.get_subcommands() {
            let help = command.clone().render_long_help().to_string();
            assert!(help.contains("Exit codes:") && help.contains("130"), "{help}");
            assert!(help.lines().all(|line| line.chars().count() <= 100), "{help}");
        }
    }

    #[test]
    fn every_subcommand_has_a_page() {
        let directory = std::env::temp_dir().join(format!("papyra-man-{}", std::process::id()));
        std::fs::create_dir_all(&directory).unwrap();
        clap_mangen::generate_to(man::documented(Cli::command()), &directory).unwrap();
        let page = std::fs::read_to_string(directory.join("papyra-scan.1")).unwrap();
        assert!(!directory.join("papyra-persistence-scan.1").exists());
        std::fs::remove_dir_all(&directory).unwrap();
        assert!(page.contains("Exit codes"), "{page}");
    }

    /// Opens the store of `papyra persistence LINE`, without a file and an environment.
    fn opened(line: &str) -> Result<crate::target::Target, Problem> {
        let words = ["papyra", "persistence"].into_iter().chain(line.split(' '));
        let Command::Persistence(command) = Cli::try_parse_from(words).unwrap().command else {
            panic!("{line}")
        };
        let mut config = Config::default();
        command.apply(&mut config)?;
        let (_, targets) = crate::target::route(&config)?;
        Ok(targets.into_iter().next().unwrap())
    }

    fn refused(line: &str) -> Problem {
        opened(line).map(|_| ()).unwrap_err()
    }

    #[test]
    fn options_are_judged_by_the_backend() {
        let place = |line: &str| opened(line).unwrap().store.describe().location;
        assert_eq!(place("append --store file:a --sync interval:5"), "a");
        assert!(opened("append --store file:a?create=true --sync never").is_ok());
        assert!(opened("append --store ./a?b%zz --sync never").is_ok());
        let twice = refused("append --store file:a?sync=never --sync always");
        assert!(twice.message.contains("twice"), "{}", twice.message);
        assert_eq!(twice.exit, Exit::Usage);
        let memory = refused("append --store memory: --sync never");
        assert!(memory.message.contains("--sync does not go with a memory store"));
        assert_eq!(refused("scan --store floppy:a").exit, Exit::Usage);
        assert!(refused("scan").message.contains("PAPYRA_STORE"));
        assert!(opened("recover --store memory: --mode quarantine --quarantine-dir q").is_ok());
    }
}
