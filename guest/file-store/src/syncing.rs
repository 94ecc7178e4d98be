//! Making durable what was appended, while appends go on.

use std::sync::Arc;

use crate::active::ActiveFile;
use crate::error::Result;
use crate::file_set::{FileSet, sync_files};
use crate::settings::Durability;

/// A sync outside of an append, which may take its time.
#[derive(Debug)]
pub struct Syncing {
    pub(crate) files: Arc<dyn FileSet>,
    pub(crate) file: Arc<ActiveFile>,
    /// See `Unsynced::mark`.
    pub(crate) mark: u64,
}

impl Syncing {
    /// Makes it durable.
    ///
    /// # Errors
    ///
    /// The disk's.
    pub fn run(&self) -> Result<()> {
        if self.files.settings().durability == Durability::Never {
            sync_files(&*self.files)?;
        }
        self.file.sync().map_err(|cause| self.files.settings().cannot("sync", cause))
    }
}
