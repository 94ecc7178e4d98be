//! `config`: what is configured, where each value comes from, and whether it is right.

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use papyra_persistence::Durability;
use papyra_persistence::config::{Config, ConfigError, Entry, Fault, Origin, Setting, Toml, table};
use papyra_persistence::store::Registry;
use serde_json::{Value, json};

use crate::args::{JobsArgs, ProfileArgs, RetentionArgs, StoreArgs, apply_sync};
use crate::context::configured;
use crate::exit::{self, Exit};
use crate::log::LogArgs;
use crate::output::Output;
use crate::problem::{Problem, chain};
use crate::report::{document, schema};
use crate::text::printable;
use crate::{quarantine, values};

#[derive(Debug, Subcommand)]
pub(super) enum ConfigCommand {
    Show(Box<ShowArgs>),
    Check(CheckArgs),
    Settings(SettingsArgs),
}

/// Show what is in force, as a configuration file that says the same
///
/// Options of the other commands can be added, to see what they change. Passwords are not shown.
#[derive(Debug, Args)]
#[command(after_help = format!(
    "Example:\n  papyra config show --origin --max-age 7d\n\n{}",
    exit::help(&[(Exit::Done, "the configuration is sound")])
))]
pub(super) struct ShowArgs {
    /// Add where each value comes from: an option, a variable, file and line, or the default
    #[arg(long)]
    origin: bool,
    #[command(flatten)]
    target: StoreArgs,
    #[command(flatten)]
    profile: ProfileArgs,
    #[command(flatten)]
    retention: RetentionArgs,
    #[command(flatten)]
    jobs: JobsArgs,
    /// When a batch counts as written
    #[arg(long, value_name = "POLICY", value_parser = values::sync)]
    sync: Option<Durability>,
    /// Where recovery quarantines things
    #[arg(long, value_name = "DIR")]
    quarantine_dir: Option<PathBuf>,
}

impl ShowArgs {
    fn apply(&self, config: &mut Config) -> Result<(), Problem> {
        self.target.apply(config)?;
        self.profile.apply(config);
        self.jobs.apply(config);
        apply_sync(self.sync, config);
        quarantine::apply(self.quarantine_dir.as_ref(), config);
        self.retention.apply(config)
    }
}

/// Check the configuration and list everything that is wrong with it
///
/// No store is touched.
#[derive(Debug, Args)]
#[command(after_help = format!(
    "Example:\n  papyra --config new.toml config check && mv new.toml papyra.toml\n\n{}",
    exit::help(&[(Exit::Done, "the configuration is sound")])
))]
pub(super) struct CheckArgs {}

/// List every setting with its default and what is allowed
#[derive(Debug, Args)]
pub(super) struct SettingsArgs {}

/// The end of the help of `papyra config`: all settings, and how they are found.
pub(super) fn overview() -> String {
    format!(
        "An option is stronger than a variable of the environment, which is stronger than the file, \
         which is the first of: --config, PAPYRA_CONFIG, ./papyra.toml, \
         $XDG_CONFIG_HOME/papyra/papyra.toml (~/.config/papyra/papyra.toml), \
         /etc/papyra/papyra.toml.\n\nSettings (KIND is events, audits, dead_letters or metrics):\n{}",
        table::plain()
    )
}

pub(super) fn run(
    command: ConfigCommand,
    file: Option<PathBuf>,
    log: &LogArgs,
    output: &mut Output,
) -> Result<Exit, Problem> {
    let quiet = output.quiet();
    match command {
        ConfigCommand::Show(args) => {
            let config = configured(file.as_deref(), |config| {
                log.apply(quiet, config);
                args.apply(config)
            })?;
            output.report(|_| people(&config, args.origin), || fields(&config))?;
            Ok(Exit::Done)
        }
        ConfigCommand::Check(_) => check(file, output),
        ConfigCommand::Settings(_) => {
            output.report(|_| table::plain(), settings)?;
            Ok(Exit::Done)
        }
    }
}

fn check(file: Option<PathBuf>, output: &mut Output) -> Result<Exit, Problem> {
    let mut loader = Config::loader();
    if let Some(file) = file {
        loader = loader.file(file);
    }
    let loaded = loader.load();
    let name = match &loaded {
        Ok(config) => config.file(),
        Err(error) => file_of(error),
    };
    let name = name.map(|path| path.display().to_string());
    if let Err(error) = loaded.and_then(|config| config.check(&Registry::standard())) {
        for line in complaints(&error) {
            output.eprint_line(&line);
        }
        if output.json() {
            output.report(|_| String::new(), || verdict(name.as_deref(), Some(&error)))?;
        }
        return Ok(Exit::Configuration);
    }
    output.report(
        |paint| match &name {
            Some(name) => format!("{}: {}\n", paint.bold(&printable(name)), paint.good("sound")),
            None => format!("no configuration file; {}\n", paint.good("sound")),
        },
        || verdict(name.as_deref(), None),
    )?;
    Ok(Exit::Done)
}

/// The file that is wrong.
fn file_of(error: &ConfigError) -> Option<&Path> {
    if let ConfigError::Read { path, .. } = error {
        return Some(path);
    }
    error.faults().iter().find_map(|fault| match &fault.origin {
        Origin::File { path, .. } => Some(&**path),
        _ => None,
    })
}

fn complaints(error: &ConfigError) -> Vec<String> {
    match error.faults() {
        [] => vec![chain(error)],
        faults => faults.iter().map(ToString::to_string).collect(),
    }
}

fn verdict(file: Option<&str>, error: Option<&ConfigError>) -> Value {
    let faults: Vec<Value> = match error {
        None => Vec::new(),
        Some(error) if error.faults().is_empty() => vec![json!({ "message": chain(error) })],
        Some(error) => error.faults().iter().map(fault).collect(),
    };
    let exit = if error.is_some() { Exit::Configuration } else { Exit::Done };
    json!({
        "schema": schema("config-check"),
        "ok": error.is_none(),
        "exit": exit.code(),
        "file": file,
        "faults": faults,
    })
}

fn fault(fault: &Fault) -> Value {
    json!({
        "origin": origin(&fault.origin),
        "key": fault.key,
        "value": fault.value,
        "message": fault.message,
        "nearest": fault.nearest,
    })
}

fn people(config: &Config, origin: bool) -> String {
    let mut text = match config.file() {
        Some(path) => format!("# {}\n", path.display()),
        None => "# no configuration file\n".to_owned(),
    };
    let entries = config.entries();
    let width = entries.iter().map(|entry| line(entry).chars().count()).max();
    let width = width.unwrap_or(0).min(48);
    for entry in &entries {
        let line = line(entry);
        if origin && entry.value.is_some() {
            text.push_str(&format!("{line:<width$}  # {}\n", entry.origin));
        } else {
            text.push_str(&format!("{line}\n"));
        }
    }
    for (name, meaning) in table::VARIABLES {
        if std::env::var_os(name).is_some() {
            text.push_str(&format!("# {name} is set: {meaning}\n"));
        }
    }
    text
}

/// A line of TOML. A setting without a value is a comment.
fn line(entry: &Entry<'_>) -> String {
    match &entry.value {
        None => format!("# {} = {}", entry.key, entry.setting.default_shown()),
        // TOML has no larger numbers.
        Some(number)
            if number.parse::<u64>().is_ok_and(|number| i64::try_from(number).is_err()) =>
        {
            format!("{} = {number:?}", entry.key)
        }
        // A JSON string is a TOML string, but for one character.
        Some(_) => format!("{} = {}", entry.key, value(entry)).replace('\u{7f}', "\\u007f"),
    }
}

fn value(entry: &Entry<'_>) -> Value {
    match (&entry.value, entry.setting.toml) {
        (Some(number), Toml::Number) => json!(number.parse::<u64>().ok()),
        (Some(yes), Toml::Boolean) => json!(yes.parse::<bool>().ok()),
        (value, _) => json!(value),
    }
}

fn fields(config: &Config) -> Value {
    let entry = |entry: &Entry<'_>| json!({ "key": entry.key, "value": value(entry), "origin": origin(entry.origin) });
    let file = config.file().map(|path| path.display().to_string());
    let settings: Vec<_> = config.entries().iter().map(entry).collect();
    document("config", [json!({ "file": file, "settings": settings })])
}

fn origin(origin: &Origin) -> Value {
    match origin {
        Origin::File { path, line } => {
            json!({ "source": "file", "file": path.display().to_string(), "line": line })
        }
        Origin::Environment(name) => json!({ "source": "environment", "name": name }),
        Origin::Flag(name) => json!({ "source": "flag", "name": name }),
        _ => json!({ "source": "default" }),
    }
}

fn settings() -> Value {
    let setting = |setting: &Setting| {
        json!({
            "key": setting.key,
            "variable": table::variable(setting.key),
            "flag": setting.flag,
            "default": setting.default(),
            "without": setting.default_shown(),
            "allowed": setting.allowed,
            "meaning": setting.meaning,
            "used_by": setting.used_by,
        })
    };
    let settings: Vec<_> = table::SETTINGS.iter().map(setting).collect();
    document("settings", [json!({ "settings": settings })])
}

#[cfg(test)]
mod tests;
