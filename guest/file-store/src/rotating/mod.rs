//! A set of files of bounded number and size.

mod limits;
mod record_counts;
mod rotate;
mod sealed;
mod view;

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

pub use self::limits::Limits;
pub use self::record_counts::Dropped;
use self::record_counts::RecordCounts;
use self::sealed::{look, sealed};
use crate::disk::{Disk, DiskFile, FileId, How};
use crate::error::{Error, Kind, Result, changed_meanwhile};
use crate::file_set::{
    FileSet, Fresh, LockedFile, Plan, Rotation, Steps, create_plain, named, open_or_create,
};
use crate::lock::{Opened, lock};
use crate::member::View;
use crate::names::{Use, numbered};
use crate::settings::{Deadline, Settings};
use crate::temporary::{Temporary, rename_to_free};

/// The maximum number of files in a set. A reader holds all of them open at once.
pub const MAX_FILES: u32 = 1000;

/// How often to look for a file that is being moved.
const LOOKS: u32 = 5;

/// A journal in a set of files: `path` is appended to, `path.1` was before, and so on.
#[derive(Debug)]
pub struct Rotating {
    settings: Settings,
    limits: Limits,
    counts: Arc<RecordCounts>,
}

impl Rotating {
    /// Touches nothing.
    pub fn new(settings: Settings, limits: Limits) -> Self {
        Self { settings, limits, counts: Arc::default() }
    }

    /// The amount that rotations by this value have dropped so far.
    pub fn dropped(&self) -> Dropped {
        self.counts.dropped()
    }

    fn disk(&self) -> &dyn Disk {
        &*self.settings.disk
    }

    /// The number of the file with this identity, at this moment.
    fn number(&self, id: FileId) -> io::Result<Option<u32>> {
        for number in 0..self.limits.max_files {
            let found = look(self.disk(), &numbered(&self.settings.path, number))?;
            if found.is_some_and(|metadata| metadata.id == id) {
                return Ok(Some(number));
            }
        }
        Ok(None)
    }

    /// Has the lines counted of the file that goes next.
    fn prepare(&self) {
        let oldest = self.limits.max_files - 1;
        let path = numbered(&self.settings.path, oldest);
        if oldest > 0 && self.disk().metadata(&path, false).is_ok() {
            RecordCounts::prepare(&self.counts, &self.settings.disk, path);
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

    fn view(&self) -> Result<View> {
        view::view(self)
    }

    fn dropped_records(&self) -> u64 {
        self.dropped().records
    }

    fn steps(&self) -> &dyn Steps {
        self
    }
}

impl Steps for Rotating {
    fn open(&self, how: How) -> Opened {
        self.disk().open(&self.settings.path, how.here())
    }

    /// A rotation that was killed may have left the set without the file that is appended to. The new
    /// one takes after the newest of the others.
    fn create(&self, deadline: Deadline) -> Result<()> {
        let settings = &self.settings;
        let home = &settings.path;
        let cannot = |cause| settings.cannot("begin a new file of", cause);
        let found = sealed(self.disk(), home, self.limits.max_files).map_err(cannot)?;
        let Some(newest) = found.first() else { return create_plain(self) };
        let mut next = Temporary::claim(settings, home, Use::Next, deadline)?;
        let path = numbered(home, newest.number);
        let model = self.disk().open(&path, How::READ.here());
        let model = model.map_err(|cause| settings.failure("look at", &path, cause))?;
        next.resemble(settings, &*model, home)?;
        match next.publish_new(home) {
            Err(cause) if cause.kind() != io::ErrorKind::AlreadyExists => Err(cannot(cause)),
            _ => Ok(()),
        }
    }

    fn locate(&self, id: FileId) -> Result<Option<PathBuf>> {
        for look in 0..LOOKS {
            let number = self.number(id);
            let number = number.map_err(|cause| self.settings.cannot("look at", cause))?;
            if let Some(number) = number {
                return Ok(Some(numbered(&self.settings.path, number)));
            }
            // A rotation may have moved it past us.
            self.disk().sleep(Duration::from_millis(look.into()));
        }
        Ok(None)
    }

    fn lock_path(&self) -> io::Result<PathBuf> {
        Ok(self.settings.path.clone())
    }

    /// Takes the lock of the file that is appended to, without which no process rotates.
    fn lock_for_switch(
        &self,
        source: &Arc<dyn DiskFile>,
        deadline: Deadline,
    ) -> Result<LockedFile> {
        let settings = &self.settings;
        let home = &settings.path;
        loop {
            let active = open_or_create(self, deadline)?;
            let id = active.id();
            // The rewrite already has locks by way of its own handle.
            let file = if id == source.id() { Arc::clone(source) } else { active };
            let held = lock(file, true, deadline, settings)?;
            if named(settings, home)? != Some(id) {
                if settings.is_over(deadline) {
                    return Err(changed_meanwhile(home));
                }
                continue;
            }
            self.heal().map_err(|cause| settings.cannot("put in order", cause))?;
            let number = self.number(source.id());
            let number = number.map_err(|cause| settings.cannot("look at", cause))?;
            let number = number.ok_or_else(|| {
                let home = home.display();
                let message =
                    format!("a file of {home} was dropped or replaced meanwhile; try again");
                Error::new(Kind::Locked, message)
            })?;
            return Ok(LockedFile { path: numbered(home, number), expendable: number > 0, held });
        }
    }

    /// Removes a sealed file and closes the gap.
    fn remove(&self, LockedFile { path, .. }: &LockedFile) -> Result<()> {
        let settings = &self.settings;
        let home = &settings.path;
        let gone = (1..self.limits.max_files).find(|number| numbered(home, *number) == *path);
        let removed = self.disk().remove(path);
        removed.map_err(|cause| settings.failure("remove", path, cause))?;
        for number in gone.map_or(0..0, |gone| gone + 1..self.limits.max_files) {
            let (from, to) = (numbered(home, number), numbered(home, number - 1));
            match rename_to_free(self.disk(), &from, &to) {
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

    fn files(&self) -> Result<Vec<Arc<dyn DiskFile>>> {
        let home = &self.settings.path;
        let cannot = |cause| self.settings.cannot("sync", cause);
        let found = sealed(self.disk(), home, self.limits.max_files).map_err(cannot)?;
        let numbers = found.iter().map(|file| file.number).chain([0]);
        let open = |number| match self.disk().open(&numbered(home, number), How::READ.here()) {
            // Dropped meanwhile.
            Err(cause) if cause.kind() == io::ErrorKind::NotFound => None,
            opened => Some(opened.map_err(cannot)),
        };
        numbers.filter_map(open).collect()
    }

    fn rotation(&self) -> Option<&dyn Rotation> {
        Some(self)
    }
}

impl Rotation for Rotating {
    fn max_bytes(&self) -> u64 {
        self.limits.max_bytes
    }

    fn plan(&self, active: &dyn DiskFile, first: &str) -> Result<Plan> {
        self.plan_rotation(active, first)
    }

    fn rotate(
        &self,
        plan: &mut Plan,
        active: &dyn DiskFile,
        first: &str,
        deadline: Deadline,
    ) -> Result<Fresh> {
        self.rotate_set(plan, active, first, deadline)
    }

    fn opened(&self) {
        self.prepare();
    }

    fn wrote(&self, id: FileId, start: u64, end: u64, line_ends: u64) {
        self.counts.wrote(id, start, end, line_ends);
    }
}
