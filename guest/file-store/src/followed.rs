//! A file as one reader sees it who comes back for more.
//!
//! Another program can rename the file between two looks (`logrotate`), and what was written to it in
//! between would never be seen by way of its path. So the file that was last seen stays open, and while
//! there is something else at the path, it is a sealed segment before that: the reader finds its place in it
//! again, as after a rotation of ours, reads it to its end and goes on in the new one.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use crate::disk::DiskFile;
use crate::error::{Kind, Result};
use crate::file_set::{FileSet, Steps};
use crate::member::{Member, View};
use crate::mutex::locked;
use crate::settings::Settings;
use crate::settled::settled;

/// The maximum number of files that are kept open although they have lost their place.
const OLDER: usize = 8;

/// The number of looks, since the new file was begun and the older ones were not read any more, after which
/// they are closed. One would do, unless a look fails and is repeated.
const SURE: u32 = 16;

/// See the [module](self).
#[derive(Debug)]
pub(crate) struct FollowedFile {
    file: Box<dyn FileSet>,
    seen: Mutex<Seen>,
}

#[derive(Debug, Default)]
struct Seen {
    /// At the path when that was last looked at.
    current: Option<Arc<dyn DiskFile>>,
    /// Renamed or removed, oldest first.
    older: VecDeque<Arc<dyn DiskFile>>,
    /// There was nothing at the path.
    missing: bool,
    /// Looks since the file at the path was begun, and none of the older ones was read.
    looks: Option<u32>,
}

impl FollowedFile {
    pub fn new(file: Box<dyn FileSet>) -> Self {
        Self { file, seen: Mutex::default() }
    }

    /// The older files as segments, numbered as a rotating store would.
    fn sealed(&self, seen: &Seen) -> Result<Vec<Member>> {
        let settings = self.settings();
        let deadline = settings.deadline();
        let count = u32::try_from(seen.older.len()).unwrap_or(u32::MAX);
        let member = |(file, before): (&Arc<dyn DiskFile>, u32)| {
            // Whoever has it open may still write to it.
            let length = settled(file, deadline, settings)?;
            let number = count - before;
            let name = format!("{}.{number}", settings.file_name());
            Ok(Member::new(name, number, length, Some(Arc::clone(file))))
        };
        seen.older.iter().zip(0..).map(member).collect()
    }
}

impl Seen {
    /// There is another file at the path now, or none.
    fn replaced(&mut self) {
        let Some(file) = self.current.take() else { return };
        if self.looks.take().is_some() {
            self.older.clear();
        }
        self.older.push_back(file);
        while self.older.len() > OLDER {
            self.older.pop_front();
        }
    }

    fn note(&mut self, found: Option<Arc<dyn DiskFile>>, settings: &Settings) {
        let path = settings.path.display();
        match (&self.current, found) {
            (Some(file), Some(now)) if file.id() == now.id() => {}
            (Some(file), Some(new)) => {
                // A rewrite has put the same records there, and a file without a name is not read again. One
                // that was renamed has a name.
                if file.metadata().is_ok_and(|metadata| metadata.links > 0) {
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

    fn view(&self) -> Result<View> {
        let settings = self.settings();
        let mut seen = locked(&self.seen);
        let mut view = match self.file.view() {
            // Before the first look it is an error: the path may be wrong.
            Err(error) if error.kind == Kind::NotFound => {
                if seen.current.is_none() && seen.older.is_empty() {
                    return Err(error);
                }
                seen.note(None, settings);
                let active = Member::new(settings.file_name(), 0, 0, None);
                View { members: vec![active], besides: Vec::new() }
            }
            view => {
                let view = view?;
                let found = view.members.iter().find_map(|member| member.file.clone());
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

    fn steps(&self) -> &dyn Steps {
        self.file.steps()
    }
}
