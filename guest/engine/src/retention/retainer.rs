//! The walk back from the newest record that applies a retention policy.
//!
//! [`Retainer`] is the state of that walk; it takes records one by one, or a whole block of them when
//! none of its limits can be reached inside.

use serde::{Deserialize, Serialize};

use super::policy::Retention;
use super::survey::Block;
use crate::amount::Amount;
use crate::json::{Envelope, Kind};

/// What the walk back says about a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It is visible.
    Visible,
    /// It is too old; older or newer ones may be visible.
    Expired,
    /// Its kind's limit is reached: no older record of this kind is visible.
    KindFull,
    /// The journal's limit is reached: nothing older is visible.
    Full,
}

/// How far the walk back has come. Small, so that it can travel in a cursor.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Retainer {
    as_of: f64,
    taken: Amount,
    full: bool,
    taken_of: [Amount; 4],
    full_of: [bool; 4],
}

impl Retainer {
    pub fn new(as_of: f64) -> Self {
        Self { as_of, ..Self::default() }
    }

    pub fn as_of(&self) -> f64 {
        self.as_of
    }

    /// Judges the next older record.
    pub fn admit(&mut self, policy: &Retention, envelope: &Envelope, stored: u64) -> Verdict {
        if self.full {
            return Verdict::Full;
        }
        if policy.expires(envelope, self.as_of) {
            return Verdict::Expired;
        }
        let one = Amount { records: 1, bytes: stored };
        let kind = envelope.kind.map(Kind::index);
        let of_kind = kind.and_then(|index| self.taken_of.get(index).copied());
        if self.is_full(envelope.kind)
            || policy.refuses_kind(envelope.kind, of_kind.unwrap_or_default(), one)
        {
            if let Some(full) = kind.and_then(|index| self.full_of.get_mut(index)) {
                *full = true;
            }
            return Verdict::KindFull;
        }
        if policy.refuses(self.taken, one) {
            self.full = true;
            return Verdict::Full;
        }
        self.taken.merge(one);
        if let Some(taken) = kind.and_then(|index| self.taken_of.get_mut(index)) {
            taken.merge(one);
        }
        Verdict::Visible
    }

    fn is_full(&self, kind: Option<Kind>) -> bool {
        kind.and_then(|kind| self.full_of.get(kind.index())).copied().unwrap_or(false)
    }

    /// Takes all visible records of the next older block at once, unless a limit would be reached
    /// among them; then nothing is taken, and the block must be walked.
    pub fn admit_block(&mut self, policy: &Retention, block: &Block) -> bool {
        let mut all = block.unclassed;
        for kind in Kind::ALL {
            let more = block.live.get(kind);
            all.merge(more);
            let taken = self.taken_of.get(kind.index()).copied().unwrap_or_default();
            let refused = policy.refuses_kind(Some(kind), taken, more);
            if more.records > 0 && !self.is_full(Some(kind)) && refused {
                return false;
            }
        }
        // Records of a full kind are invisible, but then the sum above is only too careful.
        if policy.refuses(self.taken, all) {
            return false;
        }
        let hidden = self.hidden_in(block);
        self.taken.merge(all.minus(hidden));
        for kind in Kind::ALL {
            if let Some(taken) = self.taken_of.get_mut(kind.index())
                && !self.full_of.get(kind.index()).copied().unwrap_or(false)
            {
                taken.merge(block.live.get(kind));
            }
        }
        true
    }

    /// Records of the block whose kind is full already.
    fn hidden_in(&self, block: &Block) -> Amount {
        let mut hidden = Amount::default();
        for kind in Kind::ALL.into_iter().filter(|kind| self.is_full(Some(*kind))) {
            hidden.merge(block.live.get(kind));
        }
        hidden
    }
}
