//! Broken stores, each with one defect, and the rule of the contract that the suite must name.

mod defects;
mod groups;
mod lines;
mod sound;
mod streams;
mod wrapped_groups;
mod wrapper;

use std::collections::BTreeMap;
use std::time::Duration;

use self::defects::{Case, On};
use self::lines::Lines;
use self::streams::Streams;
use self::wrapper::{Broken, SOUND};
use super::{Fixture, Outcome, check, rules, tests};

/// A broken store that hangs must not hold up the others for long.
const PATIENCE: Duration = Duration::from_secs(5);

fn sound(on: On) -> Box<dyn Fixture> {
    match on {
        On::Lines => Box::new(Lines::new(usize::MAX)),
        On::Parts => Box::new(Lines::new(2_000)),
        On::Streams => Box::new(Streams::default()),
    }
}

fn broken(case: &Case) -> Box<dyn Fixture> {
    let mut defect = SOUND;
    (case.defect)(&mut defect);
    Box::new(Broken::new(sound(case.on), defect))
}

#[tokio::test(flavor = "multi_thread")]
async fn every_broken_store_is_caught_by_the_rule_that_it_breaks() {
    let mut missed = Vec::new();
    for case in defects::all() {
        let test = tests().find(|test| test.rule.name == case.rule);
        let test = test.unwrap_or_else(|| panic!("there is no rule {}", case.rule));
        let outcome = check(test, &async || Ok(broken(case)), PATIENCE).await;
        if !matches!(outcome, Outcome::Failed(_)) {
            missed.push(format!("{}: {} ({:?}): {outcome:?}", case.rule, case.name, case.on));
        }
    }
    assert!(missed.is_empty(), "{} pass:\n{}", missed.len(), missed.join("\n"));
}

#[test]
fn every_rule_has_two_broken_stores() {
    let mut stores: BTreeMap<&str, usize> = rules().map(|rule| (rule.name, 0)).collect();
    let rules = stores.len();
    defects::all().for_each(|case| *stores.entry(case.rule).or_default() += 1);
    assert_eq!(stores.len(), rules, "a broken store breaks a rule that is not checked");
    stores.retain(|_, count| *count < 2);
    assert!(stores.is_empty(), "{stores:?}");
}

#[test]
fn every_broken_store_has_a_name_of_its_own() {
    let mut names: Vec<_> =
        defects::all().map(|case| (case.rule, case.name, format!("{:?}", case.on))).collect();
    let count = names.len();
    names.sort();
    names.dedup();
    assert_eq!(names.len(), count);
}
