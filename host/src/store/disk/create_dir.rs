//! Creating directories so that they are still there after a crash.

use std::fs;
use std::io;
use std::path::Path;

use super::faults::Faults;
use super::sys;

/// Creates a directory and its missing parents, and makes each new name durable.
pub(super) fn create_dir(dir: &Path, faults: &Faults) -> io::Result<()> {
    if dir.is_dir() {
        return Ok(());
    }
    let above = sys::parent(dir);
    if above != dir {
        create_dir(&above, faults)?;
    }
    match fs::create_dir(dir) {
        Ok(()) => sys::sync_dir(&above, faults),
        Err(cause) if cause.kind() == io::ErrorKind::AlreadyExists && dir.is_dir() => Ok(()),
        Err(cause) => Err(cause),
    }
}
