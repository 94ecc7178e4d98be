use std::fs;

use papyra_persistence::journal::{StartupOptions, StartupOutcome, StartupReport};
use papyra_persistence::store::{Durability, RotatingStore};
use papyra_persistence::{Engine, Journal};

use super::append;
use crate::support::TempDir;

const LINE: u64 = 55;

fn record(n: u32) -> String {
    let line =
        format!("{{\"kind\": \"event\", \"timestamp\": 1700000000, \"n\": {}}}\n", 10_000 + n);
    assert_eq!(line.len() as u64, LINE);
    line
}

/// Three records per file.
fn open(dir: &TempDir, max_files: u32) -> RotatingStore {
    let builder = RotatingStore::builder(dir.path("a")).durability(Durability::Never);
    builder.max_bytes(3 * LINE).max_files(max_files).build()
}

async fn fill(store: &RotatingStore, numbers: std::ops::Range<u32>) {
    for number in numbers {
        append(store, &record(number)).await.unwrap();
    }
}

async fn check(engine: &Engine, store: &RotatingStore) -> StartupReport {
    let journal = Journal::new(engine, store.clone());
    journal.startup_check(StartupOptions::default(), None).await.unwrap()
}

/// Outcome, records that the index vouches for, and all.
async fn figures(engine: &Engine, store: &RotatingStore) -> (StartupOutcome, u64, u64) {
    let report = check(engine, store).await;
    assert_eq!(report.note, "");
    (report.outcome, report.indexed_bytes / LINE, report.scan.unwrap().records)
}

#[tokio::test]
async fn an_index_outlives_rotations_and_the_loss_of_the_oldest_file() {
    let (dir, engine) = (TempDir::new(), Engine::new().unwrap());
    let store = open(&dir, 4);
    fill(&store, 0..4).await;
    assert_eq!(figures(&engine, &store).await, (StartupOutcome::Healthy, 0, 4));
    assert!(dir.path(".a.papyra-index").exists());

    // `a` becomes `a.1`, `a.1` becomes `a.2`.
    fill(&store, 4..8).await;
    assert!(dir.path("a.2").exists());
    assert_eq!(figures(&engine, &store).await, (StartupOutcome::Healthy, 4, 8));
    // Another process goes on.
    assert_eq!(figures(&engine, &open(&dir, 4)).await, (StartupOutcome::Healthy, 8, 8));

    // 0 to 2 are dropped.
    fill(&store, 8..14).await;
    assert_eq!(store.dropped().records, 3);
    assert_eq!(figures(&engine, &store).await, (StartupOutcome::Healthy, 5, 11));

    // All that it knows is dropped.
    fill(&store, 14..40).await;
    assert_eq!(figures(&engine, &store).await, (StartupOutcome::Healthy, 0, 10));
    assert_eq!(dir.files(), [".a.papyra-index", "a", "a.1", "a.2", "a.3"]);
}

#[tokio::test]
async fn a_change_in_a_sealed_file_is_found_although_there_is_an_index() {
    let (dir, engine) = (TempDir::new(), Engine::new().unwrap());
    let store = open(&dir, 9);
    fill(&store, 0..8).await;
    check(&engine, &store).await;
    let sound = fs::read(dir.path("a.2")).unwrap();
    let mut bytes = sound.clone();
    bytes[0] = b'!';
    fs::write(dir.path("a.2"), &bytes).unwrap();
    let report = check(&engine, &store).await;
    assert_eq!((report.outcome, report.indexed_bytes), (StartupOutcome::Refused, 0));
    let scan = report.scan.unwrap();
    assert_eq!((scan.records, scan.damaged), (7, 1));
    assert_eq!(scan.findings[0].segment, "a.2");

    // What the check has kept meanwhile does not fit any more.
    fs::write(dir.path("a.2"), sound).unwrap();
    fill(&store, 8..9).await;
    assert_eq!(figures(&engine, &store).await, (StartupOutcome::Healthy, 0, 9));
}
