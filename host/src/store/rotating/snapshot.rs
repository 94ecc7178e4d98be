//! All files of one moment.

use std::fs::{File, OpenOptions};
use std::io;
use std::thread;
use std::time::{Duration, Instant};

use super::names::{beyond, path_of, sealed};
use super::set::Rotating;
use crate::store::disk::file_set::{View, not_there};
use crate::store::disk::member::{Member, Settling, beside};
use crate::store::disk::settings::name_of;
use crate::store::disk::sys::{self, FileId, changed_meanwhile, failure};
use crate::store::disk::temporary::{Use, is_in_use, leftover};
use crate::store::{Role, Segment, StoreError};

/// How often to look again while others rotate, whatever the deadline.
const ATTEMPTS: u32 = 10_000;

/// Opens the files until none of them has moved meanwhile.
pub(super) fn view(set: &Rotating) -> Result<View, StoreError> {
    let deadline = Instant::now() + set.settings.lock_wait;
    let mut doubts = Doubts::default();
    for _ in 0..ATTEMPTS {
        match attempt(set, &mut doubts, deadline)? {
            Look::Whole(members) => return Ok(View { members, besides: besides(set)? }),
            Look::Again(_) if Instant::now() >= deadline => break,
            Look::Again(pause) => thread::sleep(pause),
        }
    }
    Err(changed_meanwhile(&set.settings.path))
}

enum Look {
    Whole(Vec<Member>),
    Again(Duration),
}

/// Observations that may be different in a moment.
#[derive(Default)]
struct Doubts {
    /// The last line has no end.
    torn: Settling,
    /// There is no file that is appended to.
    absent: Settling,
}

const SOON: Look = Look::Again(Duration::from_micros(200));

fn attempt(set: &Rotating, doubts: &mut Doubts, deadline: Instant) -> Result<Look, StoreError> {
    let home = &set.settings.path;
    let cannot = |cause| failure("read", home, cause);
    let Some((file, id)) = open(set, 0)? else { return without_active(set, doubts) };
    // No process of ours rotates without this lock.
    let held = sys::lock(&file, false, deadline, home, &set.settings.faults)?;
    if sys::named(home)? != Some(id) {
        return Ok(SOON);
    }
    let (length, torn) = sys::end(&file).map_err(cannot)?;
    if let Some(pause) = torn.then(|| doubts.torn.pause()).flatten() {
        return Ok(Look::Again(pause));
    }
    let Some(mut members) = sealed_members(set)? else { return Ok(SOON) };
    // A program that rotates without the lock is found out by what the names lead to now.
    let moved = members.iter().any(|member| member.file.as_ref().is_some_and(|(_, of)| *of == id))
        || sys::named(home)? != Some(id);
    drop(held);
    if moved {
        return Ok(SOON);
    }
    members.push(Member::new(set.settings.file_name(), 0, length, Some((file, id))));
    Ok(Look::Whole(members))
}

/// A rotation is just now at its last step, or was killed there; or there is no journal.
fn without_active(set: &Rotating, doubts: &mut Doubts) -> Result<Look, StoreError> {
    let home = &set.settings.path;
    let cannot = |cause| failure("read", home, cause);
    if sealed(home, set.limits.max_files).map_err(cannot)?.is_empty() {
        let strays = beyond(home, set.limits.max_files).map_err(cannot)?;
        // It may have been made between our looks.
        if strays.is_empty() && sys::named(home)?.is_none() {
            return Err(not_there(&set.settings));
        }
    }
    if let Some(pause) = doubts.absent.pause() {
        return Ok(Look::Again(pause));
    }
    // It was not killed, and may have written only a part of a batch so far.
    if is_in_use(home, Use::Next) {
        return Ok(Look::Again(Duration::from_millis(5)));
    }
    let Some(mut members) = sealed_members(set)? else { return Ok(SOON) };
    if sys::named(home)?.is_some() {
        return Ok(SOON);
    }
    members.push(Member::new(set.settings.file_name(), 0, 0, None));
    Ok(Look::Whole(members))
}

/// The sealed files, oldest first; `None` if they move.
fn sealed_members(set: &Rotating) -> Result<Option<Vec<Member>>, StoreError> {
    let home = &set.settings.path;
    let look = || sealed(home, set.limits.max_files).map_err(|cause| failure("read", home, cause));
    let found = look()?;
    let mut members = Vec::with_capacity(found.len() + 1);
    for seen in found.iter().rev() {
        match open(set, seen.number)? {
            Some((file, id)) if id == seen.id => {
                let (length, _) = sys::end(&file).map_err(|cause| failure("read", home, cause))?;
                let name = name_of(&path_of(home, seen.number));
                members.push(Member::new(name, seen.number, length, Some((file, id))));
            }
            _ => return Ok(None),
        }
    }
    let again = look()?;
    let same = found.iter().map(|file| (file.number, file.id));
    Ok(same.eq(again.iter().map(|file| (file.number, file.id))).then_some(members))
}

fn open(set: &Rotating, number: u32) -> Result<Option<(File, FileId)>, StoreError> {
    let path = path_of(&set.settings.path, number);
    match sys::open_here(&path, OpenOptions::new().read(true)) {
        Ok((file, metadata)) => Ok(Some((file, FileId::of(&metadata)))),
        Err(cause) if cause.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(cause) => Err(failure("read", &path, cause)),
    }
}

fn besides(set: &Rotating) -> Result<Vec<Segment>, StoreError> {
    let home = &set.settings.path;
    let strays = beyond(home, set.limits.max_files);
    let strays = strays.map_err(|cause| failure("read", home, cause))?.into_iter();
    let leftovers = [Use::Rewrite, Use::Next].into_iter().filter_map(|of| leftover(home, of));
    Ok(strays.map(|(name, bytes)| beside(name, Role::Stray, bytes)).chain(leftovers).collect())
}
