use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Where a value comes from, weakest first.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Origin {
    /// Nobody has said anything.
    Default,
    /// The configuration file.
    File {
        /// The file, as it was named or found.
        path: Arc<Path>,
        /// The line, from 1.
        line: usize,
    },
    /// A variable of the environment.
    Environment(String),
    /// An option of the command.
    Flag(String),
}

impl Origin {
    /// What is higher overrides what is lower.
    pub(super) fn rank(&self) -> u8 {
        match self {
            Self::Default => 0,
            Self::File { .. } => 1,
            Self::Environment(_) => 2,
            Self::Flag(_) => 3,
        }
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::File { path, line } => write!(f, "{}:{line}", path.display()),
            Self::Environment(name) | Self::Flag(name) => f.write_str(name),
        }
    }
}

/// One thing that is wrong with the configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Fault {
    /// Where it is written.
    pub origin: Origin,
    /// The setting, if it is about one.
    pub key: Option<String>,
    /// What is written there, without secrets.
    pub value: Option<String>,
    /// What is wrong, and what to write instead.
    pub message: String,
    /// The nearest name that exists, for a name that does not.
    pub nearest: Option<String>,
    /// Whether the old and the new name of something are given with different values.
    pub contradiction: bool,
}

impl Fault {
    pub(super) fn new(origin: &Origin, message: impl Into<String>) -> Self {
        let message = message.into();
        Self {
            origin: origin.clone(),
            key: None,
            value: None,
            message,
            nearest: None,
            contradiction: false,
        }
    }

    pub(super) fn about(self, key: &str, value: impl Into<Option<String>>) -> Self {
        Self { key: Some(key.to_owned()), value: value.into(), ..self }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.origin)?;
        match (&self.key, &self.value) {
            (Some(key), Some(value)) => write!(f, "{key} = {value:?}: ")?,
            (Some(key), None) if !self.message.contains(key) => write!(f, "{key}: ")?,
            _ => {}
        }
        f.write_str(&self.message)
    }
}

/// Why there is no valid configuration.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// The file that was asked for cannot be read.
    #[error("cannot read the configuration file {}; check its name and permissions", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// The cause.
        source: std::io::Error,
    },
    /// Something in it is wrong.
    #[error("{}", summary(.0))]
    Wrong(Vec<Fault>),
}

impl From<Fault> for ConfigError {
    fn from(fault: Fault) -> Self {
        Self::Wrong(vec![fault])
    }
}

impl ConfigError {
    /// What is wrong, if the configuration could be read at all. At most 100 faults are listed.
    #[must_use]
    pub fn faults(&self) -> &[Fault] {
        match self {
            Self::Wrong(faults) => faults,
            Self::Read { .. } => &[],
        }
    }
}

fn summary(faults: &[Fault]) -> String {
    match faults {
        [] => "the configuration is wrong".to_owned(),
        [one] => one.to_string(),
        [first, more @ ..] => {
            format!("{first} (and {} more; `papyra config check` lists all)", more.len())
        }
    }
}
