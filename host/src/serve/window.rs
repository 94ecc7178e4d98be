//! A window of records: what one view of the page reads of a store, and no more.

use std::borrow::Cow;

use serde::Deserialize;

use crate::journal::{FailureCode, Journal, JournalError, Order, Selection};
use crate::store::Kind;

/// No further page is read, of about 1 MiB each, once there are this many records or bytes.
const RECORDS: usize = 10_000;
const BYTES: usize = 7 << 20;

/// Consecutive records, newest first.
#[derive(Debug, Default)]
pub(super) struct Window {
    pub lines: Vec<Line>,
    /// Where older records go on; absent if there are none.
    pub older: Option<String>,
}

/// One record.
#[derive(Debug)]
pub(super) struct Line {
    /// Absent for a record of no known kind.
    pub kind: Option<Kind>,
    /// In seconds; absent if it is no finite number.
    pub time: Option<f64>,
    /// As stored.
    pub text: String,
}

#[derive(Deserialize)]
struct Head<'a> {
    #[serde(borrow, default)]
    kind: Cow<'a, str>,
}

impl Window {
    /// Reads the newest records, or those after `cursor`. Nothing is left out here: a condition could make the
    /// engine walk through the whole journal for one view.
    pub async fn read(journal: &Journal, cursor: Option<String>) -> Result<Self, JournalError> {
        let order = Order::NewestFirst;
        let selection = Selection { order, cursor, ..Selection::default() };
        let mut pages = journal.query(selection);
        let mut window = Self::default();
        let mut bytes = 0;
        while window.lines.len() < RECORDS && bytes < BYTES {
            let page = match pages.next().await {
                Ok(Some(page)) => page,
                Ok(None) => break,
                Err(error) if error.code() == Some(FailureCode::NotFound) => break,
                Err(error) => return Err(error),
            };
            let lines = page.records.lines().zip(&page.times);
            window.lines.extend(lines.map(|(text, time)| Line::new(text, *time)));
            window.older = Some(page.cursor).filter(|_| !page.end);
            bytes += page.records.len();
            if page.end {
                break;
            }
        }
        Ok(window)
    }
}

impl Line {
    fn new(text: &str, time: f64) -> Self {
        // A suspect record, such as one with NaN, is listed all the same.
        let head = serde_json::from_str::<Head<'_>>(text).ok();
        let kind = head
            .and_then(|head| Kind::ALL.into_iter().find(|kind| head.kind.as_ref() == kind.name()));
        Self { kind, time: Some(time).filter(|time| time.is_finite()), text: text.to_owned() }
    }

    /// Its name in links: equal records have the same, and then it does not matter which is shown.
    pub fn id(&self) -> String {
        name(&self.text)
    }
}

/// A short name for a text.
pub(super) fn name(text: &str) -> String {
    format!("{:032x}", twox_hash::XxHash3_128::oneshot(text.as_bytes()))
}
