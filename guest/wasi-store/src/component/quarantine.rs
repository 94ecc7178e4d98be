//! What a rewrite removes, kept for people to look at.

use std::rc::Rc;

use papyra_engine::host::StorageError;

use super::copy::Copier;
use super::place::Place;
use super::wasi::clocks::wall_clock;
use super::wasi::filesystem::types::{Descriptor, ErrorCode};
use crate::names;

/// How many rewrites within one millisecond find a name.
const NAMES: u32 = 1000;

/// An quarantine file in the making. It has a hidden name until it is complete: what carries the final
/// name is whole.
pub(super) struct Quarantine {
    place: Rc<Place>,
    /// Where it is now, until it is to stay.
    path: Option<String>,
    target: String,
    pub copier: Copier,
}

impl Quarantine {
    pub fn begin(
        place: &Rc<Place>,
        journal: &str,
        source: Rc<Descriptor>,
    ) -> Result<Self, StorageError> {
        let Some((disk, dir, _)) = &place.quarantine else { return Err(no_place()) };
        let cannot = |code| disk.error("write the quarantine in", code);
        if !dir.is_empty() {
            disk.create_dir(dir).map_err(cannot)?;
        }
        let now = wall_clock::now();
        let stamp = names::stamp(now.seconds, now.nanoseconds);
        let name = names::split(journal).1;
        for number in 1..=NAMES {
            let target = names::join(dir, &format!("{name}.{stamp}.{number}.quarantine"));
            let path =
                names::join(dir, &format!(".{name}.{stamp}.{number}.papyra-wasi-quarantine"));
            if disk.exists(&target) {
                continue;
            }
            match disk.create(&path) {
                Ok(file) => {
                    let copier = Copier::new(source, file);
                    return Ok(Self { place: place.clone(), path: Some(path), target, copier });
                }
                Err(ErrorCode::Exist) => {}
                Err(code) => return Err(cannot(code)),
            }
        }
        Err(cannot(ErrorCode::Exist))
    }

    /// Makes the quarantine durable under its final name, which is returned. It still goes if this is
    /// dropped before [`Quarantine::stay`].
    pub fn finish(&mut self) -> Result<String, StorageError> {
        let Some((disk, _, given)) = &self.place.quarantine else { return Err(no_place()) };
        let cannot = |code| disk.error("write the quarantine in", code);
        self.copier.sync().map_err(cannot)?;
        let hidden = self.path.clone().unwrap_or_default();
        disk.rename(&hidden, &self.target).map_err(cannot)?;
        self.path = Some(self.target.clone());
        disk.sync_names(&self.target).map_err(cannot)?;
        Ok(format!("{}/{}", given.trim_end_matches('/'), names::split(&self.target).1))
    }

    /// The original no longer has these bytes: the quarantine stays.
    pub fn stay(mut self) {
        self.path = None;
    }
}

impl Drop for Quarantine {
    fn drop(&mut self) {
        if let (Some(path), Some((disk, ..))) = (self.path.take(), &self.place.quarantine) {
            disk.remove(&path);
        }
    }
}

pub(super) fn no_place() -> StorageError {
    StorageError::Unsupported(
        "no place for quarantine has been set up; set PAPYRA_QUARANTINE_DIR".to_owned(),
    )
}
