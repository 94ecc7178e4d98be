//! The calls of the host that are made often.

use crate::component::papyra::persistence::disk as host;

pub(super) fn stat(path: &str, follow: bool) -> Result<host::Metadata, host::Failure> {
    host::stat(path, follow)
}

pub(super) fn fstat(file: host::File) -> Result<host::Metadata, host::Failure> {
    host::fstat(file)
}

/// Up to `length` bytes from `offset` on; none at the end of the file.
pub(super) fn read(file: host::File, offset: u64, length: u32) -> Result<Vec<u8>, host::Failure> {
    host::read(file, offset, length)
}

/// Writes at the end, and returns how much of it was written.
pub(super) fn append(file: host::File, bytes: &[u8]) -> Result<u32, host::Failure> {
    host::append(file, bytes)
}

/// Writes all of this.
pub(super) fn write(file: host::File, offset: u64, bytes: &[u8]) -> Result<(), host::Failure> {
    host::write(file, offset, bytes)
}

pub(super) fn sync(file: host::File, all: bool) -> Result<(), host::Failure> {
    host::sync(file, all)
}

pub(super) fn lock(file: host::File, exclusive: bool) -> Result<host::Tried, host::Failure> {
    host::lock(file, exclusive)
}
