//! Which file the journal is, and how it is to be treated: read once from the environment.

use papyra_engine::host::StorageError;

use super::disk::Disk;
use super::wasi::cli::environment;
use super::wasi::filesystem::preopens;
use crate::names;

/// The journal and its surroundings.
pub(super) struct Place {
    /// As it was given, for people.
    pub location: String,
    pub disk: Disk,
    /// The journal in `disk`, symlinks not followed.
    pub path: String,
    /// A directory, and the name by which people know it.
    pub quarantine: Option<(Disk, String, String)>,
    /// An append returns only after a sync.
    pub sync: bool,
}

impl Place {
    /// What the environment says. Touches no file.
    pub fn from_environment() -> Result<Self, StorageError> {
        let variables = environment::get_environment();
        let variable = |name: &str| {
            let mut found =
                variables.iter().filter(|(key, value)| key == name && !value.is_empty());
            found.next().map(|(_, value)| value.clone())
        };
        let location = variable("PAPYRA_PATH")
            // The first argument is the name of the program.
            .or_else(|| environment::get_arguments().into_iter().skip(1).last())
            .ok_or_else(|| wrong("which file the journal is: set PAPYRA_PATH"))?;
        let sync = match variable("PAPYRA_SYNC").as_deref() {
            None | Some("always") => true,
            Some("never") => false,
            Some(_) => return Err(wrong("when to sync: PAPYRA_SYNC must be `always` or `never`")),
        };
        let (disk, path) = locate(&location)?;
        let (new, old) = (variable("PAPYRA_QUARANTINE_DIR"), variable("PAPYRA_EVIDENCE_DIR"));
        if new.is_some() && old.is_some() && new != old {
            return Err(wrong(
                "where the quarantine is: PAPYRA_QUARANTINE_DIR and its old name, \
                 PAPYRA_EVIDENCE_DIR, differ",
            ));
        }
        let quarantine = match new.or(old) {
            Some(given) => {
                let (disk, path) = locate(&given)?;
                Some((disk, path, given))
            }
            None => None,
        };
        Ok(Self { location, disk, path, quarantine, sync })
    }

    /// The journal's name, by which the engine knows its only segment.
    pub fn name(&self) -> &str {
        names::split(&self.path).1
    }
}

fn wrong(what: &str) -> StorageError {
    StorageError::Failed(format!("the environment does not say {what}"))
}

fn locate(given: &str) -> Result<(Disk, String), StorageError> {
    let mut directories = preopens::get_directories();
    let known: Vec<String> = directories.iter().map(|(_, name)| name.clone()).collect();
    let cwd = environment::initial_cwd();
    let found = names::find(&known, cwd.as_deref(), given);
    match found.filter(|(index, _)| *index < directories.len()) {
        Some((index, path)) => Ok((Disk::new(directories.swap_remove(index).0, given), path)),
        None => Err(StorageError::Denied(format!(
            "{given} is in no directory that this component may use; preopen the one it is in"
        ))),
    }
}
