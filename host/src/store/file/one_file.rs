//! One file, which is never full.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::thread;
use std::time::Instant;

use crate::store::disk::file_set::{FileSet, LockedFile, Rotation, View, create_plain, not_there};
use crate::store::disk::member::{Member, Settling};
use crate::store::disk::settings::Settings;
use crate::store::disk::sys::{self, FileId, changed_meanwhile, failure};
use crate::store::disk::temporary::{Use, leftover};
use crate::store::{Store, StoreError, StoreErrorKind};

/// The file of a [`FileStore`](super::FileStore).
#[derive(Debug)]
pub struct OneFile {
    settings: Settings,
    reader: Option<Reader>,
}

/// Makes [`FileSet::reader`].
pub(super) type Reader = fn(&Settings) -> Arc<dyn Store>;

impl OneFile {
    pub(super) fn new(settings: Settings, reader: Option<Reader>) -> Self {
        Self { settings, reader }
    }

    fn open_to_read(&self) -> Result<(File, FileId), StoreError> {
        let path = &self.settings.path;
        match sys::open(path, OpenOptions::new().read(true)) {
            Ok((file, metadata)) => Ok((file, FileId::of(&metadata))),
            Err(cause) if cause.kind() == io::ErrorKind::NotFound => Err(not_there(&self.settings)),
            Err(cause) => Err(failure("read", path, cause)),
        }
    }
}

impl FileSet for OneFile {
    fn settings(&self) -> &Settings {
        &self.settings
    }

    fn backend(&self) -> &'static str {
        "file"
    }

    fn open(&self, options: &mut OpenOptions) -> io::Result<File> {
        sys::open(&self.settings.path, options).map(|(file, _)| file)
    }

    fn create(&self) -> Result<(), StoreError> {
        create_plain(self)
    }

    fn locate(&self, id: FileId) -> Result<Option<PathBuf>, StoreError> {
        let path = &self.settings.path;
        if sys::named(path)? != Some(id) {
            return Ok(None);
        }
        self.lock_path().map(Some).map_err(|cause| failure("look at", path, cause))
    }

    /// The file that the path resolves to: a symlink stays a symlink.
    fn lock_path(&self) -> io::Result<PathBuf> {
        fs::canonicalize(&self.settings.path)
    }

    fn lock_for_switch(
        &self,
        source: &File,
        id: FileId,
        deadline: Instant,
    ) -> Result<LockedFile, StoreError> {
        let path = &self.settings.path;
        let source = source.try_clone().map_err(|cause| failure("lock", path, cause))?;
        let held = sys::lock(source, true, deadline, path, &self.settings.faults)?;
        let path = self.locate(id)?.ok_or_else(|| changed_meanwhile(path))?;
        Ok(LockedFile { path, expendable: false, held })
    }

    fn remove(&self, _: &LockedFile) -> Result<(), StoreError> {
        Err(StoreError::new(
            StoreErrorKind::Unsupported,
            format!("{} is the whole journal and is never removed", self.settings.path.display()),
        ))
    }

    /// Opens the file and reads a length at which no write was going on.
    fn view(&self) -> Result<View, StoreError> {
        let Settings { path, lock_wait, .. } = &self.settings;
        let deadline = Instant::now() + *lock_wait;
        let (file, id, length) = loop {
            let (file, id) = self.open_to_read()?;
            let length = settled(&file, deadline, &self.settings)?;
            // A rewrite may have switched files while we waited for the lock of the old one.
            if sys::named(path)? == Some(id) {
                break (file, id, length);
            }
            if Instant::now() >= deadline {
                return Err(changed_meanwhile(path));
            }
        };
        let leftover = self.lock_path().ok().and_then(|path| leftover(&path, Use::Rewrite));
        let member = Member::new(self.settings.file_name(), 0, length, Some((file, id)));
        Ok(View { members: vec![member], besides: leftover.into_iter().collect() })
    }

    fn reader(&self) -> Option<Arc<dyn Store>> {
        self.reader.map(|reader| reader(&self.settings))
    }

    fn rotation(&self) -> Option<&dyn Rotation> {
        None
    }
}

/// A length that does not lie inside a write.
pub(super) fn settled(
    file: &File,
    deadline: Instant,
    settings: &Settings,
) -> Result<u64, StoreError> {
    let Settings { path, faults, .. } = settings;
    let mut unfinished = Settling::default();
    loop {
        // Our own writers hold the lock while they write.
        let held = sys::lock(file, false, deadline, path, faults)?;
        let (length, torn) = sys::end(file).map_err(|cause| failure("read", path, cause))?;
        drop(held);
        match torn.then(|| unfinished.pause()).flatten() {
            Some(pause) => thread::sleep(pause),
            None => return Ok(length),
        }
    }
}
