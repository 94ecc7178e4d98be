//! The file in which the engine's checkpoint lies, beside the journal.

use std::ffi::OsString;
use std::fs::{self, OpenOptions};
use std::io::{Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::PathBuf;

use super::config::Config;
use super::faults::Op;
use super::sys::{self, failure};
use crate::store::{MAX_CHECKPOINT, StoreError};

/// `.events.ndjson.papyra-checkpoint` for `events.ndjson`, where a symlink leads to.
fn path_of(config: &Config, suffix: &str) -> std::io::Result<PathBuf> {
    let target = config.shape.home(config)?;
    let mut name = OsString::from(".");
    name.push(target.file_name().unwrap_or_default());
    name.push(suffix);
    Ok(target.with_file_name(name))
}

/// What was saved last; nothing if that is missing, unreadable or not ours.
pub(super) fn load(config: &Config) -> String {
    let read = || -> std::io::Result<String> {
        let path = path_of(config, ".papyra-checkpoint")?;
        let (file, _) = sys::open_own(&path, OpenOptions::new().read(true))?;
        let mut text = String::new();
        file.take(MAX_CHECKPOINT as u64 + 1).read_to_string(&mut text)?;
        Ok(text)
    };
    read().ok().filter(|text| text.len() <= MAX_CHECKPOINT).unwrap_or_default()
}

/// Replaces what was saved before, in one step.
pub(super) fn save(config: &Config, text: &str) -> Result<(), StoreError> {
    let cannot = |cause| failure("keep a checkpoint beside", &config.path, cause);
    let path = path_of(config, ".papyra-checkpoint").map_err(cannot)?;
    let new = path_of(config, ".papyra-checkpoint-new").map_err(cannot)?;
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
        config.faults.check(Op::Sync)?;
        file.sync_data()?;
        config.faults.check(Op::Rename)?;
        fs::rename(&new, &path)
    };
    switch().map_err(|cause| {
        // What is left is no checkpoint, and the next one would only overwrite it.
        let _ = fs::remove_file(&new);
        cannot(cause)
    })
}
