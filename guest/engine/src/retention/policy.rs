//! Retention limits, checked, and what they say about one record or one sum of records.

use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};

use crate::amount::Amount;
use crate::bindings::papyra::persistence::types;
pub use crate::bindings::papyra::persistence::types::Limits;
use crate::failure::{Failure, Outcome};
use crate::json::{Envelope, Kind};
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
    /// The newest record, an audit, where it does not count. See [`Retention::exempt`].
    exempt: Amount,
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
            Self { journal, per_kind: [Limits::default(); 4], exempt: Amount::default() };
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
    pub fn exempt(&self, stored: u64) -> Self {
        Self { exempt: Amount { records: 1, bytes: stored }, ..self.clone() }
    }

    /// Whether one record more of this kind would be more than its kind may have.
    pub(super) fn refuses_kind(&self, kind: Option<Kind>, mut taken: Amount, more: Amount) -> bool {
        taken.merge(more);
        let exempt = if kind == Some(Kind::Audit) { self.exempt } else { Amount::default() };
        self.of(kind).refuse(taken.minus(exempt))
    }

    /// Whether that would be more than the journal may have.
    pub(super) fn refuses(&self, mut taken: Amount, more: Amount) -> bool {
        taken.merge(more);
        self.journal.refuse(taken.minus(self.exempt))
    }

    fn of(&self, kind: Option<Kind>) -> Limits {
        let limits = kind.and_then(|kind| self.per_kind.get(kind.index()));
        limits.copied().unwrap_or_default()
    }

    fn age_limit(&self, kind: Option<Kind>) -> Option<f64> {
        let both = [self.journal.max_age_seconds, self.of(kind).max_age_seconds];
        both.into_iter().flatten().reduce(f64::min)
    }

    /// Whether a record is too old. No age can be told of what is no calendar time.
    pub fn expires(&self, envelope: &Envelope, as_of: f64) -> bool {
        self.outlives(envelope, as_of, 1.0)
    }

    /// Whether a record is older than twice what it may be.
    pub fn expired_long_ago(&self, envelope: &Envelope, as_of: f64) -> bool {
        self.outlives(envelope, as_of, 2.0)
    }

    fn outlives(&self, envelope: &Envelope, as_of: f64, times: f64) -> bool {
        envelope.timestamp.is_some_and(|time| self.is_older(envelope.kind, time, as_of, times))
    }

    fn is_older(&self, kind: Option<Kind>, timestamp: f64, as_of: f64, times: f64) -> bool {
        match self.age_limit(kind) {
            Some(age) if timestamp >= time::PLAUSIBLE_FROM => timestamp < as_of - times * age,
            _ => false,
        }
    }

    /// Whether all records of a kind are older than so many times what they may be, or none is, if their calendar
    /// times lie between these; `None` if some are and others are not.
    pub(super) fn outlives_all(
        &self,
        kind: Option<Kind>,
        calendar: Option<(f64, f64)>,
        as_of: f64,
        times: f64,
    ) -> Option<bool> {
        let Some((oldest, newest)) = calendar else { return Some(false) };
        let both = [oldest, newest].map(|time| self.is_older(kind, time, as_of, times));
        (both[0] == both[1]).then_some(both[0])
    }

    /// Whether an age limit applies to this record.
    pub fn limits_age_of(&self, envelope: &Envelope) -> bool {
        self.limits_age(envelope.kind)
    }

    pub(super) fn limits_age(&self, kind: Option<Kind>) -> bool {
        self.age_limit(kind).is_some()
    }
}
