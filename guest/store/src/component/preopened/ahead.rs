//! Reading further than asked, for whoever reads on: a call into the runtime is dear.

use std::collections::VecDeque;
use std::io;

use super::errors::{error, stream_error};
use crate::component::wasi::filesystem::types::Descriptor;
use crate::component::wasi::io::streams::{InputStream, StreamError};

/// How much is read at once, as much as the engine asks for: in Node each call is a message to another
/// thread and back.
const WINDOW: usize = 1 << 20;
/// How much is handed out at once in a runtime that gives less: all copies of it stay in the processor's
/// cache.
const HANDED: usize = 256 << 10;
/// How many reads may be on their way in a runtime that gives less. More gain nothing.
const ON_THEIR_WAY: usize = 4;
/// A runtime is not taken to give less than this because it once did.
const LEAST: u64 = 16 << 10;

/// Reads one file, piece by piece.
#[derive(Default)]
pub(in crate::component) struct Ahead {
    /// Where [`Ahead::kept`] begins.
    start: u64,
    /// The end of what was handed out last, from its last line end on, no more than [`HANDED`] and
    /// [`WINDOW`]. The next read begins there.
    kept: Vec<u8>,
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
    ) -> io::Result<Vec<u8>> {
        let mut data = self.take_kept(start);
        let wanted = usize::try_from(stop - start).unwrap_or(usize::MAX).min(self.handed());
        while data.len() < wanted && (data.is_empty() || self.fits(data.len(), wanted)) {
            let at = start.saturating_add(data.len() as u64);
            let more = self.following(file, at, (wanted - data.len()) as u64, end)?;
            if more.is_empty() {
                break;
            }
            // Where the runtime gives as much as is asked for, one piece is all there is.
            if data.is_empty() {
                data = more;
            } else {
                data.extend_from_slice(&more);
            }
        }
        if data.is_empty() {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        self.keep(start, &data, wanted);
        data.truncate(wanted);
        Ok(data)
    }

    /// How much is handed out at once.
    fn handed(&self) -> usize {
        if self.most.is_some() { HANDED } else { WINDOW }
    }

    /// Whether another piece fits. What does not would have to be copied once more to be kept.
    fn fits(&self, held: usize, wanted: usize) -> bool {
        let most = self.most.and_then(|most| usize::try_from(most).ok());
        held.saturating_add(most.unwrap_or_default()) <= wanted
    }

    /// What is kept from `start` on.
    fn take_kept(&mut self, start: u64) -> Vec<u8> {
        let kept = std::mem::take(&mut self.kept);
        let skipped = start.checked_sub(self.start).and_then(|by| usize::try_from(by).ok());
        let rest = skipped.and_then(|by| kept.get(by..));
        rest.map_or_else(Vec::new, <[u8]>::to_vec)
    }

    /// Whoever goes on begins where the last whole line ended that was handed out.
    fn keep(&mut self, start: u64, data: &[u8], handed: usize) {
        // Where one call gives all of it, a fresh read is no dearer.
        let from = match self.most {
            Some(_) => {
                let handed = data.get(..handed).unwrap_or(data);
                handed.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1)
            }
            None => data.len(),
        };
        self.start = start.saturating_add(from as u64);
        self.kept = data.get(from..).unwrap_or_default().to_vec();
    }

    /// The piece at `at`, while the runtime is already reading those after it, if it can.
    fn following(
        &mut self,
        file: &Descriptor,
        at: u64,
        wanted: u64,
        end: u64,
    ) -> io::Result<Vec<u8>> {
        let Some(most) = self.most else {
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
    fn begin(file: &Descriptor, start: u64, wanted: u64) -> io::Result<Self> {
        let stream = file.read_via_stream(start).map_err(error)?;
        // Gives what is there already, mostly nothing, and has the rest fetched.
        let begun = ended_early(stream.read(wanted))?;
        Ok(Self { start, stream, begun })
    }

    fn arrived(self, most: u64) -> io::Result<Vec<u8>> {
        if self.begun.is_empty() {
            ended_early(self.stream.blocking_read(most))
        } else {
            Ok(self.begun)
        }
    }
}

/// One call, however little it gives.
fn piece(file: &Descriptor, at: u64, wanted: u64) -> io::Result<Vec<u8>> {
    let (mut data, _) = file.read(wanted, at).map_err(error)?;
    data.truncate(usize::try_from(wanted).unwrap_or(usize::MAX));
    Ok(data)
}

/// The end of a stream is a piece of no bytes.
fn ended_early(read: Result<Vec<u8>, StreamError>) -> io::Result<Vec<u8>> {
    match read {
        Ok(data) => Ok(data),
        Err(StreamError::Closed) => Ok(Vec::new()),
        Err(failed) => Err(stream_error(&failed)),
    }
}
