//! Copying ranges of one file to the end of another: large ones inside the kernel, which shares the
//! blocks where the file system can, small ones through one buffer.

use std::io;
use std::sync::Arc;

use super::Cancel;
use crate::defects::{Defect, has};
use crate::disk::DiskFile;

/// From this length on a range is copied by the kernel. Below, one large read and one large write
/// for many ranges are cheaper than one call for each.
const DIRECT: u64 = 256 << 10;
/// A shorter hole is filled: to keep it would cost more than its blocks.
const HOLE: u64 = 64 << 10;
/// How much the kernel copies before the next look at the cancel flag.
const STEP: u64 = 8 << 20;
const BUFFER: usize = 1 << 20;

#[derive(Debug)]
pub(super) struct Copier {
    from: Arc<dyn DiskFile>,
    to: Arc<dyn DiskFile>,
    /// Bytes before this are in `to` or in `out`.
    length: u64,
    out: Vec<u8>,
    /// A piece of `from`, starting at `window_at`.
    window: Vec<u8>,
    window_at: u64,
    in_kernel: bool,
    cancel: Cancel,
}

impl Copier {
    pub fn new(from: Arc<dyn DiskFile>, to: Arc<dyn DiskFile>, cancel: Cancel) -> Self {
        Self {
            from,
            to,
            length: 0,
            out: Vec::new(),
            window: Vec::new(),
            window_at: 0,
            in_kernel: true,
            cancel,
        }
    }

    /// How long the copy is now.
    pub fn length(&self) -> u64 {
        self.length
    }

    /// Appends the bytes `start..end` of the source. Nothing at or after `limit` is looked at: it
    /// may still change. A large hole stays a hole.
    pub fn copy(&mut self, start: u64, end: u64, limit: u64) -> io::Result<()> {
        let mut at = start;
        while end.saturating_sub(at) >= DIRECT {
            let (hole_end, data_end) = self.from.next_data(at, end);
            if hole_end - at >= HOLE {
                self.skip(hole_end - at)?;
                at = hole_end;
            }
            let data_end = if end - data_end < HOLE { end } else { data_end };
            self.copy_data(at, data_end, limit)?;
            at = data_end;
        }
        self.copy_data(at, end, limit)
    }

    fn copy_data(&mut self, start: u64, end: u64, limit: u64) -> io::Result<()> {
        let mut at = start;
        if end.saturating_sub(start) >= DIRECT {
            self.flush()?;
            self.to.reserve(self.length, end - start)?;
            while self.in_kernel && at < end {
                self.check_cancelled()?;
                at = self.copy_in_kernel(at, end.min(at.saturating_add(STEP)))?;
            }
        }
        while at < end {
            at = self.copy_buffered(at, end, limit.max(end))?;
        }
        Ok(())
    }

    /// Appends a hole.
    fn skip(&mut self, bytes: u64) -> io::Result<()> {
        self.check_cancelled()?;
        self.flush()?;
        self.length += bytes;
        self.to.set_len(self.length)
    }

    /// Appends bytes that are not in the source.
    pub fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        if self.out.len() + bytes.len() > BUFFER {
            self.flush()?;
        }
        self.out.extend_from_slice(bytes);
        self.length += bytes.len() as u64;
        Ok(())
    }

    /// Makes what was copied durable.
    pub fn sync(&mut self) -> io::Result<()> {
        self.flush()?;
        if has(Defect::RewriteUnsynced) {
            return Ok(());
        }
        self.to.sync_all()
    }

    pub fn flush(&mut self) -> io::Result<()> {
        if !self.out.is_empty() {
            self.to.write_at(&self.out, self.length - self.out.len() as u64)?;
            self.out.clear();
        }
        Ok(())
    }

    /// Returns how far it came; clears `in_kernel` if the disk will not do it.
    fn copy_in_kernel(&mut self, start: u64, end: u64) -> io::Result<u64> {
        let count = self.to.copy_from(&*self.from, start, end, self.length)?;
        // 0 is the end of the file, too, which the other way reports.
        self.in_kernel = count > 0;
        self.length += count;
        Ok(start.saturating_add(count))
    }

    fn copy_buffered(&mut self, start: u64, end: u64, limit: u64) -> io::Result<u64> {
        let behind = self.window_at.saturating_add(self.window.len() as u64);
        if start < self.window_at || start >= behind {
            self.check_cancelled()?;
            let length = limit.saturating_sub(start).min(BUFFER as u64);
            self.window.clear();
            self.window = self.from.read(start, start + length)?;
            self.window_at = start;
        }
        let skip = usize::try_from(start - self.window_at).unwrap_or(usize::MAX);
        let count = usize::try_from(end - start).unwrap_or(usize::MAX);
        let count = count.min(self.window.len().saturating_sub(skip));
        if self.out.len() + count > BUFFER {
            self.flush()?;
        }
        let piece = self.window.get(skip..skip + count).unwrap_or_default();
        self.out.extend_from_slice(piece);
        self.length += count as u64;
        Ok(start + count as u64)
    }

    fn check_cancelled(&self) -> io::Result<()> {
        if self.cancel.is_set() {
            return Err(io::Error::other("the rewrite was cancelled"));
        }
        Ok(())
    }
}
