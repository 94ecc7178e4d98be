//! `kill -9` at random times: nothing acknowledged is lost or doubled, and nothing that is left behind
//! stands in the way of the next run.

use std::fs;
use std::path::Path;
use std::time::Duration;

use papyra_persistence::journal::{RecoverOptions, RecoveryMode, ScanOptions};
use papyra_persistence::store::FileStore;
use papyra_persistence::{Engine, Journal};
use papyra_tests::numbered;
use papyra_tests::process::Worker;
use papyra_tests::random::Random;
use papyra_tests::scale;

const WORKER: &str = env!("CARGO_BIN_EXE_papyra-worker");

fn start(args: &[&str]) -> Worker {
    Worker::start(WORKER, args)
}

/// Everything in the journal and in the quarantine beside it.
fn everything(path: &Path, quarantine: &Path) -> Vec<u8> {
    let mut bytes = fs::read(path).unwrap_or_default();
    let files = fs::read_dir(quarantine).into_iter().flatten();
    for file in files.map(|file| file.unwrap().path()) {
        bytes.push(b'\n');
        bytes.extend(fs::read(file).unwrap());
    }
    bytes
}

#[tokio::test(flavor = "multi_thread")]
async fn killing_appends_and_recoveries_loses_and_doubles_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("journal.ndjson");
    let quarantine = dir.path().join("quarantine");
    let (path_text, quarantine_text) = (path.to_str().unwrap(), quarantine.to_str().unwrap());
    let engine = Engine::new().unwrap();
    let mut random = Random::new(scale::seed());
    let (mut first, mut acknowledged) = (0, Vec::new());
    let mut changed = 0;
    let most = Worker::lifetime(WORKER);
    for cycle in 0..scale::kill_cycles() {
        let sync = ["always", "never", "5"][cycle % 3];
        let (number, batch) = (first.to_string(), (1 + random.below(50)).to_string());
        let appender = start(&["append", path_text, &number, "1000000", &batch, sync]);
        let recoverer = start(&["recover", path_text, quarantine_text, "1000000"]);
        let acks = appender.kill_within(most, &mut random);
        changed += recoverer
            .kill_within(most / 4, &mut random)
            .iter()
            .filter(|l| l.ends_with("true"))
            .count();
        let until = acks.last().and_then(|line| line.parse().ok()).unwrap_or(first);
        assert!(until >= first);
        acknowledged.push(first..until);
        first = until.max(first) + 100_000;

        if cycle % 2 == 0 {
            // Tear the tail as a crash of the machine would.
            let mut bytes = fs::read(&path).unwrap_or_default();
            bytes.extend_from_slice(b"{\"kind\": \"event\", \"timest");
            fs::write(&path, &bytes).unwrap();
        }
        if cycle % 10 == 9 || cycle + 1 == scale::kill_cycles() {
            let counts = numbered::count(&everything(&path, &quarantine));
            for number in acknowledged.iter().cloned().flatten() {
                let times = counts.get(&number).copied().unwrap_or(0);
                assert_eq!(times, 1, "record {number} after cycle {cycle}");
            }
            assert!(counts.values().all(|times| *times == 1), "nothing is doubled");
            if first > 3_000_000 {
                // Start over, or counting becomes the whole test.
                fs::remove_dir_all(&quarantine).ok();
                fs::remove_file(&path).unwrap();
                acknowledged.clear();
                first = 0;
            }
        }
    }
    assert!(changed > 0 || scale::kill_cycles() < 20, "no recovery was ever caught at work");
    let store = FileStore::builder(&path).quarantine_dir(&quarantine).build();
    let journal = Journal::new(&engine, store);
    let options = RecoverOptions { mode: RecoveryMode::Quarantine, ..RecoverOptions::default() };
    if path.exists() {
        journal.recover(options).await.unwrap();
        let report = journal.scan(ScanOptions { max_findings: 10, sample: None }).await.unwrap();
        assert_eq!((report.damaged, report.suspect), (0, 0), "{:?}", report.findings);
    }
}

#[test]
fn killing_compactions_keeps_the_newest_records() {
    const KEPT: u64 = 2_000;

    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("journal.ndjson");
    let path_text = path.to_str().unwrap();
    let mut random = Random::new(scale::seed() + 1);
    let mut next: u64 = 0;
    for cycle in 0..scale::kill_cycles() {
        let number = next.to_string();
        let appender = start(&["append", path_text, &number, "4000", "100", "never"]);
        let compactor = start(&["compact", path_text, &KEPT.to_string(), "1000000"]);
        let (acks, ended_well) = appender.finish();
        assert!(ended_well, "the appender lives on while others are killed");
        assert_eq!(acks.last().map(String::as_str), Some((next + 4000).to_string().as_str()));
        compactor.kill_within(Duration::from_millis(25), &mut random);
        next += 4000;

        let numbers = numbered::numbers(&fs::read(&path).unwrap());
        let oldest = numbers[0];
        let expected: Vec<u64> = (oldest..next).collect();
        assert!(numbers == expected, "cycle {cycle}: a suffix without gaps");
        assert!(next - oldest >= KEPT.min(next), "cycle {cycle}: nothing newer went");
    }
    let (_, ended_well) = start(&["compact", path_text, &KEPT.to_string(), "1"]).finish();
    assert!(ended_well);
    let numbers = numbered::numbers(&fs::read(&path).unwrap());
    assert!(numbers == (next - KEPT..next).collect::<Vec<_>>());
    let names: Vec<_> =
        fs::read_dir(dir.path()).unwrap().map(|file| file.unwrap().file_name()).collect();
    assert_eq!(names, ["journal.ndjson"], "leftovers are cleared away");
}
