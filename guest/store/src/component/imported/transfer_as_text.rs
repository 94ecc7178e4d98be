//! The calls of the host that are made often, with text where that can be: Python moves lists byte by byte, at about
//! 1 MB/s, a record in 0.2 ms, a result in 0.06 ms, and text as a whole.

use crate::component::papyra::persistence::disk as host;
use crate::component::papyra::persistence::disk_text::{self as text, Data};

/// Shorter text amid other bytes goes with them: a call takes as long as some dozens of bytes.
const WORTH_IT: usize = 64;

/// The most that goes byte by byte in one call, so that text follows soon.
const RAW: usize = 512;

pub(super) fn stat(path: &str, follow: bool) -> Result<host::Metadata, host::Failure> {
    answered(&text::stat(path, follow), metadata)
}

pub(super) fn fstat(file: host::File) -> Result<host::Metadata, host::Failure> {
    answered(&text::fstat(file), metadata)
}

/// Up to `length` bytes from `offset` on; none at the end of the file.
pub(super) fn read(file: host::File, offset: u64, length: u32) -> Result<Vec<u8>, host::Failure> {
    match text::read(file, offset, length) {
        Data::Text(text) => Ok(text.into_bytes()),
        Data::Raw(bytes) => Ok(bytes),
        Data::Failed(failure) => Err(failure),
    }
}

/// Writes at the end, and returns how much of it was written.
pub(super) fn append(file: host::File, bytes: &[u8]) -> Result<u32, host::Failure> {
    match begin(bytes) {
        Part::Text(begin) => answered(&text::append(file, begin), |count| count.parse().ok()),
        Part::Raw(begin) => host::append(file, begin),
    }
}

/// Writes all of this.
pub(super) fn write(file: host::File, offset: u64, bytes: &[u8]) -> Result<(), host::Failure> {
    let mut done = 0;
    while let Some(rest) = bytes.get(done..).filter(|rest| !rest.is_empty()) {
        let at = offset.saturating_add(done as u64);
        done += match begin(rest) {
            Part::Text(begin) => text::write(file, at, begin).map(|()| begin.len())?,
            Part::Raw(begin) => host::write(file, at, begin).map(|()| begin.len())?,
        };
    }
    Ok(())
}

pub(super) fn sync(file: host::File, all: bool) -> Result<(), host::Failure> {
    answered(&text::sync(file, all), |_| Some(()))
}

pub(super) fn lock(file: host::File, exclusive: bool) -> Result<host::Tried, host::Failure> {
    answered(&text::lock(file, exclusive), |tried| {
        Some(match tried {
            "locked" => host::Tried::Locked,
            "busy" => host::Tried::Busy,
            "unsupported" => host::Tried::Unsupported,
            _ => return None,
        })
    })
}

fn answered<T>(
    answer: &str,
    understand: impl FnOnce(&str) -> Option<T>,
) -> Result<T, host::Failure> {
    let Some(failure) = answer.strip_prefix('!') else {
        return understand(answer).ok_or_else(|| {
            let message = format!("the host answers `{answer}`");
            host::Failure { cause: host::Cause::Other, message }
        });
    };
    let (cause, message) = failure.split_once(' ').unwrap_or(("", failure));
    let cause = match cause {
        "not-found" => host::Cause::NotFound,
        "already-exists" => host::Cause::AlreadyExists,
        "denied" => host::Cause::Denied,
        "read-only" => host::Cause::ReadOnly,
        "full" => host::Cause::Full,
        "quota" => host::Cause::Quota,
        "too-large" => host::Cause::TooLarge,
        "unsupported" => host::Cause::Unsupported,
        _ => host::Cause::Other,
    };
    Err(host::Failure { cause, message: message.to_owned() })
}

fn metadata(fields: &str) -> Option<host::Metadata> {
    let mut fields = fields.split(' ');
    let mut number = || fields.next()?.parse::<u64>().ok();
    let (device, inode, length, links, modified) =
        (number()?, number()?, number()?, number()?, number()?);
    let owner = match fields.next()? {
        "-" => None,
        owner => Some(owner.parse().ok()?),
    };
    let kind = match fields.next()? {
        "regular" => host::FileKind::Regular,
        "directory" => host::FileKind::Directory,
        "link" => host::FileKind::Link,
        "pipe" => host::FileKind::Pipe,
        "socket" => host::FileKind::Socket,
        "device" => host::FileKind::Device,
        _ => return None,
    };
    Some(host::Metadata { device, inode, length, links, modified, owner, kind })
}

enum Part<'a> {
    Text(&'a str),
    Raw(&'a [u8]),
}

/// As much of the beginning as goes in one call.
fn begin(bytes: &[u8]) -> Part<'_> {
    let valid = match std::str::from_utf8(bytes) {
        Ok(text) => return Part::Text(text),
        Err(error) => bytes.get(..error.valid_up_to()).unwrap_or_default(),
    };
    match std::str::from_utf8(valid) {
        Ok(text) if text.len() >= WORTH_IT => Part::Text(text),
        _ => {
            let raw = bytes.get(..RAW).unwrap_or(bytes);
            let line = raw.iter().position(|byte| *byte == b'\n').map_or(raw.len(), |at| at + 1);
            Part::Raw(raw.get(..line).unwrap_or(raw))
        }
    }
}
