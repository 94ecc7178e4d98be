//! `kill -9` at random times on a set of rotating files: nothing acknowledged is lost but what rotation
//! is to drop, nothing is doubled, and the bound on disk use holds whenever somebody looks.

use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use papyra_tests::numbered;
use papyra_tests::process::Worker;
use papyra_tests::random::Random;
use papyra_tests::scale;

const WORKER: &str = env!("CARGO_BIN_EXE_papyra-worker");
const MAX_BYTES: u64 = 8_000;
const MAX_FILES: u64 = 4;
/// The longest line of [`numbered`].
const RECORD: u64 = 400;
const BATCH: u64 = 12;

fn start(args: &[&str]) -> Worker {
    Worker::start(WORKER, args)
}

struct Set {
    dir: tempfile::TempDir,
    url: String,
}

impl Set {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("journal");
        let url =
            format!("rotating:{}?max_bytes={MAX_BYTES}&max_files={MAX_FILES}", path.display());
        Self { dir, url }
    }

    fn path(&self, number: u64) -> PathBuf {
        let name = if number == 0 { "journal".into() } else { format!("journal.{number}") };
        self.dir.path().join(name)
    }

    /// The files that are there, oldest first.
    fn files(&self) -> Vec<PathBuf> {
        (0..MAX_FILES).rev().map(|n| self.path(n)).filter(|path| path.exists()).collect()
    }

    /// The journal as it lies on the disk. A torn last line ends with its file.
    fn bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        for file in self.files() {
            bytes.extend(fs::read(file).unwrap());
            if bytes.last().is_some_and(|last| *last != b'\n') {
                bytes.push(b'\n');
            }
        }
        bytes
    }

    /// Tears the last line as a crash of the machine would.
    fn tear(&self) {
        if let Ok(mut bytes) = fs::read(self.path(0)) {
            bytes.extend_from_slice(b"{\"kind\": \"event\", \"timest");
            fs::write(self.path(0), bytes).unwrap();
        }
    }
}

/// Looks at the disk all the time.
struct Sampler {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<(u64, u64)>,
}

impl Sampler {
    fn start(dir: &Path) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let (stopped, dir) = (Arc::clone(&stop), dir.to_owned());
        let thread = thread::spawn(move || {
            let (mut samples, mut most) = (0, 0);
            while !stopped.load(Ordering::Relaxed) {
                // What moves while we look would be counted twice.
                if let (Some(before), Some(after)) = (sizes(&dir), sizes(&dir)) {
                    let ids = |sizes: &BTreeMap<String, (u64, u64)>| -> Vec<_> {
                        sizes.iter().map(|(name, (id, _))| (name.clone(), *id)).collect()
                    };
                    if ids(&before) == ids(&after) {
                        let used = before.values().map(|(_, bytes)| bytes).sum();
                        most = u64::max(most, used);
                        samples += 1;
                    }
                }
                thread::sleep(Duration::from_micros(300));
            }
            (samples, most)
        });
        Self { stop, thread }
    }

    /// How often it has looked, and the most bytes it has seen.
    fn stop(self) -> (u64, u64) {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.join().unwrap()
    }
}

/// Inode and size of everything of the set, with the file that is being begun, but not the new content
/// of one that is being rewritten.
fn sizes(dir: &Path) -> Option<BTreeMap<String, (u64, u64)>> {
    let mut sizes = BTreeMap::new();
    for entry in fs::read_dir(dir).ok()? {
        let entry = entry.ok()?;
        let name = entry.file_name().into_string().ok()?;
        if name == "quarantine" || name.ends_with("papyra-rewrite") {
            continue;
        }
        let metadata = entry.metadata().ok()?;
        sizes.insert(name, (metadata.ino(), metadata.len()));
    }
    Some(sizes)
}

/// Every record that was acknowledged since the oldest one that is left, once.
fn check(set: &Set, acknowledged: &[std::ops::Range<u64>], cycle: usize) -> u64 {
    let bytes = set.bytes();
    let numbers = numbered::numbers(&bytes);
    let Some(oldest) = numbers.first().copied() else {
        assert!(acknowledged.iter().all(std::ops::Range::is_empty), "cycle {cycle}: all is gone");
        return 0;
    };
    assert!(numbers.is_sorted_by(|a, b| a < b), "cycle {cycle}: doubled, or out of order");
    let counts: HashMap<u64, u64> = numbered::count(&bytes);
    for number in acknowledged.iter().cloned().flatten().filter(|number| *number >= oldest) {
        assert_eq!(counts.get(&number), Some(&1), "record {number} after cycle {cycle}");
    }
    oldest
}

#[test]
fn killing_rotations_and_recoveries_loses_only_what_rotation_drops() {
    let set = Set::new();
    let quarantine = set.dir.path().join("quarantine");
    let mut random = Random::new(scale::seed() + 10);
    let sampler = Sampler::start(set.dir.path());
    let (mut first, mut acknowledged, mut recovered) = (0, Vec::new(), 0);
    let most = Worker::lifetime(WORKER);
    for cycle in 0..scale::kill_cycles() {
        let sync = ["always", "never", "5"][cycle % 3];
        let batch = (1 + random.below(BATCH as usize)).to_string();
        let begin = first.to_string();
        let appender = start(&["append", &set.url, &begin, "1000000", &batch, sync]);
        let recoverer = start(&["recover", &set.url, quarantine.to_str().unwrap(), "1000000"]);
        let acks = appender.kill_within(most, &mut random);
        let changes = recoverer.kill_within(most / 4, &mut random);
        recovered += changes.iter().filter(|line| line.ends_with("true")).count();
        let until = acks.last().and_then(|line| line.parse().ok()).unwrap_or(first);
        acknowledged.push(first..until.max(first));
        first = until.max(first) + 100_000;

        let oldest = check(&set, &acknowledged, cycle);
        // Whoever is killed before it gets anything done leaves an empty range.
        if acknowledged.iter().any(|range| !range.is_empty() && range.start < oldest) {
            // Something went: then everything else must have been full.
            let bytes = set.bytes().len() as u64;
            let least = (MAX_FILES - 1) * (MAX_BYTES - (BATCH + 1) * RECORD);
            assert!(bytes >= least, "cycle {cycle}: {bytes} bytes are left");
        }
        if cycle % 2 == 0 {
            set.tear();
        }
        acknowledged.retain(|range| range.end > oldest);
    }
    let (samples, most) = sampler.stop();
    assert!(samples > 100, "{samples} samples");
    // The torn lines are ours, and come on top.
    let bound = MAX_FILES * MAX_BYTES + RECORD + MAX_FILES * 25;
    assert!(most <= bound, "{most} bytes at once, and the bound is {bound}");
    assert!(most > (MAX_FILES - 1) * MAX_BYTES || scale::kill_cycles() < 20, "{most}: never full");
    assert!(recovered > 0 || scale::kill_cycles() < 20, "no recovery was ever caught at work");
    // Before anybody rotates, who would clear away what a rotation has left.
    let recoverer = start(&["recover", &set.url, quarantine.to_str().unwrap(), "1"]);
    assert!(recoverer.finish().1);
    assert_nothing_left(&set);
    settle(&set, first);
}

#[test]
fn killing_rotations_and_compactions_keeps_the_newest_records() {
    const KEPT: u64 = 40;

    let set = Set::new();
    let mut random = Random::new(scale::seed() + 11);
    let sampler = Sampler::start(set.dir.path());
    let (mut next, mut compacted) = (0, 0);
    for cycle in 0..scale::kill_cycles() {
        let begin = next.to_string();
        let appender = start(&["append", &set.url, &begin, "600", "9", "never"]);
        let kept = KEPT.to_string();
        let compactor = start(&["compact", &set.url, &kept, "1000000"]);
        let (acks, ended_well) = appender.finish();
        assert!(ended_well, "the appender lives on while others are killed");
        next += 600;
        assert_eq!(acks.last(), Some(&next.to_string()));
        let changes = compactor.kill_within(Duration::from_millis(15), &mut random);
        compacted += changes.iter().filter(|line| line.ends_with("true")).count();

        let numbers = numbered::numbers(&set.bytes());
        let oldest = numbers[0];
        assert!(numbers.iter().copied().eq(oldest..next), "cycle {cycle}: a suffix without gaps");
        assert!(next - oldest >= KEPT, "cycle {cycle}: nothing newer went");
    }
    let (samples, most) = sampler.stop();
    assert!(samples > 100, "{samples} samples");
    let bound = MAX_FILES * MAX_BYTES + RECORD;
    assert!(most <= bound, "{most} bytes at once, and the bound is {bound}");
    assert!(compacted > 0 || scale::kill_cycles() < 20, "no compaction was ever caught at work");
    settle(&set, next);
}

/// Whatever was left behind, the next process goes on, and clears it away.
fn settle(set: &Set, next: u64) {
    let begin = next.to_string();
    let (_, ended_well) = start(&["append", &set.url, &begin, "300", "9", "never"]).finish();
    assert!(ended_well);
    let (_, ended_well) = start(&["compact", &set.url, "20", "1"]).finish();
    assert!(ended_well);
    let numbers = numbered::numbers(&set.bytes());
    assert!(numbers.iter().copied().eq(next + 280..next + 300), "{numbers:?}");
    assert_nothing_left(set);
}

/// No operation that was killed has left its temporary.
fn assert_nothing_left(set: &Set) {
    let names: Vec<_> =
        fs::read_dir(set.dir.path()).unwrap().map(|file| file.unwrap().file_name()).collect();
    assert!(!names.iter().any(|name| name.to_string_lossy().starts_with('.')), "{names:?}");
}
