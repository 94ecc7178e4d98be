//! How a journal in one file behaves when things go wrong.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "tests fail by panicking"
)]

mod appends;
mod indexes;
mod processes;
mod refusals;
mod rewrites;

use papyra_persistence::store::{
    Edit, Kind, Position, Purpose, RewriteOptions, Run, Store, StoreError,
};

pub(crate) const PLAIN: RewriteOptions =
    RewriteOptions { purpose: Purpose::Compact, keep_quarantine: false, force: false };
pub(crate) const QUARANTINE: RewriteOptions =
    RewriteOptions { purpose: Purpose::Recover, keep_quarantine: true, force: false };

pub(crate) fn line(n: usize) -> String {
    format!("{{\"kind\": \"event\", \"timestamp\": 1700000000, \"n\": {n}}}\n")
}

pub(crate) async fn append(store: &dyn Store, lines: &str) -> Result<(), StoreError> {
    let count = u32::try_from(lines.lines().count()).unwrap();
    store.append(lines.to_owned(), &[Run { kind: Kind::Event, lines: count }]).await
}

pub(crate) fn range(start: u64, end: u64) -> Edit {
    Edit::removal(Position { major: 0, minor: start }, Position { major: 0, minor: end })
}

/// Removes these bytes.
pub(crate) async fn remove(
    store: &dyn Store,
    options: RewriteOptions,
    ranges: &[(u64, u64)],
) -> Result<papyra_persistence::store::Rewritten, StoreError> {
    let snapshot = store.snapshot().await?;
    let name = snapshot.segments()[0].name.clone();
    let mut rewrite = snapshot.rewrite(&name, options).await?;
    let ranges: Vec<Edit> = ranges.iter().map(|(start, end)| range(*start, *end)).collect();
    rewrite.edit(&ranges).await?;
    rewrite.commit().await
}
