//! Replacing the file by one without some of its bytes, and with line ends in some places.
//!
//! The new content grows in a hidden temporary beside the file, whose lock says that a rewrite is
//! going on. Only the last step takes the lock that writers need.

mod copy;
mod job;
mod quarantine;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;

use self::job::Job;
use super::file_set::FileSet;
use super::sys::{self, FileId};
use crate::store::{Edit, Rewrite, RewriteOptions, Rewritten, StoreError, StoreErrorKind};

/// Set when the caller of a rewrite has gone, so that a long copy ends soon.
#[derive(Clone, Debug, Default)]
pub(super) struct Cancel(Arc<AtomicBool>);

impl Cancel {
    fn is_set(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// The async side of a [`Job`]. The job travels to a blocking thread and back for each step, so a
/// step whose caller has gone ends with the job dropped there, and cleaned up.
pub(super) struct FileRewrite {
    job: Option<Box<Job>>,
    cancel: Cancel,
}

impl FileRewrite {
    pub async fn begin(
        files: Arc<dyn FileSet>,
        id: FileId,
        length: u64,
        options: RewriteOptions,
    ) -> Result<Self, StoreError> {
        let cancel = Cancel::default();
        let flag = cancel.clone();
        let job = sys::blocking(move || Job::begin(files, id, length, options, flag).map(Box::new));
        Ok(Self { job: Some(job.await?), cancel })
    }

    fn take(&mut self) -> Result<Box<Job>, StoreError> {
        self.job.take().ok_or_else(|| {
            StoreError::new(
                StoreErrorKind::Failed,
                "an earlier step of this rewrite has failed; begin a new one",
            )
        })
    }
}

impl Drop for FileRewrite {
    fn drop(&mut self) {
        self.cancel.0.store(true, Ordering::Relaxed);
        if let Some(mut job) = self.job.take() {
            // The names go at once. Giving back the blocks of a large file can take a while.
            job.discard();
            if let Ok(runtime) = tokio::runtime::Handle::try_current() {
                drop(runtime.spawn_blocking(move || drop(job)));
            }
        }
    }
}

#[async_trait]
impl Rewrite for FileRewrite {
    async fn edit(&mut self, edits: &[Edit]) -> Result<(), StoreError> {
        let mut job = self.take()?;
        let edits = edits.to_vec();
        let job = sys::blocking(move || {
            job.edit(&edits)?;
            Ok(job)
        });
        self.job = Some(job.await?);
        Ok(())
    }

    async fn commit(mut self: Box<Self>) -> Result<Rewritten, StoreError> {
        let job = self.take()?;
        sys::blocking(move || job.commit()).await
    }
}
