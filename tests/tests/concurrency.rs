//! A writer in one process, maintenance in others, and a reader that must never raise a false alarm.

use std::fs;

use papyra::journal::{Order, ScanOptions, Selection};
use papyra::store::FileStore;
use papyra::{Engine, Journal};
use papyra_tests::numbered;
use papyra_tests::process::Worker;

const WORKER: &str = env!("CARGO_BIN_EXE_papyra-worker");
const RECORDS: u64 = 200_000;

#[tokio::test(flavor = "multi_thread")]
async fn maintenance_beside_a_live_writer_loses_and_doubles_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("journal.ndjson");
    let evidence = dir.path().join("evidence");
    let path_text = path.to_str().unwrap();
    // Damage at the start gives recovery something to do, and enough room that compaction, whose
    // limit is never reached, has to look at everything.
    fs::write(&path, "garbage\n").unwrap();

    let engine = Engine::new().unwrap();
    let journal = Journal::new(&engine, FileStore::open(&path));
    let mut writer =
        Worker::start(WORKER, &["append", path_text, "0", &RECORDS.to_string(), "20", "never"]);
    let compactor = Worker::start(WORKER, &["compact", path_text, "1000000", "1000000"]);
    let recoverer = Worker::start(
        WORKER,
        &["recover", path_text, evidence.to_str().unwrap(), "1000000"],
    );
    let follower = tokio::spawn(follow(journal.clone()));

    let mut scans = 0;
    while writer.is_running() {
        let report = journal.scan(ScanOptions { max_findings: 3, sample: None }).await.unwrap();
        let garbage = report.anomalies.iter().all(|anomaly| anomaly.anomaly == "malformed_json");
        assert!(report.damaged <= 1 && garbage, "false alarm: {}", report.findings);
        scans += 1;
        if scans % 10 == 0 {
            inject_garbage(&path);
        }
    }
    let (_, ended_well) = writer.finish();
    assert!(ended_well);
    drop((compactor, recoverer));
    assert!(scans > 3, "only {scans} scans");

    let numbers = numbered::numbers(&fs::read(&path).unwrap());
    assert!(numbers == (0..RECORDS).collect::<Vec<_>>(), "all there, once, in order");
    let followed = follower.await.unwrap();
    assert!(followed == (0..RECORDS).collect::<Vec<_>>(), "followed: all, once, in order");
}

/// One damaged line, appended in one write as another program would.
fn inject_garbage(path: &std::path::Path) {
    use std::io::Write;
    let file = fs::OpenOptions::new().append(true).open(path).unwrap();
    file.lock().unwrap();
    if fs::metadata(path).unwrap().len() == file.metadata().unwrap().len() {
        (&file).write_all(b"more garbage\n").unwrap();
    }
    file.unlock().unwrap();
}

async fn follow(journal: Journal) -> Vec<u64> {
    let selection = Selection {
        kinds: Vec::new(),
        since: None,
        until: None,
        matching: Vec::new(),
        limit: None,
        order: Order::OldestFirst,
        cursor: None,
    };
    let mut pages = journal.query(selection);
    let mut seen = Vec::new();
    while (seen.len() as u64) < RECORDS {
        let page = pages.poll().await.unwrap();
        seen.extend(numbered::numbers(page.records.as_bytes()));
        if page.count == 0 {
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
    }
    seen
}
