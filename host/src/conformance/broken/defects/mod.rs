//! The table of defects, by the part of the contract that they break.

mod appends;
mod claims;
mod descriptions;
mod failures;
mod fetches;
mod frames;
mod groups;
mod index;
mod quarantine;
mod reads;
mod rewrites;
mod segments;
mod snapshots;
mod switches;
mod tails;

use super::wrapper::Defect;

/// The sound store that the defect is put around.
#[derive(Clone, Copy, Debug)]
pub enum On {
    /// One part, without a limit.
    Lines,
    /// Parts that are sealed when they hold 2,000 bytes.
    Parts,
    /// Framed entries, with consumer groups.
    Streams,
}

/// One broken store.
pub struct Case {
    /// The name of the rule that it breaks.
    pub rule: &'static str,
    pub on: On,
    pub name: &'static str,
    pub defect: fn(&mut Defect),
}

const fn case(rule: &'static str, on: On, name: &'static str, defect: fn(&mut Defect)) -> Case {
    Case { rule, on, name, defect }
}

/// All broken stores.
pub fn all() -> impl Iterator<Item = &'static Case> {
    let parts = [
        descriptions::CASES,
        segments::CASES,
        snapshots::CASES,
        reads::CASES,
        frames::CASES,
        appends::CASES,
        failures::CASES,
        rewrites::CASES,
        switches::CASES,
        quarantine::CASES,
        tails::CASES,
        index::CASES,
        groups::CASES,
        fetches::CASES,
        claims::CASES,
    ];
    parts.into_iter().flatten()
}
