//! Of every append that fails, what the error says is compared with what is in the journal.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::faults::{Faults, Op};
use crate::store::{Durability, FileStore, RotatingStore, Store, Written};

const OPS: [Op; 7] =
    [Op::Sync, Op::SyncDir, Op::Truncate, Op::Create, Op::Rename, Op::Renamed, Op::Unlink];

/// What goes wrong, and with what.
#[derive(Clone, Debug)]
struct Case {
    /// The maximum number of files; `None` is one file without a limit.
    files: Option<u32>,
    durability: Durability,
    before: &'static str,
    batches: &'static [&'static str],
    failing: Vec<Op>,
    passing: usize,
    space: Option<usize>,
    returns: bool,
}

/// Every letter begins one line only.
const BATCHES: [&[&str]; 4] = [
    &["a1\n"],
    &["a12345678\nb12345678\nc12345678\nd12345678\ne12345678\n"],
    &["a1\n", "b12\nc1\n", "d12345\n"],
    &["a12345678\nb12345678\nc12345678\n", "d12345678901234567890123456789\n", "e1\n"],
];

fn cases() -> Vec<Case> {
    let mut failing = vec![Vec::new()];
    for (index, one) in OPS.iter().enumerate() {
        failing.push(vec![*one]);
        failing.extend(OPS.iter().skip(index + 1).map(|other| vec![*one, *other]));
    }
    let mut cases = Vec::new();
    for files in [None, Some(1), Some(2), Some(4)] {
        for (number, batches) in BATCHES.into_iter().enumerate() {
            for failing in &failing {
                for space in [None, Some(0), Some(2), Some(11), Some(25), Some(47)] {
                    for passing in 0..4 {
                        let turn = cases.len() + number;
                        cases.push(Case {
                            files,
                            batches,
                            failing: failing.clone(),
                            passing,
                            space,
                            // What matters less takes turns.
                            durability: [
                                Durability::Always,
                                Durability::Never,
                                Durability::Interval(Duration::from_secs(60)),
                            ][turn % 3],
                            before: ["x1\n", "x1\nx2", "", "x12345678901234567890\n"][turn / 3 % 4],
                            returns: turn / 12 % 2 == 1,
                        });
                    }
                }
            }
        }
    }
    cases
}

fn store(dir: &Path, case: &Case, faults: &Faults) -> Box<dyn Store> {
    let path = dir.join("j");
    match case.files {
        None => {
            let builder = FileStore::builder(path).durability(case.durability);
            Box::new(builder.faults(faults.clone()).build())
        }
        Some(files) => {
            let builder = RotatingStore::builder(path).max_bytes(30).max_files(files);
            Box::new(builder.durability(case.durability).faults(faults.clone()).build())
        }
    }
}

/// All that is in the journal, oldest first.
fn text(dir: &Path) -> String {
    let names = (1..9).rev().map(|number| format!("j.{number}")).chain(["j".to_owned()]);
    names.filter_map(|name| fs::read_to_string(dir.join(name)).ok()).collect()
}

/// How much of the batch is there, or was there before a rotation dropped it: that begins with the oldest.
fn there(text: &str, batch: &str) -> Written {
    let begun = |line: &str| line.get(..1).is_some_and(|first| text.contains(first));
    let lines: Vec<&str> = batch.split_inclusive('\n').collect();
    match lines.iter().rposition(|line| begun(line)) {
        None => Written::None,
        Some(last) if last + 1 == lines.len() && text.contains(lines[last]) => Written::All,
        Some(_) => Written::Some,
    }
}

async fn check(dir: &Path, case: &Case) -> usize {
    let _ = fs::remove_dir_all(dir);
    fs::create_dir_all(dir).unwrap();
    if !case.before.is_empty() {
        fs::write(dir.join("j"), case.before).unwrap();
    }
    let faults = Faults::default();
    let store = store(dir, case, &faults);
    {
        let mut plan = faults.plan();
        plan.failing.clone_from(&case.failing);
        (plan.passing, plan.space, plan.space_returns) = (case.passing, case.space, case.returns);
    }
    let append = |batch: &&'static str| store.append((*batch).to_owned(), &[]);
    let mut appends = case.batches.iter().map(append);
    let (one, two, three) = (appends.next(), appends.next(), appends.next());
    let maybe = async |append: Option<_>| match append {
        Some(append) => Some(append.await),
        None => None,
    };
    let (one, two, three) = tokio::join!(maybe(one), maybe(two), maybe(three));
    let after = text(dir);
    let mut failed = 0;
    let mut again = Vec::new();
    let ends = [one, two, three].into_iter().flatten();
    for ((batch, ended), later) in case.batches.iter().zip(ends).zip(1..) {
        let truth = there(&after, batch);
        let gap = |lines: [&str; 2]| !after.contains(lines[0]) && after.contains(lines[1]);
        let lines: Vec<&str> = batch.split_inclusive('\n').collect();
        let whole = case.files.is_some() || !lines.array_windows().any(|lines| gap(*lines));
        assert!(whole, "{batch:?} has a gap: {after:?} {case:?}");
        let Err(error) = ended else {
            // Of a set, older files go.
            let kept = case.files.is_some() || truth == Written::All;
            assert!(kept, "{batch:?} is acknowledged: {after:?} {case:?}");
            continue;
        };
        failed += 1;
        let said = error.written();
        // What a later batch has dropped from a set was there when this one failed.
        let later =
            case.batches.iter().skip(later).any(|batch| there(&after, batch) != Written::None);
        let dropped = case.files.is_some() && truth == Written::None && later;
        let right = said == Some(Written::Unknown) || said == Some(truth) || dropped;
        assert!(right, "{batch:?}: {said:?} is said of {after:?}; {error} {case:?}");
        if said == Some(Written::None) {
            again.push(*batch);
        }
    }
    *faults.plan() = super::faults::Plan::default();
    for batch in again {
        store.append(batch.to_owned(), &[]).await.unwrap();
        let after = text(dir);
        for line in batch.split_inclusive('\n') {
            let times = after.matches(line).count();
            let right = times == 1 || times == 0 && case.files.is_some();
            assert!(right, "{line:?} is there {times} times: {after:?} {case:?}");
        }
    }
    failed
}

fn directory() -> PathBuf {
    let fast = Path::new("/dev/shm");
    let parent = if fast.is_dir() { fast.to_owned() } else { std::env::temp_dir() };
    parent.join(format!("papyra-written-{}", std::process::id()))
}

#[tokio::test]
async fn what_a_failed_append_says_is_what_the_journal_has() {
    let dir = directory();
    let (mut failed, cases) = (0, cases());
    for case in &cases {
        failed += check(&dir, case).await;
    }
    let _ = fs::remove_dir_all(&dir);
    assert!(failed > cases.len() / 2, "only {failed} appends failed in {} cases", cases.len());
}
