//! The file that is appended to, as one open file description.

use std::fs::File;
use std::io;
use std::ops::Deref;
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::Mutex;

use rustix::io::Errno;

use super::faults::Faults;
use super::sys::locked;

/// An open file, and the error of the first `fdatasync` of it that failed.
///
/// The kernel reports an error of writing back once for each open file description: of two calls in
/// flight, one returns the error and the other success. So calls take turns, and after a failure none
/// succeeds: the file has to be opened afresh. (To count failures, and to compare with the count from
/// before the write, would not do: a sync that begins after the failure covers what was written before.)
#[derive(Debug)]
pub(in crate::store) struct ActiveFile {
    file: File,
    failed: Mutex<Option<i32>>,
}

impl ActiveFile {
    pub fn new(file: File) -> Self {
        Self { file, failed: Mutex::default() }
    }

    /// Makes durable everything that was written through this description.
    pub fn sync(&self, faults: &Faults) -> io::Result<()> {
        let mut failed = locked(&self.failed);
        if let Some(error) = *failed {
            return Err(io::Error::from_raw_os_error(error));
        }
        faults.sync(&self.file).inspect_err(|cause| {
            *failed = Some(cause.raw_os_error().unwrap_or(Errno::IO.raw_os_error()));
        })
    }

    /// Makes durable what was written anew after a failure. Only for the one who does that.
    pub fn sync_again(&self, faults: &Faults) -> io::Result<()> {
        let _turn = locked(&self.failed);
        faults.sync(&self.file)
    }
}

impl Deref for ActiveFile {
    type Target = File;

    fn deref(&self) -> &File {
        &self.file
    }
}

impl AsFd for ActiveFile {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.file.as_fd()
    }
}
