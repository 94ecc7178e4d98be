//! Reading a file from one end to the other: through WASI if it is there under its name, since bytes are slow on
//! their way through Python; otherwise through the host.

use std::io;
use std::time::Duration;

use papyra_file_store::DiskFile;

use super::disk::HostFile;
use crate::component::preopened::Ahead;
use crate::component::wasi::filesystem::types::{
    Descriptor, DescriptorFlags, DescriptorType, OpenFlags, PathFlags,
};

/// Below this, opening a file once more takes longer than it saves.
const WORTH_IT: u64 = 64 << 10;

/// How often to compare what is known of a file that is being written to.
const LOOKS: u32 = 8;

/// How many pieces are read between two calls of the host, which fail once the user has interrupted the program.
const PIECES: u32 = 64;

/// How a file is read.
#[derive(Default)]
pub(in crate::component) enum Reading {
    /// Nothing has been read yet.
    #[default]
    Unknown,
    /// It has been opened once more. Counts pieces.
    ByWasi(Descriptor, Ahead, u32),
    /// Through the host.
    ByHost,
}

impl Reading {
    /// The bytes from `start` to `stop`, or fewer, but one at least; `end` is where the file ended when it was
    /// opened.
    pub fn read(
        &mut self,
        file: &dyn DiskFile,
        (start, stop, end): (u64, u64, u64),
    ) -> io::Result<Vec<u8>> {
        if matches!(self, Self::Unknown) && stop - start >= WORTH_IT {
            *self = match opened_again(file) {
                Some(again) => Self::ByWasi(again, Ahead::default(), 0),
                None => Self::ByHost,
            };
        }
        match self {
            Self::ByWasi(again, ahead, pieces) => {
                *pieces += 1;
                if *pieces % PIECES == 0 {
                    file.read_at(&mut [], start)?;
                }
                ahead.read(again, (start, stop, end))
            }
            Self::Unknown | Self::ByHost => file.read(start, stop),
        }
    }
}

/// The same file through WASI, if that can be had and is certain. WASI has no identities to compare: so the name
/// must lead to the file afterwards too, and both must have been written to at the same moment.
fn opened_again(file: &dyn DiskFile) -> Option<Descriptor> {
    let file: &HostFile = file.as_any().downcast_ref()?;
    let roots = file.roots.as_ref()?;
    let (follow, none) = (PathFlags::SYMLINK_FOLLOW, OpenFlags::empty());
    let again = roots.open(&file.path, follow, none, DescriptorFlags::READ).ok()?;
    if file.named().ok()? != file.id() {
        return None;
    }
    // Whoever writes meanwhile changes the time of one look only: then it is looked at again.
    (0..LOOKS).any(|_| is_like(&again, file)).then_some(again)
}

fn is_like(again: &Descriptor, file: &HostFile) -> bool {
    let (Ok(stat), Ok(known)) = (again.stat(), file.metadata()) else { return false };
    let modified = stat.data_modification_timestamp;
    let modified = modified.map(|at| Duration::new(at.seconds, at.nanoseconds));
    stat.type_ == DescriptorType::RegularFile && modified == known.modified
}
