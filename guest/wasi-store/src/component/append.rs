//! Appending: torn tails, taking back what failed.

use std::borrow::Cow;

use papyra_engine::host::{StorageError, Written};

use super::disk::{is_torn, read_whole};
use super::place::Place;
use super::wasi::filesystem::types::{Descriptor, ErrorCode, filesystem_error_code};
use super::wasi::io::streams::StreamError;

/// What this instance knows about the end of the file.
#[derive(Default)]
pub(super) struct Writer {
    open: Option<Open>,
    /// A sync has failed. The system reports that once and then calls the pages clean, so nothing is
    /// acknowledged before the file has been opened afresh and synced.
    suspect: bool,
}

struct Open {
    file: Descriptor,
    path: String,
    /// The length at which we left the file, if it then ended with a line end.
    settled: Option<u64>,
}

impl Writer {
    /// Appends a batch. After an error, `written` says how much of it is in the file.
    pub fn append(
        &mut self,
        place: &Place,
        lines: &str,
        written: &mut Written,
    ) -> Result<(), StorageError> {
        let disk = &place.disk;
        let cannot = |code| disk.error("append to", code);
        let suspect = self.suspect;
        let open = self.opened(place)?;
        if suspect {
            open.file.sync_data().map_err(|code| {
                disk.error("go on before an earlier failure to sync is overcome:", code)
            })?;
        }
        let start = open.file.stat().map_err(cannot)?.size;
        let torn = open.settled != Some(start)
            && is_torn(&open.file, start).map_err(|cut| cut.error(disk))?;
        open.settled = None;
        let bytes = if torn { Cow::Owned(format!("\n{lines}")) } else { Cow::Borrowed(lines) };
        let bytes = bytes.as_bytes();
        let body = start.saturating_add(u64::from(torn));

        let end = start.saturating_add(bytes.len() as u64);
        let done = write(&open.file, bytes).map_err(cannot).and_then(|()| {
            let size = open.file.stat().map_err(cannot)?.size;
            // Another program writes to the journal. Where the runtime appends atomically, our lines
            // are whole all the same.
            let whole = size == end || begins_with(&open.file, start, end, bytes);
            if whole { Ok(()) } else { Err(mixed(place)) }
        });
        if let Err(error) = done {
            *written = written_of(lines, take_back(&open.file, start, bytes), body);
            return Err(error);
        }
        if place.sync
            && let Err(code) = open.file.sync_data()
        {
            *written = written_of(lines, take_back(&open.file, start, bytes), body);
            self.open = None;
            self.suspect = true;
            return Err(disk.error("make durable what was appended to", code));
        }
        open.settled = Some(end);
        self.suspect = false;
        Ok(())
    }

    /// The file that the path names now.
    fn opened(&mut self, place: &Place) -> Result<&mut Open, StorageError> {
        let disk = &place.disk;
        let path = disk.real(&place.path)?;
        let open = match self.open.take() {
            Some(open) if open.path == path && disk.names(&path, &open.file) => open,
            _ => {
                let file = match disk.look(&path)? {
                    Some(_) => disk.open(&path, true)?,
                    None => match disk.create(&path) {
                        Err(ErrorCode::Exist) => disk.open(&path, true)?,
                        made => made.map_err(|code| disk.error("create", code))?,
                    },
                };
                if place.sync {
                    // Whoever made the file may have died before its name was durable.
                    let synced = disk.sync_names(&path);
                    synced.map_err(|code| disk.error("make durable the name of", code))?;
                }
                Open { file, path, settled: None }
            }
        };
        Ok(self.open.insert(open))
    }
}

/// Writes at the end, wherever that is by now: what another program has appended is never overwritten
/// where the runtime keeps its word (wasmtime does; Node's shim writes at the end it has last seen).
fn write(file: &Descriptor, mut bytes: &[u8]) -> Result<(), ErrorCode> {
    let stream = file.append_via_stream()?;
    let cause = |error| match error {
        StreamError::LastOperationFailed(error) => {
            filesystem_error_code(&error).unwrap_or(ErrorCode::Io)
        }
        StreamError::Closed => ErrorCode::Io,
    };
    while !bytes.is_empty() {
        let room = usize::try_from(stream.check_write().map_err(cause)?).unwrap_or(usize::MAX);
        let Some((now, later)) = bytes.split_at_checked(room.min(bytes.len())) else { break };
        if !now.is_empty() {
            stream.write(now).map_err(cause)?;
        }
        stream.blocking_flush().map_err(cause)?;
        bytes = later;
    }
    // A runtime may keep an error for the next call.
    stream.check_write().map_err(cause)?;
    Ok(())
}

/// Cuts off what a failed append has written, unless that is followed by something else. Returns where
/// what remains of it ends; `None` if that cannot be told.
fn take_back(file: &Descriptor, start: u64, bytes: &[u8]) -> Option<u64> {
    let end = file.stat().ok()?.size;
    if end <= start {
        return Some(start);
    }
    if !begins_with(file, start, end, bytes) {
        return None;
    }
    // Should that fail, the next append isolates the torn end.
    Some(if file.set_size(start).is_ok() { start } else { end })
}

/// How much of a batch is there, if it begins at `body` and what remains of it ends at `end`.
fn written_of(lines: &str, end: Option<u64>, body: u64) -> Written {
    let Some(end) = end else { return Written::Unknown };
    let bytes = usize::try_from(end.saturating_sub(body)).unwrap_or(usize::MAX);
    match lines.as_bytes().get(..bytes) {
        Some([]) => Written::None,
        Some(part) if part.len() < lines.len() => Written::Some,
        _ => Written::All,
    }
}

/// The file's bytes `start..end` are the beginning of `bytes`.
fn begins_with(file: &Descriptor, start: u64, end: u64, bytes: &[u8]) -> bool {
    let length = usize::try_from(end.saturating_sub(start)).unwrap_or(usize::MAX);
    if length > bytes.len() {
        return false;
    }
    read_whole(file, start, end).is_ok_and(|there| bytes.starts_with(&there))
}

fn mixed(place: &Place) -> StorageError {
    StorageError::Failed(format!(
        "another program writes to {}, which WASI cannot lock; let one at a time do so, then scan it",
        place.location
    ))
}
