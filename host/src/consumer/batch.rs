//! The batch of entries that a consumer receives.

use crate::bindings::exports::papyra::persistence::consumer as wit;
use crate::journal::{Failure, JournalError};

pub(super) use wit::Batch as WitBatch;

/// A record that was handed to a consumer.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Entry {
    /// The backend's id, to acknowledge it by.
    pub id: String,
    /// Number of deliveries, this one included. 0 if the backend does not know.
    pub deliveries: u64,
    /// The record as stored: one JSON object, without line end.
    pub record: String,
}

/// A batch of entries for a consumer.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct Batch {
    /// The records, in ascending order of ids.
    pub entries: Vec<Entry>,
    /// Entries that are no records, and dead letters that were delivered too often: copied to where
    /// the store keeps quarantine, and acknowledged.
    pub quarantined: Vec<String>,
    /// Entries that were delivered too often, went to the dead letters, and were acknowledged.
    pub dead_lettered: Vec<String>,
    /// Pending entries that no longer exist; they were acknowledged.
    pub deleted: Vec<String>,
    /// The greatest id among all of these.
    pub last: Option<String>,
    /// Start of the next claim, if there is more.
    pub next: Option<String>,
    /// The group did not exist and was made, to begin after this id (`0`: everything, `$`: what comes
    /// from then on).
    pub made: Option<String>,
    /// The failure that ended the call after it had received entries.
    pub partial_failure: Option<Failure>,
}

impl Batch {
    /// The ids of the records, to acknowledge them all.
    pub fn ids(&self) -> impl Iterator<Item = &str> {
        self.entries.iter().map(|entry| entry.id.as_str())
    }

    pub(super) fn read(batch: WitBatch) -> Result<Self, JournalError> {
        let entries = batch.records.lines().map(|line| read_line(line).ok_or_else(not_a_batch));
        Ok(Self {
            entries: entries.collect::<Result<_, _>>()?,
            quarantined: batch.quarantined,
            dead_lettered: batch.dead_lettered,
            deleted: batch.deleted,
            last: batch.last,
            next: Some(batch.next).filter(|next| !matches!(next.as_str(), "" | "0-0")),
            made: batch.made,
            partial_failure: batch.partial_failure,
        })
    }
}

/// The engine writes these lines in one way only, and ids hold nothing but digits and a dash.
fn read_line(line: &str) -> Option<Entry> {
    let rest = line.strip_prefix(r#"{"id":""#)?;
    let (id, rest) = rest.split_once(r#"","deliveries":"#)?;
    let (deliveries, rest) = rest.split_once(r#","record":"#)?;
    let record = rest.strip_suffix('}')?;
    Some(Entry {
        id: id.to_owned(),
        deliveries: deliveries.parse().ok()?,
        record: record.to_owned(),
    })
}

/// Guest-controlled: an engine that is not ours can return anything.
fn not_a_batch() -> JournalError {
    let message = "the engine returned records in a shape that this host does not know".to_owned();
    JournalError::failed("consume", message)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests fail by panicking")]

    use super::*;

    #[test]
    fn records_are_kept_to_the_byte_whatever_is_in_them() {
        let record = r#"{ "kind" : "event", "a":"\",\"record\":", "n": NaN }"#;
        let line = format!(r#"{{"id":"12-3","deliveries":4,"record":{record}}}"#);
        let entry = read_line(&line).unwrap();
        assert_eq!(
            (entry.id.as_str(), entry.deliveries, entry.record.as_str()),
            ("12-3", 4, record)
        );
        for line in ["", "{}", r#"{"id":"1-0","deliveries":x,"record":{}}"#, r#"{"id":"1-0""#] {
            assert_eq!(read_line(line), None);
        }
    }
}
