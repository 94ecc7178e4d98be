//! Common parts of the checks: lines to write, and reading a store back.

use super::Stop;
use crate::store::{
    Chunk, Framing, Kind, Payload, Position, Role, Run, Segment, Snapshot, Store, StoreErrorKind,
};

/// More than this is in no segment of the suite: a store that repeats itself must not fill the memory.
const MOST: usize = 64 << 20;

pub fn endless() -> Stop {
    Stop::Flaw(format!("reading gives more than {MOST} bytes, and does not end"))
}

/// One entry as it was read.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    pub start: Position,
    /// Where the next entry starts, or the segment ends.
    pub end: Position,
    /// Without its line end.
    pub bytes: Vec<u8>,
}

pub fn flaw<T>(message: impl Into<String>) -> Result<T, Stop> {
    Err(Stop::Flaw(message.into()))
}

pub fn not_applicable<T>(why: impl Into<String>) -> Result<T, Stop> {
    Err(Stop::NotApplicable(why.into()))
}

pub fn ensure(holds: bool, message: impl FnOnce() -> String) -> Result<(), Stop> {
    if holds { Ok(()) } else { flaw(message()) }
}

/// Numbered events of differing lengths, without line ends.
pub fn events(numbers: std::ops::Range<u32>) -> Vec<String> {
    let event = |n: u32| {
        let filler = "ü".repeat((n % 7) as usize * 5);
        format!(
            r#"{{"kind": "event", "timestamp": {}.5, "n": {n}, "x": "{filler}"}}"#,
            1_700_000_000 + n
        )
    };
    numbers.map(event).collect()
}

pub async fn append(store: &dyn Store, lines: &[String]) -> Result<(), Stop> {
    let count = u32::try_from(lines.len()).unwrap_or(u32::MAX);
    let mut batch = lines.join("\n");
    batch.push('\n');
    Ok(store.append(batch, &[Run { kind: Kind::Event, lines: count }]).await?)
}

/// Appends one batch of all kinds, with runs of different lengths. Returns its lines and their kinds.
pub async fn append_kinds(store: &dyn Store, number: u32) -> Result<Vec<(Kind, String)>, Stop> {
    let mut written = Vec::new();
    let mut runs = Vec::new();
    for (kind, lines) in [
        (Kind::Audit, 1),
        (Kind::Event, 3),
        (Kind::DeadLetter, 2),
        (Kind::Metric, 1),
        (Kind::Event, 1),
        (Kind::Metric, 4),
    ] {
        runs.push(Run { kind, lines });
        for _ in 0..lines {
            let n = written.len();
            let line =
                format!(r#"{{"kind": "{kind}", "timestamp": 1700000000, "n": {number}{n}}}"#);
            written.push((kind, line));
        }
    }
    let batch = written.iter().map(|(_, line)| format!("{line}\n")).collect();
    store.append(batch, &runs).await?;
    Ok(written)
}

/// Everything in the store, in order; a store that does not exist holds nothing.
pub async fn lines(store: &dyn Store) -> Result<Vec<String>, Stop> {
    match store.snapshot().await {
        Ok(snapshot) => snapshot_lines(store, &*snapshot).await,
        Err(error) if error.kind() == StoreErrorKind::NotFound => Ok(Vec::new()),
        Err(error) => Err(error.into()),
    }
}

pub async fn snapshot_lines(
    store: &dyn Store,
    snapshot: &dyn Snapshot,
) -> Result<Vec<String>, Stop> {
    let mut lines = Vec::new();
    for segment in members(snapshot) {
        for entry in entries(store, snapshot, &segment, 1 << 16).await? {
            lines.push(String::from_utf8_lossy(&entry.bytes).into_owned());
        }
    }
    Ok(lines)
}

pub fn members(snapshot: &dyn Snapshot) -> Vec<Segment> {
    let member = |segment: &&Segment| matches!(segment.role, Role::Active | Role::Sealed);
    snapshot.segments().iter().filter(member).cloned().collect()
}

/// The segment with the most entries, and these.
pub async fn largest(
    store: &dyn Store,
    snapshot: &dyn Snapshot,
) -> Result<(Segment, Vec<Entry>), Stop> {
    let mut largest = None;
    let mut most = 0;
    for segment in members(snapshot) {
        let entries = entries(store, snapshot, &segment, 1 << 16).await?;
        if entries.len() >= most {
            most = entries.len();
            largest = Some((segment, entries));
        }
    }
    match largest {
        Some(found) => Ok(found),
        None => flaw("there is no segment after an append"),
    }
}

/// All entries of a segment, read forward in pieces.
pub async fn entries(
    store: &dyn Store,
    snapshot: &dyn Snapshot,
    segment: &Segment,
    max_bytes: u32,
) -> Result<Vec<Entry>, Stop> {
    let mut chunks = Vec::new();
    let mut at = segment.start;
    let mut room = MOST;
    loop {
        let chunk = snapshot.read(&segment.name, at, max_bytes).await?;
        let last = chunk.last;
        consistent(&chunk)?;
        room = room.checked_sub(payload(&chunk).len()).ok_or_else(endless)?;
        let next = after(&chunk, segment);
        ensure(last || key(next) > key(at), || {
            let Position { major, minor } = at;
            format!("reading at {major}, {minor} does not get any further")
        })?;
        at = next;
        chunks.push(chunk);
        if last {
            return assemble(store, segment, chunks);
        }
    }
}

/// All entries before a position, read backward in pieces.
pub async fn entries_back(
    store: &dyn Store,
    snapshot: &dyn Snapshot,
    segment: &Segment,
    mut before: Position,
    max_bytes: u32,
) -> Result<Vec<Entry>, Stop> {
    let up_to = Segment { end: before, ..segment.clone() };
    let mut chunks = Vec::new();
    let mut room = MOST;
    loop {
        let chunk = snapshot.read_back(&segment.name, before, max_bytes).await?;
        consistent(&chunk)?;
        room = room.checked_sub(payload(&chunk).len()).ok_or_else(endless)?;
        let last = chunk.last;
        ensure(last || key(chunk.start) < key(before), || {
            format!("reading back at {}, {} does not get any further", before.major, before.minor)
        })?;
        before = chunk.start;
        chunks.insert(0, chunk);
        if last {
            return assemble(store, &up_to, chunks);
        }
    }
}

/// For comparing.
pub fn key(position: Position) -> (u64, u64) {
    (position.major, position.minor)
}

/// The bytes of a segment of a store that frames lines.
pub async fn raw(snapshot: &dyn Snapshot, segment: &Segment) -> Result<Vec<u8>, Stop> {
    let (mut at, mut bytes) = (segment.start, Vec::new());
    loop {
        let chunk = snapshot.read(&segment.name, at, 1 << 16).await?;
        consistent(&chunk)?;
        bytes.extend_from_slice(&payload(&chunk));
        if chunk.last {
            return Ok(bytes);
        }
        at.minor = segment.start.minor + bytes.len() as u64;
    }
}

/// Makes entries of consecutive chunks.
pub fn assemble(
    store: &dyn Store,
    segment: &Segment,
    chunks: Vec<Chunk>,
) -> Result<Vec<Entry>, Stop> {
    if store.describe().framing == Framing::Entries {
        return framed(segment, chunks);
    }
    let mut bytes = Vec::new();
    let first = chunks.first().map_or(segment.start, |chunk| chunk.start);
    for chunk in chunks {
        let expected = first.minor + bytes.len() as u64;
        ensure(chunk.start.minor == expected, || {
            format!("a chunk starts at {} instead of {expected}", chunk.start.minor)
        })?;
        bytes.extend_from_slice(&payload(&chunk));
    }
    let mut entries = Vec::new();
    let mut start = first.minor;
    for line in bytes.split_inclusive(|byte| *byte == b'\n') {
        let end = start + line.len() as u64;
        entries.push(Entry {
            start: Position { major: 0, minor: start },
            end: Position { major: 0, minor: end },
            bytes: line.strip_suffix(b"\n").unwrap_or(line).to_vec(),
        });
        start = end;
    }
    Ok(entries)
}

fn framed(segment: &Segment, chunks: Vec<Chunk>) -> Result<Vec<Entry>, Stop> {
    let mut entries: Vec<Entry> = Vec::new();
    for chunk in chunks {
        let data = payload(&chunk);
        let mut from = 0;
        for frame in &chunk.frames {
            let to = frame.end as usize;
            let Some(bytes) = data.get(from..to) else {
                return flaw("a frame lies outside of its chunk");
            };
            if let Some(previous) = entries.last_mut() {
                previous.end = frame.at;
            }
            entries.push(Entry { start: frame.at, end: segment.end, bytes: bytes.to_vec() });
            from = to;
        }
    }
    Ok(entries)
}

pub fn payload(chunk: &Chunk) -> Vec<u8> {
    match &chunk.data {
        Payload::Text(text) => text.clone().into_bytes(),
        Payload::Raw(bytes) => bytes.clone(),
    }
}

/// Where to go on after a chunk.
pub fn after(chunk: &Chunk, segment: &Segment) -> Position {
    match chunk.frames.last() {
        None if chunk.frames.is_empty() && payload(chunk).is_empty() => segment.end,
        None => Position { major: 0, minor: chunk.start.minor + payload(chunk).len() as u64 },
        Some(frame) => match frame.at.minor.checked_add(1) {
            Some(minor) => Position { major: frame.at.major, minor },
            None => Position { major: frame.at.major.saturating_add(1), minor: 0 },
        },
    }
}

pub fn consistent(chunk: &Chunk) -> Result<(), Stop> {
    let nothing = payload(chunk).is_empty() && chunk.frames.is_empty();
    ensure(chunk.last || !nothing, || "a chunk is empty, but not the last".to_owned())
}

pub fn same(what: &str, found: &[String], expected: &[String]) -> Result<(), Stop> {
    if found == expected {
        return Ok(());
    }
    let differs = found.iter().zip(expected).position(|(found, expected)| found != expected);
    let at = differs.unwrap_or(found.len().min(expected.len()));
    flaw(format!(
        "{what}: {} entries instead of {}; entry {at} is {:?} instead of {:?}",
        found.len(),
        expected.len(),
        found.get(at),
        expected.get(at),
    ))
}
