//! Distribution of lines over files.

use std::sync::Arc;

use crate::active::ActiveFile;

/// Batches that are yet to be written. A batch stays in one file if it fits into one at all; one that
/// is larger is cut between lines.
#[derive(Debug)]
pub(super) struct Left<'a> {
    batches: Vec<&'a str>,
    /// Batches before this one are dealt out.
    next: usize,
    max_bytes: u64,
}

impl<'a> Left<'a> {
    /// `max_bytes` is the maximum size of a file.
    pub fn new(batches: &[&'a str], max_bytes: u64) -> Self {
        let batches = batches.iter().copied().filter(|batch| !batch.is_empty()).collect();
        Self { batches, next: 0, max_bytes }
    }

    pub fn is_empty(&self) -> bool {
        self.next >= self.batches.len()
    }

    /// Takes the lines for a file that has `length` bytes: nothing if that is full, and everything or
    /// at least one line if it is empty.
    pub fn take(&mut self, length: u64) -> Vec<&'a str> {
        let mut pieces = Vec::with_capacity(self.batches.len() - self.next);
        let mut length = length;
        while let Some(batch) = self.batches.get_mut(self.next) {
            let bytes = batch.len() as u64;
            let room = self.max_bytes.saturating_sub(length);
            if bytes <= room {
                pieces.push(*batch);
                length += bytes;
                self.next += 1;
                continue;
            }
            let fitting = if bytes > self.max_bytes { lines_within(batch, room) } else { 0 };
            let cut = if fitting == 0 && length == 0 { first_line(batch) } else { fitting };
            let (piece, rest) = batch.split_at(cut);
            *batch = rest;
            if !piece.is_empty() {
                pieces.push(piece);
            }
            if rest.is_empty() {
                self.next += 1;
            }
            break;
        }
        pieces
    }

    /// The next line.
    pub fn first(&self) -> &'a str {
        let batch = self.batches.get(self.next).copied().unwrap_or_default();
        batch.split_at(first_line(batch)).0
    }

    /// The next line has been written by other means.
    pub fn skip_first(&mut self) {
        let Some(batch) = self.batches.get_mut(self.next) else { return };
        *batch = batch.split_at(first_line(batch)).1;
        if batch.is_empty() {
            self.next += 1;
        }
    }
}

/// The length of the whole lines within `room` bytes. Line ends are never inside a character.
fn lines_within(batch: &str, room: u64) -> usize {
    let room = usize::try_from(room).unwrap_or(usize::MAX).min(batch.len());
    let within = batch.as_bytes().get(..room).unwrap_or_default();
    within.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1)
}

fn first_line(batch: &str) -> usize {
    batch.find('\n').map_or(batch.len(), |at| at + 1)
}

/// The bytes that an append has put into one file.
#[derive(Debug)]
pub(super) struct Extent {
    pub file: Arc<ActiveFile>,
    pub start: u64,
    /// The first byte of the lines themselves; before it, perhaps, the line end of a torn line.
    pub body: u64,
    pub end: u64,
    /// All that was there before it has been dropped to make room. To take this back would leave nothing of
    /// the journal.
    pub replaces: bool,
    /// Another program has written into it.
    pub mixed: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The content of each file, the first of which has `length` bytes.
    fn deal(batches: &[&str], max_bytes: u64, length: u64) -> Vec<String> {
        let mut left = Left::new(batches, max_bytes);
        let mut files = vec![left.take(length).concat()];
        while !left.is_empty() {
            files.push(left.take(0).concat());
        }
        files
    }

    #[test]
    fn a_batch_that_fits_into_a_file_is_never_cut() {
        assert_eq!(deal(&["1\n2\n", "3\n4\n"], 6, 0), ["1\n2\n", "3\n4\n"]);
        assert_eq!(deal(&["1\n2\n", "3\n"], 6, 0), ["1\n2\n3\n"]);
        assert_eq!(deal(&["1\n2\n3\n"], 6, 1), ["", "1\n2\n3\n"]);
        assert_eq!(deal(&["", "1\n"], 6, 100), ["", "1\n"]);
    }

    #[test]
    fn a_larger_batch_fills_what_is_left_and_is_cut_between_lines() {
        assert_eq!(deal(&["1\n2\n3\n4\n"], 5, 2), ["1\n", "2\n3\n", "4\n"]);
        assert_eq!(deal(&["0\n", "1\n2\n3\n4\n", "5\n"], 5, 0), ["0\n1\n", "2\n3\n", "4\n5\n"]);
    }

    #[test]
    fn a_line_that_is_too_large_has_a_file_of_its_own() {
        assert_eq!(deal(&["1\n", "long long\n", "2\n"], 5, 0), ["1\n", "long long\n", "2\n"]);
        assert_eq!(deal(&["1\nlong long\n2\n"], 5, 3), ["1\n", "long long\n", "2\n"]);
        assert_eq!(deal(&["ééé\né\n"], 1, 0), ["ééé\n", "é\n"]);
    }

    #[test]
    fn without_a_limit_everything_goes_into_one_file() {
        assert_eq!(deal(&["1\n", "2\n"], u64::MAX, u64::MAX - 9), ["1\n2\n"]);
    }
}
