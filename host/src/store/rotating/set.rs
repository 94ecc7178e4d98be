//! The files of a set.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use super::Limits;
use super::names::{path_of, sealed};
use super::reclaim::Reclaim;
use super::record_counts::RecordCounts;
use super::rotate::rename;
use crate::store::disk::faults::Op;
use crate::store::disk::file_set::{
    FileSet, Fresh, LockedFile, Rotation, View, create_plain, open_or_create,
};
use crate::store::disk::settings::Settings;
use crate::store::disk::sys::{self, FileId, changed_meanwhile, failure};
use crate::store::disk::temporary::{Temporary, Use};
use crate::store::{StoreError, StoreErrorKind};

/// How often to look for a file that is being moved.
const LOOKS: u32 = 5;

/// The files of a [`RotatingStore`](super::RotatingStore).
#[derive(Debug)]
pub struct Rotating {
    pub(super) settings: Settings,
    pub(super) limits: Limits,
    pub(super) counts: Arc<RecordCounts>,
    pub(super) reclaim: Reclaim,
}

impl Rotating {
    pub(super) fn new(settings: Settings, limits: Limits) -> Self {
        Self { settings, limits, counts: Arc::default(), reclaim: Reclaim::default() }
    }

    /// The number of the file with this inode, at this moment.
    fn number(&self, id: FileId) -> io::Result<Option<u32>> {
        for number in 0..self.limits.max_files {
            match fs::symlink_metadata(path_of(&self.settings.path, number)) {
                Ok(metadata) if FileId::of(&metadata) == id => return Ok(Some(number)),
                Err(cause) if cause.kind() != io::ErrorKind::NotFound => return Err(cause),
                _ => {}
            }
        }
        Ok(None)
    }

    /// Has the lines counted of the file that goes next.
    pub(super) fn prepare(&self) {
        let oldest = self.limits.max_files - 1;
        let path = path_of(&self.settings.path, oldest);
        if let (1.., Ok(metadata)) = (oldest, fs::symlink_metadata(&path)) {
            self.counts.prepare(path, FileId::of(&metadata), metadata.len());
        }
    }
}

impl FileSet for Rotating {
    fn settings(&self) -> &Settings {
        &self.settings
    }

    fn backend(&self) -> &'static str {
        "rotating"
    }

    fn open(&self, options: &mut OpenOptions) -> io::Result<File> {
        sys::open_here(&self.settings.path, options).map(|(file, _)| file)
    }

    /// A rotation that was killed may have left the set without the file that is appended to. The new
    /// one takes after the newest of the others.
    fn create(&self) -> Result<(), StoreError> {
        let home = &self.settings.path;
        let cannot = |cause| failure("begin a new file of", home, cause);
        let found = sealed(home, self.limits.max_files).map_err(cannot)?;
        let Some(newest) = found.first() else { return create_plain(self) };
        let mut next = Temporary::claim(home, Use::Next, &self.settings.faults)?;
        let path = path_of(home, newest.number);
        let opened = sys::open_here(&path, OpenOptions::new().read(true));
        let (model, _) = opened.map_err(|cause| failure("look at", &path, cause))?;
        next.resemble(&model, home)?;
        match next.publish_new(home) {
            Err(cause) if cause.kind() != io::ErrorKind::AlreadyExists => Err(cannot(cause)),
            _ => Ok(()),
        }
    }

    fn locate(&self, id: FileId) -> Result<Option<PathBuf>, StoreError> {
        for look in 0..LOOKS {
            let home = &self.settings.path;
            let number = self.number(id).map_err(|cause| failure("look at", home, cause))?;
            if let Some(number) = number {
                return Ok(Some(path_of(home, number)));
            }
            // A rotation may have moved it past us.
            thread::sleep(Duration::from_millis(u64::from(look)));
        }
        Ok(None)
    }

    fn lock_path(&self) -> io::Result<PathBuf> {
        Ok(self.settings.path.clone())
    }

    /// Takes the lock of the file that is appended to, without which no process rotates.
    fn lock_for_switch(
        &self,
        source: &File,
        id: FileId,
        deadline: Instant,
    ) -> Result<LockedFile, StoreError> {
        let home = &self.settings.path;
        let cannot = |cause| failure("lock", home, cause);
        loop {
            let active = open_or_create(self)?;
            let active_id = FileId::of(&active.metadata().map_err(cannot)?);
            let of_source = active_id == id;
            // The rewrite already has locks by way of its own descriptor.
            let file = if of_source { source.try_clone().map_err(cannot)? } else { active };
            let held = sys::lock(file, true, deadline, home, &self.settings.faults)?;
            if sys::named(home)? != Some(active_id) {
                if Instant::now() >= deadline {
                    return Err(changed_meanwhile(home));
                }
                continue;
            }
            let number = self.number(id).map_err(cannot)?;
            let number = number.ok_or_else(|| {
                StoreError::new(
                    StoreErrorKind::Locked,
                    format!(
                        "a file of {} was dropped or replaced meanwhile; try again",
                        home.display()
                    ),
                )
            })?;
            let path = path_of(home, number);
            return Ok(LockedFile { path, expendable: number > 0, held });
        }
    }

    /// Removes a sealed file and closes the gap.
    fn remove(&self, LockedFile { path, .. }: &LockedFile) -> Result<(), StoreError> {
        let home = &self.settings.path;
        let cannot = |cause| failure("remove", path, cause);
        let gone = (1..self.limits.max_files).find(|number| path_of(home, *number) == *path);
        let unlinked = self.settings.faults.check(Op::Unlink).and_then(|()| fs::remove_file(path));
        unlinked.map_err(cannot)?;
        for number in gone.map_or(0..0, |gone| gone + 1..self.limits.max_files) {
            match rename(&self.settings, &path_of(home, number), &path_of(home, number - 1)) {
                Ok(()) => {}
                Err(cause) if cause.kind() == io::ErrorKind::NotFound => break,
                Err(cause) => {
                    // The file is removed all the same, and the next rotation closes the gap.
                    tracing::warn!(path = %home.display(), %cause, "a gap in the numbers stays");
                    break;
                }
            }
        }
        Ok(())
    }

    fn view(&self) -> Result<View, StoreError> {
        super::snapshot::view(self)
    }

    fn rotation(&self) -> Option<&dyn Rotation> {
        Some(self)
    }
}

impl Rotation for Rotating {
    fn max_bytes(&self) -> u64 {
        self.limits.max_bytes
    }

    fn rotate(&self, active: &File, first: &str) -> Result<Fresh, StoreError> {
        self.rotate_set(active, first)
    }

    fn opened(&self) {
        self.prepare();
    }

    fn wrote(&self, id: FileId, start: u64, end: u64, line_ends: u64) {
        self.counts.wrote(id, start, end, line_ends);
    }

    fn sync_sealed(&self) -> Result<(), StoreError> {
        let home = &self.settings.path;
        for file in
            sealed(home, self.limits.max_files).map_err(|cause| failure("sync", home, cause))?
        {
            let path = path_of(home, file.number);
            match sys::open_here(&path, OpenOptions::new().read(true)) {
                Ok((file, _)) => self.settings.faults.sync(&file),
                // Dropped meanwhile.
                Err(cause) if cause.kind() == io::ErrorKind::NotFound => Ok(()),
                Err(cause) => Err(cause),
            }
            .map_err(|cause| failure("sync", &path, cause))?;
        }
        Ok(())
    }
}
