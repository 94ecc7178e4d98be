//! Reading further than asked, for whoever reads on: a call into the runtime is dear.

use std::collections::VecDeque;

use super::disk::Cut;
use super::wasi::filesystem::types::{Descriptor, ErrorCode};
use super::wasi::io::streams::{InputStream, StreamError};

/// How much is read at once, as much as the engine asks for: in Node each call is a message to another
/// thread and back.
const WINDOW: u64 = 1 << 20;
/// How much is handed out at once in a runtime that gives less: all copies of it stay in the processor's
/// cache.
const HANDED: u64 = 256 << 10;
/// How many reads may be on their way in a runtime that gives less. More gain nothing.
const ON_THEIR_WAY: usize = 4;
/// A runtime is not taken to give less than this because it once did.
const LEAST: u64 = 16 << 10;

/// Bytes of one file that have been read already, no more than [`WINDOW`] and what was asked for, and
/// bytes that are on their way.
#[derive(Default)]
pub(super) struct Ahead {
    start: u64,
    data: Vec<u8>,
    /// What the runtime gives at once, if that is less than [`WINDOW`] (64 KiB in wasmtime).
    most: Option<u64>,
    coming: VecDeque<Coming>,
}

/// A stream of its own for each piece, because a stream reads one piece at a time.
struct Coming {
    start: u64,
    stream: InputStream,
    begun: Vec<u8>,
}

impl Ahead {
    /// The bytes of the file from `start` to `stop`, or fewer, but one at least; `end` is where the file
    /// ended when it was opened.
    pub fn read(
        &mut self,
        file: &Descriptor,
        (start, stop, end): (u64, u64, u64),
    ) -> Result<&[u8], Cut> {
        // Whoever goes on begins where the last whole line ended, before the end of what it was given.
        let goes_on = start >= self.start && start <= self.end() && !self.data.is_empty();
        // Where one call gives all of it, what is kept would only be copied.
        if self.most.is_none() || !goes_on {
            let most = self.most;
            *self =
                Self { start, most, data: piece(file, start, stop - start)?, ..Self::default() };
        }
        self.forget(start);
        let stop = self.most.map_or(stop, |_| stop.min(start.saturating_add(HANDED)));
        while self.end() < stop {
            let at = self.end();
            let more = self.following(file, at, end)?;
            if more.is_empty() {
                break;
            }
            self.data.extend_from_slice(&more);
        }
        let wanted = usize::try_from(stop - start).unwrap_or(usize::MAX).min(self.data.len());
        self.data.get(..wanted).filter(|bytes| !bytes.is_empty()).ok_or(Cut::Short(start))
    }

    fn end(&self) -> u64 {
        self.start.saturating_add(self.data.len() as u64)
    }

    /// Lets go of what lies before `start`.
    fn forget(&mut self, start: u64) {
        let before = usize::try_from(start.saturating_sub(self.start)).unwrap_or(usize::MAX);
        self.data.drain(..before.min(self.data.len()));
        self.start = start;
    }

    /// The piece at `at`, while the runtime is already reading those after it, if it can.
    fn following(&mut self, file: &Descriptor, at: u64, end: u64) -> Result<Vec<u8>, Cut> {
        let Some(most) = self.most else {
            let wanted = WINDOW.min(end.saturating_sub(at));
            let data = piece(file, at, wanted)?;
            let got = data.len() as u64;
            if got < wanted {
                self.most = Some(got.max(LEAST));
            }
            return Ok(data);
        };
        let data = match self.coming.pop_front() {
            Some(coming) if coming.start == at => coming.arrived(most)?,
            _ => {
                self.coming.clear();
                piece(file, at, most.min(end.saturating_sub(at)))?
            }
        };
        let after = at.saturating_add(data.len() as u64);
        let mut next = self.coming.back().map_or(after, |last| last.start.saturating_add(most));
        while self.coming.len() < ON_THEIR_WAY && next < end {
            self.coming.push_back(Coming::begin(file, next, most.min(end - next))?);
            next = next.saturating_add(most);
        }
        Ok(data)
    }
}

impl Coming {
    fn begin(file: &Descriptor, start: u64, wanted: u64) -> Result<Self, Cut> {
        let stream = file.read_via_stream(start).map_err(Cut::Failed)?;
        // Gives what is there already, mostly nothing, and has the rest fetched.
        let begun = ended_early(stream.read(wanted))?;
        Ok(Self { start, stream, begun })
    }

    fn arrived(self, most: u64) -> Result<Vec<u8>, Cut> {
        if self.begun.is_empty() {
            ended_early(self.stream.blocking_read(most))
        } else {
            Ok(self.begun)
        }
    }
}

/// One call, however little it gives.
fn piece(file: &Descriptor, at: u64, wanted: u64) -> Result<Vec<u8>, Cut> {
    let (mut data, _) = file.read(wanted, at).map_err(Cut::Failed)?;
    data.truncate(usize::try_from(wanted).unwrap_or(usize::MAX));
    Ok(data)
}

/// The end of a stream is a piece of no bytes.
fn ended_early(read: Result<Vec<u8>, StreamError>) -> Result<Vec<u8>, Cut> {
    match read {
        Ok(data) => Ok(data),
        Err(StreamError::Closed) => Ok(Vec::new()),
        Err(StreamError::LastOperationFailed(error)) => Err(Cut::Failed(
            super::wasi::filesystem::types::filesystem_error_code(&error).unwrap_or(ErrorCode::Io),
        )),
    }
}
