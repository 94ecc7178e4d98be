//! A writer in one process, maintenance in others, and a reader that must never raise a false alarm.

use std::fs;
use std::io::Write;
use std::os::unix::fs::MetadataExt;

use papyra_persistence::journal::{Order, ScanOptions, Selection};
use papyra_persistence::store::FileStore;
use papyra_persistence::{Engine, Journal};
use papyra_tests::command::names;
use papyra_tests::numbered;
use papyra_tests::process::Worker;

const WORKER: &str = env!("CARGO_BIN_EXE_papyra-worker");
const RECORDS: u64 = 200_000;

#[tokio::test(flavor = "multi_thread")]
async fn maintenance_beside_a_live_writer_loses_and_doubles_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("journal.ndjson");
    let quarantine = dir.path().join("quarantine");
    let path_text = path.to_str().unwrap();
    // Damage at the start gives recovery something to do, and enough room that compaction, whose
    // limit is never reached, has to look at everything.
    fs::write(&path, "garbage\n").unwrap();

    let engine = Engine::new().unwrap();
    let journal = Journal::new(&engine, FileStore::open(&path));
    let mut writer =
        Worker::start(WORKER, &["append", path_text, "0", &RECORDS.to_string(), "20", "never"]);
    let compactor = Worker::start(WORKER, &["compact", path_text, "1000000", "1000000"]);
    let recoverer =
        Worker::start(WORKER, &["recover", path_text, quarantine.to_str().unwrap(), "1000000"]);
    let follower = tokio::spawn(follow(journal.clone()));

    let (mut scans, mut injected) = (0, 0);
    while writer.is_running() {
        let report = journal.scan(ScanOptions { max_findings: 1000, sample: None }).await.unwrap();
        let garbage = report.findings.iter().all(|finding| finding.excerpt.ends_with("garbage"));
        assert!(garbage && report.suspect == 0, "false alarm: {:?}", report.findings);
        scans += 1;
        if scans % 10 == 0 {
            injected += u64::from(inject_garbage(&path));
        }
    }
    let (_, ended_well) = writer.finish();
    assert!(ended_well);
    drop((compactor, recoverer));
    assert!(scans > 3, "only {scans} scans");

    let bytes = fs::read(&path).unwrap();
    // Their names sort by time.
    let quarantined: Vec<Vec<u8>> =
        names(&quarantine).iter().map(|name| fs::read(quarantine.join(name)).unwrap()).collect();
    let lines = |bytes: &[u8]| bytes.iter().filter(|byte| **byte == b'\n').count() as u64;
    // Recovery was killed, perhaps after it had quarantined and before it switched.
    let twice = quarantined.last().map_or(0, |newest| lines(newest));
    let quarantined = quarantined.concat();
    let garbage = [&bytes[..], b"\n", &quarantined]
        .concat()
        .split(|byte| *byte == b'\n')
        .filter(|line| line.ends_with(b"garbage"))
        .count() as u64;
    let all = injected + 1;
    assert!(garbage >= all, "damage is in the journal or in the quarantine: {garbage} of {all}");
    assert!(garbage <= all + twice, "and nowhere twice: {garbage} of {all}");
    assert!(!quarantined.is_empty(), "recovery was at work");

    let numbers = numbered::numbers(&bytes);
    assert!(numbers == (0..RECORDS).collect::<Vec<_>>(), "all there, once, in order");
    let followed = follower.await.unwrap();
    assert!(followed == (0..RECORDS).collect::<Vec<_>>(), "followed: all, once, in order");
}

/// One damaged line, appended in one write as another program would. False if the file was just being
/// replaced.
fn inject_garbage(path: &std::path::Path) -> bool {
    let file = fs::OpenOptions::new().append(true).open(path).unwrap();
    file.lock().unwrap();
    let current = fs::metadata(path).unwrap().ino() == file.metadata().unwrap().ino();
    if current {
        (&file).write_all(b"more garbage\n").unwrap();
    }
    file.unlock().unwrap();
    current
}

async fn follow(journal: Journal) -> Vec<u64> {
    let selection = Selection {
        kinds: Vec::new(),
        since: None,
        until: None,
        matching: Vec::new(),
        limit: None,
        order: Order::OldestFirst,
        no_index: false,
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
