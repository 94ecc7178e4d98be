//! What sets one store in files apart from another.

use std::fmt;
use std::fs::{File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use super::active::ActiveFile;
use super::config::Config;
use super::snapshot::DiskSnapshot;
use super::sys::{self, FileId, Held, failure};
use crate::store::{StoreError, StoreErrorKind};

/// Of which files a journal is made. Everything here may block.
pub(in crate::store) trait Shape: fmt::Debug + Send + Sync {
    /// The short name in reports.
    fn backend(&self) -> &'static str;

    /// Opens the file that is appended to.
    fn open(&self, config: &Config, options: &mut OpenOptions) -> io::Result<File>;

    /// Creates it where it is missing; that somebody else was quicker is no error.
    fn create(&self, config: &Config) -> Result<(), StoreError>;

    /// The path under which the journal has this file now.
    fn locate(&self, config: &Config, id: FileId) -> Result<Option<PathBuf>, StoreError>;

    /// The path that stands for the whole journal when a rewrite claims it.
    fn home(&self, config: &Config) -> io::Result<PathBuf>;

    /// Makes everybody wait who would append to this file, rename it, or replace it.
    fn hold(
        &self,
        config: &Config,
        source: &File,
        id: FileId,
        deadline: Instant,
    ) -> Result<Place, StoreError>;

    /// Removes a file of which nothing is to stay. Only for a [`Place`] that is `expendable`.
    fn remove(&self, config: &Config, path: &Path) -> Result<(), StoreError>;

    /// A view of the journal. Changes nothing.
    fn snapshot(&self, config: Arc<Config>) -> Result<DiskSnapshot, StoreError>;

    /// What happens to a file that is full, if there is such a thing.
    fn rotation(&self) -> Option<&dyn Rotation>;
}

/// A file that nobody can append to, rename or replace as long as this is held.
#[derive(Debug)]
pub(in crate::store) struct Place {
    pub path: PathBuf,
    /// The journal can do without the file.
    pub expendable: bool,
    pub held: Vec<Held<File>>,
}

/// Beginning a new file when the one that is appended to is full.
pub(in crate::store) trait Rotation {
    /// How large a file may become, unless its only record is larger.
    fn max_bytes(&self) -> u64;

    /// Seals `active`, whose lock the caller holds, and puts a new file in its place. On an error the
    /// journal has all its records but those that had to go, and is still appended to at its path.
    ///
    /// `first` is the line that is to be appended next.
    fn rotate(&self, config: &Config, active: &File, first: &str) -> Result<Fresh, StoreError>;

    /// The file that is appended to has been opened.
    fn opened(&self, config: &Config);

    /// The bytes `start..end`, with so many line ends, have been appended to a file.
    fn wrote(&self, id: FileId, start: u64, end: u64, line_ends: u64);

    /// Makes durable what lies in files that are appended to no more.
    fn sync_sealed(&self, config: &Config) -> Result<(), StoreError>;
}

/// The new file of a rotation, locked.
#[derive(Debug)]
pub(in crate::store) struct Fresh {
    pub file: Held<Arc<ActiveFile>>,
    /// The line that was to be appended next is in it already.
    pub has_first: bool,
}

/// Creates an empty journal at the path.
pub(in crate::store) fn create_plain(config: &Config) -> Result<(), StoreError> {
    if !config.create {
        return Err(not_there(config));
    }
    if config.create_parents {
        let dir = sys::parent(&config.path);
        super::dirs::create(&dir, &config.faults)
            .map_err(|cause| failure("create", &dir, cause))?;
    }
    match config.shape.open(config, OpenOptions::new().read(true).append(true).create(true)) {
        Ok(_) => Ok(()),
        Err(cause) if cause.kind() == io::ErrorKind::NotFound => {
            let dir = sys::parent(&config.path);
            Err(failure("create a journal, for want of its directory,", &dir, cause))
        }
        Err(cause) => Err(failure("open", &config.path, cause)),
    }
}

pub(in crate::store) fn not_there(config: &Config) -> StoreError {
    StoreError::new(
        StoreErrorKind::NotFound,
        format!("there is no journal at {}", config.path.display()),
    )
}
