//! Entries that Redis delivers, in the form in which the engine takes them.

use std::collections::HashMap;

use redis::Value;

use super::super::super::Payload;
use super::super::super::groups::{Delivered, DeliveredFrame, PendingEntry};
use super::super::id;
use super::super::reply::{self, Entry};

/// How often entries have been delivered.
pub struct Counts {
    known: HashMap<String, u64>,
    others: u64,
}

impl Counts {
    /// The same for all.
    pub fn all(count: u64) -> Self {
        Self { known: HashMap::new(), others: count }
    }

    /// Reads a list of pending entries.
    pub fn read(value: Value) -> Option<Self> {
        Self::read_each([value])
    }

    /// Reads several lists.
    pub fn read_each(values: impl IntoIterator<Item = Value>) -> Option<Self> {
        let mut known = HashMap::new();
        for value in values {
            for entry in reply::array(value)? {
                let entry = pending(entry)?;
                known.insert(entry.id, entry.deliveries);
            }
        }
        Some(Self { known, others: 0 })
    }

    fn of(&self, id: &str) -> u64 {
        self.known.get(id).copied().unwrap_or(self.others)
    }
}

/// Entries that were delivered.
#[derive(Default)]
pub struct Entries {
    entries: Vec<Entry>,
    pub deleted: Vec<String>,
}

impl Entries {
    /// Reads the reply to `XREADGROUP`: at most one stream with its entries.
    pub fn read(value: Value) -> Option<Self> {
        match reply::array(value)?.pop() {
            None => Some(Self::default()),
            // With RESP3 this is the stream's list itself.
            Some(stream) => {
                let mut parts = reply::array(stream)?;
                let entries = parts.pop()?;
                match parts.pop() {
                    Some(Value::BulkString(_)) => Self::list(entries),
                    _ => None,
                }
            }
        }
    }

    /// Reads a list of entries, some of which may be gone.
    pub fn list(value: Value) -> Option<Self> {
        let mut entries = Self::default();
        for item in reply::array(value)? {
            match item {
                // Redis before version 7, for entries that are gone.
                Value::Nil => {}
                Value::Array(mut parts) if matches!(parts.last(), Some(Value::Nil)) => {
                    parts.truncate(1);
                    entries.deleted.push(reply::text(parts.pop()?)?);
                }
                entry => entries.entries.push(reply::entry(entry)?),
            }
        }
        entries.entries.sort_by_key(|entry| id::key(entry.at));
        Some(entries)
    }

    pub fn ids(&self) -> Vec<String> {
        self.entries.iter().map(|entry| id::format(entry.at)).collect()
    }

    pub fn contains(&self, id: &str) -> bool {
        let at = id::parse(id.as_bytes()).map(id::key);
        self.entries.binary_search_by(|entry| Some(id::key(entry.at)).cmp(&at)).is_ok()
    }

    pub fn delivered(self, counts: &Counts) -> Delivered {
        let length = self.entries.iter().map(|entry| entry.data.as_ref().map_or(0, Vec::len));
        let mut data = Vec::with_capacity(length.sum());
        let mut frames = Vec::with_capacity(self.entries.len());
        for entry in self.entries {
            if let Some(bytes) = &entry.data {
                data.extend_from_slice(bytes);
            }
            let id = id::format(entry.at);
            frames.push(DeliveredFrame {
                deliveries: counts.of(&id),
                id,
                end: u32::try_from(data.len()).unwrap_or(u32::MAX),
                missing: entry.data.is_none(),
            });
        }
        Delivered { data: Payload::Raw(data), frames, deleted: self.deleted }
    }
}

/// One line of `XPENDING`.
pub fn pending(value: Value) -> Option<PendingEntry> {
    let mut parts = reply::array(value)?.into_iter();
    Some(PendingEntry {
        id: reply::text(parts.next()?)?,
        consumer: lossy(parts.next()?)?,
        idle_ms: reply::number(&parts.next()?)?,
        deliveries: reply::number(&parts.next()?)?,
    })
}

/// A name that another program has chosen; it need not be UTF-8.
pub fn lossy(value: Value) -> Option<String> {
    reply::bytes(value).map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
}
