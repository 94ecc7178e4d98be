//! The async side of a rewrite.

use std::sync::Arc;

use async_trait::async_trait;
use papyra_file_store::disk::FileId;
use papyra_file_store::{self as files, Cancel, FileSet};

use super::blocking;
use crate::store::{Edit, Rewrite, RewriteOptions, Rewritten, StoreError, StoreErrorKind};

/// The rewrite travels to a blocking thread and back for each step, so a step whose caller has gone ends
/// with the rewrite dropped there, and cleaned up.
pub(super) struct FileRewrite {
    rewrite: Option<Box<files::Rewrite>>,
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
        let keep = options.keep_quarantine;
        let begin = move || Ok(Box::new(files::Rewrite::begin(files, id, length, keep, flag)?));
        Ok(Self { rewrite: Some(blocking(begin).await?), cancel })
    }

    fn take(&mut self) -> Result<Box<files::Rewrite>, StoreError> {
        self.rewrite.take().ok_or_else(|| {
            StoreError::new(
                StoreErrorKind::Failed,
                "an earlier step of this rewrite has failed; begin a new one",
            )
        })
    }
}

impl Drop for FileRewrite {
    fn drop(&mut self) {
        self.cancel.set();
        if let Some(mut rewrite) = self.rewrite.take() {
            // The names go at once. Giving back the blocks of a large file can take a while.
            rewrite.discard();
            if let Ok(runtime) = tokio::runtime::Handle::try_current() {
                drop(runtime.spawn_blocking(move || drop(rewrite)));
            }
        }
    }
}

#[async_trait]
impl Rewrite for FileRewrite {
    async fn edit(&mut self, edits: &[Edit]) -> Result<(), StoreError> {
        let mut rewrite = self.take()?;
        let edits: Vec<_> = edits.iter().map(edit_of).collect::<Result<_, _>>()?;
        let edit = move || {
            rewrite.edit(&edits)?;
            Ok(rewrite)
        };
        self.rewrite = Some(blocking(edit).await?);
        Ok(())
    }

    async fn commit(mut self: Box<Self>) -> Result<Rewritten, StoreError> {
        let rewrite = self.take()?;
        let files::Rewritten { before, after, quarantine } =
            blocking(move || Ok(rewrite.commit()?)).await?;
        Ok(Rewritten {
            bytes_before: before,
            bytes_after: after,
            removed_entries: None,
            quarantine,
        })
    }
}

/// Guest-controlled.
fn edit_of(edit: &Edit) -> Result<files::Edit, StoreError> {
    if edit.start.major != 0 || edit.end.major != 0 {
        return Err(StoreError::new(
            StoreErrorKind::Failed,
            "the positions of an edit are not those of a file",
        ));
    }
    Ok(files::Edit { start: edit.start.minor, end: edit.end.minor, line_end: edit.line_end })
}
