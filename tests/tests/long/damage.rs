//! Many damaged journals through the sandboxed engine: every undamaged record survives, nothing is lost
//! from sight, and recovering again changes nothing. The stores of other runtimes are in the program `foreign`.

use papyra_persistence::store::{FileStore, RotatingStore};
use papyra_persistence::{Engine, Journal};
use papyra_tests::random::Random;
use papyra_tests::scale;
use papyra_tests::survival::{self, Bench, JOURNAL, MAX_FILES, QUARANTINE, scan};

#[test]
fn every_undamaged_record_survives_both_modes() {
    let engine = Engine::new().unwrap();
    survival::check_all(scale::damage_files().div_ceil(2), false, || {
        async |dir| {
            let builder = FileStore::builder(dir.join(JOURNAL));
            Journal::new(&engine, builder.quarantine_dir(dir.join(QUARANTINE)).build())
        }
    });
}

#[test]
fn every_undamaged_record_in_a_rotating_set_survives_both_modes() {
    let engine = Engine::new().unwrap();
    survival::check_all(scale::damage_files().div_ceil(2), true, || {
        async |dir| {
            let builder = RotatingStore::builder(dir.join(JOURNAL)).max_files(MAX_FILES);
            Journal::new(&engine, builder.quarantine_dir(dir.join(QUARANTINE)).build())
        }
    });
}

#[tokio::test]
async fn after_any_truncation_the_next_record_is_readable() {
    let (engine, bench) = (Engine::new().unwrap(), Bench::in_memory());
    let mut random = Random::new(scale::seed());
    let original: Vec<u8> = (0..20)
        .flat_map(|_| {
            let number = random.bits();
            papyra_tests::numbered::line(number).into_bytes()
        })
        .collect();
    let record = "{\"kind\": \"audit\", \"timestamp\": 1763700000.25, \"who\": \"next\"}\n";
    for length in 0..=original.len() {
        bench.put([&original[..length]].into_iter());
        let journal = Journal::new(&engine, FileStore::open(bench.dir().join(JOURNAL)));
        journal.append_lines(record).await.unwrap();
        let bytes = bench.take().concat();
        assert!(bytes.starts_with(&original[..length]), "{length}: nothing is rewritten");
        let last = bytes.split_inclusive(|byte| *byte == b'\n').next_back().unwrap();
        assert_eq!(last, record.as_bytes(), "{length}");
        let report = scan(&journal).await;
        assert!(report.damaged <= 1, "{length}: {:?}", report.findings);
        assert_eq!(report.kinds.iter().map(|kind| kind.records).sum::<u64>(), report.records);
    }
}
