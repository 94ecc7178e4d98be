//! How a journal in a set of files behaves, above all when things go wrong.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "tests fail by panicking"
)]

mod concurrency;
mod indexes;
mod rewrites;
mod rotations;
mod structure;

use papyra_persistence::store::{
    Durability, Edit, Payload, Position, Purpose, RewriteOptions, Role, RotatingStore, Snapshot,
    Store, StoreError,
};

use crate::support::TempDir;

pub(crate) const PLAIN: RewriteOptions =
    RewriteOptions { purpose: Purpose::Compact, keep_quarantine: false, force: false };

/// Ten bytes.
pub(crate) fn line(number: u32) -> String {
    format!("{number:09}\n")
}

pub(crate) fn lines(numbers: std::ops::Range<u32>) -> String {
    numbers.map(line).collect()
}

/// Three lines per file.
pub(crate) fn open(dir: &TempDir, max_files: u32) -> RotatingStore {
    let builder = RotatingStore::builder(dir.path("a")).durability(Durability::Never);
    builder.max_bytes(30).max_files(max_files).quarantine_dir(dir.path("quarantine")).build()
}

pub(crate) async fn append(store: &RotatingStore, lines: &str) -> Result<(), StoreError> {
    store.append(lines.to_owned(), &[]).await
}

/// Appends each line by itself.
pub(crate) async fn fill(store: &RotatingStore, numbers: std::ops::Range<u32>) {
    for number in numbers {
        append(store, &line(number)).await.unwrap();
    }
}

pub(crate) async fn read(snapshot: &dyn Snapshot) -> String {
    let mut text = Vec::new();
    for segment in snapshot.segments() {
        let mut at = Position { major: 0, minor: 0 };
        loop {
            let chunk = snapshot.read(&segment.name, at, 1 << 20).await.unwrap();
            let Payload::Raw(bytes) = chunk.data else { panic!("not raw") };
            at.minor += bytes.len() as u64;
            text.extend(bytes);
            if chunk.last {
                break;
            }
        }
    }
    String::from_utf8(text).unwrap()
}

pub(crate) async fn text(store: &RotatingStore) -> String {
    read(&*store.snapshot().await.unwrap()).await
}

/// Names, roles and numbers of the segments, in order.
pub(crate) async fn segments(store: &RotatingStore) -> Vec<(String, Role, u32)> {
    let snapshot = store.snapshot().await.unwrap();
    let of = |segment: &papyra_persistence::store::Segment| {
        (segment.name.clone(), segment.role, segment.number)
    };
    snapshot.segments().iter().map(of).collect()
}

/// Removes these bytes of a segment.
pub(crate) async fn remove(
    snapshot: &dyn Snapshot,
    segment: &str,
    start: u64,
    end: u64,
) -> Result<papyra_persistence::store::Rewritten, StoreError> {
    let mut rewrite = snapshot.rewrite(segment, PLAIN).await?;
    let at = |minor| Position { major: 0, minor };
    rewrite.edit(&[Edit::removal(at(start), at(end))]).await?;
    rewrite.commit().await
}
