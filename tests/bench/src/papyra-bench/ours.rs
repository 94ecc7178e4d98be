//! What this project does with the same files: the command as a child process, the library here.

use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail, ensure};

use crate::contestant::{Contestant, Unit, timed};
use crate::files::{self, Files};

/// The `papyra` command, which is built beside this one.
pub(crate) struct Papyra(PathBuf);

impl Papyra {
    /// The given one, or that of this build; `None` if it has not been built.
    pub(crate) fn find(given: Option<&Path>) -> Result<Option<Self>> {
        if let Some(path) = given {
            ensure!(path.is_file(), "{} is no file", path.display());
            return Ok(Some(Self(std::path::absolute(path)?)));
        }
        let path = std::env::current_exe()?.with_file_name("papyra");
        Ok(path.is_file().then_some(Self(path)))
    }

    /// `papyra persistence OPERATION --path JOURNAL ARGUMENTS`
    pub(crate) fn command(&self, operation: &str, journal: &Path, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.0);
        command.args(["persistence", operation, "--path"]).arg(journal).args(arguments);
        command
    }

    pub(crate) fn contestants(&self, files: &Files) -> Result<Vec<Contestant>> {
        let bytes = fs::metadata(&files.journal)?.len();
        let half = (files.records / 2).to_string();
        let (journal, small) = (&files.journal, &files.small);
        let scan = |name, jobs: &'static str| {
            let (papyra, journal) = (Self(self.0.clone()), journal.clone());
            Contestant::new(name, Unit::BytesPerSecond, move || {
                let command = papyra.command("scan", &journal, &["--jobs", jobs, "--json"]);
                timed(|| run(command).map(|()| bytes))
            })
        };
        let mut all = vec![scan("papyra scan --jobs 1", "1"), scan("papyra scan --jobs 2", "2")];

        let (papyra, path) = (Self(self.0.clone()), small.clone());
        all.push(Contestant::new("papyra inspect", Unit::Time, move || {
            let command = papyra.command("inspect", &path, &[]);
            timed(|| run(command).map(|()| 1))
        }));

        let (papyra, from, to) = (Self(self.0.clone()), journal.clone(), files.scratch("compact"));
        all.push(Contestant::new("papyra compact", Unit::Time, move || {
            files::remove(&to)?;
            fs::copy(&from, &to)?;
            files::settle(&to)?;
            let command = papyra.command("compact", &to, &["--max-records", &half]);
            timed(|| run(command).map(|()| 1))
        }));
        Ok(all)
    }

    /// Reading the end of a large journal.
    pub(crate) fn read_tail(&self, journal: &Path) -> Contestant {
        let (papyra, journal) = (Self(self.0.clone()), journal.to_owned());
        Contestant::new("papyra read --limit 100", Unit::Time, move || {
            let command = papyra.command("read", &journal, &["--limit", "100"]);
            timed(|| run(command).map(|()| 1))
        })
    }
}

/// Runs to the end and throws away the output. The exit code must be 0.
fn run(mut command: Command) -> Result<()> {
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .with_context(|| format!("cannot run {command:?}"))?;
    let mut out = Vec::new();
    child.stdout.take().context("no output")?.read_to_end(&mut out)?;
    let mut problem = String::new();
    child.stderr.take().context("no output")?.read_to_string(&mut problem)?;
    let status = child.wait()?;
    if !status.success() {
        bail!("{command:?}: {status}\n{problem}");
    }
    Ok(())
}
