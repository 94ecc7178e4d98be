//! Failures, with what was done, to which file, and what to do next.

use std::fmt;
use std::io;
use std::path::Path;

/// The class of a failure, in the terms of the contract.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// No space is left.
    Full,
    /// Another process holds the journal, or has changed it.
    Locked,
    /// Permission is missing.
    Denied,
    /// There is no such journal.
    NotFound,
    /// This disk or store cannot do that.
    Unsupported,
    /// The file was cut short.
    Corrupt,
    /// The device or server behind the disk does not answer.
    Unavailable,
    /// Anything else.
    Failed,
}

impl Kind {
    /// The class of an I/O error.
    pub fn of(error: &io::Error) -> Self {
        use io::ErrorKind as E;
        match error.kind() {
            E::NotFound | E::NotADirectory => Self::NotFound,
            E::PermissionDenied | E::ReadOnlyFilesystem => Self::Denied,
            E::StorageFull | E::QuotaExceeded | E::FileTooLarge => Self::Full,
            E::WouldBlock | E::ResourceBusy => Self::Locked,
            E::ConnectionRefused
            | E::ConnectionReset
            | E::ConnectionAborted
            | E::NotConnected
            | E::TimedOut
            | E::HostUnreachable
            | E::NetworkUnreachable => Self::Unavailable,
            E::Unsupported => Self::Unsupported,
            _ => Self::Failed,
        }
    }
}

/// A failure: a class for programs, a line for people, and the cause, which the line does not repeat.
#[derive(Debug)]
pub struct Error {
    /// The class.
    pub kind: Kind,
    /// What happened, where, and what to do next.
    pub message: String,
    /// What the disk said.
    pub cause: Option<Box<dyn std::error::Error + Send + Sync>>,
}

/// The result of a step of the protocol.
pub type Result<T> = std::result::Result<T, Error>;

impl Error {
    pub(crate) fn new(kind: Kind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), cause: None }
    }

    pub(crate) fn io(message: impl Into<String>, cause: io::Error) -> Self {
        Self::new(Kind::of(&cause), message).caused_by(cause)
    }

    pub(crate) fn caused_by(
        mut self,
        cause: impl std::error::Error + Send + Sync + 'static,
    ) -> Self {
        self.cause = Some(Box::new(cause));
        self
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.cause.as_ref().map(|cause| &**cause as _)
    }
}

/// Another process, or something that is not a journal of ours, changed the file meanwhile.
pub(crate) fn changed_meanwhile(path: &Path) -> Error {
    Error::new(
        Kind::Locked,
        format!("{} was replaced or changed meanwhile; try again", path.display()),
    )
}
