//! Stores that frame entries wrongly.

use super::super::wrapper::{Asked, Job, go};
use super::reads::{bytes, empty, with};
use super::{Case, On, case};
use crate::store::{Chunk, Edit, Frame, Position, Snapshot, StoreError};

/// The entries of a stream with positions that are `by` less than the sound ones.
fn moved(mut position: Position, by: i64) -> Position {
    position.major = position.major.saturating_add_signed(-by);
    position
}

/// Counts positions from the first entry that is left.
fn from_first(view: &dyn Snapshot, name: &str) -> i64 {
    let found = view.segments().iter().find(|segment| segment.name == name);
    found.map_or(0, |segment| segment.start.major as i64 - 1)
}

/// Positions grow with the number of entries behind them.
fn from_last(view: &dyn Snapshot, name: &str) -> i64 {
    let found = view.segments().iter().find(|segment| segment.name == name);
    found.map_or(0, |segment| -(segment.end.major as i64))
}

async fn read_moved(asked: Asked<'_>, by: i64, back: bool) -> Result<Chunk, StoreError> {
    let asked = Asked { at: moved(asked.at, -by), ..asked };
    let mut chunk = if back { asked.read_back().await? } else { asked.read().await? };
    chunk.start = moved(chunk.start, by);
    chunk.frames.iter_mut().for_each(|frame| frame.at = moved(frame.at, by));
    Ok(chunk)
}

async fn edit_moved(job: &mut Job, edits: &[Edit], by: i64) -> Result<(), StoreError> {
    let back = |edit: &Edit| Edit::removal(moved(edit.start, -by), moved(edit.end, -by));
    let edits: Vec<Edit> = edits.iter().map(back).collect();
    match &mut job.inner {
        Some(inner) => inner.edit(&edits).await,
        None => Ok(()),
    }
}

pub const CASES: &[Case] = &[
    case("read-frames", On::Streams, "frames come in descending order", |d| {
        d.read = |asked| {
            go(async move {
                let mut chunk = asked.read().await?;
                chunk.frames.reverse();
                Ok(chunk)
            })
        };
    }),
    case("read-frames", On::Streams, "the last frame ends before the data", |d| {
        d.read = |asked| {
            go(async move {
                let chunk = asked.read().await?;
                let mut all = bytes(&chunk);
                all.push(b'\n');
                Ok(with(chunk, all))
            })
        };
    }),
    case("read-frames", On::Streams, "line ends lie between entries", |d| {
        d.read_back = |asked| {
            go(async move {
                let mut chunk = asked.read_back().await?;
                let (all, mut joined, mut from) = (bytes(&chunk), Vec::new(), 0);
                for frame in &mut chunk.frames {
                    joined.extend_from_slice(&all[from..frame.end as usize]);
                    joined.push(b'\n');
                    from = frame.end as usize;
                    frame.end = joined.len() as u32;
                }
                Ok(with(chunk, joined))
            })
        };
    }),
    case("read-frames", On::Lines, "lines come with frames", |d| {
        d.read = |asked| {
            go(async move {
                let mut chunk = asked.read().await?;
                let end = bytes(&chunk).len() as u32;
                chunk.frames = vec![Frame { at: chunk.start, end, missing: false }];
                Ok(chunk)
            })
        };
    }),
    case("read-large", On::Streams, "a large entry is cut short", |d| {
        d.read = |asked| {
            go(async move {
                let mut chunk = asked.read().await?;
                let mut all = bytes(&chunk);
                if chunk.frames.len() == 1 && all.len() > 100_000 {
                    all.truncate(100_000);
                    chunk.frames[0].end = 100_000;
                }
                Ok(with(chunk, all))
            })
        };
    }),
    case("read-large", On::Streams, "an entry that does not fit is left out", |d| {
        d.read_back = |asked| {
            go(async move {
                let chunk = asked.read_back().await?;
                let large = bytes(&chunk).len() > asked.max as usize && asked.max > 1_000;
                Ok(if large { empty(asked.at, true) } else { chunk })
            })
        };
    }),
    case("frame-missing", On::Streams, "entries are said to be missing", |d| {
        d.read = |asked| {
            go(async move {
                let mut chunk = asked.read().await?;
                chunk.frames.iter_mut().for_each(|frame| frame.missing = true);
                Ok(chunk)
            })
        };
    }),
    case("frame-missing", On::Streams, "the payload of the first entry is missing", |d| {
        d.read = |asked| {
            go(async move {
                let mut chunk = asked.read().await?;
                let mut all = bytes(&chunk);
                if let Some(first) = chunk.frames.first().copied() {
                    all.drain(..first.end as usize);
                    chunk.frames.iter_mut().for_each(|frame| frame.end -= first.end);
                    chunk.frames[0].missing = true;
                }
                Ok(with(chunk, all))
            })
        };
    }),
    case("frame-positions", On::Streams, "positions count from the first entry left", |d| {
        d.segments = |_, mut segments| {
            for segment in &mut segments {
                let by = segment.start.major as i64 - 1;
                segment.start = moved(segment.start, by);
                segment.end = moved(segment.end, by);
                segment.pinned = segment.pinned.map(|pinned| moved(pinned, by));
            }
            segments
        };
        d.read = |asked| go(read_moved(asked, from_first(&**asked.view, asked.segment), false));
        d.read_back = |asked| go(read_moved(asked, from_first(&**asked.view, asked.segment), true));
        d.edit = |job, edits| {
            let by = from_first(&*job.view, &job.segment);
            go(edit_moved(job, edits, by))
        };
    }),
    case("frame-positions", On::Streams, "an append changes the positions before it", |d| {
        d.segments = |_, mut segments| {
            for segment in &mut segments {
                let by = -(segment.end.major as i64);
                segment.start = moved(segment.start, by);
                segment.end = moved(segment.end, by);
                segment.pinned = segment.pinned.map(|pinned| moved(pinned, by));
            }
            segments
        };
        d.read = |asked| go(read_moved(asked, from_last(&**asked.view, asked.segment), false));
        d.read_back = |asked| go(read_moved(asked, from_last(&**asked.view, asked.segment), true));
        d.edit = |job, edits| {
            let by = from_last(&*job.view, &job.segment);
            go(edit_moved(job, edits, by))
        };
    }),
];
