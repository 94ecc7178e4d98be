//! Stores that say something wrong about an append that has failed, or do not get over it.

use super::super::wrapper::{Base, go};
use super::{Case, On, case};
use crate::store::{Run, StoreError, StoreErrorKind, Written};

fn failed(written: Written) -> StoreError {
    StoreError::new(StoreErrorKind::Full, "no space is left").wrote(written)
}

/// Appends; after a failure writes this part of the batch, and claims another.
async fn claim(
    base: &Base,
    lines: &str,
    runs: &[Run],
    part: fn(&str) -> &str,
    written: Written,
) -> Result<(), StoreError> {
    if base.store.append(lines.to_owned(), runs).await.is_ok() {
        return Ok(());
    }
    let part = part(lines);
    let lines = part.lines().count() as u32;
    if lines > 0 {
        base.store.append(part.to_owned(), &[Run { kind: runs[0].kind, lines }]).await?;
    }
    Err(failed(written))
}

pub const CASES: &[Case] = &[
    case("append-written", On::Lines, "nothing is said to be written of a whole batch", |d| {
        d.append = |base, lines, runs| {
            go(async move { claim(base, &lines, runs, |all| all, Written::None).await })
        };
    }),
    case("append-written", On::Streams, "nothing is said to be written of a first line", |d| {
        d.append = |base, lines, runs| {
            go(async move {
                let first = |all: &str| all.split_inclusive('\n').next().map_or(0, str::len);
                let line = lines[..first(&lines)].to_owned();
                if base.store.append(lines, runs).await.is_ok() {
                    return Ok(());
                }
                base.store.append(line, &[Run { kind: runs[0].kind, lines: 1 }]).await?;
                Err(failed(Written::None))
            })
        };
    }),
    case("append-written", On::Lines, "all is said to be written of nothing", |d| {
        d.append = |base, lines, runs| {
            go(async move { claim(base, &lines, runs, |_| "", Written::All).await })
        };
    }),
    case("append-written", On::Streams, "the end of a batch is said to be its beginning", |d| {
        d.append = |base, lines, runs| {
            go(async move {
                let rest = |all: &'_ str| all.find('\n').map_or(0, |end| end + 1);
                let (from, count) = (rest(&lines), lines.lines().count() as u32);
                let end = lines[from..].to_owned();
                if base.store.append(lines, runs).await.is_ok() {
                    return Ok(());
                }
                let run = Run { kind: runs[0].kind, lines: count - 1 };
                base.store.append(end, &[run]).await?;
                Err(failed(Written::Some))
            })
        };
    }),
    case("append-after-failure", On::Lines, "what a failure leaves joins the next batch", |d| {
        d.append = |base, lines, runs| {
            go(async move {
                if base.so_far() > 0 {
                    base.set(0);
                    base.fixture.inject(lines.as_bytes()).await;
                    return Ok(());
                }
                let done = base.store.append(lines, runs).await;
                if done.is_err() {
                    base.set(1);
                    base.fixture.inject(b"{\"kind\": \"ev").await;
                }
                done
            })
        };
    }),
    case("append-after-failure", On::Streams, "after a failure every append fails", |d| {
        d.append = |base, lines, runs| {
            go(async move {
                if base.so_far() > 0 {
                    return Err(failed(Written::None));
                }
                let done = base.store.append(lines, runs).await;
                if done.is_err() {
                    base.set(1);
                }
                done
            })
        };
    }),
];
