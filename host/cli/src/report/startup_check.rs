//! The report of a startup check.

use papyra_persistence::journal::{StartupOutcome, StartupReport};

use super::{recover, scan};
use crate::output::Paint;
use crate::text::{field, printable, size};

pub(crate) fn text(report: &StartupReport, location: &str, flags: &str, paint: Paint) -> String {
    let location = paint.bold(&printable(location));
    let verdict = match report.outcome {
        StartupOutcome::Ignored => "not looked at, as asked; the system may start".to_owned(),
        StartupOutcome::Absent => {
            "does not exist yet; the system may start, and its first append makes it".to_owned()
        }
        StartupOutcome::Healthy => format!("{}; the system may start", paint.good("healthy")),
        StartupOutcome::Tolerated => {
            format!("{}; the system may start", paint.doubtful("anomalies, which are accepted"))
        }
        StartupOutcome::Recovered => {
            format!("{}; the system may start", paint.good("damage found and recovered"))
        }
        StartupOutcome::Refused if report.recovery.is_some() => {
            paint.bad("recovered, but damage remains; the system must not start")
        }
        StartupOutcome::Refused => paint.bad("anomalies found; the system must not start"),
    };
    let mut text = format!("{location}: {verdict}\n");
    if report.indexed_bytes > 0 {
        let before = size(report.indexed_bytes);
        let since = format!("only what came since the last clean check ({before} before that)");
        field(&mut text, "read", &since);
    }
    if !report.note.is_empty() {
        field(&mut text, "note", &printable(&report.note));
    }
    if let Some(recovery) = &report.recovery {
        recover::body(&mut text, recovery, paint);
    }
    if let Some(found) = report.scan.as_ref().filter(|found| !found.is_healthy()) {
        field(&mut text, "state", &scan::verdict(found, paint));
        text.push('\n');
        scan::list(&mut text, found, paint);
    }
    if let (StartupOutcome::Refused, Some(found)) = (report.outcome, &report.scan) {
        text.push_str(&scan::next(found, flags));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::super::recover::tests::recovery;
    use super::super::scan::tests::{damaged, healthy};
    use serde_json::json;

    use super::*;

    fn report(outcome: StartupOutcome) -> StartupReport {
        let note = String::new();
        StartupReport { outcome, scan: None, recovery: None, indexed_bytes: 0, note }
    }

    #[test]
    fn what_was_not_read_again_is_said() {
        let report =
            StartupReport { indexed_bytes: 3_000_000_000, ..report(StartupOutcome::Healthy) };
        let shown = text(&report, "app.ndjson", "--path app.ndjson", Paint::NONE);
        assert!(shown.contains("read         only what came since"), "{shown}");
    }

    #[test]
    fn a_store_that_does_not_exist_is_accepted_and_said() {
        let report = report(StartupOutcome::Absent);
        let shown = text(&report, "app.ndjson", "--path app.ndjson", Paint::NONE);
        assert!(shown.starts_with("app.ndjson: does not exist yet"), "{shown}");
        assert_eq!(super::super::fields(&report)["may_start"], json!(true));
    }

    #[test]
    fn a_refusal_says_why_and_what_to_type() {
        let report = StartupReport { scan: Some(damaged()), ..report(StartupOutcome::Refused) };
        let shown = text(&report, "app.ndjson", "--path app.ndjson", Paint::NONE);
        assert!(
            shown.contains("must not start") && shown.contains(":4: malformed_json"),
            "{shown}"
        );
        assert!(shown.ends_with("recover --path app.ndjson --dry-run\n"), "{shown}");
        assert_eq!(super::super::fields(&report)["may_start"], json!(false));
    }

    #[test]
    fn a_recovery_is_reported_with_its_quarantine() {
        let report = StartupReport {
            scan: Some(healthy()),
            recovery: Some(recovery()),
            ..report(StartupOutcome::Recovered)
        };
        let shown = text(&report, "app.ndjson", "--path app.ndjson", Paint::NONE);
        assert!(shown.contains("quarantine   quarantine/app.ndjson.1"), "{shown}");
    }
}
