//! Stores whose snapshots move, or end where they must not.

use super::super::wrapper::{Asked, Base, Doing, go};
use super::{Case, On, case};
use crate::store::{Chunk, Kind, Run, StoreError, StoreErrorKind};

/// Reads what is there now.
fn now(asked: Asked<'_>) -> Doing<'_, Chunk> {
    go(
        async move { asked.base.store.snapshot().await?.read(asked.segment, asked.at, asked.max).await },
    )
}

/// Reads what is there now if a rewrite has made the segment shorter.
fn shrinking(asked: Asked<'_>) -> Doing<'_, Chunk> {
    go(async move {
        let new = asked.base.store.snapshot().await?;
        let bytes = |view: &dyn crate::store::Snapshot| {
            let found = view.segments().iter().find(|segment| segment.name == asked.segment);
            found.map_or(0, |segment| segment.bytes)
        };
        let view = if bytes(&*new) < bytes(&**asked.view) { &new } else { asked.view };
        view.read(asked.segment, asked.at, asked.max).await
    })
}

/// Writes the lines of a batch one by one.
pub fn line_by_line<'a>(base: &'a Base, lines: String, runs: &'a [Run]) -> Doing<'a, ()> {
    go(async move {
        let kinds = runs.iter().flat_map(|run| (0..run.lines).map(|_| run.kind));
        for (line, kind) in lines.split_inclusive('\n').zip(kinds) {
            base.store.append(line.to_owned(), &[Run { kind, lines: 1 }]).await?;
            tokio::task::yield_now().await;
        }
        Ok(())
    })
}

pub const CASES: &[Case] = &[
    case("store-empty", On::Lines, "a new store holds a header", |d| {
        d.snapshot = |base| {
            go(async {
                if base.next() == 0 {
                    let run = Run { kind: Kind::Audit, lines: 1 };
                    base.store.append("{\"kind\": \"audit\"}\n".to_owned(), &[run]).await?;
                }
                base.store.snapshot().await
            })
        };
    }),
    case("store-empty", On::Streams, "a store that does not exist is corrupt", |d| {
        d.snapshot = |base| {
            go(async {
                let corrupt = |_| StoreError::new(StoreErrorKind::Corrupt, "no stream");
                base.store.snapshot().await.map_err(corrupt)
            })
        };
    }),
    case("snapshot-appends", On::Lines, "reading goes on behind the snapshot", |d| d.read = now),
    case("snapshot-appends", On::Streams, "reading goes on behind the snapshot", |d| d.read = now),
    case("snapshot-appends", On::Lines, "reading back begins at what is the end now", |d| {
        d.read_back = |asked| {
            go(async move {
                let view = asked.base.store.snapshot().await?;
                let end = asked.view.segments().iter().find(|one| one.name == asked.segment);
                let new = view.segments().iter().find(|one| one.name == asked.segment);
                let at_end = end.is_some_and(|segment| segment.end == asked.at);
                let before = new.filter(|_| at_end).map_or(asked.at, |segment| segment.end);
                view.read_back(asked.segment, before, asked.max).await
            })
        };
    }),
    case("snapshot-rewrites", On::Lines, "a rewrite changes older snapshots", |d| {
        d.read = shrinking;
    }),
    case("snapshot-rewrites", On::Streams, "removed entries leave older snapshots", |d| {
        d.read = shrinking;
    }),
    case("snapshot-whole", On::Lines, "a batch is written line by line", |d| {
        d.append = line_by_line;
    }),
    case("snapshot-whole", On::Streams, "a batch is written line by line", |d| {
        d.append = line_by_line;
    }),
    case("snapshot-whole", On::Lines, "a line is written in two halves", |d| {
        d.append = |base, lines, _| {
            go(async move {
                let (one, other) = lines.as_bytes().split_at(lines.len() / 2);
                base.fixture.inject(one).await;
                tokio::task::yield_now().await;
                base.fixture.inject(other).await;
                Ok(())
            })
        };
    }),
    case("snapshot-harmless", On::Lines, "every snapshot leaves a lock behind", |d| {
        d.snapshot = |base| {
            base.next();
            base.store.snapshot()
        };
        d.debris = |base, mut names| {
            names.extend((0..base.so_far()).map(|number| format!("lock-{number}")));
            names
        };
    }),
    case("snapshot-harmless", On::Streams, "a snapshot makes the store", |d| {
        d.snapshot = |base| {
            go(async {
                let found = base.store.snapshot().await;
                if let (Err(_), Some(groups)) = (&found, base.store.groups()) {
                    groups.ensure_group(Kind::Event, "watcher", "0").await?;
                }
                found
            })
        };
    }),
    case("snapshot-harmless", On::Lines, "a snapshot ends a torn line", |d| {
        d.snapshot = |base| {
            go(async {
                let view = base.store.snapshot().await?;
                let active = &view.segments()[0];
                let tail = view.read_back(&active.name, active.end, 1).await?;
                let torn = !matches!(&tail.data, crate::store::Payload::Raw(bytes) if bytes.ends_with(b"\n"));
                if torn && active.bytes > 0 {
                    base.fixture.inject(b"\n").await;
                }
                base.store.snapshot().await
            })
        };
    }),
];
