//! `man`: manual pages, generated from the definition of the command line.

use std::path::PathBuf;

use clap::Args;

use crate::exit::Exit;
use crate::output::Output;
use crate::problem::Problem;

/// Write man pages
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  papyra man | man -l -\n  papyra man ~/.local/share/man/man1")]
pub(super) struct ManArgs {
    /// Directory for one page per subcommand; without it, papyra(1) goes to standard output
    #[arg(value_name = "DIR")]
    directory: Option<PathBuf>,
}

pub(super) fn run(
    args: &ManArgs,
    command: clap::Command,
    output: &mut Output,
) -> Result<Exit, Problem> {
    let command = documented(command);
    match &args.directory {
        Some(directory) => {
            std::fs::create_dir_all(directory)
                .and_then(|()| clap_mangen::generate_to(command, directory))
                .map_err(|error| {
                    let what = format!("cannot write man pages to {}", directory.display());
                    Problem::io(&what, &error)
                })?;
        }
        None => {
            let mut page = Vec::new();
            clap_mangen::Man::new(command)
                .render(&mut page)
                .map_err(|error| Problem::io("cannot write the man page", &error))?;
            output.data(&page)?;
            output.flush()?;
        }
    }
    Ok(Exit::Done)
}

/// The definition with each command once: those of the long form are the same.
pub(super) fn documented(command: clap::Command) -> clap::Command {
    command.mut_subcommand("persistence", |long| long.mut_subcommands(|command| command.hide(true)))
}
