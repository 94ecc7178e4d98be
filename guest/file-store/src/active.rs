//! The file that is appended to, as one open file description.

use std::io;
use std::ops::Deref;
use std::sync::{Arc, Mutex};

use crate::disk::DiskFile;
use crate::mutex::locked;

/// An open file, and the first sync of it that failed.
///
/// The kernel reports an error of writing back once for each open file description: of two calls in
/// flight, one returns the error and the other success. So calls take turns, and after a failure none
/// succeeds: the file has to be opened afresh. (To count failures, and to compare with the count from
/// before the write, would not do: a sync that begins after the failure covers what was written before.)
#[derive(Debug)]
pub struct ActiveFile {
    file: Arc<dyn DiskFile>,
    failed: Mutex<Option<Failed>>,
}

/// An error that can be returned again.
#[derive(Clone, Copy, Debug)]
enum Failed {
    Number(i32),
    Kind(io::ErrorKind),
}

impl Failed {
    fn error(self) -> io::Error {
        match self {
            Self::Number(number) => io::Error::from_raw_os_error(number),
            Self::Kind(kind) => kind.into(),
        }
    }
}

impl ActiveFile {
    pub(crate) fn new(file: Arc<dyn DiskFile>) -> Self {
        Self { file, failed: Mutex::default() }
    }

    /// Makes durable everything that was written through this description.
    ///
    /// # Errors
    ///
    /// The disk's, of this call or of one before.
    pub fn sync(&self) -> io::Result<()> {
        let mut failed = locked(&self.failed);
        if let Some(failed) = *failed {
            return Err(failed.error());
        }
        self.file.sync_data().inspect_err(|cause| {
            let number = cause.raw_os_error().map(Failed::Number);
            *failed = Some(number.unwrap_or(Failed::Kind(cause.kind())));
        })
    }

    /// Makes durable what was written anew after a failure. Only for the one who does that.
    pub(crate) fn sync_again(&self) -> io::Result<()> {
        let _turn = locked(&self.failed);
        self.file.sync_data()
    }
}

impl Deref for ActiveFile {
    type Target = dyn DiskFile;

    fn deref(&self) -> &Self::Target {
        &*self.file
    }
}
