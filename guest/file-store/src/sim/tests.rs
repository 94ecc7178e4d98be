//! Every crash of every script, in every way that the medium may have it.

use std::io::ErrorKind::{Other, QuotaExceeded, StorageFull};
use std::time::Duration;

use super::disk::{Fault, Nature, SimDisk};
use super::driver::{After, Kinds, Step, World};
use super::inode::AfterFailure;
use crate::settings::Durability;

/// The maximum number of outcomes of a power cut that are all tried.
const ALL: u64 = 4096;
/// How many are tried of more.
const SOME: u64 = 512;

/// How thoroughly to look.
#[derive(Clone, Copy)]
pub(super) struct Effort {
    pub all: u64,
    pub some: u64,
    /// Crashes of the recovery of every so many states.
    pub twice: u64,
}

/// `make long` sets this.
pub(super) fn is_long() -> bool {
    std::env::var_os("PAPYRA_SIM").is_some_and(|value| value == "long")
}

const LONG: Effort = Effort { all: ALL, some: SOME, twice: 11 };
pub(super) const SHORT: Effort = Effort { all: 16, some: 12, twice: 61 };

/// Numbers that look random and are the same every time.
pub(super) struct Dice(pub u64);

impl Dice {
    pub fn roll(&mut self, sides: u64) -> u64 {
        // SplitMix64.
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ mixed >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94D0_49BB_1331_11EB);
        (mixed ^ mixed >> 31) % sides.max(1)
    }
}

/// Calls this with each of the disks that a power cut may leave, or with some of them.
pub(super) fn power_cuts(disk: &SimDisk, effort: Effort, mut each: impl FnMut(SimDisk, u64)) {
    let outcomes = disk.outcomes();
    if outcomes <= effort.all {
        for outcome in 0..outcomes {
            let mut left = outcome;
            each(
                disk.after_power_cut(&mut |count| {
                    let choice = left % count.max(1);
                    left /= count.max(1);
                    choice
                }),
                outcome,
            );
        }
        return;
    }
    for seed in 0..effort.some {
        let mut dice = Dice(seed);
        each(disk.after_power_cut(&mut |count| dice.roll(count)), seed);
    }
}

pub(super) fn scripts() -> Vec<Vec<Step>> {
    use Step::{Append, Check, Compact, Recover, Reopen, Sync, Tear};
    let one = || Append(vec![1]);
    vec![
        vec![one(), Append(vec![2, 1]), one(), Sync, one()],
        vec![one(), Tear, Append(vec![2]), Tear, Reopen, Append(vec![1, 1])],
        vec![Append(vec![7]), one(), Append(vec![4, 1])],
        vec![Append(vec![2]), Tear, one(), Recover, one(), Sync, Append(vec![3])],
        vec![Append(vec![2]), Compact, Append(vec![2]), Check, one(), Check, Append(vec![3])],
        vec![Append(vec![2]), Check, Tear, Append(vec![3]), Recover, Check, one(), Compact],
        vec![Append(vec![3]), Reopen, Append(vec![3]), Tear, Recover, Append(vec![2, 2]), Compact],
    ]
}

pub(super) fn kinds() -> Vec<Kinds> {
    let mut all = Vec::new();
    for max_files in [None, Some(1), Some(2), Some(3)] {
        for durability in
            [Durability::Always, Durability::Interval(Duration::from_secs(60)), Durability::Never]
        {
            for ordered in [true, false] {
                for rename_new in [true, false] {
                    let nature = Nature { ordered, rename_new, ..Nature::default() };
                    all.push(Kinds { max_files, durability, nature });
                }
            }
        }
    }
    all
}

/// Looks at one state, recovers it, and goes on.
fn look(world: &World, disk: SimDisk, after: After, context: &dyn Fn() -> String) {
    let mut world = world.on(disk);
    world.check(after, context);
    world.check_recovery(after, context);
}

/// A crash at each operation of the recovery, and another recovery.
fn look_twice(world: &World, disk: &SimDisk, after: After, context: &dyn Fn() -> String) -> u64 {
    let mut states = 0;
    for operation in 0.. {
        let mut world = world.on(disk.after_death());
        world.disk.fail_at(operation, Fault::Death);
        let _ = world.rewrite(true);
        let _ = world.check_in();
        let died = world.disk.is_dead();
        let again = || format!("and again at {operation} of the recovery; {}", context());
        look(&world, world.disk.after_death(), after, &again);
        power_cuts(&world.disk, Effort { all: 16, some: 8, twice: 0 }, |disk, _| {
            look(&world, disk, After::PowerCut, &again);
            states += 1;
        });
        states += 1;
        if !died {
            return states;
        }
    }
    states
}

/// Every crash of one script.
fn crashes(kinds: Kinds, steps: &[Step], effort: Effort) -> (u64, u64) {
    let (mut once, mut twice) = (0, 0);
    for operation in 0.. {
        let mut world = World::new(kinds);
        world.disk.fail_at(operation, Fault::Death);
        world.run(steps);
        let context = || format!("{kinds:?}, {steps:?}, dead at {operation}");
        look(&world, world.disk.after_death(), After::Death, &context);
        once += 1;
        power_cuts(&world.disk, effort, |disk, outcome| {
            let context = || format!("{}, power cut {outcome}", context());
            if (once + outcome) % effort.twice == 0 {
                twice += look_twice(&world, &disk, After::PowerCut, &context);
            }
            look(&world, disk, After::PowerCut, &context);
            once += 1;
        });
        if !world.disk.is_dead() {
            return (once, twice);
        }
    }
    (once, twice)
}

/// Runs this for each kind of journal, on all cores.
pub(super) fn for_all<T: Send>(run: impl Fn(Kinds) -> T + Sync) -> Vec<T> {
    let kinds = kinds();
    let next = std::sync::Mutex::new(kinds.into_iter());
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let defect = crate::defects::planted();
    let work = || {
        crate::defects::plant(defect);
        let mut results = Vec::new();
        loop {
            let kinds = next.lock().unwrap().next();
            match kinds {
                Some(kinds) => results.push(run(kinds)),
                None => return results,
            }
        }
    };
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..cores).map(|_| scope.spawn(work)).collect();
        threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
    })
}

#[test]
fn no_crash_loses_or_doubles_what_was_acknowledged() {
    let (once, twice) = all_crashes(if is_long() { LONG } else { SHORT });
    println!("{once} states after one crash, {twice} after two");
    assert!(once > 10_000 && twice > 1_000, "{once} and {twice} states");
}

pub(super) fn all_crashes(effort: Effort) -> (u64, u64) {
    let states = for_all(|kinds| {
        let each = scripts().into_iter().map(|steps| crashes(kinds, &steps, effort));
        each.fold((0, 0), |(once, twice), (more, again)| (once + more, twice + again))
    });
    states.into_iter().fold((0, 0), |(once, twice), (more, again)| (once + more, twice + again))
}

/// What is tried at every operation.
pub(super) const FAULTS: [Fault; 6] = [
    Fault::Error(Other),
    Fault::Error(StorageFull),
    Fault::Broken(Other),
    Fault::Broken(QuotaExceeded),
    Fault::Done,
    Fault::Short,
];

/// Every failure of every operation, once or from then on.
fn failures(kinds: Kinds, steps: &[Step]) -> u64 {
    let mut cases = 0;
    // Two failures at once are too much for what is not on the disk yet.
    let unseen = (kinds.durability == Durability::Always).then_some(Fault::DoneUnseen);
    for fault in FAULTS.into_iter().chain(unseen) {
        for operation in 0.. {
            let mut world = World::new(kinds);
            world.broken = true;
            world.disk.fail_at(operation, fault);
            world.run(steps);
            let operations = world.disk.operations();
            let context = || format!("{kinds:?}, {steps:?}, {fault:?} at {operation}");
            world.disk.mend();
            world.check(After::FailedSync, &context);
            // The same process goes on, and makes good what it has promised.
            let mut appended = world.append(&[1]);
            if appended.is_err() {
                // A sync by another program has failed, and this process has just been told.
                world.check(After::FailedSync, &context);
                appended = world.append(&[1]);
            }
            assert!(appended.is_ok(), "{appended:?}; {}", context());
            if kinds.durability != Durability::Never {
                let synced = world.sync().or_else(|_| world.sync());
                assert!(synced.is_ok(), "{synced:?}; {}", context());
            }
            let made_good =
                kinds.durability != Durability::Never || kinds.nature.after == AfterFailure::New;
            let now = if made_good { After::Death } else { After::FailedSync };
            world.check(now, &context);
            power_cuts(&world.disk, Effort { all: 4, some: 4, twice: 0 }, |disk, _| {
                look(&world, disk, After::PowerCut, &context);
            });
            look(&world, world.disk.after_death(), now, &context);
            cases += 1;
            if operation >= operations {
                break;
            }
        }
    }
    cases
}

#[test]
fn what_an_error_says_is_so_and_nothing_acknowledged_is_lost() {
    let cases = all_failures(is_long());
    println!("{cases} failures");
    assert!(cases > 10_000, "{cases} failures");
}

pub(super) fn all_failures(long: bool) -> u64 {
    let cases = for_all(|kinds| {
        let mut cases = 0;
        if !long && kinds.nature.ordered != kinds.nature.rename_new {
            return 0;
        }
        for after in [AfterFailure::New, AfterFailure::Old, AfterFailure::Zero] {
            if !long && after == AfterFailure::Zero {
                continue;
            }
            let kinds = Kinds { nature: Nature { after, ..kinds.nature }, ..kinds };
            cases += scripts().iter().map(|steps| failures(kinds, steps)).sum::<u64>();
        }
        cases
    });
    cases.into_iter().sum()
}
