//! All files of one moment.

use std::collections::BTreeSet;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use super::Rotating;
use super::sealed::{beyond, sealed};
use crate::defects::{Defect, has};
use crate::disk::{self, DiskFile, How};
use crate::error::{Result, changed_meanwhile};
use crate::file_set::{named, not_there};
use crate::lock::lock;
use crate::member::{Beside, Member, Settling, View, Why};
use crate::names::{Use, name_of, numbered};
use crate::rewrite::quarantine;
use crate::settings::{Deadline, Settings};
use crate::temporary::{is_in_use, leftover};

/// How often to look again while others rotate, whatever the deadline.
const ATTEMPTS: u32 = 10_000;

/// Opens the files until none of them has moved meanwhile.
pub(super) fn view(set: &Rotating) -> Result<View> {
    let settings = &set.settings;
    let deadline = settings.deadline();
    let mut doubts = Doubts::default();
    for _ in 0..ATTEMPTS {
        match attempt(set, &mut doubts, deadline)? {
            Look::Whole(members) => {
                let besides = besides(set, &members)?;
                return Ok(View { members, besides });
            }
            Look::Again(_) if settings.is_over(deadline) => break,
            Look::Again(pause) => settings.disk.sleep(pause),
        }
    }
    Err(changed_meanwhile(&settings.path))
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

fn attempt(set: &Rotating, doubts: &mut Doubts, deadline: Deadline) -> Result<Look> {
    let settings = &set.settings;
    let home = &settings.path;
    let Some(file) = open(set, 0)? else { return without_active(set, doubts) };
    // No process of ours rotates without this lock.
    let held = lock(Arc::clone(&file), false, deadline, settings)?;
    if named(settings, home)? != Some(file.id()) {
        return Ok(SOON);
    }
    let (length, torn) = disk::end(&*file).map_err(|cause| settings.cannot("read", cause))?;
    if let Some(pause) = torn.then(|| doubts.torn.pause(settings)).flatten() {
        return Ok(Look::Again(pause));
    }
    let Some(mut members) = sealed_members(set)? else { return Ok(SOON) };
    // A program that rotates without the lock is found out by what the names lead to now.
    if named(settings, home)? != Some(file.id()) {
        return Ok(SOON);
    }
    drop(held);
    members.push(Member::new(settings.file_name(), 0, length, Some(file)));
    Ok(Look::Whole(once(members)))
}

/// A file that has two numbers counts once, as the younger. The next rotation or rewrite takes the other away.
fn once(mut members: Vec<Member>) -> Vec<Member> {
    if has(Defect::TwoNumbersShown) {
        return members;
    }
    let mut seen = BTreeSet::new();
    members.reverse();
    members.retain(|member| member.file.as_ref().is_none_or(|file| seen.insert(file.id())));
    members.reverse();
    members
}

/// A rotation is just now at its last step, or was killed there; or there is no journal.
fn without_active(set: &Rotating, doubts: &mut Doubts) -> Result<Look> {
    let settings = &set.settings;
    let home = &settings.path;
    let cannot = |cause| settings.cannot("read", cause);
    if sealed(set.disk(), home, set.limits.max_files).map_err(cannot)?.is_empty() {
        let strays = beyond(set.disk(), home, set.limits.max_files).map_err(cannot)?;
        // It may have been made between our looks.
        if strays.is_empty() && named(settings, home)?.is_none() {
            return Err(not_there(settings));
        }
    }
    if let Some(pause) = doubts.absent.pause(settings) {
        return Ok(Look::Again(pause));
    }
    // It was not killed, and may have written only a part of a batch so far.
    if is_in_use(set.disk(), home, Use::Next) {
        return Ok(Look::Again(Duration::from_millis(5)));
    }
    let Some(mut members) = sealed_members(set)? else { return Ok(SOON) };
    if named(settings, home)?.is_some() {
        return Ok(SOON);
    }
    members.push(Member::new(settings.file_name(), 0, 0, None));
    Ok(Look::Whole(once(members)))
}

/// The sealed files, oldest first; `None` if they move.
fn sealed_members(set: &Rotating) -> Result<Option<Vec<Member>>> {
    let settings = &set.settings;
    let home = &settings.path;
    let cannot = |cause| settings.cannot("read", cause);
    let look = || sealed(set.disk(), home, set.limits.max_files).map_err(cannot);
    let found = look()?;
    let mut members = Vec::with_capacity(found.len() + 1);
    for seen in found.iter().rev() {
        match open(set, seen.number)? {
            Some(file) if file.id() == seen.id => {
                let length = file.metadata().map_err(cannot)?.length;
                let name = name_of(&numbered(home, seen.number));
                members.push(Member::new(name, seen.number, length, Some(file)));
            }
            _ => return Ok(None),
        }
    }
    let again = look()?;
    let same = found.iter().map(|file| (file.number, file.id));
    Ok(same.eq(again.iter().map(|file| (file.number, file.id))).then_some(members))
}

fn open(set: &Rotating, number: u32) -> Result<Option<Arc<dyn DiskFile>>> {
    let path = numbered(&set.settings.path, number);
    match set.disk().open(&path, How::READ.here()) {
        Err(cause) if cause.kind() == io::ErrorKind::NotFound => Ok(None),
        opened => opened.map(Some).map_err(|cause| set.settings.failure("read", &path, cause)),
    }
}

fn besides(set: &Rotating, members: &[Member]) -> Result<Vec<Beside>> {
    let settings: &Settings = &set.settings;
    let home = &settings.path;
    let strays = beyond(set.disk(), home, set.limits.max_files);
    let strays = strays.map_err(|cause| settings.cannot("read", cause))?.into_iter();
    let strays = strays.map(|(name, bytes)| Beside { name, why: Why::Stray, bytes });
    let leftovers =
        [Use::Rewrite, Use::Next].into_iter().filter_map(|of| leftover(settings, home, of));
    let files = members.iter().filter_map(|member| member.file.as_ref());
    let unfinished = files.filter_map(|file| quarantine::leftover(settings, home, file.id()));
    Ok(strays.chain(leftovers).chain(unfinished).collect())
}
