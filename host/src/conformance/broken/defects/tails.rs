//! Stores that treat a torn last line wrongly.

use super::super::wrapper::go;
use super::reads::{bytes, with};
use super::{Case, On, case};
use crate::store::{Chunk, Edit, Payload, Snapshot};

fn without_mark(chunk: Chunk) -> Chunk {
    let all = bytes(&chunk);
    let left = all.strip_prefix("\u{feff}".as_bytes()).unwrap_or(&all).to_vec();
    with(chunk, left)
}

pub const CASES: &[Case] = &[
    case("tail-bytes", On::Lines, "bytes that are no text are replaced", |d| {
        d.read = |asked| {
            go(async move {
                let chunk = asked.read().await?;
                let text = String::from_utf8_lossy(&bytes(&chunk)).into_owned();
                Ok(with(chunk, text.into_bytes()))
            })
        };
    }),
    case(
        "tail-bytes",
        On::Lines,
        "a byte order mark at the beginning of a chunk is dropped",
        |d| {
            d.read = |asked| go(async move { Ok(without_mark(asked.read().await?)) });
            d.read_back = |asked| go(async move { Ok(without_mark(asked.read_back().await?)) });
        },
    ),
    case("tail-isolated", On::Lines, "a torn line swallows the next one", |d| {
        d.append = |base, lines, _| {
            go(async move {
                base.fixture.inject(lines.as_bytes()).await;
                Ok(())
            })
        };
    }),
    case("tail-isolated", On::Lines, "a torn line gets two line ends", |d| {
        d.append = |base, lines, runs| {
            go(async move {
                let view = base.store.snapshot().await?;
                if let Some(active) = view.segments().last() {
                    let tail = view.read_back(&active.name, active.end, 1).await?;
                    let whole = matches!(&tail.data, Payload::Raw(data) if data.ends_with(b"\n"));
                    if active.bytes > 0 && !whole {
                        base.fixture.inject(b"\n\n").await;
                    }
                }
                base.store.append(lines, runs).await
            })
        };
    }),
    case("tail-isolated", On::Parts, "an append removes a torn line", |d| {
        d.append = |base, lines, runs| {
            go(async move {
                let view = base.store.snapshot().await?;
                if let Some(active) = view.segments().last() {
                    let all = view.read(&active.name, active.start, u32::MAX).await?;
                    if let Payload::Raw(bytes) = all.data
                        && !bytes.is_empty()
                        && !bytes.ends_with(b"\n")
                    {
                        let last = bytes.iter().rposition(|byte| *byte == b'\n');
                        let mut start = active.start;
                        start.minor = last.map_or(0, |at| at as u64 + 1);
                        let options = crate::store::RewriteOptions {
                            purpose: crate::store::Purpose::Recover,
                            keep_quarantine: false,
                            force: false,
                        };
                        let mut rewrite = view.rewrite(&active.name, options).await?;
                        rewrite.edit(&[Edit::removal(start, active.end)]).await?;
                        rewrite.commit().await?;
                    }
                }
                base.store.append(lines, runs).await
            })
        };
    }),
    case("tail-removed", On::Lines, "the line end of a removed tail stays", |d| {
        d.commit = |job| {
            go(async move {
                let edits = job.edits.clone();
                job.commit_these(&edits).await
            })
        };
    }),
    case("tail-removed", On::Parts, "a byte of the next line goes with the tail", |d| {
        d.commit = |job| {
            go(async move {
                let view = job.base.store.snapshot().await?;
                let now = view.segments().iter().find(|one| one.name == job.segment);
                let mut edits = job.edits.clone();
                if let (Some(last), Some(now)) = (edits.last_mut(), now)
                    && now.end.minor > last.end.minor + 2
                    && !last.line_end
                {
                    last.end.minor += 2;
                }
                job.commit_these(&edits).await
            })
        };
    }),
    case("tail-terminated", On::Lines, "a line end at the end is not written", |d| {
        d.commit = |job| {
            go(async move {
                let end = job.view.segments().last().map(|segment| segment.end);
                let edits: Vec<Edit> =
                    job.edits.iter().copied().filter(|edit| Some(edit.start) != end).collect();
                job.inner = None;
                let mut inner = job.view.rewrite(&job.segment, job.options).await?;
                inner.edit(&edits).await?;
                inner.commit().await
            })
        };
    }),
    case("tail-terminated", On::Parts, "a line end at the end is not counted", |d| {
        d.commit = |job| {
            go(async move {
                let at_end = job.edits.last().is_some_and(|edit| edit.line_end);
                let mut done = job.commit().await?;
                done.bytes_after -= u64::from(at_end);
                Ok(done)
            })
        };
    }),
    case("tail-terminated-once", On::Lines, "an isolated tail gets two line ends", |d| {
        d.commit = |job| {
            go(async move {
                if job.edits.iter().any(|edit| edit.line_end) {
                    let edits = job.edits.clone();
                    return job.commit_these(&edits).await;
                }
                job.commit().await
            })
        };
    }),
    case("tail-terminated-once", On::Parts, "an isolated tail loses its line end", |d| {
        d.commit = |job| {
            go(async move {
                let now = job.base.store.snapshot().await?;
                let bytes = |view: &dyn Snapshot| view.segments().last().map(|one| one.bytes);
                let grown = bytes(&*now) > bytes(&*job.view);
                let mut edits = job.edits.clone();
                if grown && edits.last().is_some_and(|edit| edit.line_end) {
                    edits.iter_mut().for_each(|edit| {
                        edit.line_end = false;
                        edit.end.minor += 1;
                    });
                    return job.commit_these(&edits).await;
                }
                job.commit().await
            })
        };
    }),
];
