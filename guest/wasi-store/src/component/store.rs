//! What the engine asks of a store: find the session, check what comes in, call.

use std::cell::RefCell;
use std::rc::Rc;

use papyra_engine::groups::ConsumerGroups;
use papyra_engine::host::{
    AppendError, Chunk, Description, Edit, Framing, Host, Layout, Position, RewriteOptions,
    Rewritten, Run, Segment, StorageError, Written,
};
use papyra_engine::time;

use super::ahead::Ahead;
use super::append::Writer;
use super::index;
use super::place::Place;
use super::rewrite::Rewrite;
use super::snapshot::Snapshot;
use super::wasi::clocks::wall_clock;

/// The one file of this instance.
#[derive(Debug, Default)]
pub struct FileStore;

/// What this instance has open.
#[derive(Default)]
struct Session {
    place: Option<Rc<Place>>,
    snapshot: Option<Snapshot>,
    ahead: Ahead,
    rewrite: Option<Rewrite>,
    writer: Writer,
}

impl Session {
    fn place(&mut self) -> Result<Rc<Place>, StorageError> {
        match &self.place {
            Some(place) => Ok(place.clone()),
            None => Ok(self.place.insert(Rc::new(Place::from_environment()?)).clone()),
        }
    }

    fn snapshot(&self) -> Result<&Snapshot, StorageError> {
        opened(&self.snapshot)
    }
}

fn opened(snapshot: &Option<Snapshot>) -> Result<&Snapshot, StorageError> {
    let none = || StorageError::Failed("`segments` must be called before reading".to_owned());
    snapshot.as_ref().ok_or_else(none)
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
        let location = with(|session| Ok(session.place()?.location.clone()));
        Description {
            backend: "wasi".to_owned(),
            // Every other call says what is wrong with the environment.
            location: location.unwrap_or_default(),
            framing: Framing::Lines,
            layout: Layout::Sequence,
            volatile: false,
            profile: None,
        }
    }

    fn segments(&mut self) -> Result<Vec<Segment>, StorageError> {
        with(|session| {
            let place = session.place()?;
            session.snapshot = None;
            session.ahead = Ahead::default();
            Ok(session.snapshot.insert(Snapshot::take(place)?).segments())
        })
    }

    fn read(&mut self, segment: &str, at: Position, max_bytes: u32) -> Result<Chunk, StorageError> {
        with(|session| {
            let Session { snapshot, ahead, .. } = session;
            opened(snapshot)?.read(ahead, segment, at, max_bytes)
        })
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
            let place = session.place()?;
            session.writer.append(&place, lines, &mut written)
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
            let snapshot = session.snapshot()?;
            snapshot.check_rewritable(segment)?;
            let rewrite = Rewrite::begin(snapshot.clone(), options)?;
            session.rewrite = Some(rewrite);
            Ok(())
        })
    }

    fn rewrite_edit(&mut self, edits: &[Edit]) -> Result<(), StorageError> {
        with(|session| {
            let rewrite = session.rewrite.as_mut().ok_or_else(none_open)?;
            let edited = rewrite.edit(edits);
            if edited.is_err() {
                session.rewrite = None;
            }
            edited
        })
    }

    fn rewrite_commit(&mut self) -> Result<Rewritten, StorageError> {
        with(|session| session.rewrite.take().ok_or_else(none_open)?.commit())
    }

    fn rewrite_abort(&mut self) {
        let _ = with(|session| {
            session.rewrite = None;
            Ok(())
        });
    }

    fn load_index(&mut self) -> Result<String, StorageError> {
        with(|session| Ok(index::load(&*session.place()?)))
    }

    fn save_index(&mut self, text: &str) -> Result<(), StorageError> {
        with(|session| index::save(&*session.place()?, text))
    }
}
