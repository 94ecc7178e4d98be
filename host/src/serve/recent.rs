//! The newest records, for the page.

use serde::Deserialize;

use crate::journal::{FailureCode, Journal, JournalError, Order, Selection};
use crate::store::{Kind, PerKind};

/// Maximum number of records in the chart.
const CHARTED: u64 = 10_000;

/// Maximum number of pages to read, of about 1 MiB each.
const PAGES: usize = 8;

/// Maximum number of records in the list.
const LISTED: usize = 50;

/// Number of bars in the chart.
pub(super) const BARS: usize = 48;

/// The newest records.
#[derive(Debug, Default)]
pub(super) struct Recent {
    /// As stored, newest first.
    pub listed: Vec<Line>,
    /// Number of records in the chart.
    pub charted: usize,
    /// The time of the first bar's beginning and of the last bar's end, in seconds.
    pub span: Option<(f64, f64)>,
    /// Records per bar and kind.
    pub bars: Vec<PerKind<u32>>,
}

/// One record of the list.
#[derive(Debug)]
pub(super) struct Line {
    /// Absent for a record of no known kind.
    pub kind: Option<Kind>,
    pub timestamp: Option<f64>,
    pub text: String,
}

/// The fields of a record that the chart needs.
#[derive(Deserialize)]
struct Head<'a> {
    #[serde(borrow, default)]
    kind: std::borrow::Cow<'a, str>,
    timestamp: Option<f64>,
}

impl Recent {
    pub async fn read(journal: &Journal) -> Result<Self, JournalError> {
        let order = Order::NewestFirst;
        let selection = Selection { order, limit: Some(CHARTED), ..Selection::default() };
        let mut pages = journal.query(selection);
        let mut recent = Self::default();
        let mut times = Vec::new();
        for _ in 0..PAGES {
            let page = match pages.next().await {
                Ok(Some(page)) => page,
                Ok(None) => break,
                Err(error) if error.code() == Some(FailureCode::NotFound) => break,
                Err(error) => return Err(error),
            };
            for line in page.records.lines() {
                // A suspect record, such as one with NaN, is listed but cannot be charted.
                let head = serde_json::from_str::<Head<'_>>(line).ok();
                let named =
                    |kind: &Kind| head.as_ref().is_some_and(|head| head.kind == kind.name());
                let kind = Kind::ALL.into_iter().find(named);
                let timestamp = head.and_then(|head| head.timestamp).filter(|t| t.is_finite());
                if let (Some(kind), Some(timestamp)) = (kind, timestamp) {
                    times.push((kind, timestamp));
                }
                if recent.listed.len() < LISTED {
                    recent.listed.push(Line { kind, timestamp, text: line.to_owned() });
                }
            }
        }
        recent.chart(&times);
        Ok(recent)
    }

    fn chart(&mut self, times: &[(Kind, f64)]) {
        let oldest = times.iter().map(|(_, time)| *time).reduce(f64::min);
        let newest = times.iter().map(|(_, time)| *time).reduce(f64::max);
        let (Some(oldest), Some(newest)) = (oldest, newest) else { return };
        let width = ((newest - oldest) / BARS as f64).max(f64::MIN_POSITIVE);
        self.charted = times.len();
        self.span = Some((oldest, newest));
        self.bars = vec![PerKind::default(); BARS];
        for (kind, time) in times {
            let bar = (((time - oldest) / width) as usize).min(BARS - 1);
            if let Some(bar) = self.bars.get_mut(bar) {
                *bar.get_mut(*kind) += 1;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_record_is_in_one_bar() {
        let mut recent = Recent::default();
        let (event, audit, metric) = (Kind::Event, Kind::Audit, Kind::Metric);
        recent.chart(&[(event, 10.0), (audit, 20.0), (event, 20.0), (metric, 15.0)]);
        let last = &recent.bars[BARS - 1];
        assert_eq!(*recent.bars[0].get(event), 1);
        assert_eq!(Kind::ALL.map(|kind| *last.get(kind)), [1, 1, 0, 0]);
        assert_eq!(recent.bars.iter().flat_map(PerKind::iter).map(|(_, n)| n).sum::<u32>(), 4);
    }

    #[test]
    fn records_of_one_moment_make_one_bar() {
        let mut recent = Recent::default();
        recent.chart(&[(Kind::Event, 10.0), (Kind::Event, 10.0)]);
        assert_eq!(*recent.bars[0].get(Kind::Event), 2);
    }
}
