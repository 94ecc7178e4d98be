//! One preopened directory: opening, telling files apart, syncing names, and errors that say which
//! file it was and what to do.

use papyra_engine::host::StorageError;

use super::wasi::filesystem::types::{
    Descriptor, DescriptorFlags, DescriptorStat, DescriptorType, ErrorCode, OpenFlags, PathFlags,
};
use crate::names;

/// How often to compare what two calls have seen of a file that somebody may be writing to.
const LOOKS: u32 = 8;

pub(super) struct Disk {
    root: Descriptor,
    /// For people.
    given: String,
}

impl Disk {
    pub fn new(root: Descriptor, given: &str) -> Self {
        Self { root, given: given.to_owned() }
    }

    /// Where `path` leads if it is a symlink: a rewrite replaces what is there, not the link.
    pub fn real(&self, path: &str) -> Result<String, StorageError> {
        let mut path = path.to_owned();
        for _ in 0..names::MAX_LINKS {
            match self.root.stat_at(PathFlags::empty(), &path) {
                Ok(stat) if stat.type_ == DescriptorType::SymbolicLink => {}
                _ => return Ok(path),
            }
            let target = self.root.readlink_at(&path).map_err(|code| self.error("follow", code))?;
            if target.starts_with('/') {
                return Err(StorageError::Unsupported(format!(
                    "{} is a link to an absolute path, which WASI does not follow; give the path of \
                     the file itself",
                    self.given
                )));
            }
            path = names::beside(&path, &target);
        }
        Err(self.error("follow", ErrorCode::Loop))
    }

    /// The file at `path`, `None` if there is nothing. Whatever is no regular file is refused unopened:
    /// opening a pipe can wait for ever.
    pub fn look(&self, path: &str) -> Result<Option<DescriptorStat>, StorageError> {
        match self.root.stat_at(PathFlags::empty(), path) {
            Ok(stat) if stat.type_ == DescriptorType::RegularFile => Ok(Some(stat)),
            Ok(_) => Err(StorageError::Unsupported(format!(
                "{} is no regular file, and a journal must be one",
                self.given
            ))),
            Err(ErrorCode::NoEntry) => Ok(None),
            Err(code) => Err(self.error("look at", code)),
        }
    }

    /// Opens the regular file at `path` for reading, or also for writing.
    pub fn open(&self, path: &str, write: bool) -> Result<Descriptor, StorageError> {
        if self.look(path)?.is_none() {
            return Err(self.error("open", ErrorCode::NoEntry));
        }
        let more = if write { DescriptorFlags::WRITE } else { DescriptorFlags::empty() };
        let flags = DescriptorFlags::READ | more;
        let opened = self.root.open_at(PathFlags::empty(), path, OpenFlags::empty(), flags);
        opened.map_err(|code| self.error("open", code))
    }

    /// Makes a file that must not exist yet.
    pub fn create(&self, path: &str) -> Result<Descriptor, ErrorCode> {
        let flags = DescriptorFlags::READ | DescriptorFlags::WRITE;
        self.root.open_at(PathFlags::empty(), path, OpenFlags::CREATE | OpenFlags::EXCLUSIVE, flags)
    }

    /// Whether `path` still names the open file. Some runtimes let the time of the last change into
    /// the hash, so one difference proves nothing.
    pub fn names(&self, path: &str, file: &Descriptor) -> bool {
        (0..LOOKS).any(|_| {
            let there = self.root.metadata_hash_at(PathFlags::empty(), path);
            match (there, file.metadata_hash()) {
                (Ok(there), Ok(here)) => (there.lower, there.upper) == (here.lower, here.upper),
                _ => false,
            }
        })
    }

    pub fn exists(&self, path: &str) -> bool {
        self.root.stat_at(PathFlags::empty(), path).is_ok()
    }

    pub fn rename(&self, from: &str, to: &str) -> Result<(), ErrorCode> {
        self.root.rename_at(from, &self.root, to)
    }

    pub fn remove(&self, path: &str) {
        // Should that fail, there is nobody to tell; a leftover is reported by the next scan.
        let _ = self.root.unlink_file_at(path);
    }

    pub fn create_dir(&self, path: &str) -> Result<(), ErrorCode> {
        match self.root.create_directory_at(path) {
            Err(ErrorCode::Exist) => Ok(()),
            made => made,
        }
    }

    /// Makes the names in the directory of `path` durable, where the runtime can.
    pub fn sync_names(&self, path: &str) -> Result<(), ErrorCode> {
        let dir = match names::split(path).0 {
            "" => ".",
            dir => dir,
        };
        let opened = self.root.open_at(
            PathFlags::SYMLINK_FOLLOW,
            dir,
            OpenFlags::DIRECTORY,
            DescriptorFlags::READ,
        );
        match opened.and_then(|dir| dir.sync()) {
            Err(
                ErrorCode::Unsupported
                | ErrorCode::Invalid
                | ErrorCode::BadDescriptor
                | ErrorCode::IsDirectory,
            ) => Ok(()),
            synced => synced,
        }
    }

    /// A failure in the terms of the contract.
    pub fn error(&self, doing: &str, code: ErrorCode) -> StorageError {
        let (kind, advice): (fn(String) -> StorageError, _) = match code {
            ErrorCode::NoEntry | ErrorCode::NotDirectory => {
                (StorageError::NotFound, "; there is no such file")
            }
            ErrorCode::Access => (StorageError::Denied, "; check its owner and mode"),
            ErrorCode::NotPermitted => {
                (StorageError::Denied, "; the runtime does not allow it, check what it preopens")
            }
            ErrorCode::ReadOnly => (StorageError::Denied, "; it may only be read"),
            ErrorCode::InsufficientSpace => (StorageError::Full, "; free some space and try again"),
            ErrorCode::Quota => (StorageError::Full, "; the user's disk quota is used up"),
            ErrorCode::FileTooLarge => {
                (StorageError::Full, "; the limit on the size of files is reached")
            }
            _ => (StorageError::Failed, ""),
        };
        kind(format!("cannot {doing} {}: {}{advice}", self.given, code.name()))
    }

    /// What people know the journal by.
    pub fn given(&self) -> &str {
        &self.given
    }
}

/// The bytes `start..end`, all of them.
pub(super) fn read_whole(file: &Descriptor, start: u64, end: u64) -> Result<Vec<u8>, Cut> {
    let mut bytes = Vec::new();
    let mut at = start;
    while at < end {
        let (piece, _) = file.read(end - at, at).map_err(Cut::Failed)?;
        if piece.is_empty() {
            return Err(Cut::Short(at));
        }
        at = at.saturating_add(piece.len() as u64);
        // The first piece is mostly all there is.
        if bytes.is_empty() {
            bytes = piece;
        } else {
            bytes.extend_from_slice(&piece);
        }
    }
    // A runtime that gives more than was asked for is not trusted.
    bytes.truncate(usize::try_from(end.saturating_sub(start)).unwrap_or(usize::MAX));
    Ok(bytes)
}

/// Why bytes could not be read.
#[derive(Clone, Copy)]
pub(super) enum Cut {
    Failed(ErrorCode),
    /// The file ends here.
    Short(u64),
}

impl Cut {
    pub fn error(self, disk: &Disk) -> StorageError {
        match self {
            Self::Failed(code) => disk.error("read", code),
            Self::Short(at) => StorageError::Corrupt(format!(
                "{} was cut short at byte {at} while it was read",
                disk.given()
            )),
        }
    }
}

/// Whether the file's content before `end` lacks its last line end.
pub(super) fn is_torn(file: &Descriptor, end: u64) -> Result<bool, Cut> {
    let Some(last) = end.checked_sub(1) else { return Ok(false) };
    Ok(read_whole(file, last, end)?.last() != Some(&b'\n'))
}
