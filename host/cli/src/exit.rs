//! Exit codes: one table for the program, for `--help` and for the man pages.

use std::fmt::Write as _;

use papyra_persistence::journal::FailureCode;

/// The exit codes. Scripts and supervisors depend on the numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Exit {
    Done = 0,
    Failed = 1,
    Anomalies = 2,
    Remaining = 3,
    Usage = 64,
    NotFound = 66,
    Unavailable = 69,
    Full = 73,
    Locked = 75,
    Denied = 77,
    Configuration = 78,
    Interrupted = 130,
    Terminated = 143,
}

/// The meaning of each code, unless a command has a more precise one.
const MEANINGS: [(Exit, &str); 13] = [
    (Exit::Done, "done"),
    (Exit::Failed, "failed: I/O error, or a fault of the engine"),
    (Exit::Anomalies, "anomalies found"),
    (Exit::Remaining, "recovery finished, anomalies remain"),
    (Exit::Usage, "wrong usage, or unacceptable input; nothing was done"),
    (Exit::NotFound, "no such store"),
    (Exit::Unavailable, "the backend cannot be reached"),
    (Exit::Full, "no space left"),
    (Exit::Locked, "locked by another process; try again"),
    (Exit::Denied, "access denied"),
    (Exit::Configuration, "wrong configuration"),
    (Exit::Interrupted, "interrupted (SIGINT); the store is consistent"),
    (Exit::Terminated, "terminated (SIGTERM); the store is consistent"),
];

impl Exit {
    pub fn code(self) -> u8 {
        self as u8
    }

    /// Returns the more serious of two exits, for a command that has worked on several stores or files: first
    /// an interruption, then failures of the system, then of what was asked for, then findings.
    pub fn worse(self, other: Self) -> Self {
        const ORDER: [Exit; 13] = [
            Exit::Terminated,
            Exit::Interrupted,
            Exit::Configuration,
            Exit::Failed,
            Exit::Denied,
            Exit::Locked,
            Exit::Unavailable,
            Exit::Full,
            Exit::Usage,
            Exit::NotFound,
            Exit::Remaining,
            Exit::Anomalies,
            Exit::Done,
        ];
        let place = |exit: Self| ORDER.iter().position(|other| *other == exit);
        if place(self) <= place(other) { self } else { other }
    }

    /// The code for a class of failure that the engine or a store has reported.
    pub fn of(code: FailureCode) -> Self {
        match code {
            // A store that cannot do what was asked: a directory as a journal, a file with consumer
            // groups.
            FailureCode::InvalidArgument
            | FailureCode::InvalidRecord
            | FailureCode::Unsupported => Self::Usage,
            FailureCode::NotFound => Self::NotFound,
            FailureCode::Unavailable => Self::Unavailable,
            FailureCode::Full => Self::Full,
            FailureCode::Locked => Self::Locked,
            FailureCode::Denied => Self::Denied,
            FailureCode::Corrupt | FailureCode::Failed => Self::Failed,
        }
    }

    /// The code for an I/O error of the command itself, such as a full disk behind `> file`.
    pub fn of_io(error: &std::io::Error) -> Self {
        use std::io::ErrorKind as Kind;
        match error.kind() {
            Kind::StorageFull | Kind::QuotaExceeded | Kind::FileTooLarge => Self::Full,
            Kind::PermissionDenied | Kind::ReadOnlyFilesystem => Self::Denied,
            _ => Self::Failed,
        }
    }
}

/// The end of a command's help. `own` says what codes mean for this command in particular; of
/// [`Exit::Anomalies`] and [`Exit::Remaining`] only those in `own` are listed.
pub(super) fn help(own: &[(Exit, &str)]) -> String {
    let mut text = String::from("Exit codes:\n");
    for (exit, meaning) in MEANINGS {
        let particular = own.iter().find(|(other, _)| *other == exit).map(|(_, meaning)| *meaning);
        if particular.is_none() && matches!(exit, Exit::Anomalies | Exit::Remaining) {
            continue;
        }
        let _ = writeln!(text, "  {:>3}  {}", exit.code(), particular.unwrap_or(meaning));
    }
    text.truncate(text.trim_end().len());
    text
}

/// The whole table, for `papyra --help`.
pub(super) fn overview() -> String {
    let all = MEANINGS.map(|(exit, meaning)| match exit {
        Exit::Anomalies => (exit, "anomalies found (scan, startup-check --mode fail)"),
        Exit::Remaining => (exit, "recovery finished, anomalies remain (recover, startup-check)"),
        _ => (exit, meaning),
    });
    help(&all)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_failure_has_its_documented_code() {
        let table = [
            (FailureCode::InvalidArgument, 64),
            (FailureCode::InvalidRecord, 64),
            (FailureCode::NotFound, 66),
            (FailureCode::Unavailable, 69),
            (FailureCode::Full, 73),
            (FailureCode::Locked, 75),
            (FailureCode::Denied, 77),
            (FailureCode::Unsupported, 64),
            (FailureCode::Corrupt, 1),
            (FailureCode::Failed, 1),
        ];
        for (failure, code) in table {
            assert_eq!(Exit::of(failure).code(), code, "{failure:?}");
        }
    }

    #[test]
    fn every_end_has_its_place_among_the_others() {
        for (exit, _) in MEANINGS {
            assert_eq!(exit.worse(Exit::Done), exit);
            assert_eq!(Exit::Terminated.worse(exit), Exit::Terminated);
        }
        assert_eq!(Exit::Anomalies.worse(Exit::Locked), Exit::Locked);
        assert_eq!(Exit::Unavailable.worse(Exit::NotFound), Exit::Unavailable);
    }

    #[test]
    fn help_lists_what_the_command_can_end_with() {
        let text = help(&[(Exit::Done, "healthy")]);
        assert!(text.contains("    0  healthy\n"), "{text}");
        assert!(text.contains("\n  130  interrupted"), "{text}");
        assert!(!text.contains("anomalies"), "{text}");
        assert!(overview().contains("\n    3  recovery finished"), "{}", overview());
    }
}
