//! What a look at the store has found, for people and for programs.

use std::fmt::Write as _;
use std::path::Path;

use papyra::journal::{KindCount, ScanReport};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::output::Paint;
use super::text::{self, bytes, count, field, grouped, kinds, moment, printable};

/// Room for an excerpt on a terminal of 80 columns.
const EXCERPT: usize = 74;

/// One finding, as the engine lists it.
#[derive(Deserialize)]
struct Finding {
    anomaly: String,
    #[serde(default)]
    severity: String,
    #[serde(default)]
    segment: String,
    line: Option<u64>,
    offset: Option<u64>,
    id: Option<String>,
    length: Option<u64>,
    excerpt: Option<String>,
}

/// What an anomaly is, in a few words, and how bad.
fn explain(anomaly: &str) -> (&'static str, &'static str) {
    match anomaly {
        "truncated_line" => ("damage", "the last line breaks off"),
        "unterminated_line" => ("damage", "the last record lacks only its line end"),
        "malformed_json" => ("damage", "not JSON"),
        "invalid_utf8" => ("damage", "not UTF-8"),
        "not_an_object" => ("damage", "JSON but no object, or a blank line"),
        "oversized_entry" => ("damage", "longer than the limit"),
        "missing_data" => ("damage", "an entry without content"),
        "nonstandard_number" => ("suspect", "NaN or Infinity, which is not JSON"),
        "missing_kind" => ("suspect", "no kind"),
        "unknown_kind" => ("suspect", "a kind that is not known"),
        "duplicate_key" => ("suspect", "kind or timestamp twice"),
        "invalid_timestamp" => ("suspect", "no usable timestamp"),
        "kind_mismatch" => ("suspect", "in the stream of another kind"),
        "orphaned_file" => ("structure", "beyond the number of files of the set"),
        "leftover_temporary" => ("structure", "left behind by an interrupted rewrite"),
        "gap_in_rotation" => ("structure", "a file of the set is missing"),
        _ => ("", ""),
    }
}

/// Anomalies of every sort together.
pub(super) fn total(report: &ScanReport) -> u64 {
    report.damaged + report.suspect + report.structural
}

pub(super) fn is_healthy(report: &ScanReport) -> bool {
    total(report) == 0 && report.findings_total == 0
}

/// All there is, is the beginning of a first record.
pub(super) fn is_one_torn_record(report: &ScanReport) -> bool {
    let first = report.findings.lines().next();
    let first = first.and_then(|line| serde_json::from_str::<Finding>(line).ok());
    report.entries == 1
        && first.is_some_and(|finding| {
            finding.anomaly == "truncated_line"
                && finding.excerpt.is_some_and(|excerpt| excerpt.starts_with('{'))
        })
}

/// `3 damaged, 1 suspect`, or `healthy`.
pub(super) fn verdict(report: &ScanReport, paint: Paint) -> String {
    if is_healthy(report) {
        return paint.good("healthy");
    }
    let mut parts = Vec::new();
    if report.damaged > 0 {
        parts.push(paint.bad(&format!("{} damaged", grouped(report.damaged))));
    }
    if report.suspect > 0 {
        parts.push(paint.doubtful(&format!("{} suspect", grouped(report.suspect))));
    }
    if report.structural > 0 {
        parts.push(paint.doubtful(&format!("{} structural", grouped(report.structural))));
    }
    parts.join(", ")
}

/// The block of totals.
pub(super) fn totals(text: &mut String, report: &ScanReport) {
    field(text, "records", &grouped(report.records));
    kinds(text, "kinds", &report.kinds);
    field(text, "size", &bytes(report.bytes));
    if report.segments > 1 {
        field(text, "segments", &grouped(report.segments.into()));
    }
    span(text, report.oldest, report.newest);
    implausible(text, report.implausible_timestamps);
    if report.sampled {
        let looked_at = count(report.entries, "entry", "entries");
        field(text, "sampled", &format!("only the newest {looked_at} were looked at"));
    }
}

pub(super) fn span(text: &mut String, oldest: Option<f64>, newest: Option<f64>) {
    if let Some(oldest) = oldest {
        field(text, "oldest", &moment(oldest));
    }
    if let Some(newest) = newest {
        field(text, "newest", &moment(newest));
    }
}

pub(super) fn implausible(text: &mut String, records: u64) {
    if records > 0 {
        let records = count(records, "record", "records");
        field(text, "clock", &format!("{records} with a timestamp that is no calendar time"));
    }
}

/// How often each anomaly occurs, then the first findings, then how many are left out.
pub(super) fn list(text: &mut String, report: &ScanReport, paint: Paint) {
    for anomaly in report.anomalies.iter().filter(|anomaly| anomaly.count > 0) {
        let (severity, meaning) = explain(&anomaly.anomaly);
        let name = printable(&anomaly.anomaly);
        let line = format!("  {name:<20} {:>8}  {severity:<9}  {meaning}", grouped(anomaly.count));
        let _ = writeln!(text, "{}", line.trim_end());
    }
    let mut shown = 0;
    for line in report.findings.lines() {
        if shown == 0 {
            text.push('\n');
        }
        shown += 1;
        match serde_json::from_str::<Finding>(line) {
            Ok(finding) => one(text, report, &finding, paint),
            // The engine's own text is still better than none.
            Err(_) => drop(writeln!(text, "{}", printable(line))),
        }
    }
    let hidden = report.findings_total.saturating_sub(shown);
    if hidden > 0 {
        let more = report.findings_total.min(10_000);
        let _ = writeln!(text, "\n  {} more not shown (--findings {more})", grouped(hidden));
    }
}

fn one(text: &mut String, report: &ScanReport, finding: &Finding, paint: Paint) {
    let mut place = place(report, &finding.segment);
    if let Some(line) = finding.line {
        let _ = write!(place, ":{line}");
    }
    let name = printable(&finding.anomaly);
    let name = match finding.severity.as_str() {
        "damage" => paint.bad(&name),
        _ => paint.doubtful(&name),
    };
    let _ = write!(text, "{}: {name}", paint.bold(&place));
    if let Some(length) = finding.length {
        let _ = write!(text, ", {}", count(length, "byte", "bytes"));
    }
    match (&finding.id, finding.offset) {
        (Some(id), _) => drop(write!(text, ", id {}", printable(id))),
        // Not grouped: it is made to be pasted behind `tail -c +` or `dd skip=`.
        (None, Some(offset)) => drop(write!(text, " at offset {offset}")),
        (None, None) => {}
    }
    text.push('\n');
    if let Some(excerpt) = finding.excerpt.as_deref().filter(|excerpt| !excerpt.is_empty()) {
        let excerpt = printable(excerpt);
        let short: String = excerpt.chars().take(EXCERPT).collect();
        let dots = if short.len() < excerpt.len() { "…" } else { "" };
        let _ = writeln!(text, "    {short}{dots}");
    }
}

/// The file in which a finding lies, so that an editor can jump to `file:line`.
fn place(report: &ScanReport, segment: &str) -> String {
    let location = Path::new(&report.location);
    let place = match report.backend.as_str() {
        _ if segment.is_empty() => location.to_path_buf(),
        "file" | "rotating" => location.with_file_name(segment),
        _ => Path::new(segment).to_path_buf(),
    };
    printable(&place.display().to_string()).into_owned()
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
        (text::kind(count.kind).to_owned(), value)
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
    use papyra::journal::AnomalyCount;
    use papyra::store::Kind;

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
