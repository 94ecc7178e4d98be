//! Broken stores, each with one defect, and the rule of the contract that it breaks.

mod defects;
mod groups;
mod lines;
mod streams;
mod wrapped_groups;
mod wrapper;

use self::defects::{Case, On};
use self::lines::Lines;
use self::streams::Streams;
use self::wrapper::{Broken, SOUND};
use super::Fixture;

fn sound(on: On) -> Box<dyn Fixture> {
    match on {
        On::Lines => Box::new(Lines::new(usize::MAX)),
        On::Parts => Box::new(Lines::new(2_000).in_reads_of(u32::MAX)),
        On::Streams => Box::new(Streams::default()),
    }
}

fn broken(case: &Case) -> Box<dyn Fixture> {
    let mut defect = SOUND;
    (case.defect)(&mut defect);
    Box::new(Broken::new(sound(case.on), defect))
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "the suite does not get over two of these stores"]
async fn broken_stores_are_caught() {
    let mut missed = Vec::new();
    for case in defects::all() {
        if super::run(async || Ok(broken(case))).await.is_ok() {
            missed.push(format!("{}: {} ({:?})", case.rule, case.name, case.on));
        }
    }
    assert!(missed.is_empty(), "{} pass:\n{}", missed.len(), missed.join("\n"));
}
