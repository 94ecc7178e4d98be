//! Many damaged journals through the sandboxed engine: every undamaged record survives, nothing is lost
//! from sight, and recovering again changes nothing.

use std::fs;
use std::path::Path;

use papyra_persistence::journal::{
    RecoverOptions, Recovery, RecoveryMode, ScanOptions, ScanReport,
};
use papyra_persistence::store::FileStore;
use papyra_persistence::{Engine, Journal};
use papyra_tests::damage::{Damaged, damage};
use papyra_tests::generate::Generator;
use papyra_tests::random::Random;
use papyra_tests::scale;

struct Bench {
    engine: Engine,
    dir: tempfile::TempDir,
}

impl Bench {
    fn new() -> Self {
        let shared_memory = Path::new("/dev/shm");
        let dir = match shared_memory.is_dir() {
            true => tempfile::tempdir_in(shared_memory),
            false => tempfile::tempdir(),
        };
        Self { engine: Engine::new().unwrap(), dir: dir.unwrap() }
    }

    fn journal(&self) -> Journal {
        let store = FileStore::builder(self.dir.path().join("j.ndjson"))
            .quarantine_dir(self.dir.path().join("quarantine"))
            .build();
        Journal::new(&self.engine, store)
    }

    fn put(&self, bytes: &[u8]) {
        fs::write(self.dir.path().join("j.ndjson"), bytes).unwrap();
    }

    fn take(&self) -> Vec<u8> {
        fs::read(self.dir.path().join("j.ndjson")).unwrap()
    }

    fn take_quarantine(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        for file in fs::read_dir(self.dir.path().join("quarantine")).into_iter().flatten() {
            let path = file.unwrap().path();
            bytes.extend(fs::read(&path).unwrap());
            fs::remove_file(path).unwrap();
        }
        bytes
    }
}

async fn recover(journal: &Journal, mode: RecoveryMode) -> Recovery {
    journal
        .recover(RecoverOptions { mode, record_audit: false, ..RecoverOptions::default() })
        .await
        .unwrap()
}

async fn scan(journal: &Journal) -> ScanReport {
    journal.scan(ScanOptions { max_findings: 5, sample: None }).await.unwrap()
}

#[tokio::test]
async fn every_undamaged_record_survives_both_modes() {
    let bench = Bench::new();
    let mut random = Random::new(scale::seed());
    for file in 0..scale::damage_files() {
        let seed = random.bits();
        let records = 1 + random.below(30);
        let original = Generator::with_pool(seed, 6).journal(records);
        let damaged = damage(&original, seed);
        for mode in [RecoveryMode::Repair, RecoveryMode::Quarantine] {
            check(&bench, &damaged, mode, &format!("file {file}, seed {seed}, {mode:?}")).await;
        }
    }
}

async fn check(bench: &Bench, damaged: &Damaged, mode: RecoveryMode, which: &str) {
    bench.put(&damaged.bytes);
    let journal = bench.journal();
    let before = scan(&journal).await;
    assert_eq!(bench.take(), damaged.bytes, "{which}: a scan changes nothing");

    // A repair refuses what looks like no journal. The caller can insist.
    let options = RecoverOptions { mode, record_audit: false, ..RecoverOptions::default() };
    let done = match journal.recover(options).await {
        Ok(done) => done,
        Err(error) => {
            assert!(mode == RecoveryMode::Repair, "{which}: {error}");
            assert!(bench.take() == damaged.bytes, "{which}: a refusal changes nothing");
            let insisting = RecoverOptions { allow_loss: true, ..options };
            journal.recover(insisting).await.unwrap()
        }
    };
    let kept = bench.take();
    let quarantine = bench.take_quarantine();
    assert_survivors(&kept, damaged, which);

    let added = done.line_ends;
    let gone = damaged.bytes.len() as u64 + added - kept.len() as u64;
    assert_eq!(gone, done.removed_bytes, "{which}");
    if mode == RecoveryMode::Quarantine {
        assert_eq!(quarantine.len() as u64, gone, "{which}: removed bytes are kept as quarantine");
        assert!(
            is_interleaved(&damaged.bytes, &kept, &quarantine),
            "{which}: kept + quarantine = original"
        );
    } else {
        assert!(quarantine.is_empty(), "{which}");
    }
    assert_eq!(
        done.changed,
        before.damaged > 0 || (mode == RecoveryMode::Quarantine && before.suspect > 0),
        "{which}"
    );

    let after = scan(&journal).await;
    assert_eq!(after.damaged, 0, "{which}: {:?}", after.findings);
    if mode == RecoveryMode::Quarantine {
        assert_eq!(after.suspect, 0, "{which}: {:?}", after.findings);
    }
    let again = recover(&journal, mode).await;
    assert!(!again.changed && bench.take() == kept, "{which}: a second recovery changes nothing");
}

/// The undamaged records are all there, in their order.
fn assert_survivors(kept: &[u8], damaged: &Damaged, which: &str) {
    let mut lines = kept.split(|byte| *byte == b'\n');
    for survivor in &damaged.survivors {
        let record = &damaged.bytes[survivor.range.clone()];
        // Whitespace around a record is a part of its line.
        let same = |line: &[u8]| line.trim_ascii() == record.trim_ascii();
        assert!(lines.any(same), "{which}: record {} is gone", survivor.record);
    }
}

/// Whether the bytes of the original, but for line ends, are those that were kept and those quarantined,
/// each in order. Kept records are whole, so it is enough to find the next one behind what was quarantined.
fn is_interleaved(original: &[u8], kept: &[u8], quarantine: &[u8]) -> bool {
    let text =
        |bytes: &[u8]| -> Vec<u8> { bytes.iter().copied().filter(|byte| *byte != b'\n').collect() };
    let records: Vec<_> =
        kept.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()).collect();
    follows(&text(original), &records, &text(quarantine))
}

fn follows(original: &[u8], records: &[&[u8]], quarantine: &[u8]) -> bool {
    let Some((record, others)) = records.split_first() else { return original == quarantine };
    memchr::memmem::find_iter(original, record)
        .take_while(|at| quarantine.starts_with(&original[..*at]))
        .any(|at| follows(&original[at + record.len()..], others, &quarantine[at..]))
}

#[tokio::test]
async fn after_any_truncation_the_next_record_is_readable() {
    let bench = Bench::new();
    let mut random = Random::new(scale::seed());
    let original: Vec<u8> = (0..20)
        .flat_map(|_| {
            let number = random.bits();
            papyra_tests::numbered::line(number).into_bytes()
        })
        .collect();
    let record = "{\"kind\": \"audit\", \"timestamp\": 1763700000.25, \"who\": \"next\"}\n";
    for length in 0..=original.len() {
        bench.put(&original[..length]);
        let journal = bench.journal();
        journal.append_lines(record).await.unwrap();
        let bytes = bench.take();
        assert!(bytes.starts_with(&original[..length]), "{length}: nothing is rewritten");
        let last = bytes.split_inclusive(|byte| *byte == b'\n').next_back().unwrap();
        assert_eq!(last, record.as_bytes(), "{length}");
        let report = scan(&journal).await;
        assert!(report.damaged <= 1, "{length}: {:?}", report.findings);
        assert_eq!(report.kinds.iter().map(|kind| kind.records).sum::<u64>(), report.records);
    }
}
