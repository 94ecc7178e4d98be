//! Failures of the file protocol in the terms of the contract.

use std::io;

use papyra_engine::host::StorageError;
use papyra_file_store::{Error, FileSet, Kind};

/// The failure with its causes, in one line.
pub(super) fn storage_error(error: Error) -> StorageError {
    let Error { kind, message: mut line, cause } = error;
    let mut cause = cause.as_deref().map(|cause| cause as &dyn std::error::Error);
    while let Some(error) = cause {
        let text = error.to_string();
        // Some errors say themselves what their cause says.
        if !line.ends_with(&text) {
            line = format!("{line}: {text}");
        }
        cause = error.source();
    }
    match kind {
        Kind::Full => StorageError::Full(line),
        Kind::Locked => StorageError::Locked(line),
        Kind::Denied => StorageError::Denied(line),
        Kind::NotFound => StorageError::NotFound(line),
        Kind::Unsupported => StorageError::Unsupported(line),
        Kind::Corrupt => StorageError::Corrupt(line),
        Kind::Unavailable => StorageError::Unavailable(line),
        Kind::Failed => StorageError::Failed(line),
    }
}

/// A failure to read. A file that ends early has been cut.
pub(super) fn cut_short(files: &dyn FileSet, cause: io::Error) -> StorageError {
    if cause.kind() == io::ErrorKind::UnexpectedEof {
        let journal = &files.settings().location;
        return StorageError::Corrupt(format!("{journal} was cut short while it was read"));
    }
    storage_error(files.settings().cannot("read", cause))
}
