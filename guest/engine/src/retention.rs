//! How much of a journal is visible.
//!
//! Retention is one walk back from the newest record. [`Retainer`] is the state of that walk; it
//! takes records one by one, or a whole block of them when none of its limits can be reached inside.

use serde::ser::SerializeMap;
use serde::{Deserialize, Serialize, Serializer};

use crate::bindings::papyra::persistence::types;
pub use crate::bindings::papyra::persistence::types::Limits;
use crate::failure::{Failure, Outcome};
use crate::json::{Envelope, Kind};
use crate::survey::Block;
use crate::tally::Amount;
use crate::time;

impl Limits {
    /// No limit.
    pub const NONE: Self = Self { max_records: None, max_age_seconds: None, max_total_bytes: None };

    fn check(&self, of: &str) -> Outcome<()> {
        match self.max_age_seconds {
            Some(age) if !age.is_finite() || age < 0.0 => Err(Failure::argument(format!(
                "the age limit {of} is {age}; it must be a number of seconds, 0 or more"
            ))),
            _ => Ok(()),
        }
    }

    fn is_none(&self) -> bool {
        *self == Self::NONE
    }

    /// Whether that would be too much. Size alone never refuses the first record.
    fn refuse(&self, all: Amount) -> bool {
        self.max_records.is_some_and(|max| all.records > max)
            || (all.records > 1 && self.max_total_bytes.is_some_and(|max| all.bytes > max))
    }

    /// Whether the walk back can end before the oldest record.
    fn can_end(&self) -> bool {
        self.max_records.is_some() || self.max_total_bytes.is_some()
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self::NONE
    }
}

/// How limits are written in an audit record.
#[derive(Serialize)]
#[serde(remote = "Limits")]
struct WrittenLimits {
    #[serde(skip_serializing_if = "Option::is_none")]
    max_records: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_age_seconds: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_total_bytes: Option<u64>,
}

struct Written<'a>(&'a Limits);

impl Serialize for Written<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        WrittenLimits::serialize(self.0, serializer)
    }
}

impl Serialize for Retention {
    /// Only what is limited.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        if !self.journal.is_none() {
            map.serialize_entry("journal", &Written(&self.journal))?;
        }
        for (kind, limits) in Kind::ALL.iter().zip(&self.per_kind) {
            if !limits.is_none() {
                map.serialize_entry(kind.as_str(), &Written(limits))?;
            }
        }
        map.end()
    }
}

/// A retention policy whose limits make sense.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Retention {
    journal: Limits,
    per_kind: [Limits; 4],
    /// The newest record, an audit, where it does not count. See [`Retention::pardon`].
    pardoned: Amount,
}

impl TryFrom<types::Retention> for Retention {
    type Error = Failure;

    fn try_from(policy: types::Retention) -> Outcome<Self> {
        let per_kind: Vec<_> =
            policy.per_kind.iter().map(|limited| (limited.kind, limited.limits)).collect();
        Self::new(policy.journal, &per_kind)
    }
}

impl Retention {
    /// # Errors
    ///
    /// `InvalidArgument` for an age limit that is negative or not a number, or a kind listed twice.
    pub fn new(journal: Limits, per_kind: &[(Kind, Limits)]) -> Outcome<Self> {
        journal.check("of the journal")?;
        let mut policy =
            Self { journal, per_kind: [Limits::default(); 4], pardoned: Amount::default() };
        let mut seen = [false; 4];
        for (kind, limits) in per_kind {
            limits.check(&format!("of {kind} records"))?;
            let (slot, seen) = (policy.per_kind.get_mut(kind.index()), seen.get_mut(kind.index()));
            if let (Some(slot), Some(seen)) = (slot, seen) {
                if std::mem::replace(seen, true) {
                    return Err(Failure::argument(format!("{kind} records are limited twice")));
                }
                *slot = *limits;
            }
        }
        Ok(policy)
    }

    /// Whether nothing is limited.
    pub fn is_empty(&self) -> bool {
        self.journal.is_none() && self.per_kind.iter().all(Limits::is_none)
    }

    /// Whether visibility depends on how many records follow, and not on age alone.
    pub fn counts(&self) -> bool {
        self.journal.can_end() || self.per_kind.iter().any(Limits::can_end)
    }

    /// Does not count the newest record, an audit of so many bytes, towards any limit.
    #[must_use]
    pub fn pardon(&self, stored: u64) -> Self {
        Self { pardoned: Amount { records: 1, bytes: stored }, ..self.clone() }
    }

    /// Whether one record more of this kind would be more than its kind may have.
    fn refuses_kind(&self, kind: Option<Kind>, mut taken: Amount, more: Amount) -> bool {
        taken.merge(more);
        let pardoned = if kind == Some(Kind::Audit) { self.pardoned } else { Amount::default() };
        self.of(kind).refuse(taken.minus(pardoned))
    }

    /// Whether that would be more than the journal may have.
    fn refuses(&self, mut taken: Amount, more: Amount) -> bool {
        taken.merge(more);
        self.journal.refuse(taken.minus(self.pardoned))
    }

    fn of(&self, kind: Option<Kind>) -> Limits {
        let limits = kind.and_then(|kind| self.per_kind.get(kind.index()));
        limits.copied().unwrap_or_default()
    }

    fn age_limit(&self, kind: Option<Kind>) -> Option<f64> {
        let both = [self.journal.max_age_seconds, self.of(kind).max_age_seconds];
        both.into_iter().flatten().reduce(f64::min)
    }

    /// Whether a record is too old. No age can be told without a usable timestamp.
    pub fn expires(&self, envelope: &Envelope, as_of: f64) -> bool {
        let usable = envelope.timestamp.filter(|timestamp| time::is_usable(*timestamp));
        match (self.age_limit(envelope.kind), usable) {
            (Some(age), Some(timestamp)) => timestamp < as_of - age,
            _ => false,
        }
    }

    /// Whether an age limit applies to this record but cannot be judged.
    pub fn is_untimed(&self, envelope: &Envelope) -> bool {
        self.age_limit(envelope.kind).is_some() && !envelope.timestamp.is_some_and(time::is_usable)
    }
}

/// What the walk back says about a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Admission {
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
    pub fn admit(&mut self, policy: &Retention, envelope: &Envelope, stored: u64) -> Admission {
        if self.full {
            return Admission::Full;
        }
        if policy.expires(envelope, self.as_of) {
            return Admission::Expired;
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
            return Admission::KindFull;
        }
        if policy.refuses(self.taken, one) {
            self.full = true;
            return Admission::Full;
        }
        self.taken.merge(one);
        if let Some(taken) = kind.and_then(|index| self.taken_of.get_mut(index)) {
            taken.merge(one);
        }
        Admission::Visible
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
