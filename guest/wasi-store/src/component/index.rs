//! The file in which the engine's index lies, beside the journal.

use papyra_engine::host::StorageError;

use super::disk::{Disk, read_whole};
use super::place::Place;
use super::wasi::filesystem::types::{Descriptor, ErrorCode};
use crate::names;

/// The most bytes of an index; a longer text is none.
const MAX: u64 = 8 << 20;

/// What was saved last; nothing if that is missing, unreadable or not ours.
pub(super) fn load(place: &Place) -> String {
    let bytes = place.disk.real(&place.path).ok().and_then(|journal| {
        let file = place.disk.open(&names::checkpoint(&journal), false).ok()?;
        let size = file.stat().ok()?.size;
        if size > MAX { None } else { read_whole(&file, 0, size).ok() }
    });
    bytes.and_then(|bytes| String::from_utf8(bytes).ok()).unwrap_or_default()
}

/// Replaces what was saved before, in one step.
pub(super) fn save(place: &Place, text: &str) -> Result<(), StorageError> {
    let disk = &place.disk;
    let path = names::checkpoint(&disk.real(&place.path)?);
    let new = format!("{path}-new");
    // Left behind by a check that was killed. What is torn is no index.
    disk.remove(&new);
    let switched = write(disk, &new, text).and_then(|()| disk.rename(&new, &path));
    switched.map_err(|code| {
        disk.remove(&new);
        disk.error("keep an index beside", code)
    })
}

fn write(disk: &Disk, path: &str, text: &str) -> Result<(), ErrorCode> {
    let file: Descriptor = disk.create(path)?;
    let mut at = 0_usize;
    while let Some(rest) = text.as_bytes().get(at..).filter(|rest| !rest.is_empty()) {
        let written = file.write(rest, at as u64)?;
        if written == 0 {
            return Err(ErrorCode::Io);
        }
        at = at.saturating_add(usize::try_from(written).unwrap_or(usize::MAX));
    }
    file.sync_data()
}
