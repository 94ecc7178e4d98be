//! One file, which is never full.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use crate::defects::{Defect, has};
use crate::disk::{DiskFile, FileId, How};
use crate::error::{Error, Kind, Result, changed_meanwhile};
use crate::file_set::{FileSet, LockedFile, Rotation, Steps, create_plain, named, not_there};
use crate::followed::FollowedFile;
use crate::lock::{Held, Opened, lock};
use crate::member::{Member, View};
use crate::names::Use;
use crate::rewrite::quarantine;
use crate::settings::{Deadline, Settings};
use crate::settled::settled;
use crate::temporary::leftover;

/// A journal in one file.
#[derive(Debug)]
pub struct OneFile {
    settings: Settings,
}

impl OneFile {
    /// Touches nothing.
    pub fn new(settings: Settings) -> Self {
        Self { settings }
    }

    fn open_to_read(&self) -> Result<Arc<dyn DiskFile>> {
        match self.settings.disk.open(&self.settings.path, How::READ) {
            Err(cause) if cause.kind() == io::ErrorKind::NotFound => Err(not_there(&self.settings)),
            opened => opened.map_err(|cause| self.settings.cannot("read", cause)),
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

    /// Opens the file and reads a length at which no write was going on.
    fn view(&self) -> Result<View> {
        let settings = &self.settings;
        let deadline = settings.deadline();
        let (file, length) = loop {
            let file = self.open_to_read()?;
            let length = settled(&file, deadline, settings)?;
            // A rewrite may have switched files while we waited for the lock of the old one.
            if named(settings, &settings.path)? == Some(file.id()) {
                break (file, length);
            }
            if settings.is_over(deadline) {
                return Err(changed_meanwhile(&settings.path));
            }
        };
        let besides = self.lock_path().ok().map(|path| {
            let rewrite = leftover(settings, &path, Use::Rewrite);
            rewrite.into_iter().chain(quarantine::leftover(settings, &path, file.id())).collect()
        });
        let member = Member::new(settings.file_name(), 0, length, Some(file));
        Ok(View { members: vec![member], besides: besides.unwrap_or_default() })
    }

    fn reader(&self) -> Option<Arc<dyn FileSet>> {
        Some(Arc::new(FollowedFile::new(Box::new(Self::new(self.settings.clone())))))
    }

    fn steps(&self) -> &dyn Steps {
        self
    }
}

impl Steps for OneFile {
    fn open(&self, how: How) -> Opened {
        self.settings.disk.open(&self.settings.path, how)
    }

    fn create(&self, _: Deadline) -> Result<()> {
        create_plain(self)
    }

    fn locate(&self, id: FileId) -> Result<Option<PathBuf>> {
        let path = match self.lock_path() {
            Err(cause) if cause.kind() == io::ErrorKind::NotFound => return Ok(None),
            path => path.map_err(|cause| self.settings.cannot("look at", cause))?,
        };
        // Of the very path that will be replaced: a symlink may be pointed elsewhere meanwhile.
        Ok((named(&self.settings, &path)? == Some(id)).then_some(path))
    }

    /// The file that the path resolves to: a symlink stays a symlink.
    fn lock_path(&self) -> io::Result<PathBuf> {
        self.settings.disk.real_path(&self.settings.path)
    }

    fn lock_for_switch(
        &self,
        source: &Arc<dyn DiskFile>,
        deadline: Deadline,
    ) -> Result<LockedFile> {
        let held = if has(Defect::SwitchUnlocked) {
            Held::adopt(Arc::clone(source))
        } else {
            lock(Arc::clone(source), true, deadline, &self.settings)?
        };
        let path = self.locate(source.id())?;
        let path = path.ok_or_else(|| changed_meanwhile(&self.settings.path))?;
        Ok(LockedFile { path, expendable: false, held })
    }

    fn remove(&self, _: &LockedFile) -> Result<()> {
        Err(Error::new(
            Kind::Unsupported,
            format!("{} is the whole journal and is never removed", self.settings.path.display()),
        ))
    }

    fn files(&self) -> Result<Vec<Arc<dyn DiskFile>>> {
        Ok(vec![self.open_to_read()?])
    }

    fn rotation(&self) -> Option<&dyn Rotation> {
        None
    }
}
