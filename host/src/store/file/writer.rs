//! Appending to the file: locks, torn tails, taking back what failed. Everything here may block.

use std::fs::{self, File, OpenOptions};
use std::io::{self, IoSlice};
use std::sync::Arc;
use std::time::Instant;

use super::config::{Config, Durability};
use super::faults::Op;
use super::sys::{self, FileId, failure};
use super::unsynced::Unsynced;
use crate::store::{StoreError, StoreErrorKind};

/// What one process knows about the end of its file. There is one per store, behind a mutex.
#[derive(Debug)]
pub(super) struct Writer {
    config: Arc<Config>,
    open: Option<Open>,
    /// Acknowledged batches that no `fdatasync` has covered yet (`Durability::Interval` only).
    pub unsynced: Unsynced,
    /// An `fdatasync` has failed. The kernel reports that once and then calls the pages clean, so
    /// nothing is acknowledged before [`Writer::verify`] has succeeded.
    suspect: bool,
}

#[derive(Debug)]
struct Open {
    file: Arc<File>,
    id: FileId,
    /// The length at which we left the file, if it then ended with a line end. At any other length
    /// somebody else has written, and the last byte has to be looked at.
    settled: Option<u64>,
}

impl Writer {
    pub fn new(config: Arc<Config>) -> Self {
        Self { config, open: None, unsynced: Unsynced::default(), suspect: false }
    }

    /// Appends all batches or none, with one write and, if the policy says so, one `fdatasync`,
    /// all of it under the file's lock: only so can a batch whose `fdatasync` fails be taken back.
    pub fn append(&mut self, batches: &[&str]) -> Result<(), StoreError> {
        if self.suspect {
            self.verify()?;
        }
        let config = Arc::clone(&self.config);
        let deadline = Instant::now() + config.lock_wait;
        loop {
            let file = self.opened()?;
            let held = sys::lock(&file, true, deadline, &config.path)?;
            if self.still_named()? {
                return self.append_locked(&file, batches);
            }
            // A rewrite, of ours or another process, has put a new file in its place, or somebody
            // has moved it away.
            drop(held);
            self.close();
            if Instant::now() >= deadline {
                return Err(sys::changed_meanwhile(&config.path));
            }
        }
    }

    fn append_locked(&mut self, file: &Arc<File>, batches: &[&str]) -> Result<(), StoreError> {
        let config = Arc::clone(&self.config);
        let Some(open) = self.open.as_mut() else {
            return Err(sys::changed_meanwhile(&config.path));
        };
        let cannot = |cause| failure("append to", &config.path, cause);

        let start = file.metadata().map_err(cannot)?.len();
        let torn = open.settled != Some(start)
            && sys::last_byte(file, start).map_err(cannot)?.is_some_and(|byte| byte != b'\n');
        open.settled = None;

        let mut slices = Vec::with_capacity(batches.len() + 1);
        if torn {
            slices.push(IoSlice::new(b"\n"));
        }
        slices.extend(batches.iter().map(|batch| IoSlice::new(batch.as_bytes())));
        let (written, result) = write_all(&config, file, &mut slices);
        if let Err(cause) = result {
            return Err(self.take_back(file, start, written, cannot(cause)));
        }
        if config.durability == Durability::Always
            && let Err(cause) = config.faults.sync(file)
        {
            self.suspect = true;
            let error = failure("make durable what was appended to", &config.path, cause);
            return Err(self.take_back(file, start, written, error));
        }
        if let Some(open) = self.open.as_mut() {
            open.settled = start.checked_add(written);
        }
        Ok(())
    }

    /// Removes what a failed append has written, still under the lock.
    fn take_back(
        &mut self,
        file: &File,
        start: u64,
        written: u64,
        error: StoreError,
    ) -> StoreError {
        if written == 0 {
            return error;
        }
        let undo = || -> io::Result<bool> {
            // A program that takes no locks may have written behind us; its lines are not ours to cut.
            if Some(file.metadata()?.len()) != start.checked_add(written) {
                return Ok(false);
            }
            self.config.faults.check(Op::Truncate)?;
            file.set_len(start)?;
            Ok(true)
        };
        match undo() {
            Ok(true) => error,
            // The next append finds the torn end, since `settled` is unknown, and isolates it.
            outcome => {
                tracing::error!(
                    path = %self.config.path.display(),
                    ?outcome,
                    "a failed append could not be taken back; part of it stays, run a scan"
                );
                error
            }
        }
    }

    /// Keeps the batches that have just been appended until a sync has covered them.
    pub fn remember(&mut self, batches: impl DoubleEndedIterator<Item = String>) {
        let Some((id, Some(end))) = self.open.as_ref().map(|open| (open.id, open.settled)) else {
            return;
        };
        self.unsynced.push(id, end, batches);
    }

    /// The file that appends go to now, if one is open and trusted.
    pub fn trusted_file(&self) -> Option<Arc<File>> {
        if self.suspect { None } else { self.open.as_ref().map(|open| Arc::clone(&open.file)) }
    }

    /// Whether an `fdatasync` has failed and nothing has been verified since.
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
        let config = Arc::clone(&self.config);
        self.open = None;
        let deadline = Instant::now() + config.lock_wait;
        let file = self.opened()?;
        let _held = sys::lock(&file, true, deadline, &config.path)?;
        let attempt = || -> io::Result<()> {
            self.unsynced.write_again(&config, &file)?;
            config.faults.sync(&file)?;
            sys::sync_dir(&real_parent(&config)?, &config.faults)
        };
        attempt().map_err(|cause| {
            failure("go on before an earlier failure to sync is overcome:", &config.path, cause)
        })?;
        self.unsynced.clear();
        self.suspect = false;
        Ok(())
    }

    fn still_named(&self) -> Result<bool, StoreError> {
        Ok(sys::named(&self.config.path)? == self.open.as_ref().map(|open| open.id))
    }

    /// Lets go of a file that the path no longer names.
    fn close(&mut self) {
        let Some(open) = self.open.take() else { return };
        if self.unsynced.is_empty() {
            return;
        }
        // A rewrite of ours has copied these batches and synced the copy. Had somebody moved the
        // file away instead, this keeps the promise that was made for them.
        if let Err(cause) = self.config.faults.sync(&open.file) {
            tracing::error!(
                path = %self.config.path.display(), %cause,
                "the file was replaced, and what was last appended to the old one may not be on disk"
            );
        }
        self.unsynced.clear();
    }

    fn opened(&mut self) -> Result<Arc<File>, StoreError> {
        if let Some(open) = &self.open {
            return Ok(Arc::clone(&open.file));
        }
        let config = &self.config;
        let mut options = OpenOptions::new();
        options.read(true).append(true);
        let mut result = sys::open(&config.path, &mut options);
        if matches!(&result, Err(cause) if cause.kind() == io::ErrorKind::NotFound) {
            if !config.create {
                return Err(StoreError::new(
                    StoreErrorKind::NotFound,
                    format!("there is no journal at {}", config.path.display()),
                ));
            }
            if config.create_parents {
                create_parents(config)?;
            }
            result = sys::open(&config.path, options.create(true));
        }
        let (file, metadata) = match result {
            Ok(opened) => opened,
            Err(cause) if cause.kind() == io::ErrorKind::NotFound => {
                let dir = sys::parent(&config.path);
                return Err(failure("create a journal, for want of its directory,", &dir, cause));
            }
            Err(cause) => return Err(failure("open", &config.path, cause)),
        };
        if config.durability != Durability::Never {
            // Not only for a file that we have just created: its creator, or a rewrite that has put
            // it in place, may have died before it made the name durable, and what we acknowledge
            // must not vanish with the name.
            let dir = real_parent(config).and_then(|dir| sys::sync_dir(&dir, &config.faults));
            dir.map_err(|cause| failure("make durable the name of", &config.path, cause))?;
        }
        let file = Arc::new(file);
        let id = FileId::of(&metadata);
        self.open = Some(Open { file: Arc::clone(&file), id, settled: None });
        Ok(file)
    }
}

/// The directory of the file itself, when the path is a symlink.
fn real_parent(config: &Config) -> io::Result<std::path::PathBuf> {
    Ok(sys::parent(&fs::canonicalize(&config.path)?))
}

/// Like `mkdir -p`, and durable.
fn create_parents(config: &Config) -> Result<(), StoreError> {
    let dir = sys::parent(&config.path);
    super::dirs::create(&dir, &config.faults).map_err(|cause| failure("create", &dir, cause))
}

/// Writes everything, and says how much of it was written whatever happens.
fn write_all(
    config: &Config,
    file: &File,
    mut slices: &mut [IoSlice<'_>],
) -> (u64, io::Result<()>) {
    let mut written: u64 = 0;
    // `advance_slices` also drops empty slices at the front.
    IoSlice::advance_slices(&mut slices, 0);
    while !slices.is_empty() {
        match config.faults.write(file, slices) {
            Ok(0) => return (written, Err(io::ErrorKind::WriteZero.into())),
            Ok(count) => {
                written = written.saturating_add(u64::try_from(count).unwrap_or(u64::MAX));
                IoSlice::advance_slices(&mut slices, count);
            }
            Err(cause) if cause.kind() == io::ErrorKind::Interrupted => {}
            Err(cause) => return (written, Err(cause)),
        }
    }
    (written, Ok(()))
}
