//! What a recovery has to leave of a damaged journal, whatever store the journal is in.

use std::fs;
use std::future::Future;
use std::path::{Path, PathBuf};
use std::thread;

use papyra_generate::damage::{Damaged, damage, spread};
use papyra_generate::generate::Generator;
use papyra_generate::random::Random;
use papyra_persistence::Journal;
use papyra_persistence::journal::{
    RecoverOptions, Recovery, RecoveryMode, ScanOptions, ScanReport,
};

use crate::scale;

/// The name of the journal in its directory.
pub const JOURNAL: &str = "journal.ndjson";

/// The name of the directory in it for what is quarantined.
pub const QUARANTINE: &str = "quarantine";

/// The maximum number of files of a rotating set.
pub const MAX_FILES: u32 = 6;

/// The number of journals that are checked at a time: a view of a torn file waits a moment for its writer.
const LANES: usize = 4;

/// Damages `count` journals, spread over several files if `rotating`, and checks that both modes of recovery
/// leave every undamaged record. `open` gives the journal of a directory.
pub fn check_all<Open>(count: usize, rotating: bool, open: impl Fn() -> Open + Sync)
where
    Open: AsyncFn(&Path) -> Journal,
{
    let seeds = Random::new(scale::seed()).bits();
    thread::scope(|scope| {
        for lane in 0..LANES.min(count) {
            let open = &open;
            scope.spawn(move || {
                let numbers = (lane..count).step_by(LANES).map(|number| (number, seeds));
                waiting(async {
                    let open = open();
                    run(rotating, numbers, open).await;
                });
            });
        }
    });
}

fn waiting(test: impl Future<Output = ()>) {
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
    runtime.unwrap().block_on(test);
}

/// A directory with one journal.
pub struct Bench(tempfile::TempDir);

impl Bench {
    /// In memory, where that can be had: the quality of the disk is not what is tested.
    pub fn in_memory() -> Self {
        let shared_memory = Path::new("/dev/shm");
        let dir = match shared_memory.is_dir() {
            true => tempfile::tempdir_in(shared_memory),
            false => tempfile::tempdir(),
        };
        Self(dir.unwrap())
    }

    /// The directory.
    pub fn dir(&self) -> &Path {
        self.0.path()
    }

    fn path(&self, number: usize) -> PathBuf {
        let name = if number == 0 { JOURNAL.into() } else { format!("{JOURNAL}.{number}") };
        self.0.path().join(name)
    }

    /// Writes these files, the newest of which comes last, and no others.
    pub fn put<'b>(&self, files: impl DoubleEndedIterator<Item = &'b [u8]>) {
        (0..MAX_FILES as usize).for_each(|number| drop(fs::remove_file(self.path(number))));
        for (number, bytes) in files.rev().enumerate() {
            fs::write(self.path(number), bytes).unwrap();
        }
    }

    /// The files that are there, oldest first. None is missing between others.
    pub fn take(&self) -> Vec<Vec<u8>> {
        let mut files: Vec<_> =
            (0..).map_while(|number| fs::read(self.path(number)).ok()).collect();
        files.reverse();
        files
    }

    /// Removes the quarantine that a recovery has named, and returns it in the order of the journal.
    fn take_quarantine(&self, named: &[String]) -> Vec<u8> {
        let mut bytes = Vec::new();
        for path in named {
            // One that is relative is so to the directory.
            let path = self.0.path().join(path);
            bytes.extend(fs::read(&path).unwrap());
            fs::remove_file(path).unwrap();
        }
        let left = fs::read_dir(self.0.path().join(QUARANTINE)).into_iter().flatten().count();
        assert_eq!(left, 0, "every file of the quarantine is named");
        bytes
    }
}

async fn recover(journal: &Journal, mode: RecoveryMode) -> Recovery {
    journal
        .recover(RecoverOptions { mode, record_audit: false, ..RecoverOptions::default() })
        .await
        .unwrap()
}

/// A scan that lists few findings.
pub async fn scan(journal: &Journal) -> ScanReport {
    journal.scan(ScanOptions { max_findings: 5, sample: None }).await.unwrap()
}

async fn run(
    rotating: bool,
    numbers: impl Iterator<Item = (usize, u64)>,
    open: impl AsyncFn(&Path) -> Journal,
) {
    let bench = Bench::in_memory();
    for (number, seeds) in numbers {
        let mut random = Random::new(seeds.wrapping_add(number as u64));
        let seed = random.bits();
        let original = Generator::with_pool(seed, 6).journal(1 + random.below(30));
        let damaged = damage(&original, seed);
        let damaged = match rotating {
            false => vec![damaged],
            true => spread(&original, &damaged, random.between(1, MAX_FILES as usize), seed),
        };
        for mode in [RecoveryMode::Repair, RecoveryMode::Quarantine] {
            let which = format!("journal {number}, seed {seed}, {mode:?}");
            bench.put(damaged.iter().map(|file| file.bytes.as_slice()));
            let journal = open(bench.dir()).await;
            check(&bench, &journal, &damaged, mode, &which).await;
        }
    }
}

async fn check(
    bench: &Bench,
    journal: &Journal,
    damaged: &[Damaged],
    mode: RecoveryMode,
    which: &str,
) {
    let parts = || damaged.iter().map(|file| file.bytes.as_slice());
    let original = parts().collect::<Vec<_>>().concat();
    let before = scan(journal).await;
    let untouched = || bench.take().iter().map(Vec::as_slice).eq(parts());
    assert!(untouched(), "{which}: a scan changes nothing");

    // A repair refuses what looks like no journal. The caller can insist.
    let options = RecoverOptions { mode, record_audit: false, ..RecoverOptions::default() };
    let done = match journal.recover(options).await {
        Ok(done) => done,
        Err(error) => {
            assert!(mode == RecoveryMode::Repair, "{which}: {error}");
            assert!(untouched(), "{which}: a refusal changes nothing");
            let insisting = RecoverOptions { allow_loss: true, ..options };
            journal.recover(insisting).await.unwrap()
        }
    };
    let left = bench.take();
    let kept = left.concat();
    let quarantine = bench.take_quarantine(&done.quarantine);
    assert_survivors(&kept, damaged, which);
    for file in &left {
        assert!(file.is_empty() || file.ends_with(b"\n"), "{which}: no record leaves its file");
    }

    let added = done.line_ends;
    let gone = original.len() as u64 + added - kept.len() as u64;
    assert_eq!(gone, done.removed_bytes, "{which}");
    assert!(is_in_order(&original, &kept), "{which}: what is kept is what was there, in order");
    if mode == RecoveryMode::Quarantine {
        assert_eq!(quarantine.len() as u64, gone, "{which}: removed bytes are kept as quarantine");
        assert!(
            is_interleaved(&original, &kept, &quarantine),
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

    let after = scan(journal).await;
    assert_eq!((after.damaged, after.structural), (0, 0), "{which}: {:?}", after.findings);
    if mode == RecoveryMode::Quarantine {
        assert_eq!(after.suspect, 0, "{which}: {:?}", after.findings);
    }
    let again = recover(journal, mode).await;
    assert!(!again.changed && bench.take() == left, "{which}: a second recovery changes nothing");
}

/// The undamaged records are all there, in their order.
fn assert_survivors(kept: &[u8], damaged: &[Damaged], which: &str) {
    let mut lines = kept.split(|byte| *byte == b'\n');
    for file in damaged {
        for survivor in &file.survivors {
            let record = &file.bytes[survivor.range.clone()];
            // Whitespace around a record is a part of its line.
            let same = |line: &[u8]| line.trim_ascii() == record.trim_ascii();
            assert!(lines.any(same), "{which}: record {} is gone", survivor.record);
        }
    }
}

/// Whether each line that was kept is in the original, behind the one before it.
fn is_in_order(original: &[u8], kept: &[u8]) -> bool {
    let mut rest = original;
    kept.split(|byte| *byte == b'\n').all(|line| match memchr::memmem::find(rest, line) {
        Some(at) => {
            rest = &rest[at + line.len()..];
            true
        }
        None => false,
    })
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
