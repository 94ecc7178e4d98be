//! A file as one reader sees it who comes back for more.
//!
//! Another program can rename the file between two looks (`logrotate`), and what was written to it in
//! between would never be seen by way of its path. So the file that was last seen stays open, and while
//! there is something else at the path, it is a sealed segment before that: the reader finds its place in it
//! again, as after a rotation of ours, reads it to its end and goes on in the new one.

use std::collections::VecDeque;
use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Instant;

use super::one_file::{OneFile, settled};
use crate::store::disk::file_set::{FileSet, LockedFile, Rotation, View};
use crate::store::disk::member::Member;
use crate::store::disk::settings::Settings;
use crate::store::disk::sys::{FileId, failure, locked};
use crate::store::{StoreError, StoreErrorKind};

/// The maximum number of files that are kept open although they have lost their place.
const OLDER: usize = 8;

/// The number of looks, since the new file was begun and the older ones were not read any more, after which
/// they are closed. One would do, unless a look fails and is repeated.
const SURE: u32 = 16;

/// See the [module](self).
#[derive(Debug)]
pub(super) struct FollowedFile {
    file: OneFile,
    seen: Mutex<Seen>,
}

#[derive(Debug, Default)]
struct Seen {
    /// At the path when that was last looked at.
    current: Option<(File, FileId)>,
    /// Renamed or removed, oldest first.
    older: VecDeque<(File, FileId)>,
    /// There was nothing at the path.
    missing: bool,
    /// Looks since the file at the path was begun, and none of the older ones was read.
    looks: Option<u32>,
}

impl FollowedFile {
    pub fn new(file: OneFile) -> Self {
        Self { file, seen: Mutex::default() }
    }

    /// The older files as segments, numbered as a rotating store would.
    fn sealed(&self, seen: &Seen) -> Result<Vec<Member>, StoreError> {
        let settings = self.settings();
        let deadline = Instant::now() + settings.lock_wait;
        let count = u32::try_from(seen.older.len()).unwrap_or(u32::MAX);
        let member = |((file, id), before): (&(File, FileId), u32)| {
            let cannot = |cause| failure("read", &settings.path, cause);
            let file = file.try_clone().map_err(cannot)?;
            // Whoever has it open may still write to it.
            let length = settled(&file, deadline, settings)?;
            let number = count - before;
            let name = format!("{}.{number}", settings.file_name());
            Ok(Member::new(name, number, length, Some((file, *id))))
        };
        seen.older.iter().zip(0..).map(member).collect()
    }
}

impl Seen {
    /// There is another file at the path now, or none.
    fn replaced(&mut self) {
        let Some((file, id)) = self.current.take() else { return };
        if self.looks.take().is_some() {
            self.older.clear();
        }
        self.older.push_back((file, id));
        while self.older.len() > OLDER {
            self.older.pop_front();
        }
    }

    fn note(&mut self, found: Option<(File, FileId)>, settings: &Settings) {
        let path = settings.path.display();
        match (&self.current, found) {
            (Some((_, id)), Some((_, now))) if *id == now => {}
            (Some((file, _)), Some(new)) => {
                // A rewrite has put the same records there, and a file without a name is not read again. One
                // that was renamed has a name.
                if file.metadata().is_ok_and(|metadata| metadata.nlink() > 0) {
                    tracing::info!(%path, "the file was renamed: the old one is read to its end first");
                    self.replaced();
                }
                self.current = Some(new);
            }
            (None, Some(new)) => self.current = Some(new),
            (_, None) => {
                if !std::mem::replace(&mut self.missing, true) {
                    tracing::warn!(
                        %path,
                        "the file is gone: what is left of it is read, and a new one waited for"
                    );
                }
                self.replaced();
                return;
            }
        }
        self.missing = false;
        self.looks = self.looks.map(|looks| looks + 1);
        if self.looks.is_some_and(|looks| looks > SURE) {
            self.older.clear();
        }
    }
}

impl FileSet for FollowedFile {
    fn settings(&self) -> &Settings {
        self.file.settings()
    }

    fn backend(&self) -> &'static str {
        self.file.backend()
    }

    fn open(&self, options: &mut OpenOptions) -> io::Result<File> {
        self.file.open(options)
    }

    fn create(&self) -> Result<(), StoreError> {
        self.file.create()
    }

    fn locate(&self, id: FileId) -> Result<Option<PathBuf>, StoreError> {
        self.file.locate(id)
    }

    fn lock_path(&self) -> io::Result<PathBuf> {
        self.file.lock_path()
    }

    fn lock_for_switch(
        &self,
        source: &File,
        id: FileId,
        deadline: Instant,
    ) -> Result<LockedFile, StoreError> {
        self.file.lock_for_switch(source, id, deadline)
    }

    fn remove(&self, file: &LockedFile) -> Result<(), StoreError> {
        self.file.remove(file)
    }

    fn view(&self) -> Result<View, StoreError> {
        let settings = self.settings();
        let mut seen = locked(&self.seen);
        let mut view = match self.file.view() {
            // Before the first look it is an error: the path may be wrong.
            Err(error) if error.kind() == StoreErrorKind::NotFound => {
                if seen.current.is_none() && seen.older.is_empty() {
                    return Err(error);
                }
                seen.note(None, settings);
                let active = Member::new(settings.file_name(), 0, 0, None);
                View { members: vec![active], besides: Vec::new() }
            }
            view => {
                let view = view?;
                let found = view.members.iter().find_map(|member| member.file.as_ref());
                let copy = |(file, id): &(Arc<File>, FileId)| Ok((file.try_clone()?, *id));
                let found = found.map(copy).transpose();
                let found = found.map_err(|cause| failure("read", &settings.path, cause))?;
                if found.is_some() {
                    seen.note(found, settings);
                }
                view
            }
        };
        let mut members = self.sealed(&seen)?;
        members.append(&mut view.members);
        Ok(View { members, ..view })
    }

    fn reads(&self, number: u32, from: u64) {
        let mut seen = locked(&self.seen);
        match (number, from) {
            // Not done with the older ones yet.
            (1.., _) => seen.looks = None,
            (0, 0) if !seen.older.is_empty() => {
                seen.looks.get_or_insert(0);
            }
            _ => {}
        }
    }

    fn rotation(&self) -> Option<&dyn Rotation> {
        None
    }
}
