//! Reading a file from one end to the other, through the host.

use std::io;

use papyra_file_store::DiskFile;

/// Nothing is kept from one piece to the next.
#[derive(Default)]
pub(in crate::component) struct Reading {}

impl Reading {
    /// The bytes from `start` to `stop`.
    pub fn read(
        &mut self,
        file: &dyn DiskFile,
        (start, stop, _): (u64, u64, u64),
    ) -> io::Result<Vec<u8>> {
        file.read(start, stop)
    }
}
