//! Appending to the file: locks, torn tails, taking back what failed. Everything here may block.

use std::cmp::Ordering;
use std::collections::VecDeque;
use std::io::{self, IoSlice};
use std::sync::Arc;

use crate::active::ActiveFile;
use crate::defects::{Defect, has};
use crate::disk::{self, DiskFile, FileId, append_all, line_ends};
use crate::error::{Error, Kind, Result, changed_meanwhile};
use crate::extent::{Extent, Left};
use crate::failed::Failed;
use crate::file_set::{FileSet, Rotation, named, open_or_create, sync_names, sync_place};
use crate::lock::{Held, lock};
use crate::settings::{Deadline, Durability};
use crate::syncing::Syncing;
use crate::unsynced::Unsynced;

/// The maximum number of files in a set; what was written to older ones is gone from it.
const TRAIL: usize = 1000;

/// The maximum size of what waits for the sync of [`Durability::Interval`].
const UNSYNCED: u64 = 32 << 20;

/// The end of the file, as this process knows it. There is one per store, behind a mutex.
#[derive(Debug)]
pub struct Writer {
    files: Arc<dyn FileSet>,
    open: Option<Open>,
    /// Acknowledged batches that no `fdatasync` has covered yet (`Durability::Interval` only).
    unsynced: Unsynced,
    /// An `fdatasync` has failed. The kernel reports that once and then calls the pages clean, so
    /// nothing is acknowledged before [`Writer::verify`] has succeeded.
    suspect: bool,
    /// The extents of the last append, newest last.
    trail: VecDeque<Extent>,
    /// Nobody can tell whether a rotation with the first line of the last append took place.
    unsure: bool,
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

impl Writer {
    /// Opens nothing.
    pub fn new(files: Arc<dyn FileSet>) -> Self {
        Self {
            files,
            open: None,
            unsynced: Unsynced::default(),
            suspect: false,
            trail: VecDeque::new(),
            unsure: false,
        }
    }

    /// Appends all batches or none, with one write and, if the policy says so, one `fdatasync`,
    /// all of it under the file's lock: only so can a batch whose `fdatasync` fails be taken back.
    ///
    /// # Errors
    ///
    /// See [`Failed`].
    pub fn append(&mut self, batches: &[&str]) -> std::result::Result<(), Failed> {
        let files = Arc::clone(&self.files);
        let settings = files.settings();
        let deadline = settings.deadline();
        loop {
            if self.suspect {
                self.verify()?;
            }
            let file = self.opened(deadline)?;
            let mut held = if has(Defect::AppendUnlocked) {
                Held::adopt(file)
            } else {
                lock(file, true, deadline, settings)?
            };
            if self.still_named()? {
                return self.append_locked(&mut held, batches, deadline);
            }
            // A rewrite or a rotation, by this or another process, has put a new file in its place, or
            // another program has moved it away.
            drop(held);
            self.close();
            if settings.is_over(deadline) {
                return Err(changed_meanwhile(&settings.path).into());
            }
        }
    }

    fn append_locked(
        &mut self,
        held: &mut Held<Arc<ActiveFile>>,
        batches: &[&str],
        deadline: Deadline,
    ) -> std::result::Result<(), Failed> {
        self.trail.clear();
        let written = self.write_batches(held, batches, deadline);
        written.map_err(|error| self.take_back(error))?;
        // Nobody else asks, and files that were rotated or replaced since would stay open.
        if !matches!(self.files.settings().durability, Durability::Interval(_)) {
            self.trail.clear();
        }
        Ok(())
    }

    /// Writes everything, in one file or in as many as it takes.
    fn write_batches(
        &mut self,
        held: &mut Held<Arc<ActiveFile>>,
        batches: &[&str],
        deadline: Deadline,
    ) -> Result<()> {
        let files = Arc::clone(&self.files);
        let settings = files.settings();
        let rotation = files.steps().rotation();
        let mut left = Left::new(batches, rotation.map_or(u64::MAX, <dyn Rotation>::max_bytes));
        loop {
            let (length, torn) = self.end(&****held)?;
            let pieces = left.take(length.saturating_add(u64::from(torn)));
            if !pieces.is_empty() {
                self.write(held, (length, torn), &pieces)?;
                if !held.is_alone() {
                    self.check_alone(&pieces)?;
                }
            }
            match rotation {
                Some(rotation) if !left.is_empty() => {
                    self.rotate(held, rotation, &mut left, deadline)?;
                }
                _ => break,
            }
        }
        if settings.durability == Durability::Always && !has(Defect::AppendUnsynced) {
            self.sync_written(held)
        } else {
            Ok(())
        }
    }

    /// The file's length, and whether its last line lacks its end.
    fn end(&mut self, file: &dyn DiskFile) -> Result<(u64, bool)> {
        let settings = self.files.settings();
        let cannot = |cause| settings.cannot("append to", cause);
        let length = file.metadata().map_err(cannot)?.length;
        self.unsynced.forget_beyond(length);
        if self.open.as_ref().is_some_and(|open| open.settled == Some(length)) {
            return Ok((length, false));
        }
        let (length, torn) = disk::end(file).map_err(cannot)?;
        Ok((length, torn && !has(Defect::TornTailIgnored)))
    }

    fn write(
        &mut self,
        file: &Arc<ActiveFile>,
        (start, torn): (u64, bool),
        pieces: &[&str],
    ) -> Result<()> {
        let files = Arc::clone(&self.files);
        let settings = files.settings();
        let Some(open) = self.open.as_mut() else {
            return Err(changed_meanwhile(&settings.path));
        };
        open.settled = None;
        let mut slices = Vec::with_capacity(pieces.len() + 1);
        if torn {
            slices.push(IoSlice::new(b"\n"));
        }
        slices.extend(pieces.iter().map(|piece| IoSlice::new(piece.as_bytes())));
        let (written, result) = append_all(&***file, &mut slices);
        let body = start.saturating_add(u64::from(torn));
        let end = start.saturating_add(written);
        self.trail.push_back(Extent {
            file: Arc::clone(file),
            start,
            body,
            end,
            replaces: false,
            mixed: false,
        });
        result.map_err(|cause| settings.cannot("append to", cause))?;
        open.settled = Some(end);
        if let Some(rotation) = files.steps().rotation() {
            let line_ends = pieces.iter().map(|piece| line_ends(piece.as_bytes())).sum::<u64>();
            rotation.wrote(open.id, start, end, line_ends + u64::from(torn));
        }
        Ok(())
    }

    /// Fails if another program has written into what was just written. Where there are no locks, nothing keeps
    /// it from that.
    fn check_alone(&mut self, pieces: &[&str]) -> Result<()> {
        let settings = self.files.settings();
        let cannot = |cause| settings.cannot("look at", cause);
        let Some(last) = self.trail.back_mut() else { return Ok(()) };
        if last.file.metadata().map_err(cannot)?.length == last.end {
            return Ok(());
        }
        // Where the system appends atomically, the lines are whole all the same.
        let there = last.file.read(last.body, last.end).map_err(cannot)?;
        if there == pieces.concat().as_bytes() {
            return Ok(());
        }
        last.mixed = true;
        let message = format!(
            "another program writes to {}, and this file system has no locks; let one at a time do so, \
             then scan it",
            settings.path.display()
        );
        Err(Error::new(Kind::Failed, message))
    }

    fn sync_written(&mut self, file: &ActiveFile) -> Result<()> {
        file.sync().map_err(|cause| {
            self.distrust();
            self.files.settings().cannot("make durable what was appended to", cause)
        })
    }

    /// Goes on in a new file. The lock moves to it without a gap, so that no other process gets in between.
    fn rotate(
        &mut self,
        held: &mut Held<Arc<ActiveFile>>,
        rotation: &dyn Rotation,
        left: &mut Left<'_>,
        deadline: Deadline,
    ) -> Result<()> {
        let files = Arc::clone(&self.files);
        let settings = files.settings();
        let written_to = self.trail.back().is_some_and(|last| Arc::ptr_eq(&last.file, held));
        if settings.durability != Durability::Never
            && (written_to || !self.unsynced.is_empty())
            && !has(Defect::SealedUnsynced)
        {
            self.sync_written(held)?;
            self.unsynced.clear();
        }
        let first = left.first();
        let mut plan = rotation.plan(&****held, first)?;
        let rotated = rotation.rotate(&mut plan, &****held, first, deadline);
        // Before it, the oldest file that stays may have nothing but a torn line.
        let first_of_all = |first: &Extent| first.start == 0 || first.body > first.start;
        let whole = self.trail.front().is_some_and(first_of_all);
        if plan.drops && self.trail.len() + usize::from(whole) > plan.keep {
            for extent in &mut self.trail {
                extent.replaces = true;
            }
        }
        self.unsure |= plan.unsure;
        let fresh = rotated?;
        let file = Arc::clone(&fresh.file);
        let id = file.id();
        *held = fresh.file;
        let mut length = 0;
        if fresh.has_first {
            length = first.len() as u64;
            left.skip_first();
            rotation.wrote(id, 0, length, 1);
            let file = Arc::clone(&file);
            let extent =
                Extent { file, start: 0, body: 0, end: length, replaces: true, mixed: false };
            self.trail.push_back(extent);
        }
        while self.trail.len() > TRAIL {
            self.trail.pop_front();
        }
        self.open = None;
        if settings.durability != Durability::Never && !has(Defect::FreshUnsynced) {
            // Acknowledged batches must not vanish with the name of their file.
            sync_names(&*files)?;
        }
        self.open = Some(Open { file, id, settled: Some(length) });
        Ok(())
    }

    /// Removes what a failed append has written, still under the lock, newest first.
    fn take_back(&mut self, error: Error) -> Failed {
        let mut left = if std::mem::take(&mut self.unsure) { None } else { Some(0) };
        for extent in std::mem::take(&mut self.trail).into_iter().rev() {
            // A write that was done all the same, although the disk has reported an error.
            let longer = |now: disk::Metadata| now.length > extent.end;
            if extent.end == extent.start && !extent.file.metadata().is_ok_and(longer) {
                continue;
            }
            // The next append has to look whether the end is torn, and isolates it.
            if let Some(open) = self.open.as_mut() {
                open.settled = None;
            }
            let stays = extent.replaces && !has(Defect::AllTakenBack);
            let outcome = if stays { Ok(Undone::Stays) } else { Self::undo(&extent) };
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

    fn undo(extent: &Extent) -> io::Result<Undone> {
        if extent.mixed {
            return Ok(Undone::Unknown);
        }
        match extent.file.metadata()?.length.cmp(&extent.end) {
            Ordering::Less => return Ok(Undone::Unknown),
            Ordering::Greater if extent.end == extent.start => return Ok(Undone::Unknown),
            // A program that takes no locks has written behind us; its lines are not ours to cut.
            Ordering::Greater => return Ok(Undone::Stays),
            Ordering::Equal => {}
        }
        if !has(Defect::NotTakenBack) {
            extent.file.set_len(extent.start)?;
        }
        Ok(Undone::Gone)
    }

    /// Keeps the batches that have just been appended until a sync has covered them, for
    /// [`Durability::Interval`]. Returns true if one is to follow; of many bytes it is done here.
    pub fn remember(&mut self, batches: impl DoubleEndedIterator<Item = String>) -> bool {
        if let (Some(open), Some(last)) = (&self.open, self.trail.back()) {
            // The end of a torn line before them belongs to the first.
            let mut isolated = last.body > last.start && !has(Defect::SeparatorNotWrittenAgain);
            let from = if isolated { last.start } else { last.body };
            let batches = batches.collect::<Vec<_>>().into_iter().map(|batch| {
                if std::mem::take(&mut isolated) { format!("\n{batch}") } else { batch }
            });
            self.unsynced.push(&open.file, (from, last.end), batches);
        }
        self.trail.clear();
        if self.unsynced.bytes() >= UNSYNCED
            && let Some(file) = self.trusted_file()
        {
            match file.sync() {
                Ok(()) => self.unsynced.clear(),
                Err(_) => self.distrust(),
            }
        }
        !self.unsynced.is_empty()
    }

    /// The number of bytes that wait for a sync.
    pub fn unsynced(&self) -> u64 {
        self.unsynced.bytes()
    }

    /// The file that appends go to now, if one is open and trusted.
    fn trusted_file(&self) -> Option<Arc<ActiveFile>> {
        if self.suspect { None } else { self.open.as_ref().map(|open| Arc::clone(&open.file)) }
    }

    /// An `fdatasync` outside of an append has failed.
    pub fn distrust(&mut self) {
        self.suspect = !has(Defect::FailureForgotten);
    }

    /// Begins to make durable what was acknowledged so far. Appends may go on until
    /// [`end_sync`](Writer::end_sync).
    ///
    /// # Errors
    ///
    /// The disk's, after an earlier failure that is not overcome.
    pub fn begin_sync(&mut self) -> Result<Option<Syncing>> {
        if self.suspect {
            self.verify()?;
            return Ok(None);
        }
        let mark = self.unsynced.mark();
        Ok(self.trusted_file().map(|file| Syncing { files: Arc::clone(&self.files), file, mark }))
    }

    /// Ends what [`begin_sync`](Writer::begin_sync) has begun, with what [`Syncing::run`] has returned.
    ///
    /// # Errors
    ///
    /// That error.
    pub fn end_sync(&mut self, syncing: &Syncing, synced: Result<()>) -> Result<()> {
        match &synced {
            Ok(()) => self.unsynced.covered(syncing.mark),
            Err(error) => {
                self.distrust();
                let path = self.files.settings().path.display();
                tracing::error!(%path, %error, "fdatasync failed");
            }
        }
        synced
    }

    /// After a failed `fdatasync`: opens the file afresh, writes again what was acknowledged but not
    /// known to be on disk (the kernel calls such pages clean, so syncing alone would do nothing),
    /// and syncs. As long as this fails, so does every append.
    fn verify(&mut self) -> Result<()> {
        let files = Arc::clone(&self.files);
        let settings = files.settings();
        self.open = None;
        let deadline = settings.deadline();
        let file = self.opened(deadline)?;
        let _held = lock(Arc::clone(&file), true, deadline, settings)?;
        if !has(Defect::NotWrittenAgain) {
            self.unsynced.write_again(settings)?;
        }
        file.sync().map_err(|cause| {
            settings.cannot("go on before an earlier failure to sync is overcome:", cause)
        })?;
        sync_names(&*files)?;
        self.unsynced.clear();
        self.suspect = false;
        Ok(())
    }

    fn still_named(&self) -> Result<bool> {
        let settings = self.files.settings();
        Ok(has(Defect::StaleFile)
            || named(settings, &settings.path)? == self.open.as_ref().map(|open| open.id))
    }

    /// Lets go of a file that the path no longer names.
    fn close(&mut self) {
        let Some(open) = self.open.take() else { return };
        if self.unsynced.is_empty() {
            return;
        }
        // A rewrite of ours has copied these batches and synced the copy. If another program has moved
        // the file away instead, as a rotation does, this keeps the promise that was made for them.
        match open.file.sync() {
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

    fn opened(&mut self, deadline: Deadline) -> Result<Arc<ActiveFile>> {
        if let Some(open) = &self.open {
            return Ok(Arc::clone(&open.file));
        }
        let file = open_or_create(&*self.files, deadline)?;
        if self.files.settings().durability != Durability::Never {
            // Not only for a file that we have just created: its creator, or a rewrite that has put
            // it in place, may have died before it made the name durable, and acknowledged batches
            // must not vanish with the name.
            sync_place(&*self.files)?;
        }
        if let Some(rotation) = self.files.steps().rotation() {
            rotation.opened();
        }
        let id = file.id();
        let file = Arc::new(ActiveFile::new(file));
        self.open = Some(Open { file: Arc::clone(&file), id, settled: None });
        Ok(file)
    }
}
