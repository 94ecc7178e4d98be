//! The files of a set.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use super::census::{Census, Dropped};
use super::names::{path_of, sealed};
use super::release::Release;
use super::rotate::rename;
use crate::store::disk::Config;
use crate::store::disk::faults::Op;
use crate::store::disk::shape::{Fresh, Place, Rotation, Shape, create_plain};
use crate::store::disk::snapshot::DiskSnapshot;
use crate::store::disk::sys::{self, FileId, changed_meanwhile, failure};
use crate::store::disk::temporary::{Temporary, Use};
use crate::store::{StoreError, StoreErrorKind};

/// How often to look for a file that is being moved.
const LOOKS: u32 = 5;

#[derive(Debug)]
pub(super) struct Set {
    pub max_bytes: u64,
    pub max_files: u32,
    pub census: Arc<Census>,
    pub release: Release,
}

impl Set {
    pub fn new(max_bytes: u64, max_files: u32) -> Self {
        Self { max_bytes, max_files, census: Arc::default(), release: Release::default() }
    }

    pub fn dropped(&self) -> Dropped {
        self.census.dropped()
    }

    /// The number of the file with this inode, at this moment.
    fn number(&self, home: &Path, id: FileId) -> io::Result<Option<u32>> {
        for number in 0..self.max_files {
            match fs::symlink_metadata(path_of(home, number)) {
                Ok(metadata) if FileId::of(&metadata) == id => return Ok(Some(number)),
                Err(cause) if cause.kind() != io::ErrorKind::NotFound => return Err(cause),
                _ => {}
            }
        }
        Ok(None)
    }

    /// Opens the file that is appended to, making it if it is not there.
    fn opened_active(&self, config: &Config) -> Result<File, StoreError> {
        // Some network file systems lock exclusively only what is open for writing.
        let open = || self.open(config, OpenOptions::new().read(true).append(true));
        match open() {
            Err(cause) if cause.kind() == io::ErrorKind::NotFound => {
                self.create(config)?;
                open().map_err(|cause| failure("open", &config.path, cause))
            }
            opened => opened.map_err(|cause| failure("open", &config.path, cause)),
        }
    }

    /// Has the lines counted of the file that goes next.
    pub(super) fn prepare(&self, config: &Config) {
        let oldest = self.max_files - 1;
        let path = path_of(&config.path, oldest);
        if let (1.., Ok(metadata)) = (oldest, fs::symlink_metadata(&path)) {
            self.census.prepare(path, FileId::of(&metadata), metadata.len());
        }
    }
}

impl Shape for Set {
    fn backend(&self) -> &'static str {
        "rotating"
    }

    fn open(&self, config: &Config, options: &mut OpenOptions) -> io::Result<File> {
        sys::open_here(&config.path, options).map(|(file, _)| file)
    }

    /// A rotation that was killed may have left the set without the file that is appended to. The new
    /// one takes after the newest of the others.
    fn create(&self, config: &Config) -> Result<(), StoreError> {
        let home = &config.path;
        let cannot = |cause| failure("begin a new file of", home, cause);
        let found = sealed(home, self.max_files).map_err(cannot)?;
        let Some(newest) = found.first() else { return create_plain(config) };
        let mut next = Temporary::claim(home, Use::Next, &config.faults)?;
        let path = path_of(home, newest.number);
        let opened = sys::open_here(&path, OpenOptions::new().read(true));
        let (model, _) = opened.map_err(|cause| failure("look at", &path, cause))?;
        next.resemble(&model, home)?;
        match next.publish_new(home) {
            Err(cause) if cause.kind() != io::ErrorKind::AlreadyExists => Err(cannot(cause)),
            _ => Ok(()),
        }
    }

    fn locate(&self, config: &Config, id: FileId) -> Result<Option<PathBuf>, StoreError> {
        for look in 0..LOOKS {
            let number = self.number(&config.path, id);
            let number = number.map_err(|cause| failure("look at", &config.path, cause))?;
            if let Some(number) = number {
                return Ok(Some(path_of(&config.path, number)));
            }
            // A rotation may have moved it past us.
            thread::sleep(Duration::from_millis(u64::from(look)));
        }
        Ok(None)
    }

    fn home(&self, config: &Config) -> io::Result<PathBuf> {
        Ok(config.path.clone())
    }

    /// Holds the lock of the file that is appended to, without which nobody rotates.
    fn hold(
        &self,
        config: &Config,
        source: &File,
        id: FileId,
        deadline: Instant,
    ) -> Result<Place, StoreError> {
        let home = &config.path;
        let cannot = |cause| failure("lock", home, cause);
        loop {
            let active = self.opened_active(config)?;
            let active_id = FileId::of(&active.metadata().map_err(cannot)?);
            let of_source = active_id == id;
            // The rewrite already has locks by way of its own descriptor.
            let file = if of_source { source.try_clone().map_err(cannot)? } else { active };
            let held = sys::lock(file, true, deadline, home)?;
            if sys::named(home)? != Some(active_id) {
                if Instant::now() >= deadline {
                    return Err(changed_meanwhile(home));
                }
                continue;
            }
            let number = self.number(home, id).map_err(cannot)?;
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
            return Ok(Place { path, expendable: number > 0, held: vec![held] });
        }
    }

    /// Removes a sealed file and closes the gap. The caller holds it.
    fn remove(&self, config: &Config, path: &Path) -> Result<(), StoreError> {
        let home = &config.path;
        let cannot = |cause| failure("remove", path, cause);
        let gone = (1..self.max_files).find(|number| path_of(home, *number) == path);
        config.faults.check(Op::Unlink).and_then(|()| fs::remove_file(path)).map_err(cannot)?;
        for number in gone.map_or(0..0, |gone| gone + 1..self.max_files) {
            match rename(config, &path_of(home, number), &path_of(home, number - 1)) {
                Ok(()) => {}
                Err(cause) if cause.kind() == io::ErrorKind::NotFound => break,
                Err(cause) => {
                    // What was to be done is done, and the next rotation closes the gap.
                    tracing::warn!(path = %home.display(), %cause, "a gap in the numbers stays");
                    break;
                }
            }
        }
        Ok(())
    }

    fn snapshot(&self, config: Arc<Config>) -> Result<DiskSnapshot, StoreError> {
        super::snapshot::take(self, config)
    }

    fn rotation(&self) -> Option<&dyn Rotation> {
        Some(self)
    }
}

impl Rotation for Set {
    fn max_bytes(&self) -> u64 {
        self.max_bytes
    }

    fn rotate(&self, config: &Config, active: &File, first: &str) -> Result<Fresh, StoreError> {
        self.rotate_set(config, active, first)
    }

    fn opened(&self, config: &Config) {
        self.prepare(config);
    }

    fn wrote(&self, id: FileId, start: u64, end: u64, line_ends: u64) {
        self.census.wrote(id, start, end, line_ends);
    }

    fn sync_sealed(&self, config: &Config) -> Result<(), StoreError> {
        let home = &config.path;
        for file in sealed(home, self.max_files).map_err(|cause| failure("sync", home, cause))? {
            let path = path_of(home, file.number);
            match sys::open_here(&path, OpenOptions::new().read(true)) {
                Ok((file, _)) => config.faults.sync(&file),
                // Dropped meanwhile.
                Err(cause) if cause.kind() == io::ErrorKind::NotFound => Ok(()),
                Err(cause) => Err(cause),
            }
            .map_err(|cause| failure("sync", &path, cause))?;
        }
        Ok(())
    }
}
