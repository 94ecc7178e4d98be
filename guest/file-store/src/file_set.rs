//! The files that make up a journal: the difference between one store in files and another.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::active::ActiveFile;
use crate::defects::{Defect, has};
use crate::dirs::{create_dir, is_dir, sync_chain, sync_dir};
use crate::disk::{Create, DiskFile, FileId, How, Metadata};
use crate::error::{Error, Kind, Result};
use crate::lock::{Held, Opened};
use crate::member::View;
use crate::names::parent;
use crate::settings::{Deadline, Settings};

/// The files of a journal, with its settings. Everything here may block.
pub trait FileSet: fmt::Debug + Send + Sync {
    /// What is set for the journal.
    fn settings(&self) -> &Settings;

    /// The short name in reports.
    fn backend(&self) -> &'static str;

    /// Opens all files, as of one moment. Changes nothing.
    ///
    /// # Errors
    ///
    /// `NotFound` if there is no journal.
    fn view(&self) -> Result<View>;

    /// The same files for one reader that comes back for more: what was moved away since it last looked is
    /// still read to its end. `None`: any look at these files does as well.
    fn reader(&self) -> Option<Arc<dyn FileSet>> {
        None
    }

    /// The number of records in files that rotations by this value have dropped.
    fn dropped_records(&self) -> u64 {
        0
    }

    /// A reader goes forward in the file of this number, from this byte on.
    fn reads(&self, number: u32, from: u64) {
        let _ = (number, from);
    }

    /// What the steps of the protocol need to know, and nobody else.
    #[doc(hidden)]
    fn steps(&self) -> &dyn Steps;
}

/// What the steps of the protocol need to know of a set of files.
pub trait Steps: fmt::Debug {
    /// Opens the file that is appended to.
    fn open(&self, how: How) -> Opened;

    /// Creates it where it is missing. A file that another process has created meanwhile is no error.
    fn create(&self, deadline: Deadline) -> Result<()>;

    /// The path under which the journal has this file now.
    fn locate(&self, id: FileId) -> Result<Option<PathBuf>>;

    /// The path that stands for the whole journal when a rewrite claims it.
    fn lock_path(&self) -> io::Result<PathBuf>;

    /// Makes all processes wait that would append to this file, rename it, or replace it.
    fn lock_for_switch(&self, source: &Arc<dyn DiskFile>, deadline: Deadline)
    -> Result<LockedFile>;

    /// Removes a file of which nothing stays. Only for a [`LockedFile`] that is `expendable`.
    fn remove(&self, file: &LockedFile) -> Result<()>;

    /// All files of the journal, opened to be synced.
    fn files(&self) -> Result<Vec<Arc<dyn DiskFile>>>;

    /// How a file that is full is replaced, if files can be full.
    fn rotation(&self) -> Option<&dyn Rotation>;
}

/// A file that no process can append to, rename or replace while this is held.
#[derive(Debug)]
pub struct LockedFile {
    /// Where it is.
    pub path: PathBuf,
    /// The journal can do without the file.
    pub expendable: bool,
    /// The lock.
    pub held: Held<Arc<dyn DiskFile>>,
}

/// Beginning a new file when the one that is appended to is full.
pub trait Rotation {
    /// The maximum size of a file, unless its only record is larger.
    fn max_bytes(&self) -> u64;

    /// What is to be done when `active` is full, whose lock the caller holds, and `first` is the line that is
    /// to be appended next.
    fn plan(&self, active: &dyn DiskFile, first: &str) -> Result<Plan>;

    /// Seals `active` and puts a new file in its place. On an error the journal has all its records but those
    /// that had to go, and is still appended to at its path.
    fn rotate(
        &self,
        plan: &mut Plan,
        active: &dyn DiskFile,
        first: &str,
        deadline: Deadline,
    ) -> Result<Fresh>;

    /// The file that is appended to has been opened.
    fn opened(&self);

    /// The bytes `start..end`, with this number of line ends, have been appended to a file.
    fn wrote(&self, id: FileId, start: u64, end: u64, line_ends: u64);
}

/// A sealed file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sealed {
    /// Its number.
    pub number: u32,
    /// Which file it is.
    pub id: FileId,
    /// Its length.
    pub bytes: u64,
}

/// What a rotation is to do.
#[derive(Debug)]
pub struct Plan {
    /// The file that is full.
    pub full: Metadata,
    /// The files before it, newest first.
    pub sealed: Vec<Sealed>,
    /// How many of all these can stay, from the newest on.
    pub keep: usize,
    /// Files are being dropped.
    pub drops: bool,
    /// Nobody can tell whether the new file, with the first line in it, is in its place.
    pub unsure: bool,
}

/// The new file of a rotation, locked.
#[derive(Debug)]
pub struct Fresh {
    /// Locked as the one before was.
    pub file: Held<Arc<ActiveFile>>,
    /// The line that was to be appended next is in it already.
    pub has_first: bool,
}

/// Opens the file that is appended to, and creates it if it is missing.
pub(crate) fn open_or_create(files: &dyn FileSet, deadline: Deadline) -> Result<Arc<dyn DiskFile>> {
    let (settings, steps) = (files.settings(), files.steps());
    loop {
        match steps.open(How::APPEND) {
            Err(cause) if cause.kind() == io::ErrorKind::NotFound => {}
            opened => return opened.map_err(|cause| settings.cannot("open", cause)),
        }
        // Another program can move it away before it is opened, again and again.
        if settings.is_over(deadline) {
            return Err(crate::error::changed_meanwhile(&settings.path));
        }
        steps.create(deadline)?;
    }
}

/// Creates an empty journal at the path.
pub(crate) fn create_plain(files: &dyn FileSet) -> Result<()> {
    let settings = files.settings();
    if !settings.create {
        return Err(not_there(settings));
    }
    let dir = parent(&settings.path);
    if settings.create_parents {
        create_dir(&*settings.disk, &dir)
            .map_err(|cause| settings.failure("create", &dir, cause))?;
    }
    match files.steps().open(How::APPEND.create(Create::IfMissing)) {
        Ok(_) => Ok(()),
        Err(cause) if cause.kind() == io::ErrorKind::NotFound => {
            Err(settings.failure("create a journal, for want of its directory,", &dir, cause))
        }
        Err(cause) => Err(settings.cannot("open", cause)),
    }
}

pub(crate) fn not_there(settings: &Settings) -> Error {
    Error::new(Kind::NotFound, format!("there is no journal at {}", settings.path.display()))
}

/// Fails unless the first append could create a journal that is missing.
///
/// # Errors
///
/// `NotFound` if the directory for it is missing.
pub fn can_create(settings: &Settings) -> Result<()> {
    let dir = parent(&settings.path);
    if settings.create_parents || is_dir(&*settings.disk, &dir) {
        return Ok(());
    }
    let (path, dir) = (settings.path.display(), dir.display());
    let message = format!(
        "there is no journal at {path} and no directory {dir} to create it in; create the \
         directory, or mount its file system"
    );
    Err(Error::new(Kind::NotFound, message))
}

/// The file that the path names now, following symlinks; `None` if there is none.
pub(crate) fn named(settings: &Settings, path: &Path) -> Result<Option<FileId>> {
    match settings.disk.metadata(path, true) {
        Ok(metadata) => Ok(Some(metadata.id)),
        Err(cause) if cause.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(cause) => Err(settings.failure("look at", path, cause)),
    }
}

/// Makes the names in the directory of the journal durable.
pub(crate) fn sync_names(files: &dyn FileSet) -> Result<()> {
    let settings = files.settings();
    if has(Defect::NameUnsynced) {
        return Ok(());
    }
    let synced = files.steps().lock_path();
    let synced = synced.and_then(|path| sync_dir(&*settings.disk, &parent(&path)));
    synced.map_err(|cause| settings.cannot("make durable the name of", cause))
}

/// Makes durable also the names of directories that this or another process may just have made.
pub(crate) fn sync_place(files: &dyn FileSet) -> Result<()> {
    sync_names(files)?;
    let settings = files.settings();
    if !settings.create_parents {
        return Ok(());
    }
    let synced = files.steps().lock_path();
    let synced = synced.and_then(|path| sync_chain(&*settings.disk, &parent(&path)));
    synced.map_err(|cause| settings.cannot("make durable the directory of", cause))
}

/// Makes durable what lies in files that are no longer appended to, and the names of all. For a journal whose
/// appends sync nothing: any other durability syncs a file before it is sealed, and its name before the first
/// reply.
pub(crate) fn sync_files(files: &dyn FileSet) -> Result<()> {
    if files.steps().rotation().is_some() {
        for file in files.steps().files()? {
            file.sync_data().map_err(|cause| files.settings().cannot("sync", cause))?;
        }
    }
    sync_place(files)
}
