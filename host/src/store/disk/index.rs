//! The file in which the engine's index lies, beside the journal.

use std::ffi::OsString;
use std::fs::{self, OpenOptions};
use std::io::{Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::PathBuf;

use super::faults::Op;
use super::file_set::FileSet;
use super::sys::{self, failure};
use crate::store::{MAX_INDEX, StoreError};

/// `.events.ndjson.papyra-checkpoint` for `events.ndjson`, beside the file that a symlink leads to.
fn path_of(files: &dyn FileSet, suffix: &str) -> std::io::Result<PathBuf> {
    let target = files.lock_path()?;
    let mut name = OsString::from(".");
    name.push(target.file_name().unwrap_or_default());
    name.push(suffix);
    Ok(target.with_file_name(name))
}

/// The text that was saved last; none if that is missing, unreadable or not ours.
pub(super) fn load(files: &dyn FileSet) -> String {
    let read = || -> std::io::Result<String> {
        let path = path_of(files, ".papyra-checkpoint")?;
        let (file, _) = sys::open_own(&path, OpenOptions::new().read(true))?;
        let mut text = String::new();
        file.take(MAX_INDEX as u64 + 1).read_to_string(&mut text)?;
        Ok(text)
    };
    read().ok().filter(|text| text.len() <= MAX_INDEX).unwrap_or_default()
}

/// Replaces what was saved before, in one step.
pub(super) fn save(files: &dyn FileSet, text: &str) -> Result<(), StoreError> {
    let settings = files.settings();
    let cannot = |cause| failure("keep an index beside", &settings.path, cause);
    let path = path_of(files, ".papyra-checkpoint").map_err(cannot)?;
    let new = path_of(files, ".papyra-checkpoint-new").map_err(cannot)?;
    // Left behind by a check that was killed. Removed rather than truncated: it may be a link. Should
    // two checks meet here, the loser's text ends up torn, and a torn checkpoint is none.
    if let Err(cause) = fs::remove_file(&new)
        && cause.kind() != std::io::ErrorKind::NotFound
    {
        return Err(cannot(cause));
    }
    let mut options = OpenOptions::new();
    options.write(true).create_new(true).mode(0o600);
    let (mut file, _) = sys::open_own(&new, &mut options).map_err(cannot)?;
    let mut switch = || {
        file.write_all(text.as_bytes())?;
        settings.faults.check(Op::Sync)?;
        file.sync_data()?;
        settings.faults.check(Op::Rename)?;
        fs::rename(&new, &path)
    };
    switch().map_err(|cause| {
        // The rest is no index, and the next one would only overwrite it.
        let _ = fs::remove_file(&new);
        cannot(cause)
    })
}
