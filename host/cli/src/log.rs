//! What is logged, and how: events of the library go to standard error.

use std::io::{self, IsTerminal};

use clap::{ArgAction, Args, ValueEnum};
use papyra_persistence::config::{Config, LogFormat};
use tracing_subscriber::EnvFilter;

use crate::problem::Problem;

/// How much is logged.
#[derive(Debug, Args)]
pub(super) struct LogArgs {
    /// Log more: -v what is done, -vv how, -vvv everything
    #[arg(long, short, action = ArgAction::Count, global = true, help_heading = "Output")]
    verbose: u8,
    /// How log events are written to standard error [default: text]
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
    /// Puts the options over the configuration. To be quiet is to log errors only.
    pub fn apply(&self, quiet: bool, config: &mut Config) {
        let (levels, flag) = match self.verbose {
            0 if quiet => ("error", "--quiet"),
            0 => ("", ""),
            // What other crates tell is of interest only to whoever wants everything.
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

/// Begins to log.
pub(super) fn start(config: &Config) -> Result<(), Problem> {
    // A failed operation is what the command itself ends with; said twice it helps nobody. Those who
    // read logs as data want it there.
    let json = config.settings.log_format.value == LogFormat::Json;
    let levels = match (config.settings.log_level.value.as_str(), json) {
        ("warn", false) => "warn,papyra_persistence::journal=off",
        (levels, _) => levels,
    };
    let levels = EnvFilter::try_new(levels);
    let levels = levels.map_err(|error| Problem::usage(format!("log.level: {error}")))?;
    let no_colour = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    let builder = tracing_subscriber::fmt()
        .with_env_filter(levels)
        .with_ansi(io::stderr().is_terminal() && !no_colour)
        // When standard error cannot be written, there is nobody left to tell.
        .log_internal_errors(false)
        .with_writer(io::stderr);
    let started = match json {
        true => builder.json().flatten_event(true).try_init(),
        false => builder.try_init(),
    };
    started.map_err(|error| Problem::usage(format!("cannot log: {error}")))
}
