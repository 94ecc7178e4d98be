//! The names that belong to a set, exactly: never by pattern or prefix.

use std::ffi::OsStr;
use std::fs;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use crate::store::disk::sys::{self, FileId};

/// A reader holds all files open at once.
pub(super) const MAX_FILES: u32 = 1000;
/// The maximum number of files beyond the set that are reported.
const MAX_STRAYS: usize = 10_000;

/// The path of a file of the set: `path` itself for 0, `path.1` for 1.
pub(super) fn path_of(home: &Path, number: u32) -> PathBuf {
    if number == 0 {
        return home.to_owned();
    }
    let mut name = home.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{number}"));
    home.with_file_name(name)
}

/// The decimal number of `home.NUMBER`, written as we would write it.
fn number_of<'a>(home: &OsStr, name: &'a OsStr) -> Option<&'a str> {
    let rest = name.as_bytes().strip_prefix(home.as_bytes())?.strip_prefix(b".")?;
    let canonical = rest.first().is_some_and(|first| (b'1'..=b'9').contains(first))
        && rest.iter().all(u8::is_ascii_digit);
    canonical.then(|| str::from_utf8(rest).ok())?
}

/// A sealed file.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sealed {
    pub number: u32,
    pub id: FileId,
    pub bytes: u64,
}

/// The sealed files of a set, newest first.
pub(super) fn sealed(home: &Path, max_files: u32) -> io::Result<Vec<Sealed>> {
    let mut found = Vec::new();
    for number in 1..max_files {
        match fs::symlink_metadata(path_of(home, number)) {
            Ok(metadata) => {
                sys::regular(&metadata)?;
                found.push(Sealed { number, id: FileId::of(&metadata), bytes: metadata.len() });
            }
            Err(cause) if cause.kind() == io::ErrorKind::NotFound => {}
            Err(cause) => return Err(cause),
        }
    }
    Ok(found)
}

/// Names and sizes of files that would belong to a larger set, in order of their numbers.
pub(super) fn beyond(home: &Path, max_files: u32) -> io::Result<Vec<(String, u64)>> {
    let name = home.file_name().unwrap_or_default();
    let mut found = Vec::new();
    let entries = match fs::read_dir(sys::parent(home)) {
        Ok(entries) => entries,
        Err(cause) if cause.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(cause) => return Err(cause),
    };
    for entry in entries {
        let entry = entry?;
        let file_name = entry.file_name();
        let Some(digits) = number_of(name, &file_name) else { continue };
        // Digits that are too long for a number are large enough.
        if digits.parse().is_ok_and(|number: u64| number < u64::from(max_files)) {
            continue;
        }
        match entry.metadata() {
            Ok(metadata) if metadata.is_dir() => {}
            Ok(metadata) => {
                let order = (digits.len(), digits.to_owned());
                found.push((order, file_name.to_string_lossy().into_owned(), metadata.len()));
            }
            Err(cause) if cause.kind() == io::ErrorKind::NotFound => {}
            Err(cause) => return Err(cause),
        }
    }
    found.sort();
    if found.len() > MAX_STRAYS {
        tracing::warn!(path = %home.display(), count = found.len(), "too many files to report all");
        found.truncate(MAX_STRAYS);
    }
    Ok(found.into_iter().map(|(_, name, bytes)| (name, bytes)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_canonical_decimals_belong_to_a_set() {
        let number = |name: &str| number_of(OsStr::new("a[1].log"), OsStr::new(name)).is_some();
        for name in ["a[1].log.1", "a[1].log.40", "a[1].log.99999999999999999999999"] {
            assert!(number(name), "{name}");
        }
        for name in [
            "a[1].log",
            "a[1].log.",
            "a[1].log.0",
            "a[1].log.01",
            "a[1].log.+1",
            "a[1].log.1a",
            "a[1].log.1.gz",
            "a[1].log.20251121T000000.000Z.1.quarantine",
            ".a[1].log.papyra-next",
            "a1.log.1",
            "a[1].logs.1",
        ] {
            assert!(!number(name), "{name}");
        }
    }
}
