//! Numbers of records and bytes, in all and per kind.

use serde::{Deserialize, Serialize};

use crate::bindings::exports::papyra::persistence::journal::KindCount;
use crate::json::Kind;

/// Records and their bytes as stored.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "(u64, u64)", into = "(u64, u64)")]
pub struct Amount {
    pub records: u64,
    pub bytes: u64,
}

/// Without names: an index has thousands.
impl From<Amount> for (u64, u64) {
    fn from(Amount { records, bytes }: Amount) -> Self {
        (records, bytes)
    }
}

impl From<(u64, u64)> for Amount {
    fn from((records, bytes): (u64, u64)) -> Self {
        Self { records, bytes }
    }
}

impl Amount {
    pub fn add(&mut self, bytes: u64) {
        self.merge(Self { records: 1, bytes });
    }

    /// Saturates: amounts also come from cursors and surveys, which a caller can forge.
    pub fn merge(&mut self, other: Self) {
        self.records = self.records.saturating_add(other.records);
        self.bytes = self.bytes.saturating_add(other.bytes);
    }

    pub fn minus(self, other: Self) -> Self {
        Self {
            records: self.records.saturating_sub(other.records),
            bytes: self.bytes.saturating_sub(other.bytes),
        }
    }
}

/// Records per kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Kinds([Amount; 4]);

impl Kinds {
    pub fn add(&mut self, kind: Kind, bytes: u64) {
        if let Some(amount) = self.0.get_mut(kind.index()) {
            amount.add(bytes);
        }
    }

    pub fn put(&mut self, kind: Kind, amount: Amount) {
        if let Some(mine) = self.0.get_mut(kind.index()) {
            *mine = amount;
        }
    }

    pub fn get(&self, kind: Kind) -> Amount {
        self.0.get(kind.index()).copied().unwrap_or_default()
    }

    pub fn merge(&mut self, other: &Self) {
        for (mine, theirs) in self.0.iter_mut().zip(other.0) {
            mine.merge(theirs);
        }
    }

    pub fn minus(&self, other: &Self) -> Self {
        let mut rest = *self;
        for (mine, theirs) in rest.0.iter_mut().zip(other.0) {
            *mine = mine.minus(theirs);
        }
        rest
    }

    /// The kinds that occur.
    pub fn counts(&self) -> Vec<KindCount> {
        let all = Kind::ALL.into_iter().map(|kind| {
            let Amount { records, bytes } = self.get(kind);
            KindCount { kind, records, bytes }
        });
        all.filter(|count| count.records > 0).collect()
    }
}
