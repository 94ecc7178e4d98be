//! What the engine asks of a store: find the session, check what comes in, call.

use std::cell::RefCell;
use std::sync::Arc;

use papyra_engine::groups::ConsumerGroups;
use papyra_engine::host::{
    AppendError, Chunk, Description, Edit, Framing, Host, Layout, Position, RewriteOptions,
    Rewritten, Run, Segment, StorageError, Written,
};
use papyra_engine::time;
use papyra_file_store::{self as files, Cancel, FileSet, Rewrite, Writer, index};

use super::errors::storage_error;
use super::place;
use super::snapshot::Snapshot;
use super::wasi::clocks::wall_clock;

/// The journal of this instance.
#[derive(Debug, Default)]
pub struct FileStore;

/// What this instance has open.
#[derive(Default)]
struct Session {
    files: Option<Arc<dyn FileSet>>,
    snapshot: Option<Snapshot>,
    rewrite: Option<Rewrite>,
    writer: Option<Writer>,
}

impl Session {
    fn files(&mut self) -> Result<Arc<dyn FileSet>, StorageError> {
        match &self.files {
            Some(files) => Ok(Arc::clone(files)),
            None => Ok(Arc::clone(self.files.insert(place::files()?))),
        }
    }

    fn snapshot(&mut self) -> Result<&mut Snapshot, StorageError> {
        let none = || StorageError::Failed("`segments` must be called before reading".to_owned());
        self.snapshot.as_mut().ok_or_else(none)
    }
}

thread_local! {
    static SESSION: RefCell<Session> = RefCell::default();
}

fn with<T>(run: impl FnOnce(&mut Session) -> Result<T, StorageError>) -> Result<T, StorageError> {
    SESSION.with(|session| match session.try_borrow_mut() {
        Ok(mut session) => run(&mut session),
        Err(_) => Err(StorageError::Failed("the store was called while it was at work".to_owned())),
    })
}

/// Closes the files of the snapshot. The file that is appended to stays open.
#[cfg(feature = "imported")]
pub(super) fn release() {
    let _ = with(|session| {
        session.snapshot = None;
        session.rewrite = None;
        Ok(())
    });
}

fn none_open() -> StorageError {
    StorageError::Failed("no rewrite is open".to_owned())
}

/// Files have none.
impl ConsumerGroups for FileStore {}

impl Host for FileStore {
    fn now(&mut self) -> f64 {
        let wall_clock::Datetime { seconds, nanoseconds } = wall_clock::now();
        time::seconds(seconds, nanoseconds)
    }

    fn describe(&mut self) -> Description {
        let said = with(|session| {
            let files = session.files()?;
            Ok((place::backend(&*files), files.settings().location.clone()))
        });
        // Every other call says what is wrong with the environment.
        let (backend, location) = said.unwrap_or_default();
        Description {
            backend: backend.to_owned(),
            location,
            framing: Framing::Lines,
            layout: Layout::Sequence,
            volatile: false,
            profile: None,
        }
    }

    fn segments(&mut self) -> Result<Vec<Segment>, StorageError> {
        with(|session| {
            let files = session.files()?;
            session.snapshot = None;
            Ok(session.snapshot.insert(Snapshot::take(files)?).segments())
        })
    }

    fn read(&mut self, segment: &str, at: Position, max_bytes: u32) -> Result<Chunk, StorageError> {
        with(|session| session.snapshot()?.read(segment, at, max_bytes))
    }

    fn read_back(
        &mut self,
        segment: &str,
        before: Position,
        max_bytes: u32,
    ) -> Result<Chunk, StorageError> {
        with(|session| session.snapshot()?.read_back(segment, before, max_bytes))
    }

    fn append(&mut self, lines: &str, _: &[Run]) -> Result<(), AppendError> {
        if lines.is_empty() {
            return Ok(());
        }
        // Anything else would tear the next batch.
        if !lines.ends_with('\n') {
            let message = "the batch does not end with a line end; nothing of it was written";
            let error = StorageError::Failed(message.to_owned());
            return Err(AppendError { error, written: Written::None });
        }
        let mut written = Written::None;
        let appended = with(|session| {
            let files = session.files()?;
            let writer = session.writer.get_or_insert_with(|| Writer::new(files));
            writer.append(&[lines]).map_err(|failed| {
                written = match failed.written(lines, 0) {
                    files::Written::None => Written::None,
                    files::Written::All => Written::All,
                    files::Written::Some => Written::Some,
                    files::Written::Unknown => Written::Unknown,
                };
                storage_error(failed.error)
            })
        });
        appended.map_err(|error| AppendError { error, written })
    }

    fn rewrite_begin(
        &mut self,
        segment: &str,
        options: RewriteOptions,
    ) -> Result<(), StorageError> {
        with(|session| {
            if session.rewrite.is_some() {
                return Err(StorageError::Locked(
                    "a rewrite is open already; commit or abort it first".to_owned(),
                ));
            }
            let files = session.files()?;
            let (file, length) = session.snapshot()?.rewritable(segment)?;
            let (id, keep) = (file.id(), options.keep_quarantine);
            let begun = Rewrite::begin(files, id, length, keep, Cancel::default());
            session.rewrite = Some(begun.map_err(storage_error)?);
            Ok(())
        })
    }

    fn rewrite_edit(&mut self, edits: &[Edit]) -> Result<(), StorageError> {
        with(|session| {
            let mut rewrite = session.rewrite.take().ok_or_else(none_open)?;
            let edits: Vec<_> = edits.iter().map(edit_of).collect::<Result<_, _>>()?;
            rewrite.edit(&edits).map_err(storage_error)?;
            session.rewrite = Some(rewrite);
            Ok(())
        })
    }

    fn rewrite_commit(&mut self) -> Result<Rewritten, StorageError> {
        with(|session| {
            let rewrite = session.rewrite.take().ok_or_else(none_open)?;
            let files::Rewritten { before, after, quarantine } =
                rewrite.commit().map_err(storage_error)?;
            Ok(Rewritten {
                bytes_before: before,
                bytes_after: after,
                removed_entries: None,
                quarantine,
            })
        })
    }

    fn rewrite_abort(&mut self) {
        let _ = with(|session| {
            session.rewrite = None;
            Ok(())
        });
    }

    fn load_index(&mut self) -> Result<String, StorageError> {
        with(|session| Ok(index::load(&*session.files()?)))
    }

    fn save_index(&mut self, text: &str) -> Result<(), StorageError> {
        with(|session| {
            let files = session.files()?;
            index::save(&*files, text).map_err(|error| {
                // Whoever appends must not trust the disk either.
                if let Some(writer) = &mut session.writer {
                    writer.distrust();
                }
                storage_error(error)
            })
        })
    }
}

/// Guest-controlled.
fn edit_of(edit: &Edit) -> Result<files::Edit, StorageError> {
    if edit.start.major != 0 || edit.end.major != 0 {
        let message = "the positions of an edit are not those of a file";
        return Err(StorageError::Failed(message.to_owned()));
    }
    Ok(files::Edit { start: edit.start.minor, end: edit.end.minor, line_end: edit.line_end })
}
