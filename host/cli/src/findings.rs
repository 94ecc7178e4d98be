//! What a look at the store has found, for people and for programs.

use papyra_persistence::journal::{KindCount, ScanReport};
use papyra_report::scan::{self, Scan};
pub(super) use papyra_report::scan::{implausible, span};
use serde_json::{Map, Value, json};

use super::output::Paint;
use super::text;

/// A report as `papyra_report` takes it.
pub(super) fn view(report: &ScanReport) -> Scan<'_> {
    let anomalies = report.anomalies.iter();
    Scan {
        backend: &report.backend,
        location: &report.location,
        segments: report.segments,
        bytes: report.bytes,
        entries: report.entries,
        records: report.records,
        kinds: text::by_kind(&report.kinds),
        damaged: report.damaged,
        suspect: report.suspect,
        structural: report.structural,
        anomalies: anomalies.map(|counted| (counted.anomaly.as_str(), counted.count)).collect(),
        findings: &report.findings,
        findings_total: report.findings_total,
        oldest: report.oldest,
        newest: report.newest,
        implausible_timestamps: report.implausible_timestamps,
        sampled: report.sampled,
    }
}

pub(super) fn is_healthy(report: &ScanReport) -> bool {
    scan::is_healthy(&view(report))
}

pub(super) fn verdict(report: &ScanReport, paint: Paint) -> String {
    scan::verdict(&view(report), paint)
}

/// What to type next, if there is something.
pub(super) fn next(report: &ScanReport, flags: &str) -> String {
    scan::next(&view(report), flags).unwrap_or_default()
}

/// How to quarantine suspect records.
pub(super) fn to_quarantine(report: &ScanReport, flags: &str) -> String {
    scan::to_quarantine(&view(report), flags)
}

pub(super) fn list(text: &mut String, report: &ScanReport, paint: Paint) {
    scan::list(text, &view(report), paint);
}

/// A report as the fields of a document.
pub(super) fn fields(report: &ScanReport) -> Value {
    let anomalies: Map<String, Value> =
        report.anomalies.iter().map(|a| (a.anomaly.clone(), json!(a.count))).collect();
    let findings: Vec<Value> = report
        .findings
        .lines()
        .map(|line| serde_json::from_str(line).unwrap_or_else(|_| json!(line)))
        .collect();
    json!({
        "healthy": is_healthy(report),
        "backend": report.backend,
        "location": report.location,
        "segments": report.segments,
        "bytes": report.bytes,
        "entries": report.entries,
        "records": report.records,
        "kinds": kind_counts(&report.kinds),
        "damaged": report.damaged,
        "suspect": report.suspect,
        "structural": report.structural,
        "anomalies": anomalies,
        "findings": findings,
        "findings_listed": report.findings_listed,
        "findings_total": report.findings_total,
        "oldest": report.oldest,
        "newest": report.newest,
        "implausible_timestamps": report.implausible_timestamps,
        "sampled": report.sampled,
    })
}

pub(super) fn kind_counts(counts: &[KindCount]) -> Value {
    let entry = |count: &KindCount| {
        let value = json!({ "records": count.records, "bytes": count.bytes });
        (count.kind.name().to_owned(), value)
    };
    Value::Object(counts.iter().map(entry).collect())
}

/// A document: its schema, then the fields of each part.
pub(super) fn document<const N: usize>(schema: &str, parts: [Value; N]) -> Value {
    let mut document = Map::new();
    document.insert("schema".to_owned(), json!(schema));
    for part in parts {
        if let Value::Object(fields) = part {
            document.extend(fields);
        }
    }
    Value::Object(document)
}

#[cfg(test)]
pub(super) mod tests {
    use papyra_persistence::journal::AnomalyCount;
    use papyra_persistence::store::Kind;

    use super::*;

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
            suspect: 0,
            structural: 0,
            anomalies: vec![AnomalyCount { anomaly: "malformed_json".into(), count: 1 }],
            findings: "{\"anomaly\":\"malformed_json\",\"severity\":\"damage\",\"segment\":\
                       \"app.ndjson\",\"line\":4,\"offset\":1234,\"length\":48,\"excerpt\":\
                       \"{\\\"kind\\\":\\\"event\\\\u0000\"}\n"
                .into(),
            findings_listed: 1,
            findings_total: 1,
            oldest: Some(1_738_000_000.0),
            newest: Some(1_738_000_060.5),
            implausible_timestamps: 0,
            sampled: false,
        }
    }

    /// A journal without anomalies.
    pub fn healthy() -> ScanReport {
        ScanReport {
            entries: 10,
            damaged: 0,
            anomalies: Vec::new(),
            findings: String::new(),
            findings_listed: 0,
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
    fn a_document_begins_with_its_schema_and_has_raw_numbers() {
        let document = document("papyra.scan/1", [fields(&damaged())]).to_string();
        assert!(
            document.starts_with(r#"{"schema":"papyra.scan/1","healthy":false,"#),
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
