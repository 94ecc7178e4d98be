//! The files that a snapshot sees.

use std::sync::Arc;
use std::time::Duration;

use crate::disk::DiskFile;
use crate::settings::{Deadline, Settings};

/// How long a line without its end may still be in the making, by a program that takes no locks.
pub(crate) const SETTLING: Duration = Duration::from_millis(30);

/// One file of a journal, as it was when a snapshot was taken.
#[derive(Debug)]
pub struct Member {
    /// The name by which the engine knows it.
    pub name: String,
    /// 0 for the file that is appended to, otherwise the higher the older.
    pub number: u32,
    /// The length in bytes. What was appended since does not belong to the snapshot.
    pub length: u64,
    /// Absent for a file that the next append will create.
    pub file: Option<Arc<dyn DiskFile>>,
}

impl Member {
    pub(crate) fn new(
        name: String,
        number: u32,
        length: u64,
        file: Option<Arc<dyn DiskFile>>,
    ) -> Self {
        Self { name, number, length, file }
    }
}

/// A file that lies beside a journal and holds nothing of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Beside {
    /// The name by which the engine knows it.
    pub name: String,
    /// Why it is there.
    pub why: Why,
    /// Its length.
    pub bytes: u64,
}

/// Why a file lies beside a journal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    /// An operation that was killed has left it.
    Leftover,
    /// It would belong to a larger set.
    Stray,
}

/// The files of a journal as of one moment, and what lies beside it.
#[derive(Debug)]
pub struct View {
    /// In order, oldest first.
    pub members: Vec<Member>,
    /// Leftovers and strays.
    pub besides: Vec<Beside>,
}

/// Something that may still be in the making, and since when it has been looked at.
#[derive(Debug, Default)]
pub(crate) struct Settling(Option<Deadline>);

impl Settling {
    /// How long to wait before the next look; `None` if it has had its time. That begins with the first
    /// look: the wait for a lock before it does not count.
    pub fn pause(&mut self, settings: &Settings) -> Option<Duration> {
        let end = *self.0.get_or_insert_with(|| settings.deadline_in(SETTLING));
        (!settings.is_over(end)).then_some(SETTLING / 6)
    }
}
