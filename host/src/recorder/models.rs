//! The fields of records, per kind, under the names that Papyra reads and writes.
//!
//! A model borrows everything: it lives only until the call that records it returns.

use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};

use super::line::{Line, Unfit};
use crate::store::Kind;

/// No payload, or no further fields: `{}`.
#[derive(Clone, Copy, Debug, Default)]
pub struct Nothing;

impl Serialize for Nothing {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_map(Some(0))?.end()
    }
}

/// The address of an actor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Address<'a> {
    /// As text, such as `local:7`; written as a string.
    Text(&'a str),
    /// An actor of a system; written as an object with `system` and `actor_id`.
    Actor {
        /// The actor system's name.
        system: &'a str,
        /// The actor's number in it.
        actor_id: u64,
    },
}

impl<'a> From<&'a str> for Address<'a> {
    fn from(text: &'a str) -> Self {
        Self::Text(text)
    }
}

impl<'a> From<(&'a str, u64)> for Address<'a> {
    fn from((system, actor_id): (&'a str, u64)) -> Self {
        Self::Actor { system, actor_id }
    }
}

impl Serialize for Address<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Text(text) => serializer.serialize_str(text),
            Self::Actor { system, actor_id } => {
                let mut map = serializer.serialize_map(Some(2))?;
                map.serialize_entry("system", system)?;
                map.serialize_entry("actor_id", actor_id)?;
                map.end()
            }
        }
    }
}

/// A record that can be written.
pub(super) trait Model {
    const KIND: Kind;
    fn timestamp(&self) -> Option<f64>;
    fn fields(&self, line: &mut Line<'_>) -> Result<(), Unfit>;
}

/// Something happened to an actor: it started, stopped, crashed, was restarted.
#[derive(Debug)]
#[must_use = "nothing is recorded before this is handed to a recorder"]
pub struct Event<'a, P: ?Sized = Nothing, X: ?Sized = Nothing> {
    system_id: &'a str,
    actor_address: Address<'a>,
    event_type: &'a str,
    payload: &'a P,
    more: &'a X,
    timestamp: Option<f64>,
}

impl<'a> Event<'a> {
    /// An event without payload, that happens now.
    pub fn new(
        system_id: &'a str,
        actor_address: impl Into<Address<'a>>,
        event_type: &'a str,
    ) -> Self {
        let actor_address = actor_address.into();
        let (payload, more) = (&Nothing, &Nothing);
        Self { system_id, actor_address, event_type, payload, more, timestamp: None }
    }
}

impl<'a, P: ?Sized, X: ?Sized> Event<'a, P, X> {
    /// The event's details; an object by custom.
    pub fn payload<Q: Serialize + ?Sized>(self, payload: &'a Q) -> Event<'a, Q, X> {
        let Self { system_id, actor_address, event_type, more, timestamp, .. } = self;
        Event { system_id, actor_address, event_type, payload, more, timestamp }
    }

    /// Further fields, besides those above: anything that serialises as an object.
    pub fn fields<Y: Serialize + ?Sized>(self, more: &'a Y) -> Event<'a, P, Y> {
        let Self { system_id, actor_address, event_type, payload, timestamp, .. } = self;
        Event { system_id, actor_address, event_type, payload, more, timestamp }
    }

    /// Sets the time at which it happened, in seconds since the epoch.
    pub fn at(self, timestamp: f64) -> Self {
        Self { timestamp: Some(timestamp), ..self }
    }
}

impl<P: Serialize + ?Sized, X: Serialize + ?Sized> Model for Event<'_, P, X> {
    const KIND: Kind = Kind::Event;

    fn timestamp(&self) -> Option<f64> {
        self.timestamp
    }

    fn fields(&self, line: &mut Line<'_>) -> Result<(), Unfit> {
        line.field(", \"system_id\": ", self.system_id)?;
        line.field(", \"actor_address\": ", &self.actor_address)?;
        line.field(", \"event_type\": ", self.event_type)?;
        line.field(", \"payload\": ", self.payload)?;
        line.spread(self.more)
    }
}

/// A snapshot of a system's health.
#[derive(Debug)]
#[must_use = "nothing is recorded before this is handed to a recorder"]
pub struct Audit<'a, X: ?Sized = Nothing> {
    /// The counts.
    pub counts: AuditCounts<'a>,
    system_id: &'a str,
    more: &'a X,
    timestamp: Option<f64>,
}

/// The counts of an [`Audit`]. Zero and empty by default.
#[derive(Clone, Copy, Debug, Default)]
pub struct AuditCounts<'a> {
    /// Actors that the system knows.
    pub total_actors: u64,
    /// Those that are running.
    pub alive_actors: u64,
    /// Those that are about to stop.
    pub stopping_actors: u64,
    /// Those that are being restarted.
    pub restarting_actors: u64,
    /// Names in the registry.
    pub registry_size: u64,
    /// Names whose actor is unknown to the system.
    pub registry_orphans: &'a [&'a str],
    /// Names whose actor is dead.
    pub registry_dead: &'a [&'a str],
    /// Dead letters so far.
    pub dead_letters_count: u64,
}

impl<'a> Audit<'a> {
    /// An audit, taken now.
    pub fn new(system_id: &'a str, counts: AuditCounts<'a>) -> Self {
        Self { counts, system_id, more: &Nothing, timestamp: None }
    }
}

impl<'a, X: ?Sized> Audit<'a, X> {
    /// Further fields: anything that serialises as an object.
    pub fn fields<Y: Serialize + ?Sized>(self, more: &'a Y) -> Audit<'a, Y> {
        let Self { counts, system_id, timestamp, .. } = self;
        Audit { counts, system_id, more, timestamp }
    }

    /// Sets the time at which it was taken, in seconds since the epoch.
    pub fn at(self, timestamp: f64) -> Self {
        Self { timestamp: Some(timestamp), ..self }
    }
}

impl<X: Serialize + ?Sized> Model for Audit<'_, X> {
    const KIND: Kind = Kind::Audit;

    fn timestamp(&self) -> Option<f64> {
        self.timestamp
    }

    fn fields(&self, line: &mut Line<'_>) -> Result<(), Unfit> {
        let counts = &self.counts;
        line.field(", \"system_id\": ", self.system_id)?;
        line.field(", \"total_actors\": ", &counts.total_actors)?;
        line.field(", \"alive_actors\": ", &counts.alive_actors)?;
        line.field(", \"stopping_actors\": ", &counts.stopping_actors)?;
        line.field(", \"restarting_actors\": ", &counts.restarting_actors)?;
        line.field(", \"registry_size\": ", &counts.registry_size)?;
        line.field(", \"registry_orphans\": ", counts.registry_orphans)?;
        line.field(", \"registry_dead\": ", counts.registry_dead)?;
        line.field(", \"dead_letters_count\": ", &counts.dead_letters_count)?;
        line.spread(self.more)
    }
}

/// A message that could not be delivered.
#[derive(Debug)]
#[must_use = "nothing is recorded before this is handed to a recorder"]
pub struct DeadLetter<'a, P: ?Sized = Nothing, X: ?Sized = Nothing> {
    system_id: &'a str,
    target: Option<Address<'a>>,
    message_type: &'a str,
    payload: &'a P,
    more: &'a X,
    timestamp: Option<f64>,
}

impl<'a> DeadLetter<'a> {
    /// A message without payload and without a known target, undelivered now.
    pub fn new(system_id: &'a str, message_type: &'a str) -> Self {
        let (payload, more) = (&Nothing, &Nothing);
        Self { system_id, target: None, message_type, payload, more, timestamp: None }
    }
}

impl<'a, P: ?Sized, X: ?Sized> DeadLetter<'a, P, X> {
    /// Sets the address that it was sent to.
    pub fn target(self, target: impl Into<Address<'a>>) -> Self {
        Self { target: Some(target.into()), ..self }
    }

    /// The message; any JSON.
    pub fn payload<Q: Serialize + ?Sized>(self, payload: &'a Q) -> DeadLetter<'a, Q, X> {
        let Self { system_id, target, message_type, more, timestamp, .. } = self;
        DeadLetter { system_id, target, message_type, payload, more, timestamp }
    }

    /// Further fields: anything that serialises as an object.
    pub fn fields<Y: Serialize + ?Sized>(self, more: &'a Y) -> DeadLetter<'a, P, Y> {
        let Self { system_id, target, message_type, payload, timestamp, .. } = self;
        DeadLetter { system_id, target, message_type, payload, more, timestamp }
    }

    /// Sets the time at which it was found undeliverable, in seconds since the epoch.
    pub fn at(self, timestamp: f64) -> Self {
        Self { timestamp: Some(timestamp), ..self }
    }
}

impl<P: Serialize + ?Sized, X: Serialize + ?Sized> Model for DeadLetter<'_, P, X> {
    const KIND: Kind = Kind::DeadLetter;

    fn timestamp(&self) -> Option<f64> {
        self.timestamp
    }

    fn fields(&self, line: &mut Line<'_>) -> Result<(), Unfit> {
        line.field(", \"system_id\": ", self.system_id)?;
        line.field(", \"target\": ", &self.target)?;
        line.field(", \"message_type\": ", self.message_type)?;
        line.field(", \"payload\": ", self.payload)?;
        line.spread(self.more)
    }
}

/// A sample of a measurement. Papyra's specification names the kind and no fields; these are ours.
#[derive(Debug)]
#[must_use = "nothing is recorded before this is handed to a recorder"]
pub struct Metric<'a, X: ?Sized = Nothing> {
    system_id: &'a str,
    name: &'a str,
    value: f64,
    more: &'a X,
    timestamp: Option<f64>,
}

impl<'a> Metric<'a> {
    /// A sample, taken now. The name carries the unit, as in `mailbox_wait_seconds`. A value that is
    /// not finite is written as `null`.
    pub fn new(system_id: &'a str, name: &'a str, value: f64) -> Self {
        Self { system_id, name, value, more: &Nothing, timestamp: None }
    }
}

impl<'a, X: ?Sized> Metric<'a, X> {
    /// Further fields: anything that serialises as an object.
    pub fn fields<Y: Serialize + ?Sized>(self, more: &'a Y) -> Metric<'a, Y> {
        let Self { system_id, name, value, timestamp, .. } = self;
        Metric { system_id, name, value, more, timestamp }
    }

    /// Sets the time at which it was taken, in seconds since the epoch.
    pub fn at(self, timestamp: f64) -> Self {
        Self { timestamp: Some(timestamp), ..self }
    }
}

impl<X: Serialize + ?Sized> Model for Metric<'_, X> {
    const KIND: Kind = Kind::Metric;

    fn timestamp(&self) -> Option<f64> {
        self.timestamp
    }

    fn fields(&self, line: &mut Line<'_>) -> Result<(), Unfit> {
        line.field(", \"system_id\": ", self.system_id)?;
        line.field(", \"name\": ", self.name)?;
        line.field(", \"value\": ", &self.value)?;
        line.spread(self.more)
    }
}

/// A record of any kind with any fields.
pub(super) struct Free<'a, X: ?Sized> {
    pub more: &'a X,
}

impl<X: Serialize + ?Sized> Free<'_, X> {
    pub fn fields(&self, line: &mut Line<'_>) -> Result<(), Unfit> {
        line.spread(self.more)
    }
}
