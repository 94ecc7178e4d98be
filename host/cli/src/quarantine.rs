//! Recovery modes and the quarantine, as `recover` and `startup-check` share them.

use std::path::PathBuf;

use clap::ValueEnum;
use papyra_persistence::config::Config;
use papyra_persistence::journal::RecoveryMode;
use papyra_persistence::store::Registry;

use crate::problem::Problem;

/// Puts `--quarantine-dir` over the configuration.
pub(super) fn apply(directory: Option<&PathBuf>, config: &mut Config) {
    config.settings.quarantine_dir.by_flag(directory.cloned(), "--quarantine-dir");
}

/// A recovery mode, also in Papyra's spellings.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(super) enum ModeWord {
    /// Drop damaged entries, complete an unterminated record, keep suspect records
    #[default]
    Repair,
    /// Move damaged entries and suspect records to the quarantine
    Quarantine,
    /// Papyra's name for a repair that rewrites the file; ours always does
    #[value(hide = true)]
    Rebuild,
}

impl From<ModeWord> for RecoveryMode {
    fn from(word: ModeWord) -> Self {
        match word {
            ModeWord::Repair | ModeWord::Rebuild => Self::Repair,
            ModeWord::Quarantine => Self::Quarantine,
        }
    }
}

/// Checks that a quarantine has a directory if it needs one, and that none is given in vain.
pub(super) fn check(
    mode: RecoveryMode,
    option: &str,
    directory: Option<&PathBuf>,
    config: &Config,
) -> Result<(), Problem> {
    match (mode, directory) {
        (RecoveryMode::Quarantine, None) if config.lacks_quarantine_dir(&Registry::standard()) => {
            Err(Problem::usage(format!(
                "{option} quarantine needs --quarantine-dir DIR, the directory for damaged entries"
            )))
        }
        (RecoveryMode::Repair, Some(_)) => Err(Problem::usage(format!(
            "--quarantine-dir is only for {option} quarantine; {option} repair has no quarantine"
        ))),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exit::Exit;

    #[test]
    fn quarantine_needs_a_directory_and_repair_refuses_one() {
        let directory = PathBuf::from("q");
        let config = |url: &str| Config::parse(&format!("store = {url:?}")).unwrap();
        let check = |mode, directory, url: &str| check(mode, "--mode", directory, &config(url));
        let (repair, quarantine) = (RecoveryMode::Repair, RecoveryMode::Quarantine);
        assert!(check(quarantine, Some(&directory), "a").is_ok());
        let error = check(quarantine, None, "a").unwrap_err();
        assert!(error.exit == Exit::Usage && error.message.contains("--quarantine-dir DIR"));
        assert_eq!(check(repair, Some(&directory), "a").unwrap_err().exit, Exit::Usage);
        assert!(check(quarantine, None, "file:a?quarantine_dir=q").is_ok());
        let configured = Config::parse("store = \"a\"\nquarantine_dir = \"q\"").unwrap();
        assert!(super::check(quarantine, "--mode", None, &configured).is_ok());
        // A directory that is configured for another mode is not a mistake.
        assert!(super::check(repair, "--mode", None, &configured).is_ok());
    }
}
