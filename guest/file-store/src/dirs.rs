//! Directories, and names in them that are still there after a crash.

use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use crate::defects::{Defect, has};
use crate::disk::{Disk, FileKind};
use crate::mutex::locked;
use crate::names::parent;

pub(crate) fn is_dir(disk: &dyn Disk, path: &Path) -> bool {
    disk.metadata(path, true).is_ok_and(|metadata| metadata.kind == FileKind::Directory)
}

/// Creates a directory and its missing parents, and makes each new name durable.
pub(crate) fn create_dir(disk: &dyn Disk, dir: &Path) -> io::Result<()> {
    if is_dir(disk, dir) {
        return Ok(());
    }
    let above = parent(dir);
    if above != dir {
        create_dir(disk, &above)?;
    }
    match disk.create_dir(dir) {
        Ok(()) if has(Defect::DirectoriesUnsynced) => Ok(()),
        Ok(()) => sync_dir(disk, &above),
        Err(cause) if cause.kind() == io::ErrorKind::AlreadyExists && is_dir(disk, dir) => Ok(()),
        Err(cause) => Err(cause),
    }
}

/// Makes durable the name of a directory and those of its parents, as far as they are on the same file
/// system: whoever has made them may have died before their names were durable.
pub(crate) fn sync_chain(disk: &dyn Disk, dir: &Path) -> io::Result<()> {
    if has(Defect::DirectoriesUnsynced) {
        return Ok(());
    }
    let device = disk.metadata(dir, true)?.id.device;
    let (mut dir, mut above) = (dir.to_owned(), parent(dir));
    while above != dir && disk.metadata(&above, true).is_ok_and(|there| there.id.device == device) {
        match sync_dir(disk, &above) {
            // Nobody who may not open it has made something in it.
            Err(cause) if cause.kind() == io::ErrorKind::PermissionDenied => return Ok(()),
            synced => synced?,
        }
        above = parent(&above);
        dir = parent(&dir);
    }
    Ok(())
}

/// Makes the names in a directory durable, where the file system has a call for that.
pub(crate) fn sync_dir(disk: &dyn Disk, dir: &Path) -> io::Result<()> {
    match disk.sync_dir(dir) {
        Err(cause) if cause.kind() == io::ErrorKind::Unsupported => {
            warn_once(
                dir,
                "this file system cannot sync a directory: after a power cut the name of a new file, or \
                 what was rewritten, can be as before",
            );
            Ok(())
        }
        synced => synced,
    }
}

/// Logs what a file system lacks, once for each path and process.
pub(crate) fn warn_once(path: &Path, message: &'static str) {
    static SAID: Mutex<BTreeSet<(PathBuf, &'static str)>> = Mutex::new(BTreeSet::new());
    if locked(&SAID).insert((path.to_owned(), message)) {
        tracing::warn!(path = %path.display(), "{message}");
    }
}
