//! Bytes on their way to and from files that are not the system's own.

use std::borrow::Cow;
use std::io::{self, ErrorKind, IoSlice};

/// The pieces as one, which one call takes.
pub(super) fn joined<'a>(pieces: &'a [IoSlice<'_>]) -> Cow<'a, [u8]> {
    match pieces {
        [piece] => Cow::Borrowed(piece),
        _ => Cow::Owned(pieces.iter().flat_map(|piece| piece.iter().copied()).collect()),
    }
}

/// The bytes from `start` to `end`, from a call that returns those at an offset, up to so many. Takes its own list
/// where that holds everything.
pub(super) fn read_all(
    start: u64,
    end: u64,
    read: impl Fn(u64, u64) -> io::Result<Vec<u8>>,
) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let mut at = start;
    while at < end {
        let piece = read(at, end - at)?;
        if piece.is_empty() {
            return Err(ErrorKind::UnexpectedEof.into());
        }
        at = at.saturating_add(piece.len() as u64);
        if bytes.is_empty() {
            bytes = piece;
        } else {
            bytes.extend_from_slice(&piece);
        }
    }
    // Who gives more than was asked for is not trusted.
    bytes.truncate(usize::try_from(end.saturating_sub(start)).unwrap_or(usize::MAX));
    Ok(bytes)
}
