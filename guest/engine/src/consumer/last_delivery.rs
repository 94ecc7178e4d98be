//! Which entries may be handed out together.
//!
//! A consumer that dies of one record never gets to the rest of its batch, and all of the batch is
//! delivered once more. So that its neighbours do not share the fate of such a record, one that is
//! handed out for the last time before it goes to the dead letters is handed out alone.

use std::collections::HashMap;

use super::check::{MAX_COUNT, parse_id};
use super::{END, Subscription, work::Work};
use crate::failure::{Failure, FailureCode, Outcome};
use crate::groups::{ConsumerGroups, PendingEntry, PendingFilter};

/// How many of the next entries to take at once, given how often each was delivered before; `handed`:
/// the batch already holds something.
fn together(max: u64, handed: bool, before: impl IntoIterator<Item = u64>) -> usize {
    let mut handed = handed;
    let mut count = 0;
    for deliveries in before {
        match deliveries.saturating_add(1) {
            // Goes to the dead letters: nobody sees it.
            next if next > max => {}
            next if next == max => return if handed { count } else { count + 1 },
            _ => handed = true,
        }
        count += 1;
    }
    count
}

impl Subscription {
    /// How many fresh entries to take at once, of `count`.
    pub(super) fn fresh_at_once(&self, count: u32) -> u32 {
        if self.max_deliveries == 1 { 1 } else { count }
    }

    /// How many of the consumer's own pending entries to take at once, of `count`, after `after`. 0: the
    /// next one has to wait for another batch.
    pub(super) fn own_at_once<H: ConsumerGroups>(
        &self,
        host: &mut H,
        after: &str,
        count: u32,
        work: &Work<'_>,
    ) -> Outcome<u32> {
        if self.max_deliveries == 0 {
            return Ok(count);
        }
        let own = Some(self.consumer.clone());
        let pending = match self.list(host, following(after), count, 0, own) {
            // It is made when entries are asked for.
            Err(Failure { code: FailureCode::NotFound, .. }) => return Ok(count),
            pending => pending?,
        };
        if pending.is_empty() {
            return Ok(count);
        }
        let at_once = self.together(&pending, work);
        Ok(u32::try_from(at_once).unwrap_or(count).min(count))
    }

    /// Which pending entries of anybody that have been idle for so long to take at once, of `count`, from
    /// `start` on, and where to go on. None and not the end: the next one has to wait for another batch.
    pub(super) fn idle_at_once<H: ConsumerGroups>(
        &self,
        host: &mut H,
        start: &str,
        min_idle_ms: u64,
        count: u32,
        work: &Work<'_>,
    ) -> Outcome<(Vec<String>, String)> {
        let start = if start == "0" { "-" } else { start };
        let mut pending = self.list(host, start.to_owned(), count, min_idle_ms, None)?;
        pending.truncate(count as usize);
        let at_once = self.together(&pending, work);
        let all = pending.len() < count as usize;
        let mut ids: Vec<String> = pending.into_iter().map(|entry| entry.id).collect();
        let later = ids.split_off(at_once);
        let next = match (later.into_iter().next(), ids.last()) {
            (Some(next), _) => next,
            (None, Some(last)) if !all => following(last),
            _ => END.to_owned(),
        };
        Ok((ids, next))
    }

    fn list<H: ConsumerGroups>(
        &self,
        host: &mut H,
        start: String,
        count: u32,
        min_idle_ms: u64,
        consumer: Option<String>,
    ) -> Outcome<Vec<PendingEntry>> {
        let filter = PendingFilter { start, end: "+".to_owned(), count, min_idle_ms, consumer };
        Ok(host.list_pending(self.kind, &self.group, &filter)?)
    }

    fn together(&self, pending: &[PendingEntry], work: &Work<'_>) -> usize {
        let before = pending.iter().map(|entry| entry.deliveries);
        together(self.max_deliveries.into(), work.has_records(), before)
    }

    /// What is known of how often these have been delivered.
    pub(super) fn histories<H: ConsumerGroups>(
        &self,
        host: &mut H,
        idle: u64,
        ids: &[String],
    ) -> Outcome<Histories> {
        let max = u64::from(self.max_deliveries);
        let numbers = || ids.iter().filter_map(|id| parse_id(id));
        let (Some(first), Some(last), true) = (numbers().min(), numbers().max(), max > 0) else {
            return Ok(Histories { max, known: HashMap::new(), complete: true });
        };
        let filter = PendingFilter {
            start: format!("{}-{}", first.0, first.1),
            end: format!("{}-{}", last.0, last.1),
            count: MAX_COUNT,
            min_idle_ms: idle,
            consumer: None,
        };
        let pending = host.list_pending(self.kind, &self.group, &filter)?;
        let complete = pending.len() < MAX_COUNT as usize;
        let known =
            pending.iter().filter_map(|entry| Some((parse_id(&entry.id)?, entry.deliveries)));
        Ok(Histories { max, known: known.collect(), complete })
    }
}

/// How often entries have been delivered.
pub(super) struct Histories {
    max: u64,
    known: HashMap<(u64, u64), u64>,
    /// What is not in `known` will not be handed out.
    complete: bool,
}

impl Histories {
    /// How many of the first of `ids` to take at once.
    pub fn at_once(&self, ids: &[String], work: &Work<'_>) -> usize {
        if self.max == 0 {
            return ids.len();
        }
        let unknown = if self.complete { u64::MAX } else { self.max - 1 };
        let before = ids
            .iter()
            .map(|id| parse_id(id).and_then(|id| self.known.get(&id)).copied().unwrap_or(unknown));
        together(self.max, work.has_records(), before)
    }
}

/// The least id after `after`, which may be `"0"`.
pub(super) fn following(after: &str) -> String {
    match parse_id(after) {
        None => "-".to_owned(),
        Some((millis, sequence)) => match sequence.checked_add(1) {
            Some(sequence) => format!("{millis}-{sequence}"),
            None => format!("{}-0", millis.saturating_add(1)),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_last_chance_is_had_alone() {
        assert_eq!(together(3, false, [0, 1, 1]), 3);
        assert_eq!(together(3, false, [1, 2, 1]), 1, "the second is for later");
        assert_eq!(together(3, false, [2, 2, 1]), 1);
        assert_eq!(together(3, true, [2, 1]), 0);
        assert_eq!(together(3, false, [3, 7, 2, 1]), 3, "the first two are not handed out");
        assert_eq!(together(1, false, [0, 0]), 1);
        assert_eq!(together(3, false, []), 0);
    }

    #[test]
    fn ids_follow_each_other() {
        assert_eq!(following("0"), "-");
        assert_eq!(following("5-7"), "5-8");
        assert_eq!(following(&format!("5-{}", u64::MAX)), "6-0");
    }
}
