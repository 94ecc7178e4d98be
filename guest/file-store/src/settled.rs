//! Where a file ends while others write to it.

use std::sync::Arc;

use crate::disk::{self, DiskFile};
use crate::error::Result;
use crate::lock::lock;
use crate::member::Settling;
use crate::settings::{Deadline, Settings};

/// A length that does not lie inside a write.
pub(crate) fn settled(
    file: &Arc<dyn DiskFile>,
    deadline: Deadline,
    settings: &Settings,
) -> Result<u64> {
    let mut unfinished = Settling::default();
    loop {
        // Our own writers hold the lock while they write.
        let held = lock(Arc::clone(file), false, deadline, settings)?;
        let (length, torn) = disk::end(&**file).map_err(|cause| settings.cannot("read", cause))?;
        drop(held);
        match torn.then(|| unfinished.pause(settings)).flatten() {
            Some(pause) => settings.disk.sleep(pause),
            None => return Ok(length),
        }
    }
}
