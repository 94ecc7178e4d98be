//! What the suite finds.

use std::fmt;

/// One sentence of the contract that the suite checks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rule {
    /// A short name that stays the same from version to version, such as `append-order`.
    pub name: &'static str,
    /// What must be true.
    pub sentence: &'static str,
}

/// The outcome of one check.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Outcome {
    /// The store keeps the rule.
    Passed,
    /// This store or fixture cannot do what the check needs, for this reason.
    NotApplicable(String),
    /// The store breaks the rule, in this way.
    Failed(String),
}

/// One rule of the contract, and whether the store keeps it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Check {
    /// The rule that was checked.
    pub rule: Rule,
    /// The outcome of the check.
    pub outcome: Outcome,
}

/// All checks, in the order in which they ran.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Summary {
    /// One entry for each rule of the suite.
    pub checks: Vec<Check>,
}

impl Summary {
    /// The number of checks that passed.
    #[must_use]
    pub fn passed(&self) -> usize {
        self.checks.iter().filter(|check| check.outcome == Outcome::Passed).count()
    }

    /// The names of the rules that do not apply.
    pub fn not_applicable(&self) -> impl Iterator<Item = &'static str> {
        self.named(|outcome| matches!(outcome, Outcome::NotApplicable(_)))
    }

    /// The names of the rules that are broken.
    pub fn failed(&self) -> impl Iterator<Item = &'static str> {
        self.named(|outcome| matches!(outcome, Outcome::Failed(_)))
    }

    fn named(&self, which: fn(&Outcome) -> bool) -> impl Iterator<Item = &'static str> {
        let chosen = self.checks.iter().filter(move |check| which(&check.outcome));
        chosen.map(|check| check.rule.name)
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for Check { rule: Rule { name, sentence }, outcome } in &self.checks {
            match outcome {
                Outcome::Passed => writeln!(f, "passed          {name}")?,
                Outcome::NotApplicable(why) => writeln!(f, "not applicable  {name}: {why}")?,
                Outcome::Failed(how) => writeln!(f, "FAILED          {name}: {sentence} {how}")?,
            }
        }
        Ok(())
    }
}

/// At least one check has failed.
#[derive(Debug, thiserror::Error)]
#[error("the store breaks its contract:\n{summary}")]
pub struct Failure {
    /// All checks, also those that passed.
    pub summary: Summary,
}
