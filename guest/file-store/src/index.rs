//! The file in which the engine's index lies, beside the journal.

use std::io;
use std::path::Path;

use crate::defects::{Defect, has};
use crate::disk::{Create, Disk, How};
use crate::error::Result;
use crate::file_set::FileSet;
use crate::names;

/// The maximum size of an index in bytes; a longer text is none.
pub const MAX_INDEX: usize = 8 << 20;

/// Returns the text that was saved last; none if that is missing, unreadable or not ours.
pub fn load(files: &dyn FileSet) -> String {
    let disk = &*files.settings().disk;
    let read = || -> io::Result<Option<String>> {
        let (path, _) = names::index(&files.steps().lock_path()?);
        let file = disk.open(&path, How::READ.here())?;
        let length = file.metadata()?.length;
        if length > MAX_INDEX as u64 {
            return Ok(None);
        }
        Ok(String::from_utf8(file.read(0, length)?).ok())
    };
    read().ok().flatten().unwrap_or_default()
}

/// Replaces the text that was saved before, in one step. An empty text removes it.
///
/// # Errors
///
/// The disk's.
pub fn save(files: &dyn FileSet, text: &str) -> Result<()> {
    let settings = files.settings();
    let cannot = |cause| settings.cannot("keep an index beside", cause);
    let home = files.steps().lock_path().map_err(cannot)?;
    let (path, new) = names::index(&home);
    if text.is_empty() {
        return match settings.disk.remove(&path) {
            Err(cause) if cause.kind() != io::ErrorKind::NotFound => Err(cannot(cause)),
            _ => Ok(()),
        };
    }
    // It vouches for bytes that whoever wrote them need not have synced.
    if !has(Defect::IndexBeforeFiles) {
        for file in files.steps().files()? {
            file.sync_data().map_err(cannot)?;
        }
    }
    let disk = &*settings.disk;
    write(disk, &new, text).and_then(|()| disk.rename(&new, &path)).map_err(|cause| {
        // The rest is no index, and the next one would only overwrite it.
        let _ = disk.remove(&new);
        cannot(cause)
    })?;
    // Nobody reads it any more.
    let _ = disk.remove(&names::checkpoint(&home));
    Ok(())
}

fn write(disk: &dyn Disk, new: &Path, text: &str) -> io::Result<()> {
    // Left behind by a check that was killed. Removed rather than truncated: it may be a link. Should
    // two checks meet here, the loser's text ends up torn, and a torn index is none.
    match disk.remove(new) {
        Err(cause) if cause.kind() != io::ErrorKind::NotFound => return Err(cause),
        _ => {}
    }
    let file = disk.open(new, How::WRITE.here().create(Create::New).private())?;
    file.write_at(text.as_bytes(), 0)?;
    if has(Defect::IndexUnsynced) { Ok(()) } else { file.sync_data() }
}
