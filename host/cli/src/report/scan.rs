//! The report of a scan. Its words are in `papyra-report`, which the WASI program shares.

use papyra_persistence::journal::{ScanReport, Severity};
use papyra_report::scan::{self, Scan};
pub(crate) use papyra_report::scan::{clock, span};
use papyra_report::scan_view;

use crate::output::Paint;
use crate::text;

pub(crate) fn text(report: &ScanReport, flags: &str, paint: Paint) -> String {
    scan::text(&view(report), flags, paint)
}

/// `3 damaged, 1 suspect`, or `healthy`.
pub(crate) fn verdict(report: &ScanReport, paint: Paint) -> String {
    scan::verdict(&view(report), paint)
}

/// The command to type next, if there is one.
pub(crate) fn next(report: &ScanReport, flags: &str) -> String {
    scan::next(&view(report), flags).unwrap_or_default()
}

/// The command that quarantines suspect records.
pub(crate) fn to_quarantine(report: &ScanReport, flags: &str) -> String {
    scan::to_quarantine(&view(report), flags)
}

/// The anomalies and the first findings.
pub(crate) fn list(text: &mut String, report: &ScanReport, paint: Paint) {
    scan::list(text, &view(report), paint);
}

/// The report as `papyra_report` takes it.
fn view(report: &ScanReport) -> Scan<'_> {
    let kinds = text::by_kind(&report.kinds);
    scan_view!(report, backend: &report.backend, kinds: kinds, severity: Severity::name)
}

#[cfg(test)]
pub(crate) mod tests {
    use papyra_persistence::journal::{AnomalyCount, Finding, KindCount};
    use papyra_persistence::store::Kind;

    use super::*;
    use crate::report::{document, fields};

    /// A journal with one damaged line.
    pub fn damaged() -> ScanReport {
        ScanReport {
            backend: "file".into(),
            location: "/var/log/app.ndjson".into(),
            segments: 1,
            bytes: 2_048,
            entries: 11,
            records: 10,
            kinds: vec![KindCount { kind: Kind::Event, records: 10, bytes: 2_000 }],
            damaged: 1,
            salvageable: 0,
            suspect: 0,
            structural: 0,
            anomalies: vec![AnomalyCount {
                anomaly: "malformed_json".into(),
                severity: Severity::Damage,
                count: 1,
            }],
            findings: vec![Finding {
                anomaly: "malformed_json".into(),
                severity: Severity::Damage,
                segment: "app.ndjson".into(),
                line: Some(4),
                offset: Some(1234),
                id: None,
                length: 48,
                salvageable: 0,
                ambiguous: 0,
                hint: String::new(),
                excerpt: r#"{"kind":"event\u0000"#.into(),
            }],
            findings_total: 1,
            oldest: Some(1_738_000_000.0),
            newest: Some(1_738_000_060.5),
            untimed: 0,
            from_future: 0,
            time_note: String::new(),
            sampled: false,
        }
    }

    /// A journal without anomalies.
    pub fn healthy() -> ScanReport {
        ScanReport {
            entries: 10,
            damaged: 0,
            anomalies: Vec::new(),
            findings: Vec::new(),
            findings_total: 0,
            ..damaged()
        }
    }

    #[test]
    fn findings_are_listed_with_file_line_and_offset() {
        let mut text = String::new();
        list(&mut text, &ScanReport { findings_total: 18, ..damaged() }, Paint::NONE);
        assert_eq!(
            text,
            "  malformed_json              1  damage     not JSON\n\
             \n/var/log/app.ndjson:4: malformed_json, 48 bytes at offset 1234\n    \
             {\"kind\":\"event\\u0000\n\
             \n  17 more not shown (--findings 18)\n"
        );
    }

    #[test]
    fn a_healthy_journal_takes_few_words() {
        assert_eq!(
            text(&healthy(), "--path app.ndjson", Paint::NONE),
            "/var/log/app.ndjson: healthy\n  \
             records      10\n  \
             kinds        event 10\n  \
             size         2,048 bytes (2.0 KiB)\n  \
             oldest       2025-01-27T17:46:40Z\n  \
             newest       2025-01-27T17:47:40.5Z\n"
        );
    }

    #[test]
    fn what_is_no_journal_is_not_sent_to_repair() {
        let picture = ScanReport { records: 0, entries: 7, damaged: 7, ..damaged() };
        let next = text(&picture, "--path cat.png", Paint::NONE);
        assert!(next.contains("Is this a journal at all?") && !next.contains("recover"), "{next}");
    }

    #[test]
    fn a_damaged_journal_says_where_what_and_what_next() {
        let shown = text(&damaged(), "--path '/var/log/my app'", Paint::NONE);
        assert!(shown.starts_with("/var/log/app.ndjson: 1 damaged\n"), "{shown}");
        assert!(shown.contains("/var/log/app.ndjson:4: malformed_json"), "{shown}");
        assert!(
            shown.ends_with("\n  papyra persistence recover --path '/var/log/my app' --dry-run\n")
        );
        assert!(shown.lines().all(|line| line.chars().count() <= 80), "{shown}");
    }

    #[test]
    fn a_document_begins_with_its_schema_and_has_raw_numbers() {
        let document = document("scan", [fields(&damaged())]).to_string();
        assert!(
            document.starts_with(r#"{"schema":"papyra.scan/2","healthy":false,"#),
            "{document}"
        );
        assert!(document.contains(r#""bytes":2048,"#), "{document}");
        assert!(
            document.contains(r#""kinds":{"event":{"records":10,"bytes":2000}}"#),
            "{document}"
        );
        assert!(document.contains(r#""findings":[{"anomaly":"malformed_json","#), "{document}");
    }
}
