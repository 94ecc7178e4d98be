//! Stores that remove or insert something else than the edits say.

use super::super::wrapper::{Job, go};
use super::{Case, On, case};
use crate::store::{Edit, Position, Rewritten, Segment, Snapshot, StoreError, StoreErrorKind};

pub fn segment(view: &dyn Snapshot, name: &str) -> Option<Segment> {
    view.segments().iter().find(|segment| segment.name == name).cloned()
}

/// Commits what this makes of the edits.
async fn instead(
    job: &mut Job,
    change: impl FnOnce(Vec<Edit>) -> Vec<Edit>,
) -> Result<Rewritten, StoreError> {
    let edits = change(job.edits.clone());
    job.inner = None;
    let mut inner = job.view.rewrite(&job.segment, job.options).await?;
    inner.edit(&edits).await?;
    inner.commit().await
}

pub const CASES: &[Case] = &[
    case("rewrite-exact", On::Lines, "the byte after every removed range is lost", |d| {
        d.edit = |job, edits| {
            go(async move {
                let end = segment(&*job.view, &job.segment).map_or(0, |found| found.end.minor);
                let mut edits = edits.to_vec();
                for edit in edits.iter_mut().filter(|edit| edit.end.minor < end && !edit.line_end) {
                    edit.end.minor += u64::from(edit.start != edit.end);
                }
                match &mut job.inner {
                    Some(inner) if !edits.is_empty() => {
                        let _ = inner.edit(&edits).await;
                        Ok(())
                    }
                    _ => Ok(()),
                }
            })
        };
    }),
    case("rewrite-exact", On::Lines, "the edits of earlier calls are forgotten", |d| {
        d.edit = |job, edits| {
            go(async move {
                if !edits.is_empty() {
                    job.inner = None;
                    let mut inner = job.view.rewrite(&job.segment, job.options).await?;
                    inner.edit(edits).await?;
                    job.inner = Some(inner);
                }
                Ok(())
            })
        };
    }),
    case("rewrite-exact", On::Streams, "what lies between two ranges goes as well", |d| {
        d.commit = |job| {
            go(instead(job, |edits| match (edits.first(), edits.last()) {
                (Some(first), Some(last)) => vec![Edit::removal(first.start, last.end)],
                _ => edits,
            }))
        };
    }),
    case("rewrite-exact", On::Parts, "the last range stays", |d| {
        d.commit = |job| {
            go(instead(job, |mut edits| {
                if edits.len() > 1 {
                    edits.pop();
                }
                edits
            }))
        };
    }),
    case("rewrite-ranges", On::Streams, "a range removes only the entry at its start", |d| {
        d.commit = |job| {
            go(instead(job, |mut edits| {
                for edit in &mut edits {
                    edit.end = Position { minor: edit.start.minor + 1, ..edit.start };
                }
                edits
            }))
        };
    }),
    case("rewrite-ranges", On::Lines, "a range is at most 256 bytes long", |d| {
        d.commit = |job| {
            go(instead(job, |mut edits| {
                for edit in &mut edits {
                    edit.end.minor = edit.end.minor.min(edit.start.minor + 256);
                }
                edits
            }))
        };
    }),
    case("rewrite-line-end", On::Lines, "line ends are not written", |d| {
        d.commit = |job| {
            go(instead(job, |mut edits| {
                edits.iter_mut().for_each(|edit| edit.line_end = false);
                edits
            }))
        };
    }),
    case("rewrite-line-end", On::Lines, "a line end comes a byte too early", |d| {
        d.commit = |job| {
            go(instead(job, |edits| {
                let mut moved = Vec::new();
                for mut edit in edits {
                    if edit.line_end && edit.start.minor > 0 {
                        let mut end = edit.start;
                        end.minor -= 1;
                        moved.push(Edit::line_end(end));
                        edit.line_end = false;
                    }
                    moved.push(edit);
                }
                moved
            }))
        };
    }),
    case("rewrite-line-end", On::Parts, "two line ends are written for one", |d| {
        d.commit = |job| {
            go(instead(job, |edits| {
                let twice = |edit: Edit| {
                    [edit].into_iter().chain(edit.line_end.then_some(Edit::line_end(edit.end)))
                };
                edits.into_iter().flat_map(twice).collect()
            }))
        };
    }),
    case("rewrite-bad-edits", On::Lines, "edits that are out of order are left out", |d| {
        d.edit = |job, edits| {
            go(async move {
                for edit in edits {
                    if let Some(inner) = &mut job.inner {
                        let _ = inner.edit(&[*edit]).await;
                    }
                }
                Ok(())
            })
        };
    }),
    case("rewrite-bad-edits", On::Streams, "a call may go back behind the one before", |d| {
        d.edit = |job, edits| {
            go(async move {
                job.inner = None;
                let mut inner = job.view.rewrite(&job.segment, job.options).await?;
                inner.edit(edits).await?;
                job.inner = Some(inner);
                Ok(())
            })
        };
        d.commit = |job| {
            go(instead(job, |mut edits| {
                edits.sort_by_key(|edit| (edit.start.major, edit.start.minor));
                edits
            }))
        };
    }),
    case("rewrite-everything", On::Lines, "what empties a segment is refused", |d| {
        d.commit = |job| {
            go(async move {
                let bytes: u64 =
                    job.edits.iter().map(|edit| edit.end.minor - edit.start.minor).sum();
                let all = segment(&*job.view, &job.segment).map_or(0, |found| found.bytes);
                if bytes == all && all > 0 {
                    return Err(StoreError::new(StoreErrorKind::Failed, "nothing would be left"));
                }
                job.commit().await
            })
        };
    }),
    case("rewrite-everything", On::Streams, "a stream that was emptied takes nothing more", |d| {
        d.append = |base, lines, runs| {
            go(async move {
                let view = base.store.snapshot().await;
                let emptied = view.is_ok_and(|view| view.segments()[0].entries == Some(0));
                if emptied { Ok(()) } else { base.store.append(lines, runs).await }
            })
        };
    }),
    case("rewrite-nothing", On::Lines, "a rewrite without edits removes everything", |d| {
        d.commit = |job| {
            go(async move {
                if !job.edits.is_empty() {
                    return job.commit().await;
                }
                let all = segment(&*job.view, &job.segment);
                let all = all.map(|found| Edit::removal(found.start, found.end));
                instead(job, |_| all.into_iter().collect()).await
            })
        };
    }),
    case("rewrite-nothing", On::Streams, "a rewrite without edits fails", |d| {
        d.commit = |job| {
            go(async move {
                if job.edits.is_empty() {
                    return Err(StoreError::new(StoreErrorKind::Failed, "nothing to remove"));
                }
                job.commit().await
            })
        };
    }),
    case("rewrite-sizes", On::Lines, "the size after the switch is that before", |d| {
        d.commit = |job| {
            go(async move {
                let mut done = job.commit().await?;
                done.bytes_after = done.bytes_before;
                Ok(done)
            })
        };
    }),
    case("rewrite-sizes", On::Lines, "sizes leave out what was appended meanwhile", |d| {
        d.commit = |job| {
            go(async move {
                let old = segment(&*job.view, &job.segment).map_or(0, |found| found.bytes);
                let mut done = job.commit().await?;
                let later = done.bytes_before - old;
                done.bytes_before -= later;
                done.bytes_after -= later;
                Ok(done)
            })
        };
    }),
    case("rewrite-removed", On::Streams, "no entry is said to have gone", |d| {
        d.commit = |job| {
            go(async move {
                let mut done = job.commit().await?;
                done.removed_entries = Some(0);
                Ok(done)
            })
        };
    }),
    case("rewrite-removed", On::Lines, "ranges are counted twice", |d| {
        d.commit = |job| {
            go(async move {
                let count = job.edits.len() as u64 * 2;
                let mut done = job.commit().await?;
                done.removed_entries = Some(count);
                Ok(done)
            })
        };
    }),
];
