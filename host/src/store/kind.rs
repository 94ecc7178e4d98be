//! The classes of records, by name.

use std::fmt;

use super::Kind;

impl Kind {
    /// All kinds.
    pub const ALL: [Self; 4] = [Self::Event, Self::Audit, Self::DeadLetter, Self::Metric];

    /// The name, as the `kind` field of a record has it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Event => "event",
            Self::Audit => "audit",
            Self::DeadLetter => "dead_letter",
            Self::Metric => "metric",
        }
    }

    /// The name of all records of the kind, as keys of settings and of Redis have it.
    #[must_use]
    pub const fn plural(self) -> &'static str {
        match self {
            Self::Event => "events",
            Self::Audit => "audits",
            Self::DeadLetter => "dead_letters",
            Self::Metric => "metrics",
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// One value for each kind.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct PerKind<T>([T; 4]);

impl<T> PerKind<T> {
    pub fn from_fn(value: impl FnMut(Kind) -> T) -> Self {
        Self(Kind::ALL.map(value))
    }

    pub fn get(&self, kind: Kind) -> &T {
        let [event, audit, dead_letter, metric] = &self.0;
        match kind {
            Kind::Event => event,
            Kind::Audit => audit,
            Kind::DeadLetter => dead_letter,
            Kind::Metric => metric,
        }
    }

    pub fn get_mut(&mut self, kind: Kind) -> &mut T {
        let [event, audit, dead_letter, metric] = &mut self.0;
        match kind {
            Kind::Event => event,
            Kind::Audit => audit,
            Kind::DeadLetter => dead_letter,
            Kind::Metric => metric,
        }
    }

    /// The values in the order of [`Kind::ALL`].
    pub fn iter(&self) -> impl Iterator<Item = (Kind, &T)> {
        Kind::ALL.into_iter().zip(&self.0)
    }
}
