//! Whether a store still looks as it did when an index was made.
//!
//! An index has hashes of some windows of each segment. It is believed only while segments begin where they
//! began and the windows hash the same. Windows cover all of a segment up to [`WHOLE`], and of larger ones both
//! ends and a sample in between: a change elsewhere that keeps all positions is not noticed but by a scan. Of
//! framed entries, which cannot change but only go, the newest are hashed, and all are counted where the store
//! counts them.

use super::{Index, Part};
use crate::failure::Outcome;
use crate::hash::{hash, mix};
use crate::host::{Framing, Host, Range, Segment};
use crate::walk::{self, NEXT, STOP, View};

/// Segments up to this size, in bytes, are hashed as a whole.
const WHOLE: u64 = 256 << 10;

/// How much of both ends of a larger segment is hashed, in bytes.
const END: u64 = 64 << 10;

/// How many windows in between are hashed, spread evenly, and how large each is, in bytes.
const SAMPLES: u64 = 30;
const SAMPLE: u64 = 4 << 10;

impl Index {
    /// The parts that belong to the store's members, as far as they still hold. Rotation shifts the segments and
    /// drops the oldest, so that the members may begin at a later part.
    ///
    /// # Errors
    ///
    /// Those of reading.
    pub fn matching<H: Host>(&self, host: &mut H, view: &View) -> Outcome<&[Part]> {
        if self.form != host.form().signature() {
            return Ok(&[]);
        }
        for dropped in 0..self.parts.len() {
            let parts = self.parts.get(dropped..).unwrap_or_default();
            if fits(parts, view) && hashes_agree(host, view, parts)? {
                return Ok(parts);
            }
        }
        Ok(&[])
    }
}

/// Of segments that follow each other only the last of the known ones may have grown.
fn fits(parts: &[Part], view: &View) -> bool {
    let parallel = view.is_parallel();
    parts.len() <= view.members.len()
        && parts.iter().zip(&view.members).enumerate().all(|(index, (part, segment))| {
            let grown = part.end() < segment.end;
            let ends =
                part.end() == segment.end || (grown && (parallel || index + 1 == parts.len()));
            part.start == segment.start && ends
        })
}

fn hashes_agree<H: Host>(host: &mut H, view: &View, parts: &[Part]) -> Outcome<bool> {
    for (part, segment) in parts.iter().zip(&view.members) {
        let range = Range { start: part.start, end: part.end() };
        if hashes(host, view.description.framing, segment, range)? != part.hashes {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Hashes of the windows of a range.
pub(super) fn hashes<H: Host>(
    host: &mut H,
    framing: Framing,
    segment: &Segment,
    range: Range,
) -> Outcome<Vec<u64>> {
    match framing {
        Framing::Lines => windows(range).into_iter().map(|w| hash_of(host, segment, w)).collect(),
        Framing::Entries => Ok(vec![hash_of_tail(host, segment, range)?]),
    }
}

/// The windows of a segment of lines.
fn windows(range: Range) -> Vec<Range> {
    let size = range.start.until(range.end);
    if size <= WHOLE {
        return vec![range];
    }
    let window = |from: u64, length: u64| Range {
        start: range.start.plus(from),
        end: range.start.plus(from + length),
    };
    let between = (size - END) / (SAMPLES + 1);
    let mut windows = vec![window(0, END)];
    windows.extend((1..=SAMPLES).map(|index| window(index * between, SAMPLE)));
    windows.push(window(size - END, END));
    windows
}

fn hash_of<H: Host>(host: &mut H, segment: &Segment, window: Range) -> Outcome<u64> {
    walk::read_piece(host, segment, window.start, window.end, WHOLE as usize)
        .map(|bytes| hash(&bytes))
}

/// Entries have no offsets to spread windows over: the newest of them speak for all. Which ones follows
/// from the entries alone, never from how the store cuts its chunks.
fn hash_of_tail<H: Host>(host: &mut H, segment: &Segment, range: Range) -> Outcome<u64> {
    let (mut sum, mut hashed) = (0, 0);
    let _ = walk::backward(host, segment, Framing::Entries, range, &mut |_: &mut H, entry| {
        let of_entry = [entry.start.major, entry.start.minor, entry.length, hash(entry.bytes)];
        sum = of_entry.into_iter().fold(sum, mix);
        hashed += entry.stored;
        if hashed >= END { STOP } else { NEXT }
    })?;
    Ok(sum)
}
