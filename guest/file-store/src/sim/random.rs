//! Random sequences of everything that can happen to a journal. `SIM_SEED=` repeats one.

use std::time::Duration;

use super::disk::{Fault, Nature};
use super::driver::{After, Kinds, Step, World};
use super::inode::AfterFailure;
use super::tests::{Dice, Effort, FAULTS, is_long, power_cuts};
use crate::settings::Durability;

fn kinds(dice: &mut Dice) -> Kinds {
    let max_files = [None, Some(1), Some(2), Some(3), Some(5)][dice.roll(5) as usize];
    let interval = Durability::Interval(Duration::from_secs(60));
    let durability = [Durability::Always, interval, Durability::Never][dice.roll(3) as usize];
    let nature = Nature {
        sector: [16, 512, 4096][dice.roll(3) as usize],
        ordered: dice.roll(2) == 0,
        after: [AfterFailure::New, AfterFailure::Old, AfterFailure::Zero][dice.roll(3) as usize],
        rename_new: dice.roll(2) == 0,
    };
    Kinds { max_files, durability, nature }
}

fn step(dice: &mut Dice) -> Step {
    match dice.roll(12) {
        0..5 => Step::Append((0..=dice.roll(3)).map(|_| 1 + dice.roll(5) as usize).collect()),
        5 | 6 => Step::Tear,
        7 => Step::Sync,
        8 => Step::Recover,
        9 => Step::Compact,
        10 => Step::Check,
        _ => Step::Reopen,
    }
}

fn fault(dice: &mut Dice) -> Fault {
    FAULTS[dice.roll(FAULTS.len() as u64) as usize]
}

/// One sequence, of up to five lives.
fn sequence(seed: u64) {
    let dice = &mut Dice(seed);
    let kinds = kinds(dice);
    let mut world = World::new(kinds);
    let mut story = Vec::new();
    for _ in 0..=dice.roll(5) {
        let fails = dice.roll(3) == 0;
        for _ in 0..dice.roll(12) {
            let step = step(dice);
            story.push(format!("{step:?}"));
            let beside = (dice.roll(4) == 0).then(|| {
                let (operation, lines) = (dice.roll(16) as usize, 1 + dice.roll(3) as usize);
                story.push(format!("beside {lines} at {operation}"));
                world.append_beside(operation, lines)
            });
            if fails && dice.roll(4) == 0 {
                let (operation, fault) = (dice.roll(10) as usize, fault(dice));
                story.push(format!("{fault:?} at {operation}"));
                world.disk.fail_at(operation, fault);
            }
            world.run(std::slice::from_ref(&step));
            if let Some(beside) = beside {
                world.note(&beside);
            }
            world.disk.mend();
            let context = || format!("SIM_SEED={seed}, {kinds:?}, {story:?}");
            world.check(if fails { After::FailedSync } else { After::Death }, &context);
        }
        // What failures have left unsaid is made good, or known to be gone.
        let settled = world.sync().or_else(|_| world.sync()).is_ok();
        assert!(settled, "SIM_SEED={seed}, {kinds:?}, {story:?}");
        let operation = dice.roll(12) as usize;
        let last = step(dice);
        story.push(format!("dead at {operation} of {last:?}"));
        world.disk.fail_at(operation, Fault::Death);
        world.run(std::slice::from_ref(&last));
        let context = || format!("SIM_SEED={seed}, {kinds:?}, {story:?}");
        let lenient = fails && kinds.nature.after != AfterFailure::New;
        let mut killed = world.on(world.disk.after_death());
        killed.check(if lenient { After::FailedSync } else { After::Death }, &context);
        let mut next = None;
        power_cuts(&world.disk, Effort { all: 4, some: 4, twice: 0 }, |disk, _| {
            let mut left = world.on(disk);
            left.check(After::PowerCut, &context);
            left.check_recovery(After::PowerCut, &context);
            left.forget();
            next = Some(left);
        });
        if dice.roll(2) == 0 {
            let after = if lenient { After::FailedSync } else { After::Death };
            killed.check_recovery(after, &context);
            killed.forget();
            next = Some(killed);
        }
        let Some(next) = next else { return };
        world = next;
        story.push("and then".to_owned());
    }
}

#[test]
fn random_sequences_lose_and_double_nothing() {
    random(if is_long() { 10_000 } else { 500 });
}

/// As many of them, on all cores.
pub(super) fn random(sequences: u64) {
    if let Ok(seed) = std::env::var("SIM_SEED") {
        return sequence(seed.parse().unwrap());
    }
    let defect = crate::defects::planted();
    std::thread::scope(|scope| {
        let run = |first| {
            move || {
                crate::defects::plant(defect);
                (first..sequences).step_by(2).for_each(sequence);
            }
        };
        let threads = [scope.spawn(run(0)), scope.spawn(run(1))];
        for thread in threads {
            thread.join().unwrap();
        }
    });
}
