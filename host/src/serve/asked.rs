//! What a view of the page asks for, as it stands in its address.

use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Deserialize;

use super::window::Line;

/// Maximum number of records in one list.
pub(super) const LISTED: usize = 50;

/// The parameters of `/` and `/record`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Asked {
    /// The number of the store.
    pub store: usize,
    /// The name of a kind; empty: all.
    pub kind: String,
    /// A text that records hold, in upper or lower case; empty: any.
    pub text: String,
    /// Bounds of time, UTC, such as `2025-01-27T17:46:40`; empty: none.
    pub since: String,
    pub until: String,
    /// The name of an older window; empty: the newest.
    pub older: String,
    /// The number of the list in the window, from 0.
    pub page: usize,
    /// The name of a record.
    pub id: String,
}

impl Asked {
    /// The records that fit, newest first.
    pub fn select<'w>(&self, lines: &'w [Line]) -> Vec<&'w Line> {
        let text = self.text.to_lowercase();
        let (since, until) = (seconds(&self.since), seconds(&self.until));
        let fits = |line: &&Line| {
            (self.kind.is_empty() || line.kind.is_some_and(|kind| kind.name() == self.kind))
                && since.is_none_or(|since| line.time.is_some_and(|time| time >= since))
                && until.is_none_or(|until| line.time.is_some_and(|time| time <= until))
                && (text.is_empty() || line.text.to_lowercase().contains(&text))
        };
        lines.iter().filter(fits).collect()
    }

    /// Whether some records are left out.
    pub fn is_filtered(&self) -> bool {
        [&self.kind, &self.text, &self.since, &self.until].iter().any(|field| !field.is_empty())
    }

    /// The bounds of time that are not moments.
    pub fn unreadable(&self) -> Option<&str> {
        [&self.since, &self.until]
            .into_iter()
            .find(|text| !text.is_empty() && seconds(text).is_none())
            .map(String::as_str)
    }

    /// The address of a view.
    pub fn link(&self, path: &str) -> String {
        let mut link = format!("{path}?store={}", self.store);
        let fields = [
            ("kind", &self.kind),
            ("text", &self.text),
            ("since", &self.since),
            ("until", &self.until),
            ("older", &self.older),
            ("id", &self.id),
        ];
        for (name, value) in fields.iter().filter(|(_, value)| !value.is_empty()) {
            let value = utf8_percent_encode(value, NON_ALPHANUMERIC);
            link.push_str(&format!("&{name}={value}"));
        }
        if self.page > 0 {
            link.push_str(&format!("&page={}", self.page));
        }
        link
    }
}

/// A moment of a form, in seconds since the epoch.
pub(super) fn seconds(text: &str) -> Option<f64> {
    let moment: DateTime = text.trim_end_matches('Z').parse().ok()?;
    let moment = TimeZone::UTC.to_timestamp(moment).ok()?;
    Some(moment.as_millisecond() as f64 / 1000.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_leads_to_the_same_view_whatever_is_asked_for() {
        let asked = Asked { text: "a&b=\"<é".to_owned(), page: 2, ..Asked::default() };
        let link = asked.link("/");
        assert_eq!(link, "/?store=0&text=a%26b%3D%22%3C%C3%A9&page=2");
    }

    #[test]
    fn moments_of_forms_are_utc() {
        assert_eq!(seconds("2025-01-27T17:46:40"), Some(1_738_000_000.0));
        assert_eq!(seconds("2025-01-27T17:46"), Some(1_737_999_960.0));
        assert_eq!(seconds("2025-01-27T17:46:40.250Z"), Some(1_738_000_000.25));
        assert_eq!(seconds("yesterday"), None);
    }
}
