//! The bytes that a rewrite removes, kept for people to look at.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::Cancel;
use super::copy::Copier;
use crate::defects::{Defect, has};
use crate::dirs::{create_dir, sync_chain, sync_dir};
use crate::disk::{Create, Disk, DiskFile, FileId, How, NotAlike, Tried};
use crate::error::Result;
use crate::member::{Beside, Why};
use crate::names::{name_of, stamp};
use crate::settings::Settings;
use crate::temporary::{is_abandoned, is_at, unlocked};

/// A quarantine file in the making. It has a hidden name until it is complete: a file with the final
/// name is whole, and a rewrite that is killed leaves nothing that looks like one.
#[derive(Debug)]
pub(super) struct Quarantine {
    disk: Arc<dyn Disk>,
    dir: PathBuf,
    target_name: String,
    /// Where the file is now, until it is to stay.
    path: Option<PathBuf>,
    id: FileId,
    pub copier: Copier,
}

impl Quarantine {
    /// The caller holds the rewrite lock of `lock_path`. The hidden name has its name in it, and the inode
    /// of the file that is rewritten.
    pub fn begin(
        settings: &Settings,
        dir: &Path,
        (lock_path, target): (&Path, &Path),
        source: &Arc<dyn DiskFile>,
        cancel: Cancel,
    ) -> Result<Self> {
        let cannot = |cause| settings.failure("write the quarantine file in", dir, cause);
        let disk = &*settings.disk;
        create_dir(disk, dir).and_then(|()| sync_chain(disk, dir)).map_err(cannot)?;
        let path = hidden_path(dir, lock_path, source.id());
        let file = create_locked(disk, &path).map_err(cannot)?;
        // From here on dropping removes the file.
        let quarantine = Self {
            disk: Arc::clone(&settings.disk),
            dir: dir.to_owned(),
            target_name: name_of(target),
            path: Some(path),
            id: file.id(),
            copier: Copier::new(Arc::clone(source), Arc::clone(&file), cancel),
        };
        file.resemble(&**source, true)
            .map_err(|(NotAlike::Owner(cause) | NotAlike::Other(cause))| cannot(cause))?;
        Ok(quarantine)
    }

    /// Makes the quarantine file durable under its final name, and returns that. The file is still removed
    /// if this is dropped before [`Quarantine::stay`].
    pub fn finish(&mut self, settings: &Settings) -> Result<String> {
        let cannot = |cause| settings.failure("write the quarantine file in", &self.dir, cause);
        let synced =
            if has(Defect::QuarantineUnsynced) { self.copier.flush() } else { self.copier.sync() };
        synced.map_err(cannot)?;
        let stamp = stamp(self.disk.wall_clock());
        let hidden = self.path.clone().unwrap_or_default();
        let mut number = 1_u32;
        let path = loop {
            let name = format!("{}.{stamp}.{number}.quarantine", self.target_name);
            let path = self.dir.join(name);
            match rename_never_over(&*self.disk, &hidden, &path) {
                Ok(()) => break path,
                // It was done, and the answer is lost.
                Err(_) if is_at(&*self.disk, &path, self.id) => break path,
                Err(cause) if cause.kind() == io::ErrorKind::AlreadyExists => number += 1,
                Err(cause) => return Err(cannot(cause)),
            }
        };
        self.path = Some(path.clone());
        if !has(Defect::QuarantineNameUnsynced) {
            sync_dir(&*self.disk, &self.dir).map_err(cannot)?;
        }
        Ok(path.display().to_string())
    }

    /// The original no longer has these bytes: the file stays.
    pub fn stay(mut self) {
        self.path = None;
    }

    /// Removes the file.
    pub fn discard(&mut self) {
        if let Some(path) = self.path.take() {
            let _ = self.disk.remove(&path);
        }
    }
}

impl Drop for Quarantine {
    fn drop(&mut self) {
        self.discard();
    }
}

/// One quarantine file never replaces another, and two names for a moment do no harm.
fn rename_never_over(disk: &dyn Disk, from: &Path, to: &Path) -> io::Result<()> {
    match disk.rename_new(from, to) {
        Err(cause) if cause.kind() == io::ErrorKind::Unsupported => {
            disk.link(from, to)?;
            disk.remove(from)
        }
        renamed => renamed,
    }
}

/// The end of hidden names.
const HIDDEN: &str = ".papyra-quarantine";

/// The inode tells journals of the same name apart that share the directory.
fn hidden_path(dir: &Path, lock_path: &Path, FileId { device, inode }: FileId) -> PathBuf {
    dir.join(format!(".{}.{device:x}-{inode:x}{HIDDEN}", name_of(lock_path)))
}

/// Creates the file, with its lock, which says that a rewrite is at work on it.
fn create_locked(disk: &dyn Disk, path: &Path) -> io::Result<Arc<dyn DiskFile>> {
    loop {
        match disk.remove(path) {
            Err(cause) if cause.kind() != io::ErrorKind::NotFound => return Err(cause),
            _ => {}
        }
        let file = disk.open(path, How::WRITE.here().create(Create::New).private())?;
        // One that is not locked yet looks like a leftover.
        if file.lock(true)? != Tried::Busy && is_at(disk, path, file.id()) {
            return Ok(file);
        }
    }
}

/// The quarantine file that a killed rewrite of this file has left unfinished.
pub(crate) fn leftover(settings: &Settings, lock_path: &Path, id: FileId) -> Option<Beside> {
    let path = hidden_path(settings.quarantine_dir.as_ref()?, lock_path, id);
    let (_, bytes) = unlocked(&*settings.disk, &path)?;
    Some(Beside { name: name_of(&path), why: Why::Leftover, bytes })
}

/// Removes the quarantine files that killed rewrites of journals of this name have left unfinished. A failure
/// does not matter to the rewrite that begins.
pub(super) fn clean(disk: &dyn Disk, dir: &Path, lock_path: &Path) {
    let begins = format!(".{}.", name_of(lock_path));
    for name in disk.list(dir).unwrap_or_default() {
        if name.starts_with(&begins) && name.ends_with(HIDDEN) {
            let path = dir.join(name);
            if is_abandoned(disk, &path) {
                let _ = disk.remove(&path);
            }
        }
    }
}
