//! The bytes that a rewrite removes, kept for people to look at.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt, fchown};
use std::path::{Path, PathBuf};

use super::super::create_dir::create_dir;
use super::super::faults::Faults;
use super::super::settings::name_of;
use super::super::sys::{self, FileId, failure};
use super::Cancel;
use super::copy::Copier;
use crate::store::StoreError;

/// A quarantine file in the making. It has a hidden name until it is complete: a file with the final
/// name is whole, and a rewrite that is killed leaves nothing that looks like one.
#[derive(Debug)]
pub(super) struct Quarantine {
    dir: PathBuf,
    target_name: String,
    /// Where the file is now, until it is to stay.
    path: Option<PathBuf>,
    pub copier: Copier,
}

impl Quarantine {
    /// The caller holds the rewrite lock of `lock_path`. The hidden name has its name in it, and the inode
    /// of the file that is rewritten: a file of that name is a leftover of an interrupted rewrite of the
    /// same file.
    pub fn begin(
        dir: &Path,
        lock_path: &Path,
        target: &Path,
        source: &File,
        cancel: Cancel,
        faults: &Faults,
    ) -> Result<Self, StoreError> {
        let cannot = |cause| failure("write the quarantine file in", dir, cause);
        create_dir(dir, faults).map_err(cannot)?;
        let metadata = source.metadata().map_err(cannot)?;
        let target_name = name_of(target);
        let path = hidden_path(dir, lock_path, FileId::of(&metadata));
        remove_leftover(&path).map_err(cannot)?;
        let mut options = OpenOptions::new();
        options.write(true).create_new(true).mode(0o600);
        let (file, _) = sys::open_own(&path, &mut options).map_err(cannot)?;
        let source = source.try_clone().map_err(cannot)?;
        // From here on dropping removes the file.
        let quarantine = Self {
            dir: dir.to_owned(),
            target_name,
            path: Some(path),
            copier: Copier::new(source, file.try_clone().map_err(cannot)?, cancel),
        };
        // Only root can give files away; any other user keeps the quarantine file as its own.
        let _ = fchown(&file, Some(metadata.uid()), Some(metadata.gid()));
        let mode = fs::Permissions::from_mode(metadata.mode() & 0o666);
        file.set_permissions(mode).map_err(cannot)?;
        Ok(quarantine)
    }

    /// Makes the quarantine file durable under its final name, and returns that. The file is still removed
    /// if this is dropped before [`Quarantine::stay`].
    pub fn finish(&mut self, faults: &Faults) -> Result<String, StoreError> {
        let cannot = |cause| failure("write the quarantine file in", &self.dir, cause);
        self.copier.sync().map_err(cannot)?;
        let stamp = jiff::Timestamp::now().strftime("%Y%m%dT%H%M%S%.3fZ");
        let hidden = self.path.clone().unwrap_or_default();
        let mut number = 1_u32;
        let path = loop {
            let name = format!("{}.{stamp}.{number}.quarantine", self.target_name);
            let path = self.dir.join(name);
            match sys::rename_new(&hidden, &path) {
                Ok(()) => break path,
                Err(cause) if cause.kind() == io::ErrorKind::AlreadyExists => number += 1,
                Err(cause) => return Err(cannot(cause)),
            }
        };
        self.path = Some(path.clone());
        sys::sync_dir(&self.dir, faults).map_err(cannot)?;
        Ok(path.display().to_string())
    }

    /// The original no longer has these bytes: the file stays.
    pub fn stay(mut self) {
        self.path = None;
    }

    /// Removes the file.
    pub fn discard(&mut self) {
        if let Some(path) = self.path.take() {
            let _ = fs::remove_file(path);
        }
    }
}

impl Drop for Quarantine {
    fn drop(&mut self) {
        self.discard();
    }
}

/// The inode tells journals of the same name apart that share the directory.
fn hidden_path(dir: &Path, lock_path: &Path, FileId { device, inode }: FileId) -> PathBuf {
    dir.join(format!(".{}.{device:x}-{inode:x}.papyra-quarantine", name_of(lock_path)))
}

fn remove_leftover(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(cause) if cause.kind() != io::ErrorKind::NotFound => Err(cause),
        _ => Ok(()),
    }
}

/// Removes the quarantine file that a killed rewrite of this file has left unfinished. The caller holds
/// the rewrite lock. After the rewrite the file has a new inode, and the leftover could not be found again.
pub(super) fn clean(dir: &Path, lock_path: &Path, id: FileId) {
    let _ = remove_leftover(&hidden_path(dir, lock_path, id));
}
