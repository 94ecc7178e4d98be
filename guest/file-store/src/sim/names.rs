//! The names on a simulated disk: as programs see them, and as the medium has them.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::names::parent;

/// One change of names. The medium has all of it or nothing.
#[derive(Clone, Debug)]
struct Change {
    /// What each of these names leads to afterwards.
    to: Vec<(PathBuf, Option<u64>)>,
}

impl Change {
    fn is_in(&self, dir: &Path) -> bool {
        self.to.iter().any(|(path, _)| parent(path) == dir)
    }

    fn apply(&self, names: &mut BTreeMap<PathBuf, u64>) {
        for (path, inode) in &self.to {
            match inode {
                Some(inode) => names.insert(path.clone(), *inode),
                None => names.remove(path),
            };
        }
    }
}

#[derive(Clone, Debug, Default)]
pub(crate) struct Names {
    pub live: BTreeMap<PathBuf, u64>,
    durable: BTreeMap<PathBuf, u64>,
    pending: Vec<Change>,
}

impl Names {
    pub fn change(&mut self, to: Vec<(PathBuf, Option<u64>)>) {
        let change = Change { to };
        change.apply(&mut self.live);
        self.pending.push(change);
    }

    /// Puts the names in a directory on the medium; in order, what was changed before anywhere, too.
    pub fn sync(&mut self, dir: &Path, ordered: bool) {
        let last = self.pending.iter().rposition(|change| change.is_in(dir));
        let mut at = 0;
        let durable = &mut self.durable;
        self.pending.retain(|change| {
            let goes = last.is_some_and(|last| at <= last) && (ordered || change.is_in(dir));
            at += 1;
            if goes {
                change.apply(durable);
            }
            !goes
        });
    }

    /// The number of sets of names that a power cut may leave.
    pub fn outcomes(&self, ordered: bool) -> u64 {
        let pending = self.pending.len();
        if ordered {
            pending as u64 + 1
        } else {
            2_u64.saturating_pow(u32::try_from(pending).unwrap_or(u32::MAX))
        }
    }

    /// One of them: with a file system that keeps to the order of changes, or with any of the changes.
    pub fn outcome(&self, ordered: bool, choice: u64) -> BTreeMap<PathBuf, u64> {
        let mut names = self.durable.clone();
        for (at, change) in self.pending.iter().enumerate() {
            let there = if ordered { (at as u64) < choice } else { choice >> at & 1 == 1 };
            if there {
                change.apply(&mut names);
            }
        }
        names
    }

    /// These names, on the medium.
    pub fn on_medium(names: BTreeMap<PathBuf, u64>) -> Self {
        Self { live: names.clone(), durable: names, pending: Vec::new() }
    }

    pub fn links(&self, inode: u64) -> u64 {
        self.live.values().filter(|there| **there == inode).count() as u64
    }

    /// The medium, or a change that has not reached it, leads to this inode.
    pub fn refers_to(&self, inode: u64) -> bool {
        let pending = self.pending.iter().flat_map(|change| &change.to);
        self.durable.values().any(|there| *there == inode)
            || pending.into_iter().any(|(_, there)| *there == Some(inode))
    }
}
