//! Which files the journal is, and how it is to be treated: read once from the environment.

use std::path::PathBuf;
use std::sync::Arc;

use papyra_engine::host::StorageError;
use papyra_file_store::{Durability, FileSet, Limits, MAX_FILES, OneFile, Rotating, Settings};

use super::disk::WasiDisk;
use crate::component::wasi::cli::environment;

/// The files that the environment says. Touches none of them.
pub fn files() -> Result<Arc<dyn FileSet>, StorageError> {
    let variables = environment::get_environment();
    let variable = |name: &str| {
        let mut found = variables.iter().filter(|(key, value)| key == name && !value.is_empty());
        found.next().map(|(_, value)| value.clone())
    };
    let location = variable("PAPYRA_PATH")
        // The first argument is the name of the program.
        .or_else(|| environment::get_arguments().into_iter().skip(1).last())
        .ok_or_else(|| wrong("which file the journal is: set PAPYRA_PATH"))?;
    let path = PathBuf::from(&location);
    let mut settings = Settings::new(Arc::new(WasiDisk::new()), location, path);
    settings.durability = match variable("PAPYRA_SYNC").as_deref() {
        None | Some("always") => Durability::Always,
        Some("never") => Durability::Never,
        Some(_) => return Err(wrong("when to sync: PAPYRA_SYNC must be `always` or `never`")),
    };
    let (new, old) = (variable("PAPYRA_QUARANTINE_DIR"), variable("PAPYRA_EVIDENCE_DIR"));
    if new.is_some() && old.is_some() && new != old {
        return Err(wrong(
            "where the quarantine is: PAPYRA_QUARANTINE_DIR and its old name, PAPYRA_EVIDENCE_DIR, differ",
        ));
    }
    settings.quarantine_dir = new.or(old).map(PathBuf::from);
    let number =
        |name| variable(name).map(|value| value.parse::<u64>().map_err(|_| name)).transpose();
    let not_a_number = |name| wrong(&format!("how large files are: {name} must be a whole number"));
    let max_bytes = number("PAPYRA_MAX_BYTES").map_err(not_a_number)?;
    let max_files = number("PAPYRA_MAX_FILES").map_err(not_a_number)?;
    if max_bytes.is_none() && max_files.is_none() {
        return Ok(Arc::new(OneFile::new(settings)));
    }
    let max_files = max_files.unwrap_or(5).clamp(1, MAX_FILES.into());
    let max_files = u32::try_from(max_files).unwrap_or(MAX_FILES);
    let max_bytes = max_bytes.unwrap_or(50_000_000).max(1);
    Ok(Arc::new(Rotating::new(settings, Limits { max_bytes, max_files })))
}

/// The short name in reports.
pub fn backend(_: &dyn FileSet) -> &'static str {
    "wasi"
}

fn wrong(what: &str) -> StorageError {
    StorageError::Failed(format!("the environment does not say {what}"))
}
