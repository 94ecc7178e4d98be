//! What was lost, by reason, and when.

use std::time::SystemTime;

use super::tally::DropReason;
use crate::journal::{Loss, LossReason, Lost};

/// Losses that no audit record tells of yet.
#[derive(Clone, Debug, Default)]
pub(super) struct Losses {
    by_reason: Vec<Lost>,
    /// When the first and the last of them was lost, in seconds since the epoch.
    span: Option<(f64, f64)>,
}

impl Losses {
    /// Adds records that are lost at this moment.
    pub fn add(&mut self, reason: LossReason, records: u64) {
        if records > 0 {
            let now = now();
            self.count(reason, records);
            self.cover((now, now));
        }
    }

    pub fn records(&self) -> u64 {
        self.by_reason.iter().map(|lost| lost.records).sum()
    }

    fn count(&mut self, reason: LossReason, records: u64) {
        match self.by_reason.iter_mut().find(|lost| lost.reason == reason) {
            Some(lost) => lost.records += records,
            None => self.by_reason.push(Lost { reason, records }),
        }
    }

    fn cover(&mut self, (since, until): (f64, f64)) {
        let (first, last) = self.span.unwrap_or((since, until));
        self.span = Some((first.min(since), last.max(until)));
    }

    pub fn merge(&mut self, other: &Self) {
        other.by_reason.iter().for_each(|lost| self.count(lost.reason, lost.records));
        other.span.into_iter().for_each(|span| self.cover(span));
    }

    /// An audit record tells of these now.
    pub fn forget(&mut self, told: &Self) {
        for told in &told.by_reason {
            if let Some(lost) = self.by_reason.iter_mut().find(|lost| lost.reason == told.reason) {
                lost.records = lost.records.saturating_sub(told.records);
            }
        }
        self.by_reason.retain(|lost| lost.records > 0);
        // What has come since is later than what was told.
        self.span = match (self.span, told.span) {
            (Some((_, until)), Some((_, told))) if !self.by_reason.is_empty() => {
                Some((told.min(until), until))
            }
            _ => None,
        };
    }

    /// What an audit record is to say of them; nothing if there are none.
    pub fn loss(self) -> Option<Loss> {
        let (since, until) = self.span?;
        Some(Loss { lost: self.by_reason, since, until })
    }
}

fn now() -> f64 {
    SystemTime::UNIX_EPOCH.elapsed().map_or(0.0, |since| since.as_secs_f64())
}

impl DropReason {
    /// How an audit record names it. A kind without a store is not lost: it was set up that way.
    pub(super) fn lost(self) -> Option<LossReason> {
        match self {
            Self::Overflow => Some(LossReason::Overflow),
            Self::Invalid => Some(LossReason::Invalid),
            Self::Failed => Some(LossReason::Failed),
            Self::Closed => Some(LossReason::Closed),
            Self::Unrouted => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_told_is_forgotten_and_what_came_since_is_not() {
        let mut losses = Losses::default();
        losses.add(LossReason::Overflow, 3);
        let told = losses.clone();
        losses.add(LossReason::Overflow, 2);
        losses.add(LossReason::Failed, 0);
        losses.forget(&told);
        assert_eq!(losses.records(), 2);
        let rest = losses.clone().loss().unwrap();
        assert!(rest.since >= told.loss().unwrap().until && rest.until >= rest.since);
        let told = losses.clone();
        losses.forget(&told);
        assert_eq!((losses.records(), losses.loss()), (0, None));
    }
}
