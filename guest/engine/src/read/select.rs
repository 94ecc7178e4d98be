//! Which records a query matches.

pub use crate::bindings::exports::papyra::persistence::journal::FieldMatch;
use crate::failure::{Failure, Outcome};
use crate::index::Block;
use crate::json::{self, Envelope, Kind};
use crate::read::needle::Needle;

/// The most conditions on fields in one query.
const MAX_CONDITIONS: usize = 64;

/// The conditions of a query.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    kinds: Vec<Kind>,
    since: Option<f64>,
    until: Option<f64>,
    matching: Vec<FieldMatch>,
    /// Of the values that are no numbers.
    needles: Vec<Needle>,
}

impl Filter {
    /// # Errors
    ///
    /// `InvalidArgument` for a bound that is not a number, an empty field name, or too many conditions.
    pub fn new(
        kinds: Vec<Kind>,
        since: Option<f64>,
        until: Option<f64>,
        matching: Vec<FieldMatch>,
    ) -> Outcome<Self> {
        if since.is_some_and(f64::is_nan) || until.is_some_and(f64::is_nan) {
            return Err(Failure::argument("`since` and `until` must be numbers of seconds"));
        }
        if matching.iter().any(|condition| condition.field.is_empty()) {
            return Err(Failure::argument("a condition names no field"));
        }
        if matching.len() > MAX_CONDITIONS {
            let message = format!("more than {MAX_CONDITIONS} conditions on fields");
            return Err(Failure::argument(message));
        }
        let needles = matching.iter().filter_map(|condition| Needle::new(&condition.value));
        let needles = needles.collect();
        Ok(Self { kinds, since, until, matching, needles })
    }

    /// Whether it asks for some kinds or times only.
    pub fn is_selective(&self) -> bool {
        !self.kinds.is_empty() || self.since.is_some() || self.until.is_some()
    }

    /// Whether no record of a block is accepted, by what is known of it.
    pub fn rules_out(&self, block: &Block) -> bool {
        let kind_fits = self.kinds.is_empty() || self.kinds.iter().any(|kind| block.holds(*kind));
        block.anomalous == 0 && !(kind_fits && block.may_hold_times(self.since, self.until))
    }

    pub fn accepts(&self, bytes: &[u8], envelope: &Envelope) -> bool {
        let kind_fits =
            self.kinds.is_empty() || envelope.kind.is_some_and(|kind| self.kinds.contains(&kind));
        kind_fits && self.accepts_time(envelope.timestamp) && self.accepts_fields(bytes)
    }

    fn accepts_time(&self, timestamp: Option<f64>) -> bool {
        match timestamp {
            Some(timestamp) => {
                self.since.is_none_or(|since| timestamp >= since)
                    && self.until.is_none_or(|until| timestamp <= until)
            }
            None => self.since.is_none() && self.until.is_none(),
        }
    }

    fn accepts_fields(&self, bytes: &[u8]) -> bool {
        if self.matching.is_empty() {
            return true;
        }
        // Looking for fields is what costs.
        if self.needles.iter().any(|needle| needle.is_missing(bytes)) {
            return false;
        }
        let Some(open) = memchr::memchr(b'{', bytes) else { return false };
        self.matching.iter().all(|condition| {
            json::find(bytes, open, &condition.field)
                .is_some_and(|value| json::equals(bytes, value, &condition.value))
        })
    }
}
