//! The newest records, for the page.

use serde::Deserialize;

use crate::journal::{Journal, JournalError, Order, Selection};

/// How many records the chart is drawn from.
const CHARTED: u64 = 10_000;

/// How many pages, of about 1 MiB each, are read at most.
const PAGES: usize = 8;

/// How many records are listed.
const LISTED: usize = 50;

/// How many bars the chart has.
pub(super) const BARS: usize = 48;

/// The kinds in the order in which bars are stacked and colours are given.
pub(super) const KINDS: [&str; 4] = ["event", "audit", "dead_letter", "metric"];

/// The newest records.
#[derive(Debug, Default)]
pub(super) struct Recent {
    /// As stored, newest first.
    pub listed: Vec<Line>,
    /// How many records the chart counts.
    pub charted: usize,
    /// The time of the first bar's beginning and of the last bar's end, in seconds.
    pub span: Option<(f64, f64)>,
    /// Records per bar and kind.
    pub bars: Vec<[u32; KINDS.len()]>,
}

/// One record of the list.
#[derive(Debug)]
pub(super) struct Line {
    pub kind: usize,
    pub timestamp: Option<f64>,
    pub text: String,
}

/// What the chart needs of a record.
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
                Err(error) if error.code() == Some(crate::journal::FailureCode::NotFound) => break,
                Err(error) => return Err(error),
            };
            for line in page.records.lines() {
                // A suspect record, such as one with NaN, is listed but cannot be charted.
                let head = serde_json::from_str::<Head<'_>>(line).ok();
                let kind =
                    head.as_ref().and_then(|head| KINDS.iter().position(|k| *k == head.kind));
                let timestamp = head.and_then(|head| head.timestamp).filter(|t| t.is_finite());
                if let (Some(kind), Some(timestamp)) = (kind, timestamp) {
                    times.push((kind, timestamp));
                }
                if recent.listed.len() < LISTED {
                    let kind = kind.unwrap_or(KINDS.len());
                    recent.listed.push(Line { kind, timestamp, text: line.to_owned() });
                }
            }
        }
        recent.chart(&times);
        Ok(recent)
    }

    fn chart(&mut self, times: &[(usize, f64)]) {
        let oldest = times.iter().map(|(_, time)| *time).reduce(f64::min);
        let newest = times.iter().map(|(_, time)| *time).reduce(f64::max);
        let (Some(oldest), Some(newest)) = (oldest, newest) else { return };
        let width = ((newest - oldest) / BARS as f64).max(f64::MIN_POSITIVE);
        self.charted = times.len();
        self.span = Some((oldest, newest));
        self.bars = vec![[0; KINDS.len()]; BARS];
        for (kind, time) in times {
            let bar = (((time - oldest) / width) as usize).min(BARS - 1);
            if let Some(count) = self.bars.get_mut(bar).and_then(|bar| bar.get_mut(*kind)) {
                *count += 1;
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
        recent.chart(&[(0, 10.0), (1, 20.0), (0, 20.0), (3, 15.0)]);
        assert_eq!((recent.bars[0][0], recent.bars[BARS - 1]), (1, [1, 1, 0, 0]));
        assert_eq!(recent.bars.iter().flatten().sum::<u32>(), 4);
    }

    #[test]
    fn records_of_one_moment_make_one_bar() {
        let mut recent = Recent::default();
        recent.chart(&[(0, 10.0), (0, 10.0)]);
        assert_eq!(recent.bars[0][0], 2);
    }
}
