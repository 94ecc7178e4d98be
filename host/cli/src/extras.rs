//! What is generated from the definition of the command line.

use std::path::PathBuf;

use clap::{Args, CommandFactory};
use clap_complete::Shell;

use super::args::Cli;
use super::exit::Exit;
use super::output::Output;
use super::problem::Problem;

/// Write a completion script for a shell
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  papyra completions bash > ~/.local/share/bash-completion/completions/papyra"
)]
pub(super) struct CompletionsArgs {
    /// The shell
    shell: Shell,
}

pub(super) fn completions(args: &CompletionsArgs, output: &mut Output) -> Result<Exit, Problem> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "papyra", &mut script);
    output.data(&script)?;
    output.flush()?;
    Ok(Exit::Done)
}

/// Write man pages
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  papyra man | man -l -\n  papyra man ~/.local/share/man/man1")]
pub(super) struct ManArgs {
    /// Where to put one page per subcommand; without it, papyra(1) goes to standard output
    #[arg(value_name = "DIR")]
    directory: Option<PathBuf>,
}

pub(super) fn man(args: &ManArgs, output: &mut Output) -> Result<Exit, Problem> {
    match &args.directory {
        Some(directory) => {
            std::fs::create_dir_all(directory)
                .and_then(|()| clap_mangen::generate_to(Cli::command(), directory))
                .map_err(|error| {
                    let what = format!("cannot write man pages to {}", directory.display());
                    Problem::io(&what, &error)
                })?;
        }
        None => {
            let mut page = Vec::new();
            clap_mangen::Man::new(Cli::command())
                .render(&mut page)
                .map_err(|error| Problem::io("cannot write the man page", &error))?;
            output.data(&page)?;
            output.flush()?;
        }
    }
    Ok(Exit::Done)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_subcommand_has_a_page() {
        let directory = std::env::temp_dir().join(format!("papyra-man-{}", std::process::id()));
        std::fs::create_dir_all(&directory).unwrap();
        clap_mangen::generate_to(Cli::command(), &directory).unwrap();
        let page = std::fs::read_to_string(directory.join("papyra-persistence-scan.1")).unwrap();
        std::fs::remove_dir_all(&directory).unwrap();
        assert!(page.contains("Exit codes"), "{page}");
    }
}
