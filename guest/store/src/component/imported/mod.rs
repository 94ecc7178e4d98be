//! Files that the host opens for this component.

mod disk;
pub(super) mod place;
#[cfg_attr(feature = "python", path = "reading_by_wasi.rs")]
mod reading;
#[cfg_attr(feature = "python", path = "transfer_as_text.rs")]
mod transfer;

pub(super) use self::reading::Reading;
