//! The files that make up a journal: the difference between one store in files and another.

use std::fmt;
use std::fs::{File, OpenOptions};
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use super::active::ActiveFile;
use super::create_dir::create_dir;
use super::member::Member;
use super::settings::Settings;
use super::sys::{self, FileId, Held, failure};
use crate::store::{Segment, Store, StoreError, StoreErrorKind};

/// The files of a journal, with its settings. Everything here may block.
pub(in crate::store) trait FileSet: fmt::Debug + Send + Sync {
    fn settings(&self) -> &Settings;

    /// The short name in reports.
    fn backend(&self) -> &'static str;

    /// Opens the file that is appended to.
    fn open(&self, options: &mut OpenOptions) -> io::Result<File>;

    /// Creates it where it is missing. A file that another process has created meanwhile is no error.
    fn create(&self) -> Result<(), StoreError>;

    /// The path under which the journal has this file now.
    fn locate(&self, id: FileId) -> Result<Option<PathBuf>, StoreError>;

    /// The path that stands for the whole journal when a rewrite claims it.
    fn lock_path(&self) -> io::Result<PathBuf>;

    /// Makes all processes wait that would append to this file, rename it, or replace it.
    fn lock_for_switch(
        &self,
        source: &File,
        id: FileId,
        deadline: Instant,
    ) -> Result<LockedFile, StoreError>;

    /// Removes a file of which nothing stays. Only for a [`LockedFile`] that is `expendable`.
    fn remove(&self, file: &LockedFile) -> Result<(), StoreError>;

    /// Opens all files, as of one moment. Changes nothing.
    fn view(&self) -> Result<View, StoreError>;

    /// See [`Store::reader`].
    fn reader(&self) -> Option<Arc<dyn Store>> {
        None
    }

    /// A reader goes forward in the file of this number, from this byte on.
    fn reads(&self, number: u32, from: u64) {
        let _ = (number, from);
    }

    /// How a file that is full is replaced, if files can be full.
    fn rotation(&self) -> Option<&dyn Rotation>;
}

/// The files of a journal, and what lies beside it.
#[derive(Debug)]
pub(in crate::store) struct View {
    /// In order, oldest first.
    pub members: Vec<Member>,
    /// Leftovers and strays.
    pub besides: Vec<Segment>,
}

/// A file that no process can append to, rename or replace while this is held.
#[derive(Debug)]
pub(in crate::store) struct LockedFile {
    pub path: PathBuf,
    /// The journal can do without the file.
    pub expendable: bool,
    pub held: Held<File>,
}

/// Beginning a new file when the one that is appended to is full.
pub(in crate::store) trait Rotation {
    /// The maximum size of a file, unless its only record is larger.
    fn max_bytes(&self) -> u64;

    /// Seals `active`, whose lock the caller holds, and puts a new file in its place. On an error the
    /// journal has all its records but those that had to go, and is still appended to at its path.
    ///
    /// `first` is the line that is to be appended next.
    fn rotate(&self, active: &File, first: &str) -> Result<Fresh, StoreError>;

    /// The file that is appended to has been opened.
    fn opened(&self);

    /// The bytes `start..end`, with this number of line ends, have been appended to a file.
    fn wrote(&self, id: FileId, start: u64, end: u64, line_ends: u64);

    /// Makes durable what lies in files that are no longer appended to.
    fn sync_sealed(&self) -> Result<(), StoreError>;
}

/// The new file of a rotation, locked.
#[derive(Debug)]
pub(in crate::store) struct Fresh {
    pub file: Held<Arc<ActiveFile>>,
    /// The line that was to be appended next is in it already.
    pub has_first: bool,
}

/// Opens the file that is appended to, and creates it if it is missing.
pub(in crate::store) fn open_or_create(files: &dyn FileSet) -> Result<File, StoreError> {
    let mut options = OpenOptions::new();
    // For writing, since some network file systems lock exclusively only what is open for that.
    options.read(true).append(true);
    let mut opened = files.open(&mut options);
    if matches!(&opened, Err(cause) if cause.kind() == io::ErrorKind::NotFound) {
        files.create()?;
        opened = files.open(&mut options);
    }
    opened.map_err(|cause| failure("open", &files.settings().path, cause))
}

/// Creates an empty journal at the path.
pub(in crate::store) fn create_plain(files: &dyn FileSet) -> Result<(), StoreError> {
    let settings = files.settings();
    if !settings.create {
        return Err(not_there(settings));
    }
    let dir = sys::parent(&settings.path);
    if settings.create_parents {
        create_dir(&dir, &settings.faults).map_err(|cause| failure("create", &dir, cause))?;
    }
    match files.open(OpenOptions::new().read(true).append(true).create(true)) {
        Ok(_) => Ok(()),
        Err(cause) if cause.kind() == io::ErrorKind::NotFound => {
            Err(failure("create a journal, for want of its directory,", &dir, cause))
        }
        Err(cause) => Err(failure("open", &settings.path, cause)),
    }
}

pub(in crate::store) fn not_there(settings: &Settings) -> StoreError {
    StoreError::new(
        StoreErrorKind::NotFound,
        format!("there is no journal at {}", settings.path.display()),
    )
}

/// Makes the names in the directory of the journal durable.
pub(super) fn sync_names(files: &dyn FileSet) -> Result<(), StoreError> {
    let Settings { path, faults, .. } = files.settings();
    let synced = files.lock_path().and_then(|path| sys::sync_dir(&sys::parent(&path), faults));
    synced.map_err(|cause| failure("make durable the name of", path, cause))
}
