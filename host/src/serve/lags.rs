//! The lag of consumer groups over the last checks.

use std::collections::VecDeque;

use crate::store::Kind;
use crate::store::groups::GroupInfo;

/// Maximum number of checks that are remembered.
const CHECKS: usize = 120;

/// The last checks, the newest at the end. Groups are few: a check lists at most some hundred.
#[derive(Debug, Default)]
pub(super) struct Lags(VecDeque<Vec<(Kind, String, Option<u64>)>>);

impl Lags {
    pub fn add(&mut self, groups: &[(Kind, GroupInfo)]) {
        if self.0.len() == CHECKS {
            self.0.pop_front();
        }
        let lags = groups.iter().map(|(kind, group)| (*kind, group.name.clone(), group.lag));
        self.0.push_back(lags.collect());
    }

    /// The lags of a group; none for a check that did not see it or could not tell.
    pub fn of(&self, kind: Kind, name: &str) -> Vec<Option<u64>> {
        let of_check = |check: &Vec<(Kind, String, Option<u64>)>| {
            check
                .iter()
                .find(|(of, group, _)| *of == kind && group == name)
                .and_then(|(_, _, lag)| *lag)
        };
        self.0.iter().map(of_check).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_last_checks_are_remembered() {
        let mut lags = Lags::default();
        for lag in 0..CHECKS as u64 + 5 {
            let group = GroupInfo {
                name: "billing".to_owned(),
                consumers: 1,
                pending: 0,
                last_delivered: "0-0".to_owned(),
                lag: Some(lag),
            };
            lags.add(&[(Kind::Event, group)]);
        }
        lags.add(&[]);
        let seen = lags.of(Kind::Event, "billing");
        assert_eq!(seen.len(), CHECKS);
        assert_eq!((seen[0], seen[CHECKS - 2], seen[CHECKS - 1]), (Some(6), Some(124), None));
        assert!(lags.of(Kind::Audit, "billing").iter().all(Option::is_none));
    }
}
