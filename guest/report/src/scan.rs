//! The report of a scan as text.

use std::fmt::Write as _;
use std::path::Path;

use crate::Paint;
use crate::text::{bytes, count, field, grouped, kinds, moment, printable};

/// Room for an excerpt on a terminal of 80 columns.
const EXCERPT: usize = 74;

/// The report of a scan. The fields are those of `scan-report` in `wit/`, as far as people see them.
#[derive(Clone, Debug, Default)]
#[allow(missing_docs, reason = "each field is documented in wit/journal.wit")]
pub struct Scan<'a> {
    pub backend: &'a str,
    pub location: &'a str,
    pub segments: u32,
    pub bytes: u64,
    pub entries: u64,
    pub records: u64,
    /// Kinds as records name them, and how many records they have.
    pub kinds: Vec<(&'a str, u64)>,
    pub damaged: u64,
    pub salvageable: u64,
    pub suspect: u64,
    pub structural: u64,
    /// Names of anomalies, their severities, and how often they occur.
    pub anomalies: Vec<(&'a str, &'a str, u64)>,
    pub findings: Vec<Finding<'a>>,
    pub findings_total: u64,
    pub oldest: Option<f64>,
    pub newest: Option<f64>,
    pub untimed: u64,
    pub from_future: u64,
    pub time_note: &'a str,
    pub sampled: bool,
}

/// One finding, as the engine lists it.
#[derive(Clone, Debug, Default)]
#[allow(missing_docs, reason = "each field is documented in wit/journal.wit")]
pub struct Finding<'a> {
    pub anomaly: &'a str,
    /// `damage`, `suspect` or `structure`.
    pub severity: &'a str,
    pub segment: &'a str,
    pub line: Option<u64>,
    pub offset: Option<u64>,
    pub id: Option<&'a str>,
    pub length: u64,
    pub salvageable: u64,
    pub ambiguous: u64,
    pub hint: &'a str,
    pub excerpt: &'a str,
}

/// Borrows a scan report of the contract, for which each host has a type of its own. `kinds` has the
/// number of records of each kind, and `severity` names the severity of an anomaly or a finding.
#[macro_export]
macro_rules! scan_view {
    ($report:expr, backend: $backend:expr, kinds: $kinds:expr, severity: $severity:path $(,)?) => {{
        let report = $report;
        let anomalies = report.anomalies.iter();
        let findings = report.findings.iter();
        $crate::scan::Scan {
            backend: $backend,
            location: &report.location,
            segments: report.segments,
            bytes: report.bytes,
            entries: report.entries,
            records: report.records,
            kinds: $kinds,
            damaged: report.damaged,
            salvageable: report.salvageable,
            suspect: report.suspect,
            structural: report.structural,
            anomalies: anomalies
                .map(|of| (&*of.anomaly, $severity(of.severity), of.count))
                .collect(),
            findings: findings
                .map(|finding| $crate::scan::Finding {
                    anomaly: &finding.anomaly,
                    severity: $severity(finding.severity),
                    segment: &finding.segment,
                    line: finding.line,
                    offset: finding.offset,
                    id: finding.id.as_deref(),
                    length: finding.length,
                    salvageable: finding.salvageable,
                    ambiguous: finding.ambiguous,
                    hint: &finding.hint,
                    excerpt: &finding.excerpt,
                })
                .collect(),
            findings_total: report.findings_total,
            oldest: report.oldest,
            newest: report.newest,
            untimed: report.untimed,
            from_future: report.from_future,
            time_note: &report.time_note,
            sampled: report.sampled,
        }
    }};
}

/// A few words about an anomaly.
fn explain(anomaly: &str) -> &'static str {
    match anomaly {
        "joined_records" => "whole records share a line with something else",
        "null_bytes" => "NUL bytes, as after a power cut",
        "foreign_encoding" => "compressed, or not UTF-8",
        "truncated_line" => "the last line breaks off",
        "unterminated_line" => "the last record lacks only its line end",
        "malformed_json" => "not JSON",
        "invalid_utf8" => "not UTF-8",
        "not_an_object" => "JSON but no object, or a blank line",
        "oversized_entry" => "longer than the limit",
        "missing_data" => "an entry without content",
        "nonstandard_number" => "NaN or Infinity, which is not JSON",
        "missing_kind" => "no kind",
        "unknown_kind" => "a kind that is not known",
        "duplicate_key" => "kind or timestamp twice",
        "invalid_timestamp" => "no usable timestamp",
        "kind_mismatch" => "in the stream of another kind",
        "orphaned_file" => "beyond the number of files of the set",
        "leftover_temporary" => "left behind by an interrupted rewrite",
        "gap_in_rotation" => "a file of the set is missing",
        _ => "",
    }
}

/// Anomalies of every sort together.
fn total(report: &Scan<'_>) -> u64 {
    report.damaged + report.suspect + report.structural
}

/// Nothing at all is wrong.
pub fn is_healthy(report: &Scan<'_>) -> bool {
    total(report) == 0 && report.findings_total == 0
}

/// All there is, is the beginning of a first record.
fn is_one_torn_record(report: &Scan<'_>) -> bool {
    let first = report.findings.first();
    report.entries == 1
        && first.is_some_and(|finding| {
            finding.anomaly == "truncated_line" && finding.excerpt.starts_with('{')
        })
}

/// `3 damaged, 1 suspect`, or `healthy`.
pub fn verdict(report: &Scan<'_>, paint: Paint) -> String {
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

/// The whole report. `flags` is how this journal is named to the command, for what to type next.
pub fn text(report: &Scan<'_>, flags: &str, paint: Paint) -> String {
    let location = printable(report.location);
    let verdict = verdict(report, paint);
    let empty = if report.entries == 0 { ", and empty" } else { "" };
    let mut text = format!("{}: {verdict}{empty}\n", paint.bold(&location));
    totals(&mut text, report);
    if !is_healthy(report) {
        text.push('\n');
        list(&mut text, report, paint);
    }
    if let Some(next) = next(report, flags) {
        text.push_str(&next);
    }
    text
}

/// The command to type next.
pub fn next(report: &Scan<'_>, flags: &str) -> Option<String> {
    let nuls =
        |(name, _, count): &(&str, &str, u64)| *name == "null_bytes" && *count == report.damaged;
    let empty = is_one_torn_record(report) || report.anomalies.iter().any(nuls);
    if report.records == 0 && report.salvageable == 0 && report.damaged > 0 && !empty {
        Some("\nNot one record is in it. Is this a journal at all?\n".into())
    } else if report.damaged > 0 {
        Some(format!(
            "\nTo see what a repair would do, without doing it:\n  \
             papyra persistence recover {flags} --dry-run\n"
        ))
    } else if report.suspect > 0 && report.untimed == report.records {
        Some(format!(
            "\nNo record has its time where Papyra has it. If another program wrote them, name it:\n  \
             papyra persistence scan {flags} --profile NAME\n"
        ))
    } else if report.suspect > 0 {
        Some(to_quarantine(report, flags))
    } else if has_leftover(report) {
        Some(format!(
            "\nThe records are sound. To remove what an interrupted rewrite left behind:\n  \
             papyra persistence recover {flags}\n"
        ))
    } else if report.structural > 0 {
        Some(
            "\nThe records are sound. Look at the files named above; recovery leaves them.\n"
                .into(),
        )
    } else {
        None
    }
}

/// The command that quarantines suspect records.
pub fn to_quarantine(report: &Scan<'_>, flags: &str) -> String {
    // Redis has a place of its own for them.
    let directory = if report.backend == "redis" { "" } else { " --quarantine-dir DIR" };
    format!(
        "\nSuspect records are whole and stay readable. To quarantine them:\n  \
         papyra persistence recover {flags} --mode quarantine{directory}\n"
    )
}

fn has_leftover(report: &Scan<'_>) -> bool {
    report.anomalies.iter().any(|(name, _, count)| *name == "leftover_temporary" && *count > 0)
}

/// The block of totals.
pub fn totals(text: &mut String, report: &Scan<'_>) {
    field(text, "records", &grouped(report.records));
    kinds(text, "kinds", &report.kinds);
    field(text, if report.sampled { "read" } else { "size" }, &bytes(report.bytes));
    if report.segments > 1 {
        field(text, "segments", &grouped(report.segments.into()));
    }
    span(text, report.oldest, report.newest);
    clock(text, report.untimed, report.from_future, report.time_note);
    if report.sampled {
        let looked_at = count(report.entries, "entry", "entries");
        field(text, "sampled", &format!("only the newest {looked_at} were looked at"));
    }
}

/// The oldest and the newest timestamp.
pub fn span(text: &mut String, oldest: Option<f64>, newest: Option<f64>) {
    if let Some(oldest) = oldest {
        field(text, "oldest", &moment(oldest));
    }
    if let Some(newest) = newest {
        field(text, "newest", &moment(newest));
    }
}

/// The numbers of records whose timestamps are no calendar time, if there are any.
pub fn clock(text: &mut String, untimed: u64, from_future: u64, note: &str) {
    if untimed > 0 {
        let records = count(untimed, "record", "records");
        field(text, "untimed", &format!("{records} with no time, or one before 2000"));
    }
    if from_future > 0 {
        let records = count(from_future, "record", "records");
        field(text, "future", &format!("{records} more than a day ahead of this host's clock"));
    }
    if !note.is_empty() {
        field(text, "", &printable(note));
    }
}

/// The number of each anomaly, then the first findings, then the number of those left out.
pub fn list(text: &mut String, report: &Scan<'_>, paint: Paint) {
    for (anomaly, severity, count) in &report.anomalies {
        let meaning = explain(anomaly);
        let name = printable(anomaly);
        let line = format!("  {name:<20} {:>8}  {severity:<9}  {meaning}", grouped(*count));
        let _ = writeln!(text, "{}", line.trim_end());
    }
    for (index, finding) in report.findings.iter().enumerate() {
        if index == 0 {
            text.push('\n');
        }
        one(text, report, finding, paint);
    }
    let shown = report.findings.len() as u64;
    let hidden = report.findings_total.saturating_sub(shown);
    if hidden > 0 {
        let more = report.findings_total.min(10_000);
        let _ = writeln!(text, "\n  {} more not shown (--findings {more})", grouped(hidden));
    }
}

fn one(text: &mut String, report: &Scan<'_>, finding: &Finding<'_>, paint: Paint) {
    let mut place = place(report, finding.segment);
    if let Some(line) = finding.line {
        let _ = write!(place, ":{line}");
    }
    let name = printable(finding.anomaly);
    let name = match finding.severity {
        "damage" => paint.bad(&name),
        _ => paint.doubtful(&name),
    };
    let _ =
        write!(text, "{}: {name}, {}", paint.bold(&place), count(finding.length, "byte", "bytes"));
    match (finding.id, finding.offset) {
        (Some(id), _) => drop(write!(text, ", id {}", printable(id))),
        // Not grouped: it is made to be pasted behind `tail -c +` or `dd skip=`.
        (None, Some(offset)) => drop(write!(text, " at offset {offset}")),
        (None, None) => {}
    }
    text.push('\n');
    if finding.salvageable > 0 {
        let records = count(finding.salvageable, "whole record", "whole records");
        let _ = write!(text, "    {records} to keep");
        if finding.ambiguous > 0 {
            let _ = write!(text, ", {} perhaps part of a torn one", grouped(finding.ambiguous));
        }
        text.push('\n');
    }
    if !finding.hint.is_empty() {
        let _ = writeln!(text, "    {}", printable(finding.hint));
    }
    if !finding.excerpt.is_empty() {
        let excerpt = printable(finding.excerpt);
        let short: String = excerpt.chars().take(EXCERPT).collect();
        let dots = if short.len() < excerpt.len() { "…" } else { "" };
        let _ = writeln!(text, "    {short}{dots}");
    }
}

/// The file in which a finding lies, so that an editor can jump to `file:line`.
fn place(report: &Scan<'_>, segment: &str) -> String {
    let location = Path::new(report.location);
    let place = match report.backend {
        _ if segment.is_empty() => location.to_path_buf(),
        "file" | "rotating" => location.with_file_name(segment),
        _ => Path::new(segment).to_path_buf(),
    };
    printable(&place.display().to_string()).into_owned()
}
