//! The exported interface `storage`: convert and call.

use papyra_engine::host::{self, Host};

use crate::component::Component;
use crate::component::exports::papyra::persistence::storage::{
    AppendError, Chunk, Description, Edit, Framing, Guest, Layout, Payload, Position, Purpose,
    RewriteOptions, Rewritten, Role, Run, Segment, StorageError,
};
use crate::component::store::FileStore;

impl Guest for Component {
    fn describe() -> Description {
        let host::Description { backend, location, framing, layout, volatile, .. } =
            FileStore.describe();
        Description {
            backend,
            location,
            framing: match framing {
                host::Framing::Lines => Framing::Lines,
                host::Framing::Entries => Framing::Entries,
            },
            layout: match layout {
                host::Layout::Sequence => Layout::Sequence,
                host::Layout::Parallel => Layout::Parallel,
            },
            volatile,
            // Papyra's own.
            profile: None,
        }
    }

    fn segments() -> Result<Vec<Segment>, StorageError> {
        Ok(FileStore.segments()?.into_iter().map(Segment::from).collect())
    }

    fn read(segment: String, at: Position, max_bytes: u32) -> Result<Chunk, StorageError> {
        let host::Chunk { start, data, last, .. } = FileStore.read(&segment, at, max_bytes)?;
        let length = data.len();
        let (data, handed) = beginning(data);
        Ok(chunk(start, data, last && handed == length))
    }

    fn read_back(segment: String, before: Position, max_bytes: u32) -> Result<Chunk, StorageError> {
        let host::Chunk { start, data, last, .. } =
            FileStore.read_back(&segment, before, max_bytes)?;
        let (data, skipped) = end(data);
        Ok(chunk(start.plus(skipped as u64), data, last && skipped == 0))
    }

    fn append(lines: String, _: Vec<Run>) -> Result<(), AppendError> {
        Ok(FileStore.append(&lines, &[])?)
    }

    fn rewrite_begin(segment: String, options: RewriteOptions) -> Result<(), StorageError> {
        let RewriteOptions { purpose, keep_quarantine, force } = options;
        let purpose = match purpose {
            Purpose::Recover => host::Purpose::Recover,
            Purpose::Compact => host::Purpose::Compact,
        };
        let options = host::RewriteOptions { purpose, keep_quarantine, force };
        Ok(FileStore.rewrite_begin(&segment, options)?)
    }

    fn rewrite_edit(edits: Vec<Edit>) -> Result<(), StorageError> {
        let edit =
            |edit: Edit| host::Edit { start: edit.start, end: edit.end, line_end: edit.line_end };
        let edits: Vec<_> = edits.into_iter().map(edit).collect();
        Ok(FileStore.rewrite_edit(&edits)?)
    }

    fn rewrite_commit() -> Result<Rewritten, StorageError> {
        let host::Rewritten { bytes_before, bytes_after, removed_entries, quarantine } =
            FileStore.rewrite_commit()?;
        Ok(Rewritten { bytes_before, bytes_after, removed_entries, quarantine })
    }

    fn rewrite_abort() {
        FileStore.rewrite_abort();
    }

    fn load_index() -> Result<String, StorageError> {
        Ok(FileStore.load_index()?)
    }

    fn save_index(text: String) -> Result<(), StorageError> {
        Ok(FileStore.save_index(&text)?)
    }
}

fn chunk(start: Position, data: Payload, last: bool) -> Chunk {
    Chunk { start, data, frames: Vec::new(), last }
}

/// Text, if all of it is but for a character that is cut off at the end, and how much that is.
///
/// Text wherever it can be: between two components, jco copies a string at once and a list byte by byte
/// where the runtime cannot give a module two memories, as in Node 20 (measured: 5 MB/s).
fn beginning(mut data: Vec<u8>) -> (Payload, usize) {
    if let Err(error) = std::str::from_utf8(&data)
        && error.error_len().is_none()
        && error.valid_up_to() > 0
    {
        data.truncate(error.valid_up_to());
    }
    let handed = data.len();
    (whole(data), handed)
}

/// Text, if all of it is but for a character that is cut off at the beginning, and how much is left out
/// there.
fn end(mut data: Vec<u8>) -> (Payload, usize) {
    let rest = data.iter().take(3).take_while(|byte| **byte & 0xC0 == 0x80).count();
    let skipped = if rest < data.len() { rest } else { 0 };
    data.drain(..skipped);
    (whole(data), skipped)
}

fn whole(data: Vec<u8>) -> Payload {
    match String::from_utf8(data) {
        // Hosts in JavaScript drop a byte order mark at the beginning of a text.
        Ok(text) if text.starts_with('\u{feff}') => Payload::Raw(text.into_bytes()),
        Ok(text) => Payload::Text(text),
        Err(raw) => Payload::Raw(raw.into_bytes()),
    }
}

impl From<host::Segment> for Segment {
    fn from(segment: host::Segment) -> Self {
        let host::Segment { name, role, number, start, end, bytes, entries, .. } = segment;
        Self {
            name,
            role: match role {
                host::Role::Active => Role::Active,
                host::Role::Sealed => Role::Sealed,
                host::Role::Stray => Role::Stray,
                host::Role::Leftover => Role::Leftover,
            },
            number,
            start,
            end,
            bytes,
            entries,
            // A file has records of all kinds, and no consumer groups.
            kind: None,
            partition: None,
            pinned: None,
        }
    }
}

impl From<host::AppendError> for AppendError {
    fn from(failed: host::AppendError) -> Self {
        Self { error: failed.error.into(), written: failed.written }
    }
}

impl From<host::StorageError> for StorageError {
    fn from(error: host::StorageError) -> Self {
        match error {
            host::StorageError::Unavailable(message) => Self::Unavailable(message),
            host::StorageError::Full(message) => Self::Full(message),
            host::StorageError::Locked(message) => Self::Locked(message),
            host::StorageError::Denied(message) => Self::Denied(message),
            host::StorageError::NotFound(message) => Self::NotFound(message),
            host::StorageError::Unsupported(message) => Self::Unsupported(message),
            host::StorageError::Corrupt(message) => Self::Corrupt(message),
            host::StorageError::Failed(message) => Self::Failed(message),
        }
    }
}
