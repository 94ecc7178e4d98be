//! Entries that forced compactions have taken from consumer groups.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use super::super::Kind;
use super::super::groups::GroupLoss;

/// The maximum number of groups that are told apart.
const MAX_GROUPS: usize = 10_000;

/// Counted since the store was made.
#[derive(Default)]
pub struct Losses(Mutex<BTreeMap<(usize, String), u64>>);

impl Losses {
    pub fn add(&self, kind: Option<Kind>, lost: Vec<(String, u64)>) {
        let Some(kind) = Kind::ALL.iter().position(|of| Some(*of) == kind) else { return };
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for (group, entries) in lost {
            let known = all.len() < MAX_GROUPS || all.contains_key(&(kind, group.clone()));
            if known {
                *all.entry((kind, group)).or_default() += entries;
            }
        }
    }

    pub fn list(&self) -> Vec<GroupLoss> {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let loss = |((kind, group), entries): (&(usize, String), &u64)| {
            Some(GroupLoss::new(*Kind::ALL.get(*kind)?, group, *entries))
        };
        all.iter().filter_map(loss).collect()
    }
}
