//! Files in the directories that the runtime has preopened.

mod ahead;
#[cfg(not(feature = "imported"))]
mod disk;
mod errors;
#[cfg(not(feature = "imported"))]
pub(super) mod place;
mod roots;

pub(super) use self::ahead::Ahead;
pub(super) use self::roots::Roots;

#[cfg(not(feature = "imported"))]
pub(super) use self::disk::Reading;
