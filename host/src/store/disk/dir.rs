//! Directories of files.

use std::path::{Path, PathBuf};

/// The directory in which a file's name lies.
pub(in crate::store) fn parent(path: &Path) -> PathBuf {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent.to_path_buf(),
        _ => PathBuf::from("."),
    }
}
