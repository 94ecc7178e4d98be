//! The real disk, made to fail by tests.

use std::io::{self, IoSlice};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use papyra_file_store::disk::{Create, FileId, How, Metadata, NotAlike, Reason, Tried};
use papyra_file_store::{Disk, DiskFile};

use super::os::{OsDisk, synced_dir, tried};

/// An operation that can be made to fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::store) enum Op {
    Lock,
    Sync,
    SyncDir,
    Truncate,
    Create,
    Rename,
    /// The report of a rename that was done.
    Renamed,
    Unlink,
}

impl Op {
    /// Returns true if it changes which names there are.
    fn is_of_names(self) -> bool {
        matches!(self, Self::Create | Self::Rename | Self::Unlink)
    }
}

/// How the disk is to fail.
#[derive(Debug, Default)]
pub(in crate::store) struct Plan {
    /// These fail with EIO until taken out again.
    pub failing: Vec<Op>,
    /// The number of calls in `failing` that still succeed.
    pub passing: usize,
    /// These fail with an error of their own.
    pub refused: Vec<(Op, rustix::io::Errno)>,
    /// The number of bytes after which a write fails with ENOSPC.
    pub space: Option<usize>,
    /// There is space again once a write has failed for want of it.
    pub space_returns: bool,
    /// The next sync waits until something is written, and then fails. It is the only one that does, as
    /// the kernel tells only one of two that sync the same open file at the same time.
    pub tell_one: bool,
    /// A sync waits for a write.
    pub awaiting_write: bool,
    /// How often the data was synced.
    pub syncs: usize,
    /// The number of changes of names after which the process is as good as killed: nothing works any more.
    pub steps: Option<usize>,
}

impl Plan {
    fn is_dead(&self) -> bool {
        self.steps == Some(0)
    }
}

#[derive(Clone, Debug, Default)]
pub(in crate::store) struct Faults {
    plan: Arc<Mutex<Plan>>,
    disk: Arc<OsDisk>,
}

impl Faults {
    pub fn plan(&self) -> MutexGuard<'_, Plan> {
        self.plan.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Fails if `op` is to fail.
    fn check(&self, op: Op) -> io::Result<()> {
        let mut plan = self.plan();
        let fails = plan.failing.contains(&op);
        if plan.is_dead() || fails && plan.passing == 0 {
            return Err(rustix::io::Errno::IO.into());
        }
        plan.passing -= usize::from(fails);
        if let Some((_, errno)) = plan.refused.iter().find(|(refused, _)| *refused == op) {
            return Err((*errno).into());
        }
        if let Some(steps) = plan.steps.as_mut().filter(|_| op.is_of_names()) {
            *steps -= 1;
        }
        if op == Op::Sync {
            plan.syncs += 1;
        }
        Ok(())
    }

    /// How much space there is for this write, if it is limited.
    fn space(&self) -> Option<usize> {
        let mut plan = self.plan();
        let space = plan.space;
        if plan.space_returns && space == Some(0) {
            plan.space = None;
        }
        space
    }

    /// See [`Plan::tell_one`].
    fn tell_one(&self) -> io::Result<()> {
        {
            let mut plan = self.plan();
            if !std::mem::take(&mut plan.tell_one) {
                return Ok(());
            }
            plan.awaiting_write = true;
        }
        for _ in 0..5000 {
            if !self.plan().awaiting_write {
                break;
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        Err(rustix::io::Errno::IO.into())
    }
}

impl Disk for Faults {
    fn open(&self, path: &Path, how: How) -> io::Result<Arc<dyn DiskFile>> {
        if how.create == Create::New {
            self.check(Op::Create)?;
        }
        let file = self.disk.open(path, how)?;
        Ok(Arc::new(FaultyFile { file, faults: self.clone() }))
    }

    fn metadata(&self, path: &Path, follow: bool) -> io::Result<Metadata> {
        self.disk.metadata(path, follow)
    }

    fn real_path(&self, path: &Path) -> io::Result<PathBuf> {
        self.disk.real_path(path)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.check(Op::Rename)?;
        self.disk.rename(from, to)?;
        self.check(Op::Renamed)
    }

    fn rename_new(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.check(Op::Rename)?;
        self.disk.rename_new(from, to)?;
        self.check(Op::Renamed)
    }

    fn link(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.disk.link(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        self.check(Op::Unlink)?;
        self.disk.remove(path)
    }

    fn create_dir(&self, path: &Path) -> io::Result<()> {
        self.disk.create_dir(path)
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<String>> {
        self.disk.list(dir)
    }

    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        synced_dir(self.check(Op::SyncDir))?;
        self.disk.sync_dir(dir)
    }

    fn may_replace(&self, path: &Path) -> Result<(), Reason> {
        self.disk.may_replace(path)
    }

    fn may_write_in(&self, dir: &Path) -> io::Result<()> {
        self.disk.may_write_in(dir)
    }

    fn explain(&self, path: &Path, error: &io::Error) -> Option<Reason> {
        self.disk.explain(path, error)
    }

    fn user(&self) -> Option<u32> {
        self.disk.user()
    }

    fn now(&self) -> Duration {
        self.disk.now()
    }

    fn wall_clock(&self) -> Duration {
        self.disk.wall_clock()
    }

    fn sleep(&self, duration: Duration) {
        self.disk.sleep(duration);
    }
}

#[derive(Debug)]
struct FaultyFile {
    file: Arc<dyn DiskFile>,
    faults: Faults,
}

impl DiskFile for FaultyFile {
    fn id(&self) -> FileId {
        self.file.id()
    }

    fn metadata(&self) -> io::Result<Metadata> {
        self.file.metadata()
    }

    fn read_at(&self, buffer: &mut [u8], at: u64) -> io::Result<usize> {
        self.file.read_at(buffer, at)
    }

    fn append(&self, pieces: &[IoSlice<'_>]) -> io::Result<usize> {
        {
            let mut plan = self.faults.plan();
            plan.awaiting_write = false;
            if plan.is_dead() {
                return Err(rustix::io::Errno::IO.into());
            }
        }
        let Some(space) = self.faults.space() else { return self.file.append(pieces) };
        if space == 0 {
            return Err(rustix::io::Errno::NOSPC.into());
        }
        let flat: Vec<u8> = pieces.iter().flat_map(|slice| slice.iter().copied()).collect();
        let flat = flat.get(..space).unwrap_or(&flat);
        let written = self.file.append(&[IoSlice::new(flat)])?;
        self.faults.plan().space = Some(space - written);
        Ok(written)
    }

    fn start_appending(&self) -> io::Result<()> {
        self.file.start_appending()
    }

    fn write_at(&self, bytes: &[u8], at: u64) -> io::Result<()> {
        self.file.write_at(bytes, at)
    }

    fn set_len(&self, length: u64) -> io::Result<()> {
        self.faults.check(Op::Truncate)?;
        self.file.set_len(length)
    }

    fn sync_data(&self) -> io::Result<()> {
        self.faults.check(Op::Sync)?;
        self.faults.tell_one()?;
        self.file.sync_data()
    }

    fn sync_all(&self) -> io::Result<()> {
        self.file.sync_all()
    }

    fn lock(&self, exclusive: bool) -> io::Result<Tried> {
        tried(self.faults.check(Op::Lock)).map_or_else(Err, |answer| match answer {
            Tried::Locked => self.file.lock(exclusive),
            other => Ok(other),
        })
    }

    fn unlock(&self) {
        self.file.unlock();
    }

    fn next_data(&self, start: u64, end: u64) -> (u64, u64) {
        self.file.next_data(start, end)
    }

    fn resemble(&self, other: &dyn DiskFile, quarantine: bool) -> Result<(), NotAlike> {
        let other = other.as_any().downcast_ref::<Self>().map_or(other, |other| &*other.file);
        self.file.resemble(other, quarantine)
    }

    fn as_any(&self) -> &dyn std::any::Any {
        self
    }
}
