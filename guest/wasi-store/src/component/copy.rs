//! Copying ranges of one file to the end of another, in large pieces however small the ranges are.

use std::rc::Rc;

use super::disk::{Cut, read_whole};
use super::wasi::filesystem::types::{Descriptor, ErrorCode};

const PIECE: u64 = 1 << 20;

pub(super) struct Copier {
    from: Rc<Descriptor>,
    to: Descriptor,
    /// Bytes before this are in `to` or in `out`.
    length: u64,
    out: Vec<u8>,
    /// A piece of `from`, starting at `window_at`.
    window: Vec<u8>,
    window_at: u64,
}

impl Copier {
    pub fn new(from: Rc<Descriptor>, to: Descriptor) -> Self {
        Self { from, to, length: 0, out: Vec::new(), window: Vec::new(), window_at: 0 }
    }

    /// How long the copy is now.
    pub fn length(&self) -> u64 {
        self.length
    }

    /// Appends the bytes `start..end` of the source. Nothing at or after `limit` is looked at: it
    /// may still change.
    pub fn copy(&mut self, start: u64, end: u64, limit: u64) -> Result<(), Cut> {
        let mut at = start;
        while at < end {
            let behind = self.window_at.saturating_add(self.window.len() as u64);
            if at < self.window_at || at >= behind {
                let stop = at.saturating_add(PIECE).min(limit.max(end));
                self.window = read_whole(&self.from, at, stop)?;
                self.window_at = at;
            }
            let skip = usize::try_from(at - self.window_at).unwrap_or(usize::MAX);
            let count = usize::try_from(end - at).unwrap_or(usize::MAX);
            let ready = self.window.get(skip..).unwrap_or_default();
            let piece = ready.get(..count).unwrap_or(ready);
            if piece.is_empty() {
                return Err(Cut::Short(at));
            }
            at = at.saturating_add(piece.len() as u64);
            self.length = self.length.saturating_add(piece.len() as u64);
            self.out.extend_from_slice(piece);
            if self.out.len() as u64 >= PIECE {
                self.flush().map_err(Cut::Failed)?;
            }
        }
        Ok(())
    }

    /// Appends bytes that are not in the source.
    pub fn write(&mut self, bytes: &[u8]) {
        self.out.extend_from_slice(bytes);
        self.length = self.length.saturating_add(bytes.len() as u64);
    }

    /// Makes what was copied durable.
    pub fn sync(&mut self) -> Result<(), ErrorCode> {
        self.flush()?;
        self.to.sync()
    }

    fn flush(&mut self) -> Result<(), ErrorCode> {
        let mut rest = self.out.as_slice();
        while !rest.is_empty() {
            let at = self.length.saturating_sub(rest.len() as u64);
            let written = usize::try_from(self.to.write(rest, at)?).unwrap_or(usize::MAX);
            rest = match rest.get(written..) {
                Some(later) if written > 0 => later,
                _ => return Err(ErrorCode::Io),
            };
        }
        self.out.clear();
        Ok(())
    }
}
