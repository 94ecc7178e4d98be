//! Replacing the file by one without some of its bytes, and with line ends in some places.

use papyra_engine::host::{Edit, RewriteOptions, Rewritten, StorageError};

use super::copy::Copier;
use super::disk::{Cut, is_torn, read_whole};
use super::quarantine::{Quarantine, no_place};
use super::snapshot::Snapshot;
use super::wasi::filesystem::types::ErrorCode;
use crate::names;

/// How often to catch up with a program that appends meanwhile.
const ROUNDS: u32 = 64;

pub(super) struct Rewrite {
    snapshot: Snapshot,
    /// The new file's name, while it is ours to remove.
    temporary: Option<String>,
    new: Copier,
    /// The snapshot's last byte is not a line end.
    torn: bool,
    keep_quarantine: bool,
    quarantine: Option<Quarantine>,
    /// Snapshot bytes before this are copied or replaced.
    cursor: u64,
    /// Something is replaced or inserted.
    changed: bool,
}

impl Rewrite {
    /// Makes the temporary. `snapshot` is a view of its own.
    pub fn begin(snapshot: Snapshot, options: RewriteOptions) -> Result<Self, StorageError> {
        let place = &snapshot.place;
        let disk = &place.disk;
        if options.keep_quarantine && place.quarantine.is_none() {
            return Err(no_place());
        }
        let torn = is_torn(&snapshot.file, snapshot.length).map_err(|cut| cut.error(disk))?;
        let temporary = names::temporary(&snapshot.path);
        let file = disk.create(&temporary).map_err(|code| match code {
            ErrorCode::Exist => StorageError::Locked(format!(
                "{} is being rewritten, or a rewrite of it was killed; if none is going on, remove {} \
                 beside it",
                place.location,
                names::split(&temporary).1
            )),
            code => disk.error("make a new file beside", code),
        })?;
        let rewrite = Self {
            new: Copier::new(snapshot.file.clone(), file),
            temporary: Some(temporary),
            torn,
            keep_quarantine: options.keep_quarantine,
            quarantine: None,
            cursor: 0,
            changed: false,
            snapshot,
        };
        rewrite.check_unchanged()?;
        Ok(rewrite)
    }

    pub fn edit(&mut self, edits: &[Edit]) -> Result<(), StorageError> {
        let length = self.snapshot.length;
        for edit in edits {
            let (start, end) = (edit.start.minor, edit.end.minor);
            let ordered = self.cursor <= start && start <= end && end <= length;
            if edit.start.major != 0 || edit.end.major != 0 || !ordered {
                return Err(StorageError::Failed(format!(
                    "cannot replace bytes {start} to {end}: edits must ascend, and lie between {} and \
                     {length}",
                    self.cursor
                )));
            }
            if start == end && !edit.line_end {
                continue;
            }
            let kept = self.new.copy(self.cursor, start, length);
            kept.map_err(|cut| self.cannot(cut))?;
            if self.keep_quarantine && start < end {
                self.quarantine(start, end)?;
            }
            if edit.line_end {
                self.new.write(b"\n");
            }
            self.cursor = end;
            self.changed = true;
        }
        Ok(())
    }

    fn quarantine(&mut self, start: u64, end: u64) -> Result<(), StorageError> {
        let Snapshot { place, path, file, length, .. } = &self.snapshot;
        let quarantine = match &mut self.quarantine {
            Some(quarantine) => quarantine,
            none => none.insert(Quarantine::begin(place, path, file.clone())?),
        };
        let copied = quarantine.copier.copy(start, end, *length);
        copied.map_err(|cut| self.cannot(cut))
    }

    pub fn commit(mut self) -> Result<Rewritten, StorageError> {
        let length = self.snapshot.length;
        if !self.changed {
            let bytes = self.length_now()?;
            return Ok(rewritten(bytes, bytes, Vec::new()));
        }
        self.new.copy(self.cursor, length, length).map_err(|cut| self.cannot(cut))?;
        self.new.sync().map_err(|code| self.cannot(Cut::Failed(code)))?;
        let mut quarantine = Vec::new();
        if let Some(made) = &mut self.quarantine {
            quarantine.push(made.finish()?);
        }
        let before = self.catch_up(self.torn && self.cursor == length)?;
        let after = self.new.length();

        let Snapshot { place, path, .. } = &self.snapshot;
        let disk = &place.disk;
        let temporary = self.temporary.take().unwrap_or_default();
        if let Err(code) = disk.rename(&temporary, path) {
            let error = disk.error("rewrite", code);
            self.temporary = Some(temporary);
            return Err(error);
        }
        // The switch has happened, and there is no way back.
        if let Some(made) = self.quarantine.take() {
            made.stay();
        }
        disk.sync_names(path).map_err(|code| {
            disk.error("be sure that a power cut would not undo the finished rewrite of", code)
        })?;
        Ok(rewritten(before, after, quarantine))
    }

    /// Copies what was appended since the snapshot until nothing more comes, and returns the length
    /// of the old file. What comes between the last look and the switch is lost: WASI has no locks.
    fn catch_up(&mut self, drop_line_end: bool) -> Result<u64, StorageError> {
        let length = self.snapshot.length;
        let mut copied = length;
        for _ in 0..ROUNDS {
            let now = self.length_now()?;
            if now < copied {
                return Err(self.changed());
            }
            if now == copied {
                self.check_unchanged()?;
                return Ok(now);
            }
            let mut start = copied;
            if drop_line_end && copied == length {
                let next = read_whole(&self.snapshot.file, start, start.saturating_add(1));
                if next.map_err(|cut| self.cannot(cut))? != b"\n" {
                    // The tail was not torn, only unfinished.
                    return Err(self.changed());
                }
                start = start.saturating_add(1);
            }
            self.new.copy(start, now, now).map_err(|cut| self.cannot(cut))?;
            copied = now;
            self.new.sync().map_err(|code| self.cannot(Cut::Failed(code)))?;
        }
        Err(self.changed())
    }

    fn length_now(&self) -> Result<u64, StorageError> {
        self.snapshot.length_now().map_err(|code| self.cannot(Cut::Failed(code)))
    }

    /// The path still names the file of the snapshot.
    fn check_unchanged(&self) -> Result<(), StorageError> {
        let Snapshot { place, path, file, .. } = &self.snapshot;
        if place.disk.names(path, file) { Ok(()) } else { Err(self.changed()) }
    }

    fn changed(&self) -> StorageError {
        StorageError::Locked(format!(
            "{} was replaced or changed meanwhile; try again",
            self.snapshot.place.location
        ))
    }

    fn cannot(&self, cut: Cut) -> StorageError {
        match cut {
            Cut::Failed(code) => self.snapshot.place.disk.error("rewrite", code),
            Cut::Short(_) => self.changed(),
        }
    }
}

impl Drop for Rewrite {
    fn drop(&mut self) {
        if let Some(temporary) = self.temporary.take() {
            self.snapshot.place.disk.remove(&temporary);
        }
    }
}

fn rewritten(bytes_before: u64, bytes_after: u64, quarantine: Vec<String>) -> Rewritten {
    Rewritten { bytes_before, bytes_after, removed_entries: None, quarantine }
}
