//! The `papyra` command: one file per subcommand, one definition for help, man pages and
//! completions, one place that writes.

mod anchor;
mod append;
mod args;
mod capacity;
mod command;
mod compact;
mod completions;
mod config;
mod consume;
mod context;
mod cursor_file;
mod deliveries;
mod exit;
mod fields;
mod files;
mod follow;
mod group_values;
mod groups;
mod index;
mod input;
mod inspect;
mod log;
mod man;
mod metrics;
mod missing;
mod output;
mod panics;
mod per_store;
mod problem;
mod progress;
mod quarantine;
mod read;
mod records;
mod recover;
mod report;
mod scan;
#[cfg(feature = "serve")]
mod serve;
mod signals;
mod startup_check;
mod target;
mod text;
mod values;
mod verify;
mod warnings;

use std::cell::OnceCell;
use std::ffi::OsString;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::error::ErrorKind;
use clap::{CommandFactory, Parser};
use papyra_persistence::config::Config;

use self::capacity::Capacity;
use self::command::{Cli, Command};
use self::context::Context;
use self::exit::Exit;
use self::output::Output;
use self::problem::Problem;
use self::signals::Interruption;

/// Time limit for blocking work, such as copying a file, after an interruption.
const WIND_UP: Duration = Duration::from_secs(1);

/// Runs the command that this process was started as.
fn main() -> ExitCode {
    panics::end_the_process();
    let exit = catch_unwind(AssertUnwindSafe(|| {
        let words: Vec<OsString> = std::env::args_os().collect();
        match Cli::try_parse_from(&words) {
            Ok(cli) => start(cli),
            Err(error) => refuse(&error, &words),
        }
    }));
    let exit = exit.ok().filter(|_| !panics::happened());
    ExitCode::from(exit.unwrap_or(Exit::Failed).code())
}

fn start(cli: Cli) -> Exit {
    let mut output = Output::new(cli.json, cli.quiet);
    let Cli { command, log, config: file, quiet, .. } = cli;
    let configured = |apply: &dyn Fn(&mut Config) -> Result<(), Problem>| {
        let config = context::configured(file.as_deref(), |config| {
            log.apply(quiet, config);
            apply(config)
        })?;
        log::start(&config)?;
        Ok(config)
    };
    let ended = match command {
        Command::Short(command) | Command::Persistence(command) => {
            configured(&|config| command.apply(config)).and_then(|mut config| {
                let files = command.files()?;
                let (name, jobs) = (command.name(), command.jobs(&config));
                let run = async |context: &mut Context<'_>| command.run(context).await;
                operate(name, jobs, &files, &mut config, &mut output, run)
            })
        }
        #[cfg(feature = "serve")]
        Command::Serve(args) => configured(&|config| args.apply(config)).and_then(|mut config| {
            let run = async |context: &mut Context<'_>| serve::run(context).await;
            operate("serve", 2, &[], &mut config, &mut output, run)
        }),
        Command::Config(command) => config::run(command, file, &log, &mut output),
        Command::Completions(args) => completions::run(&args, Cli::command(), &mut output),
        Command::Man(args) => man::run(&args, Cli::command(), &mut output),
    };
    ended.unwrap_or_else(|problem| {
        // What a panic leads to elsewhere is no news.
        if !panics::happened() {
            output.problem(&problem);
        }
        problem.exit
    })
}

/// Runs an operation on a store, until it is done or interrupted.
fn operate(
    name: &str,
    threads: usize,
    files: &[PathBuf],
    config: &mut Config,
    output: &mut Output,
    run: impl AsyncFnOnce(&mut Context<'_>) -> Result<Exit, Problem>,
) -> Result<Exit, Problem> {
    for note in config.notes() {
        output.note(&note);
    }
    let capacity = Capacity::find(name, threads, config, output)?;
    let interruption = Interruption::watch(capacity.signals)?;
    let runtime =
        capacity.runtime().map_err(|error| Problem::io("cannot start threads", &error))?;
    let ended = runtime.block_on(async {
        let engine = OnceCell::new();
        let interruption = &interruption;
        let mut context = Context { output, interruption, config, files, engine };
        tokio::select! {
            ended = run(&mut context) => Some(ended),
            () = interruption.arrived() => None,
        }
    });
    // Everything the operation held is dropped by now; only a running system call is waited for.
    runtime.shutdown_timeout(WIND_UP);
    match (ended, interruption.pending()) {
        (Some(Err(Problem { exit: Exit::Interrupted, .. })) | None, Some(exit)) => {
            if output.if_interrupted.is_empty() {
                return output.flush().map(|()| exit);
            }
            let message = format!("{name} was interrupted; {}", output.if_interrupted);
            Err(Problem::new(exit, "interrupted", message))
        }
        (Some(Err(mut problem)), _) => {
            if problem.exit == Exit::NotFound && matches!(name, "groups" | "consume") {
                problem.message.push_str("; `groups list` shows which groups there are");
            } else if name != "append" {
                let place = config.settings.store.value.as_ref();
                problem.message.push_str(missing::advice(place, &problem));
            }
            Err(problem)
        }
        (Some(ended), _) => ended,
        (None, None) => Ok(Exit::Failed),
    }
}

/// Prints the messages of clap: help and versions as data, wrong usage with our exit code.
fn refuse(error: &clap::Error, words: &[OsString]) -> Exit {
    let json = words.iter().take_while(|word| *word != "--").any(|word| word == "--json");
    match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => {
            let mut output = Output::new(false, false);
            let text = output.styled(&error.render());
            let written = output.data(text.as_bytes()).and_then(|()| output.flush());
            match written {
                Ok(()) => Exit::Done,
                Err(problem) => {
                    output.problem(&problem);
                    problem.exit
                }
            }
        }
        ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => {
            let problem = Problem::usage("a command is missing; --help lists them");
            Output::new(json, false).wrong_usage(&error.render().to_string(), &problem);
            Exit::Usage
        }
        _ => {
            let text = error.render().to_string();
            let text = text.strip_prefix("error: ").unwrap_or(&text);
            let first = text.split("\n\n").next().unwrap_or_default();
            let words: Vec<_> = first.split_whitespace().collect();
            let problem = Problem::usage(words.join(" "));
            Output::new(json, false).wrong_usage(&format!("papyra: {text}"), &problem);
            Exit::Usage
        }
    }
}
