//! Appending to the file: locks, torn tails, taking back what failed. Everything here may block.

use std::cmp::Ordering;
use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, IoSlice};
use std::sync::Arc;
use std::time::Instant;

use super::active::ActiveFile;
use super::extent::{Extent, Left};
use super::faults::Op;
use super::file_set::{FileSet, Rotation, open_or_create, sync_names};
use super::settings::Durability;
use super::sys::{self, FileId, Held, failure};
use super::unsynced::Unsynced;
use crate::store::StoreError;

/// The maximum number of files in a set; what was written to older ones is gone from it.
const TRAIL: usize = 1000;

/// The end of the file, as this process knows it. There is one per store, behind a mutex.
#[derive(Debug)]
pub(super) struct Writer {
    files: Arc<dyn FileSet>,
    open: Option<Open>,
    /// Acknowledged batches that no `fdatasync` has covered yet (`Durability::Interval` only).
    pub unsynced: Unsynced,
    /// An `fdatasync` has failed. The kernel reports that once and then calls the pages clean, so
    /// nothing is acknowledged before [`Writer::verify`] has succeeded.
    suspect: bool,
    /// The extents of the last append, newest last.
    trail: VecDeque<Extent>,
}

#[derive(Debug)]
struct Open {
    file: Arc<ActiveFile>,
    id: FileId,
    /// The length at which we left the file, if it then ended with a line end. At any other length
    /// another process has written, and the last byte has to be looked at.
    settled: Option<u64>,
}

/// What became of an extent that was to be taken back.
#[derive(Debug)]
enum Undone {
    Gone,
    Stays,
    /// Somebody else has cut the file.
    Unknown,
}

/// Why nothing is acknowledged.
#[derive(Debug)]
pub(super) struct Failed {
    pub error: StoreError,
    /// How many bytes of the batches, from the first on, are in the journal; `None` if nobody can tell.
    pub left: Option<u64>,
}

impl From<StoreError> for Failed {
    /// Before anything was written.
    fn from(error: StoreError) -> Self {
        Self { error, left: Some(0) }
    }
}

impl Writer {
    pub fn new(files: Arc<dyn FileSet>) -> Self {
        Self {
            files,
            open: None,
            unsynced: Unsynced::default(),
            suspect: false,
            trail: VecDeque::new(),
        }
    }

    /// Appends all batches or none, with one write and, if the policy says so, one `fdatasync`,
    /// all of it under the file's lock: only so can a batch whose `fdatasync` fails be taken back.
    pub fn append(&mut self, batches: &[&str]) -> Result<(), Failed> {
        let files = Arc::clone(&self.files);
        let settings = files.settings();
        let deadline = Instant::now() + settings.lock_wait;
        loop {
            if self.suspect {
                self.verify()?;
            }
            let file = self.opened()?;
            let mut held = sys::lock(file, true, deadline, &settings.path, &settings.faults)?;
            if self.still_named()? {
                return self.append_locked(&mut held, batches);
            }
            // A rewrite or a rotation, by this or another process, has put a new file in its place, or
            // another program has moved it away.
            drop(held);
            self.close();
            if Instant::now() >= deadline {
                return Err(sys::changed_meanwhile(&settings.path).into());
            }
        }
    }

    fn append_locked(
        &mut self,
        held: &mut Held<Arc<ActiveFile>>,
        batches: &[&str],
    ) -> Result<(), Failed> {
        self.trail.clear();
        let written = self.write_batches(held, batches);
        written.map_err(|error| self.take_back(error))
    }

    /// Writes everything, in one file or in as many as it takes.
    fn write_batches(
        &mut self,
        held: &mut Held<Arc<ActiveFile>>,
        batches: &[&str],
    ) -> Result<(), StoreError> {
        let files = Arc::clone(&self.files);
        let settings = files.settings();
        let rotation = files.rotation();
        let mut left = Left::new(batches, rotation.map_or(u64::MAX, <dyn Rotation>::max_bytes));
        loop {
            let (length, torn) = self.end(held)?;
            let pieces = left.take(length.saturating_add(u64::from(torn)));
            if !pieces.is_empty() {
                self.write(held, (length, torn), &pieces)?;
            }
            match rotation {
                Some(rotation) if !left.is_empty() => self.rotate(held, rotation, &mut left)?,
                _ => break,
            }
        }
        if settings.durability == Durability::Always { self.sync_written(held) } else { Ok(()) }
    }

    /// The file's length, and whether its last line lacks its end.
    fn end(&mut self, file: &File) -> Result<(u64, bool), StoreError> {
        let cannot = |cause| failure("append to", &self.files.settings().path, cause);
        let length = file.metadata().map_err(cannot)?.len();
        self.unsynced.forget_beyond(length);
        if self.open.as_ref().is_some_and(|open| open.settled == Some(length)) {
            return Ok((length, false));
        }
        sys::end(file).map_err(cannot)
    }

    fn write(
        &mut self,
        file: &Arc<ActiveFile>,
        (start, torn): (u64, bool),
        pieces: &[&str],
    ) -> Result<(), StoreError> {
        let files = Arc::clone(&self.files);
        let settings = files.settings();
        let Some(open) = self.open.as_mut() else {
            return Err(sys::changed_meanwhile(&settings.path));
        };
        open.settled = None;
        let mut slices = Vec::with_capacity(pieces.len() + 1);
        if torn {
            slices.push(IoSlice::new(b"\n"));
        }
        slices.extend(pieces.iter().map(|piece| IoSlice::new(piece.as_bytes())));
        let (written, result) = settings.faults.write_all(file, &mut slices);
        let body = start.saturating_add(u64::from(torn));
        let end = start.saturating_add(written);
        self.trail.push_back(Extent { file: Arc::clone(file), start, body, end, replaces: false });
        result.map_err(|cause| failure("append to", &settings.path, cause))?;
        open.settled = Some(end);
        if let Some(rotation) = files.rotation() {
            let line_ends =
                pieces.iter().map(|piece| sys::line_ends(piece.as_bytes())).sum::<u64>();
            rotation.wrote(open.id, start, end, line_ends + u64::from(torn));
        }
        Ok(())
    }

    fn sync_written(&mut self, file: &ActiveFile) -> Result<(), StoreError> {
        file.sync(&self.files.settings().faults).map_err(|cause| {
            self.suspect = true;
            failure("make durable what was appended to", &self.files.settings().path, cause)
        })
    }

    /// Goes on in a new file. The lock moves to it without a gap, so that no other process gets in between.
    fn rotate(
        &mut self,
        held: &mut Held<Arc<ActiveFile>>,
        rotation: &dyn Rotation,
        left: &mut Left<'_>,
    ) -> Result<(), StoreError> {
        let files = Arc::clone(&self.files);
        let settings = files.settings();
        let written_to = self.trail.back().is_some_and(|last| Arc::ptr_eq(&last.file, held));
        if settings.durability != Durability::Never && (written_to || !self.unsynced.is_empty()) {
            self.sync_written(held)?;
            self.unsynced.clear();
        }
        let first = left.first();
        let fresh = rotation.rotate(held, first)?;
        let cannot = |cause| failure("append to", &settings.path, cause);
        let id = FileId::of(&fresh.file.metadata().map_err(cannot)?);
        let file = Arc::clone(&fresh.file);
        *held = fresh.file;
        let mut length = 0;
        if fresh.has_first {
            length = first.len() as u64;
            left.skip_first();
            rotation.wrote(id, 0, length, 1);
            let file = Arc::clone(&file);
            let extent = Extent { file, start: 0, body: 0, end: length, replaces: true };
            self.trail.push_back(extent);
        }
        while self.trail.len() > TRAIL {
            self.trail.pop_front();
        }
        self.open = None;
        if settings.durability != Durability::Never {
            // Acknowledged batches must not vanish with the name of their file.
            sync_names(&*files)?;
        }
        self.open = Some(Open { file, id, settled: Some(length) });
        Ok(())
    }

    /// Removes what a failed append has written, still under the lock, newest first.
    fn take_back(&mut self, error: StoreError) -> Failed {
        let mut left = Some(0);
        for extent in std::mem::take(&mut self.trail).into_iter().rev() {
            if extent.end == extent.start {
                continue;
            }
            // The next append has to look whether the end is torn, and isolates it.
            if let Some(open) = self.open.as_mut() {
                open.settled = None;
            }
            let outcome = if extent.replaces { Ok(Undone::Stays) } else { self.undo(&extent) };
            let stays = extent.end.saturating_sub(extent.body);
            left = match (&outcome, left) {
                (Ok(Undone::Gone), Some(0)) => continue,
                // What was written later stays, and this is gone.
                (Ok(Undone::Gone | Undone::Unknown), _) => None,
                (Ok(Undone::Stays) | Err(_), newer) => newer.map(|newer| newer + stays),
            };
            tracing::error!(
                path = %self.files.settings().path.display(),
                ?outcome,
                "a failed append could not be taken back; part of it stays, run a scan"
            );
        }
        Failed { error, left }
    }

    fn undo(&self, extent: &Extent) -> io::Result<Undone> {
        match extent.file.metadata()?.len().cmp(&extent.end) {
            Ordering::Less => return Ok(Undone::Unknown),
            // A program that takes no locks has written behind us; its lines are not ours to cut.
            Ordering::Greater => return Ok(Undone::Stays),
            Ordering::Equal => {}
        }
        self.files.settings().faults.check(Op::Truncate)?;
        extent.file.set_len(extent.start)?;
        Ok(Undone::Gone)
    }

    /// Keeps the batches that have just been appended until a sync has covered them.
    pub fn remember(&mut self, batches: impl DoubleEndedIterator<Item = String>) {
        if let (Some(open), Some(last)) = (&self.open, self.trail.back()) {
            self.unsynced.push(&open.file, (last.body, last.end), batches);
        }
        self.trail.clear();
    }

    /// The file that appends go to now, if one is open and trusted.
    pub fn trusted_file(&self) -> Option<Arc<ActiveFile>> {
        if self.suspect { None } else { self.open.as_ref().map(|open| Arc::clone(&open.file)) }
    }

    /// Returns true if an `fdatasync` has failed and nothing has been verified since.
    pub fn is_suspect(&self) -> bool {
        self.suspect
    }

    /// An `fdatasync` outside of an append has failed.
    pub fn distrust(&mut self) {
        self.suspect = true;
    }

    /// After a failed `fdatasync`: opens the file afresh, writes again what was acknowledged but not
    /// known to be on disk (the kernel calls such pages clean, so syncing alone would do nothing),
    /// and syncs. As long as this fails, so does every append.
    pub fn verify(&mut self) -> Result<(), StoreError> {
        let files = Arc::clone(&self.files);
        let settings = files.settings();
        self.open = None;
        let deadline = Instant::now() + settings.lock_wait;
        let file = self.opened()?;
        let _held = sys::lock(&file, true, deadline, &settings.path, &settings.faults)?;
        self.unsynced.write_again(settings)?;
        file.sync(&settings.faults).map_err(|cause| {
            failure("go on before an earlier failure to sync is overcome:", &settings.path, cause)
        })?;
        sync_names(&*files)?;
        self.unsynced.clear();
        self.suspect = false;
        Ok(())
    }

    fn still_named(&self) -> Result<bool, StoreError> {
        Ok(sys::named(&self.files.settings().path)? == self.open.as_ref().map(|open| open.id))
    }

    /// Lets go of a file that the path no longer names.
    fn close(&mut self) {
        let Some(open) = self.open.take() else { return };
        if self.unsynced.is_empty() {
            return;
        }
        // A rewrite of ours has copied these batches and synced the copy. If another program has moved
        // the file away instead, as a rotation does, this keeps the promise that was made for them.
        match open.file.sync(&self.files.settings().faults) {
            Ok(()) => self.unsynced.clear(),
            Err(cause) => {
                tracing::error!(
                    path = %self.files.settings().path.display(), %cause,
                    "the file was replaced, and what was last appended to the old one may not be on disk"
                );
                self.suspect = true;
            }
        }
    }

    fn opened(&mut self) -> Result<Arc<ActiveFile>, StoreError> {
        if let Some(open) = &self.open {
            return Ok(Arc::clone(&open.file));
        }
        let settings = self.files.settings();
        let file = open_or_create(&*self.files)?;
        let metadata = file.metadata().map_err(|cause| failure("open", &settings.path, cause))?;
        if settings.durability != Durability::Never {
            // Not only for a file that we have just created: its creator, or a rewrite that has put
            // it in place, may have died before it made the name durable, and acknowledged batches
            // must not vanish with the name.
            sync_names(&*self.files)?;
        }
        if let Some(rotation) = self.files.rotation() {
            rotation.opened();
        }
        let file = Arc::new(ActiveFile::new(file));
        let id = FileId::of(&metadata);
        self.open = Some(Open { file: Arc::clone(&file), id, settled: None });
        Ok(file)
    }
}
