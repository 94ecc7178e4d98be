//! The files of a set that are no longer appended to.

use std::io;
use std::path::Path;

use crate::disk::{Disk, FileKind, Metadata};
use crate::file_set::Sealed;
use crate::names::{name_of, number_of, numbered, parent};

/// The maximum number of files beyond the set that are reported.
const MAX_STRAYS: usize = 10_000;

/// What has this name itself, if anything.
pub(super) fn look(disk: &dyn Disk, path: &Path) -> io::Result<Option<Metadata>> {
    match disk.metadata(path, false) {
        Ok(metadata) => Ok(Some(metadata)),
        Err(cause) if cause.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(cause) => Err(cause),
    }
}

/// The sealed files of a set, newest first.
pub(super) fn sealed(disk: &dyn Disk, home: &Path, max_files: u32) -> io::Result<Vec<Sealed>> {
    let mut found = Vec::new();
    for number in 1..max_files {
        let Some(metadata) = look(disk, &numbered(home, number))? else { continue };
        metadata.kind.may_be_a_journal()?;
        found.push(Sealed { number, id: metadata.id, bytes: metadata.length });
    }
    Ok(found)
}

/// Names and sizes of files that would belong to a larger set, in order of their numbers.
pub(super) fn beyond(
    disk: &dyn Disk,
    home: &Path,
    max_files: u32,
) -> io::Result<Vec<(String, u64)>> {
    let dir = parent(home);
    let home_name = name_of(home);
    let names = match disk.list(&dir) {
        Err(cause) if cause.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        names => names?,
    };
    let mut found = Vec::new();
    for name in names {
        let Some(digits) = number_of(&home_name, &name) else { continue };
        // Digits that are too long for a number are large enough.
        if digits.parse().is_ok_and(|number: u64| number < u64::from(max_files)) {
            continue;
        }
        match look(disk, &dir.join(&name))? {
            Some(metadata) if metadata.kind != FileKind::Directory => {
                found.push(((digits.len(), digits.to_owned()), name, metadata.length));
            }
            _ => {}
        }
    }
    found.sort();
    if found.len() > MAX_STRAYS {
        tracing::warn!(path = %home.display(), count = found.len(), "too many files to report all");
        found.truncate(MAX_STRAYS);
    }
    Ok(found.into_iter().map(|(_, name, bytes)| (name, bytes)).collect())
}
