//! What a consumer has been given and what of that is done: from where a group that has gone missing
//! must go on, so that nothing is lost.

use std::collections::BTreeSet;

type Id = (u64, u64);

/// The most ids that are remembered, of each sort. Beyond that the mark stays where it is, which only
/// means that more is delivered again.
const MAX_IDS: usize = 65_536;

#[derive(Debug, Default)]
pub(super) struct Marks {
    /// Given, not done.
    open: BTreeSet<Id>,
    /// Done, but after something that is not.
    done: BTreeSet<Id>,
    /// Everything given up to this is done.
    mark: Option<Id>,
    /// The least given id that there was no room to remember: the mark stays before it.
    forgotten: Option<Id>,
}

impl Marks {
    pub fn give(&mut self, id: &str) {
        let Some(id) = parse(id) else { return };
        self.done.remove(&id);
        self.open.insert(id);
        if self.open.len() > MAX_IDS
            && let Some(last) = self.open.pop_last()
        {
            self.forgotten = Some(self.forgotten.map_or(last, |before| before.min(last)));
        }
    }

    pub fn settle(&mut self, ids: &[String]) {
        for id in ids.iter().filter_map(|id| parse(id)) {
            self.open.remove(&id);
            self.done.insert(id);
        }
        let limit = self.first_open();
        let passed = |id: &Id| limit.is_none_or(|limit| *id < limit);
        while let Some(id) = self.done.first().copied().filter(passed) {
            self.done.remove(&id);
            self.mark = self.mark.max(Some(id));
        }
        while self.done.len() > MAX_IDS {
            self.done.pop_last();
        }
    }

    /// Whether this was given and is not done.
    pub fn is_open(&self, id: &str) -> bool {
        parse(id).is_some_and(|id| self.open.contains(&id))
    }

    fn first_open(&self) -> Option<Id> {
        self.open.first().copied().into_iter().chain(self.forgotten).min()
    }

    /// The id after which a group must go on that has gone missing, if it is not `start`, where it has
    /// begun.
    pub fn resume(&self, start: &str) -> Option<String> {
        let (millis, sequence) = match (self.mark, self.first_open()) {
            // Something older was claimed since.
            (Some(mark), Some(open)) if open <= mark => before(open),
            (Some(mark), _) => mark,
            // By now the end lies behind what was given; any other start lies before it.
            (None, Some(open)) if start == "$" => before(open),
            (None, _) => return None,
        };
        Some(format!("{millis}-{sequence}"))
    }
}

fn before((millis, sequence): Id) -> Id {
    match sequence.checked_sub(1) {
        Some(sequence) => (millis, sequence),
        None => (millis.saturating_sub(1), if millis == 0 { 0 } else { u64::MAX }),
    }
}

/// The id after this one.
pub(super) fn following(id: &str) -> Option<String> {
    let (millis, sequence) = parse(id)?;
    let (millis, sequence) = match sequence.checked_add(1) {
        Some(sequence) => (millis, sequence),
        None => (millis.checked_add(1)?, 0),
    };
    Some(format!("{millis}-{sequence}"))
}

fn parse(id: &str) -> Option<Id> {
    let (millis, sequence) = id.split_once('-')?;
    Some((millis.parse().ok()?, sequence.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ids(numbers: &[u64]) -> Vec<String> {
        numbers.iter().map(|number| format!("{number}-0")).collect()
    }

    fn given(numbers: &[u64]) -> Marks {
        let mut marks = Marks::default();
        ids(numbers).iter().for_each(|id| marks.give(id));
        marks
    }

    #[test]
    fn nothing_is_known_before_the_first_acknowledgement() {
        assert_eq!(given(&[1, 2]).resume("0"), None);
    }

    #[test]
    fn a_group_that_began_at_the_end_begins_where_it_began() {
        assert_eq!(given(&[7, 9]).resume("$"), Some(format!("6-{}", u64::MAX)));
        assert_eq!(given(&[]).resume("$"), None);
    }

    #[test]
    fn what_is_not_done_is_never_skipped() {
        let mut marks = given(&[1, 2, 3, 4]);
        marks.settle(&ids(&[2, 4]));
        assert_eq!(marks.resume("0"), None);
        marks.settle(&ids(&[1]));
        assert_eq!(marks.resume("0").as_deref(), Some("2-0"));
        marks.settle(&ids(&[3]));
        assert_eq!(marks.resume("0").as_deref(), Some("4-0"));
    }

    #[test]
    fn claiming_something_older_moves_back() {
        let mut marks = given(&[5]);
        marks.settle(&ids(&[5]));
        marks.give("3-0");
        assert_eq!(marks.resume("0"), Some(format!("2-{}", u64::MAX)));
        marks.settle(&ids(&[3]));
        assert_eq!(marks.resume("0").as_deref(), Some("5-0"));
    }

    #[test]
    fn a_consumer_that_never_acknowledges_costs_bounded_memory_and_loses_nothing() {
        let mut marks = Marks::default();
        for number in 1..=2 * MAX_IDS as u64 {
            marks.give(&format!("{number}-0"));
        }
        assert_eq!(marks.open.len(), MAX_IDS);
        let all: Vec<u64> = (1..=2 * MAX_IDS as u64).collect();
        marks.settle(&ids(&all));
        assert_eq!(marks.resume("0"), Some(format!("{MAX_IDS}-0")));
    }
}
