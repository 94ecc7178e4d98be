//! One file, which is never full.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;
use std::time::Instant;

use crate::store::disk::Config;
use crate::store::disk::shape::{Place, Rotation, Shape, create_plain, not_there};
use crate::store::disk::snapshot::{DiskSnapshot, Member, Settling, leftover};
use crate::store::disk::sys::{self, FileId, changed_meanwhile, failure};
use crate::store::disk::temporary::Use;
use crate::store::{Role, StoreError, StoreErrorKind};

#[derive(Debug)]
pub(super) struct SingleFile;

impl Shape for SingleFile {
    fn backend(&self) -> &'static str {
        "file"
    }

    fn open(&self, config: &Config, options: &mut OpenOptions) -> io::Result<File> {
        sys::open(&config.path, options).map(|(file, _)| file)
    }

    fn create(&self, config: &Config) -> Result<(), StoreError> {
        create_plain(config)
    }

    fn locate(&self, config: &Config, id: FileId) -> Result<Option<PathBuf>, StoreError> {
        if sys::named(&config.path)? != Some(id) {
            return Ok(None);
        }
        self.home(config).map(Some).map_err(|cause| failure("look at", &config.path, cause))
    }

    /// What the path resolves to: a symlink stays a symlink.
    fn home(&self, config: &Config) -> io::Result<PathBuf> {
        fs::canonicalize(&config.path)
    }

    fn hold(
        &self,
        config: &Config,
        source: &File,
        id: FileId,
        deadline: Instant,
    ) -> Result<Place, StoreError> {
        let source = source.try_clone().map_err(|cause| failure("lock", &config.path, cause))?;
        let held = sys::lock(source, true, deadline, &config.path)?;
        let path = self.locate(config, id)?.ok_or_else(|| changed_meanwhile(&config.path))?;
        Ok(Place { path, expendable: false, held: vec![held] })
    }

    fn remove(&self, config: &Config, _: &Path) -> Result<(), StoreError> {
        Err(StoreError::new(
            StoreErrorKind::Unsupported,
            format!("{} is the whole journal and is never removed", config.path.display()),
        ))
    }

    /// Opens the file and reads a length at which no write was going on.
    fn snapshot(&self, config: Arc<Config>) -> Result<DiskSnapshot, StoreError> {
        let deadline = Instant::now() + config.lock_wait;
        let (file, id, length) = loop {
            let (file, id) = open(&config)?;
            let length = settled(&file, deadline, &config.path)?;
            // A rewrite may have switched files while we waited for the lock of the old one.
            if sys::named(&config.path)? == Some(id) {
                break (file, id, length);
            }
            if Instant::now() >= deadline {
                return Err(changed_meanwhile(&config.path));
            }
        };
        let home = self.home(&config).ok();
        let besides = home.and_then(|home| leftover(&home, Use::Rewrite)).into_iter().collect();
        let member = Member {
            name: config.file_name(),
            role: Role::Active,
            number: 0,
            length,
            file: Some((Arc::new(file), id)),
        };
        Ok(DiskSnapshot::new(config, vec![member], besides))
    }

    fn rotation(&self) -> Option<&dyn Rotation> {
        None
    }
}

fn open(config: &Config) -> Result<(File, FileId), StoreError> {
    match sys::open(&config.path, OpenOptions::new().read(true)) {
        Ok((file, metadata)) => Ok((file, FileId::of(&metadata))),
        Err(cause) if cause.kind() == io::ErrorKind::NotFound => Err(not_there(config)),
        Err(cause) => Err(failure("read", &config.path, cause)),
    }
}

/// A length that does not lie inside a write.
fn settled(file: &File, deadline: Instant, path: &Path) -> Result<u64, StoreError> {
    let mut unfinished = Settling::default();
    loop {
        // Our own writers hold the lock while they write.
        let held = sys::lock(file, false, deadline, path)?;
        let (length, torn) = sys::end(file).map_err(|cause| failure("read", path, cause))?;
        drop(held);
        match torn.then(|| unfinished.pause()).flatten() {
            Some(pause) => thread::sleep(pause),
            None => return Ok(length),
        }
    }
}
