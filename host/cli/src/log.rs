//! Logging: events of the library go to standard error.

use std::io::{self, IsTerminal};

use clap::{ArgAction, Args, ValueEnum};
use papyra_persistence::config::{Config, LogFormat};
use tracing_subscriber::EnvFilter;

use crate::problem::Problem;

/// Log options.
#[derive(Debug, Args)]
pub(super) struct LogArgs {
    /// Log more: -v info, -vv debug, -vvv trace
    #[arg(long, short, action = ArgAction::Count, global = true, help_heading = "Output")]
    verbose: u8,
    /// Format of log events on standard error [default: text]
    #[arg(
        long,
        value_name = "FORMAT",
        value_enum,
        ignore_case = true,
        global = true,
        help_heading = "Output"
    )]
    log_format: Option<Format>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Format {
    Text,
    Json,
}

impl LogArgs {
    /// Puts the options over the configuration. With --quiet, only errors are logged.
    pub fn apply(&self, quiet: bool, config: &mut Config) {
        let (levels, flag) = match self.verbose {
            0 if quiet => ("error", "--quiet"),
            0 => ("", ""),
            // Other crates log only with -vvv.
            1 => ("warn,papyra=info", "-v"),
            2 => ("warn,papyra=debug", "-vv"),
            _ => ("info,papyra=trace", "-vvv"),
        };
        let levels = Some(levels).filter(|levels| !levels.is_empty());
        config.settings.log_level.by_flag(levels, flag);
        let format = self.log_format.map(|format| match format {
            Format::Text => LogFormat::Text,
            Format::Json => LogFormat::Json,
        });
        config.settings.log_format.by_flag(format, "--log-format");
    }
}

/// Starts logging.
pub(super) fn start(config: &Config) -> Result<(), Problem> {
    // The command prints the failure of an operation itself. Only logs that are read as data have it
    // as well.
    let json = config.settings.log_format.value == LogFormat::Json;
    let levels = match (config.settings.log_level.value.as_str(), json) {
        ("warn", false) => "warn,papyra_persistence::journal=off",
        (levels, _) => levels,
    };
    let levels = EnvFilter::try_new(with_current_names(levels));
    let levels = levels.map_err(|error| Problem::usage(format!("log.level: {error}")))?;
    let no_colour = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    let builder = tracing_subscriber::fmt()
        .with_env_filter(levels)
        .with_ansi(io::stderr().is_terminal() && !no_colour)
        // When standard error cannot be written, there is no place for a message.
        .log_internal_errors(false)
        .with_writer(io::stderr);
    let started = match json {
        true => builder.json().flatten_event(true).try_init(),
        false => builder.try_init(),
    };
    started.map_err(|error| Problem::usage(format!("cannot log: {error}")))
}

/// Accepts targets by the name that the library had before 0.2: `papyra::store=debug`.
fn with_current_names(levels: &str) -> String {
    let current = |directive: &str| match directive.trim_start().strip_prefix("papyra::") {
        Some(rest) => format!("papyra_persistence::{rest}"),
        None => directive.to_owned(),
    };
    levels.split(',').map(current).collect::<Vec<_>>().join(",")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_keep_their_old_names() {
        let old = "warn,papyra=info, papyra::store=debug,redis=off";
        let new = "warn,papyra=info,papyra_persistence::store=debug,redis=off";
        assert_eq!(with_current_names(old), new);
        assert_eq!(with_current_names(new), new);
    }
}
