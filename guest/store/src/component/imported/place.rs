//! Which files the journal is, and how it is to be treated: asked of the host once.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use papyra_engine::host::StorageError;
use papyra_file_store::{Durability, FileSet, Limits, MAX_FILES, OneFile, Rotating, Settings};

use super::disk::HostDisk;
use crate::component::papyra::persistence::disk;

/// The files that the host says. Touches none of them.
#[allow(clippy::unnecessary_wraps, reason = "over WASI the environment can be wrong")]
pub fn files() -> Result<Arc<dyn FileSet>, StorageError> {
    let given = disk::get_settings();
    let disk = HostDisk::new(given.user, given.read_by_wasi);
    let mut settings = Settings::new(Arc::new(disk), given.location, PathBuf::from(given.path));
    settings.durability = if given.sync { Durability::Always } else { Durability::Never };
    settings.quarantine_dir = given.quarantine_dir.map(PathBuf::from);
    settings.create_parents = given.create_parents;
    settings.lock_wait = Duration::from_millis(given.lock_wait);
    Ok(match given.rotation {
        None => Arc::new(OneFile::new(settings)),
        Some(disk::Rotation { max_bytes, max_files }) => {
            let limits =
                Limits { max_bytes: max_bytes.max(1), max_files: max_files.clamp(1, MAX_FILES) };
            Arc::new(Rotating::new(settings, limits))
        }
    })
}

/// The short name in reports.
pub fn backend(files: &dyn FileSet) -> &'static str {
    files.backend()
}
