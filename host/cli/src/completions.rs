//! `completions`: scripts for shells, generated from the definition of the command line.

use clap::Args;
use clap_complete::Shell;

use crate::exit::Exit;
use crate::output::Output;
use crate::problem::Problem;

/// Write a completion script for a shell
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  papyra completions bash > ~/.local/share/bash-completion/completions/papyra"
)]
pub(super) struct CompletionsArgs {
    /// The shell
    shell: Shell,
}

pub(super) fn run(
    args: &CompletionsArgs,
    mut command: clap::Command,
    output: &mut Output,
) -> Result<Exit, Problem> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut command, "papyra", &mut script);
    output.data(&script)?;
    output.flush()?;
    Ok(Exit::Done)
}
