//! Stores whose rewrites take effect at the wrong time, or beside others.

use std::sync::Arc;

use async_trait::async_trait;

use super::super::lines::Lines;
use super::super::wrapper::{Base, Job, go, now};
use super::rewrites::segment;
use super::{Case, On, case};
use crate::store::{Edit, Position, Rewrite, Rewritten, Store, StoreError, StoreErrorKind};

/// A rewrite that does nothing.
struct Idle;

#[async_trait]
impl Rewrite for Idle {
    async fn edit(&mut self, _: &[Edit]) -> Result<(), StoreError> {
        Ok(())
    }

    async fn commit(self: Box<Self>) -> Result<Rewritten, StoreError> {
        Ok(nothing())
    }
}

fn nothing() -> Rewritten {
    Rewritten { bytes_before: 0, bytes_after: 0, removed_entries: None, quarantine: Vec::new() }
}

/// The end of the segment now.
async fn end_now(base: &Base, name: &str) -> Result<Position, StoreError> {
    let view = base.store.snapshot().await?;
    Ok(segment(&*view, name).map_or(Position { major: 0, minor: 0 }, |found| found.end))
}

async fn pause() {
    for _ in 0..30 {
        tokio::task::yield_now().await;
    }
}

/// Commits while the store knows, by its counter, that a switch is at work.
async fn switch_slowly(job: &mut Job) -> Result<Rewritten, StoreError> {
    job.base.set(1);
    pause().await;
    let done = job.commit().await;
    job.base.set(0);
    done
}

/// Commits and removes what was appended since the snapshot.
async fn forget_appends(job: &mut Job) -> Result<Rewritten, StoreError> {
    let (old, new) = (segment(&*job.view, &job.segment), end_now(&job.base, &job.segment).await?);
    let mut edits = job.edits.clone();
    let end = old.map_or(new, |found| found.end);
    if end != new {
        edits.push(Edit::removal(end, new));
    }
    job.commit_these(&edits).await
}

pub const CASES: &[Case] = &[
    case("rewrite-invisible", On::Streams, "edits are visible before the commit", |d| {
        d.edit = |job, edits| go(async move { job.commit_these(edits).await.map(drop) });
        d.commit = |_| go(async { Ok(nothing()) });
    }),
    case("rewrite-invisible", On::Lines, "beginning a rewrite removes the last byte", |d| {
        d.begin = |asked, options| {
            go(async move {
                let mut first = asked.view.rewrite(asked.segment, options).await?;
                if let Some(segment) = segment(&**asked.view, asked.segment) {
                    let mut start = segment.end;
                    start.minor -= 1;
                    first.edit(&[Edit::removal(start, segment.end)]).await?;
                    first.commit().await?;
                }
                asked.base.store.snapshot().await?.rewrite(asked.segment, options).await
            })
        };
    }),
    case("rewrite-exclusive", On::Lines, "a second rewrite begins beside the first", |d| {
        d.begin = |asked, options| {
            go(async move {
                let begun = asked.view.rewrite(asked.segment, options).await;
                Ok(begun.unwrap_or_else(|_| Box::new(Idle)))
            })
        };
    }),
    case("rewrite-exclusive", On::Streams, "a second rewrite is a failure, not locked", |d| {
        d.begin = |asked, options| {
            go(async move {
                let failed = |_| StoreError::new(StoreErrorKind::Failed, "it is busy");
                asked.view.rewrite(asked.segment, options).await.map_err(failed)
            })
        };
    }),
    case("rewrite-outdated", On::Lines, "outdated positions are taken for new ones", |d| {
        d.begin = |asked, options| {
            go(async move {
                match asked.view.rewrite(asked.segment, options).await {
                    Err(_) => {
                        asked.base.store.snapshot().await?.rewrite(asked.segment, options).await
                    }
                    begun => begun,
                }
            })
        };
    }),
    case(
        "rewrite-outdated",
        On::Parts,
        "an outdated rewrite claims success and does nothing",
        |d| {
            d.begin = |asked, options| {
                go(async move {
                    let begun = asked.view.rewrite(asked.segment, options).await;
                    if begun.is_err() {
                        asked.base.store.snapshot().await?.rewrite(asked.segment, options).await?;
                        return Ok(Box::new(Idle) as Box<dyn Rewrite>);
                    }
                    begun
                })
            };
        },
    ),
    case("rewrite-appends", On::Lines, "what was appended since the snapshot is lost", |d| {
        d.commit = |job| go(forget_appends(job));
    }),
    case("rewrite-appends", On::Streams, "what was appended since the snapshot is lost", |d| {
        d.commit = |job| go(forget_appends(job));
    }),
    case("rewrite-racing", On::Lines, "what is appended during the switch is lost", |d| {
        d.append = |base, lines, runs| {
            go(async move {
                if base.so_far() > 0 { Ok(()) } else { base.store.append(lines, runs).await }
            })
        };
        d.commit = |job| go(switch_slowly(job));
    }),
    case("rewrite-racing", On::Streams, "what is appended during the switch comes twice", |d| {
        d.append = |base, lines, runs| {
            go(async move {
                if base.so_far() > 0 {
                    base.store.append(lines.clone(), runs).await?;
                }
                base.store.append(lines, runs).await
            })
        };
        d.commit = |job| go(switch_slowly(job));
    }),
    case("rewrite-atomic", On::Lines, "the store is empty for a moment", |d| {
        d.segments = |base, mut segments| {
            if base.so_far() > 0 {
                segments.iter_mut().for_each(|segment| {
                    segment.end = segment.start;
                    segment.bytes = 0;
                });
            }
            segments
        };
        d.read = |asked| {
            let hidden = asked.base.so_far() > 0;
            go(async move {
                let max = if hidden { 1 } else { asked.max };
                let mut chunk = asked.view.read(asked.segment, asked.at, max).await?;
                if hidden {
                    chunk.data = crate::store::Payload::Raw(Vec::new());
                    chunk.last = true;
                }
                Ok(chunk)
            })
        };
        d.commit = |job| go(switch_slowly(job));
    }),
    case("rewrite-atomic", On::Parts, "the store does not exist for a moment", |d| {
        d.snapshot = |base| {
            go(async {
                if base.so_far() > 0 {
                    return Err(StoreError::new(StoreErrorKind::NotFound, "no such file"));
                }
                base.store.snapshot().await
            })
        };
        d.commit = |job| go(switch_slowly(job));
    }),
    case("rewrite-durable", On::Lines, "a crash brings the old content back", |d| {
        d.commit = |job| {
            job.base.first(Arc::clone(&job.view));
            go(job.commit())
        };
        d.reopen = |base| {
            go(async {
                let Some(old) = base.old.lock().ok().and_then(|old| old.clone()) else {
                    return Ok(Arc::clone(&base.store));
                };
                let (store, segment) = (Lines::new(usize::MAX), &old.segments()[0]);
                let chunk = old.read(&segment.name, segment.start, u32::MAX).await?;
                if let crate::store::Payload::Raw(bytes) = chunk.data {
                    super::super::super::Fixture::inject(&store, &bytes).await;
                }
                Ok(Arc::new(store) as Arc<dyn Store>)
            })
        };
    }),
    case("rewrite-durable", On::Parts, "a crash leaves nothing after a rewrite", |d| {
        d.commit = |job| {
            job.base.next();
            go(job.commit())
        };
        d.reopen = |base| {
            go(async {
                if base.so_far() > 0 {
                    return Ok(Arc::new(Lines::new(usize::MAX)) as Arc<dyn Store>);
                }
                Ok(Arc::clone(&base.store))
            })
        };
    }),
    case("rewrite-abort", On::Lines, "an abandoned rewrite is carried out", |d| {
        d.abandon = |job| {
            let edits = job.edits.clone();
            let _ = now(go(job.commit_these(&edits)));
        };
    }),
    case("rewrite-abort", On::Streams, "an abandoned rewrite leaves a key behind", |d| {
        d.abandon = |job| job.base.set(1);
        d.debris = |base, mut names| {
            names.extend((base.so_far() > 0).then(|| "temporary".to_owned()));
            names
        };
    }),
    case("rewrite-abort", On::Parts, "an abandoned rewrite stays open", |d| {
        d.abandon = |job| std::mem::forget(job.inner.take());
    }),
    case("rewrite-pinned", On::Streams, "what groups need goes without force", |d| {
        d.begin = |asked, mut options| {
            options.force = true;
            asked.view.rewrite(asked.segment, options)
        };
    }),
    case("rewrite-pinned", On::Streams, "what groups need stays despite force", |d| {
        d.begin = |asked, mut options| {
            options.force = false;
            asked.view.rewrite(asked.segment, options)
        };
    }),
];
