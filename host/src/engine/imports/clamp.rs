//! Clamps the answers of a store to the room that an instance has: a store may return fewer bytes than
//! the engine asked for, and the engine asks again for the rest. Too large an answer would end the
//! instance before the engine could report it.

use crate::bindings::papyra::persistence::storage::{Chunk, Payload, Segment, StorageError};

/// The most bytes that one `read` may ask for, and that framed entries may have together.
pub(super) const MAX_READ: u32 = 17 << 20;
/// The most entries in one chunk.
const MAX_FRAMES: usize = 1 << 17;
/// The most bytes that the list of segments may take, about.
const MAX_LIST: usize = 16 << 20;
/// What one segment takes besides its name.
const SEGMENT: usize = 160;

type Fitted = Result<Chunk, StorageError>;

/// What `read` may return when it was asked for `most` bytes: the beginning.
pub(super) fn beginning(mut chunk: Chunk, most: u32) -> Fitted {
    let length = chunk.data.len();
    if chunk.frames.is_empty() {
        if length > most as usize {
            chunk.data.keep(0, most as usize);
            chunk.last = false;
        }
        return Ok(chunk);
    }
    if length <= MAX_READ as usize && chunk.frames.len() <= MAX_FRAMES {
        return Ok(chunk);
    }
    let fitting = chunk.frames.iter().take_while(|frame| frame.end <= MAX_READ);
    let kept = fitting.count().min(MAX_FRAMES);
    let Some(end) = kept.checked_sub(1).and_then(|last| chunk.frames.get(last)) else {
        return Err(too_long(length));
    };
    if end.end as usize > length {
        return Err(contradiction());
    }
    chunk.data.keep(0, end.end as usize);
    chunk.frames.truncate(kept);
    chunk.last = false;
    Ok(chunk)
}

/// What `read_back` may return when it was asked for `most` bytes: the end.
pub(super) fn end(mut chunk: Chunk, most: u32) -> Fitted {
    let length = chunk.data.len();
    if chunk.frames.is_empty() {
        let excess = length.saturating_sub(most as usize);
        if excess > 0 {
            let left_out = chunk.data.keep(excess, length);
            chunk.start.minor = chunk.start.minor.saturating_add(left_out as u64);
            chunk.last = false;
        }
        return Ok(chunk);
    }
    if length <= MAX_READ as usize && chunk.frames.len() <= MAX_FRAMES {
        return Ok(chunk);
    }
    let excess = length.saturating_sub(MAX_READ as usize);
    // The first entry that stays begins where its predecessor ends.
    let by_bytes = match excess {
        0 => 0,
        _ => 1 + chunk.frames.iter().take_while(|frame| (frame.end as usize) < excess).count(),
    };
    let left_out = by_bytes.max(chunk.frames.len().saturating_sub(MAX_FRAMES));
    let before = left_out.checked_sub(1).and_then(|last| chunk.frames.get(last));
    let base = before.map_or(0, |frame| frame.end);
    let Some(first) = chunk.frames.get(left_out) else { return Err(too_long(length)) };
    chunk.start = first.at;
    if base as usize > length {
        return Err(contradiction());
    }
    chunk.data.keep(base as usize, length);
    chunk.frames.drain(..left_out);
    for frame in &mut chunk.frames {
        frame.end = frame.end.checked_sub(base).ok_or_else(contradiction)?;
    }
    chunk.last = false;
    Ok(chunk)
}

/// A list of segments that the engine can hold.
pub(super) fn segments(list: &[Segment]) -> Result<Vec<Segment>, StorageError> {
    let bytes: usize = list.iter().map(|segment| segment.name.len().saturating_add(SEGMENT)).sum();
    if bytes > MAX_LIST {
        let count = list.len();
        let message = format!("a list of {count} segments is too long; use fewer or shorter names");
        return Err(StorageError::Corrupt(message));
    }
    Ok(list.to_vec())
}

impl Payload {
    pub(super) fn len(&self) -> usize {
        match self {
            Self::Raw(bytes) => bytes.len(),
            Self::Text(text) => text.len(),
        }
    }

    /// Leaves what lies between two offsets, or less where text would be cut inside a character.
    /// Returns how much went at the front.
    fn keep(&mut self, from: usize, to: usize) -> usize {
        match self {
            Self::Raw(bytes) => {
                bytes.truncate(to);
                bytes.drain(..from);
                from
            }
            Self::Text(text) => {
                let from = text.ceil_char_boundary(from);
                text.truncate(text.floor_char_boundary(to).max(from));
                text.drain(..from);
                from
            }
        }
    }
}

fn too_long(bytes: usize) -> StorageError {
    StorageError::Corrupt(format!(
        "the store returned an entry of {bytes} bytes, more than the limit of 16 MiB"
    ))
}

fn contradiction() -> StorageError {
    StorageError::Corrupt("the store returned entries that lie outside of their bytes".into())
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;
    use crate::bindings::papyra::persistence::storage::{Frame, Position};

    const NOWHERE: Position = Position { major: 0, minor: 100 };

    fn lines(data: Payload) -> Chunk {
        Chunk { start: NOWHERE, data, frames: Vec::new(), last: true }
    }

    fn framed(lengths: &[u32]) -> Chunk {
        let mut end = 0_u32;
        let frames = lengths.iter().enumerate().map(|(index, length)| {
            end += length;
            let at = Position { major: 1, minor: index as u64 };
            Frame { at, end, missing: false }
        });
        let frames: Vec<_> = frames.collect();
        let data = (0..end).map(|byte| byte as u8).collect();
        Chunk { start: frames[0].at, data: Payload::Raw(data), frames, last: true }
    }

    #[test]
    fn lines_are_cut_where_they_were_asked_to_end() {
        let chunk = beginning(lines(Payload::Raw(b"abcdef".to_vec())), 4).unwrap();
        assert!(matches!(&chunk.data, Payload::Raw(bytes) if bytes == b"abcd"));
        assert!(!chunk.last);
        let chunk = end(lines(Payload::Raw(b"abcdef".to_vec())), 4).unwrap();
        assert!(matches!(&chunk.data, Payload::Raw(bytes) if bytes == b"cdef"));
        assert_eq!((chunk.start.minor, chunk.last), (102, false));
        // Not inside a character.
        let chunk = beginning(lines(Payload::Text("aüb".into())), 2).unwrap();
        assert!(matches!(&chunk.data, Payload::Text(text) if text == "a"));
        let chunk = end(lines(Payload::Text("aüb".into())), 2).unwrap();
        assert!(matches!(&chunk.data, Payload::Text(text) if text == "b"));
        assert_eq!(chunk.start.minor, 103);
        assert!(beginning(lines(Payload::Raw(b"abc".to_vec())), 3).unwrap().last);
    }

    #[test]
    fn entries_are_cut_between_entries_and_keep_their_positions() {
        let whole = framed(&[1 << 20; 20]);
        let first = beginning(whole.clone(), 1 << 20).unwrap();
        assert_eq!((first.frames.len(), first.data.len(), first.last), (17, 17 << 20, false));
        assert_eq!(first.start, whole.start);
        let last = end(whole, 1 << 20).unwrap();
        assert_eq!((last.frames.len(), last.data.len(), last.last), (17, 17 << 20, false));
        assert_eq!((last.start.minor, last.frames[0].end), (3, 1 << 20));
        assert_eq!(last.frames[16].end as usize, last.data.len());
    }

    #[test]
    fn more_entries_than_there_is_room_for_come_in_pieces() {
        let many = vec![0; MAX_FRAMES + 5];
        let first = beginning(framed(&many), 1).unwrap();
        assert_eq!((first.frames.len(), first.last), (MAX_FRAMES, false));
        let last = end(framed(&many), 1).unwrap();
        assert_eq!((last.frames.len(), last.start.minor, last.last), (MAX_FRAMES, 5, false));
        let empty = framed(&[0, 0]);
        assert!(beginning(empty, 1).unwrap().last, "what fits stays as it is");
    }

    #[test]
    fn what_cannot_be_cut_is_a_fault_of_the_store() {
        let huge = framed(&[18 << 20, 1]);
        assert!(matches!(beginning(huge.clone(), 1), Err(StorageError::Corrupt(_))));
        assert!(end(huge, 1).is_ok(), "the second one fits");
        assert!(matches!(end(framed(&[18 << 20]), 1), Err(StorageError::Corrupt(_))));
        let mut outside = framed(&vec![1; MAX_FRAMES + 1]);
        outside.frames.iter_mut().for_each(|frame| frame.end = 16 << 20);
        assert!(matches!(beginning(outside.clone(), 1), Err(StorageError::Corrupt(_))));
        outside.frames.iter_mut().rev().skip(1).for_each(|frame| frame.end += 1);
        assert!(matches!(end(outside, 1), Err(StorageError::Corrupt(_))));
    }
}
