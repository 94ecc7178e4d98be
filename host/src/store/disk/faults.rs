//! The one place where tests make the disk fail. In a release build it is an empty struct whose
//! methods are the plain system calls.

use std::fs::File;
use std::io::{self, IoSlice, Write};

#[cfg(test)]
use std::sync::{Arc, Mutex};

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

#[cfg(test)]
impl Op {
    /// Returns true if it changes which names there are.
    fn is_of_names(self) -> bool {
        matches!(self, Self::Create | Self::Rename | Self::Unlink)
    }
}

/// How the disk is to fail.
#[cfg(test)]
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

#[cfg(test)]
impl Plan {
    fn is_dead(&self) -> bool {
        self.steps == Some(0)
    }
}

#[derive(Clone, Debug, Default)]
pub(in crate::store) struct Faults {
    #[cfg(test)]
    pub plan: Arc<Mutex<Plan>>,
}

impl Faults {
    /// Fails if `op` is to fail.
    #[inline]
    pub fn check(&self, op: Op) -> io::Result<()> {
        #[cfg(test)]
        {
            let mut plan = self.plan.lock().unwrap();
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
        }
        let _ = op;
        Ok(())
    }

    #[inline]
    fn write(&self, mut file: &File, bytes: &[IoSlice<'_>]) -> io::Result<usize> {
        #[cfg(test)]
        {
            let mut plan = self.plan.lock().unwrap();
            plan.awaiting_write = false;
            if plan.is_dead() {
                return Err(rustix::io::Errno::IO.into());
            }
        }
        #[cfg(test)]
        if let Some(space) = self.space() {
            if space == 0 {
                return Err(rustix::io::Errno::NOSPC.into());
            }
            let flat: Vec<u8> = bytes.iter().flat_map(|slice| slice.iter().copied()).collect();
            let written = file.write(&flat[..flat.len().min(space)])?;
            self.plan.lock().unwrap().space = Some(space - written);
            return Ok(written);
        }
        file.write_vectored(bytes)
    }

    /// Writes everything; returns how much of it was written even on an error.
    pub fn write_all(&self, file: &File, mut slices: &mut [IoSlice<'_>]) -> (u64, io::Result<()>) {
        let mut written: u64 = 0;
        // `advance_slices` also drops empty slices at the front.
        IoSlice::advance_slices(&mut slices, 0);
        while !slices.is_empty() {
            match self.write(file, slices) {
                Ok(0) => return (written, Err(io::ErrorKind::WriteZero.into())),
                Ok(count) => {
                    written = written.saturating_add(count as u64);
                    IoSlice::advance_slices(&mut slices, count);
                }
                Err(cause) if cause.kind() == io::ErrorKind::Interrupted => {}
                Err(cause) => return (written, Err(cause)),
            }
        }
        (written, Ok(()))
    }

    /// How much space there is for this write, if it is limited.
    #[cfg(test)]
    fn space(&self) -> Option<usize> {
        let mut plan = self.plan.lock().unwrap();
        let space = plan.space;
        if plan.space_returns && space == Some(0) {
            plan.space = None;
        }
        space
    }

    #[inline]
    pub fn sync(&self, file: &File) -> io::Result<()> {
        self.check(Op::Sync)?;
        #[cfg(test)]
        self.tell_one()?;
        file.sync_data()
    }

    /// See [`Plan::tell_one`].
    #[cfg(test)]
    fn tell_one(&self) -> io::Result<()> {
        {
            let mut plan = self.plan.lock().unwrap();
            if !std::mem::take(&mut plan.tell_one) {
                return Ok(());
            }
            plan.awaiting_write = true;
        }
        for _ in 0..5000 {
            if !self.plan.lock().unwrap().awaiting_write {
                break;
            }
            std::thread::sleep(std::time::Duration::from_millis(1));
        }
        Err(rustix::io::Errno::IO.into())
    }
}
