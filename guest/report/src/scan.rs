//! The report of a scan as text.

use std::fmt::Write as _;
use std::path::Path;

use serde::Deserialize;

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
    pub suspect: u64,
    pub structural: u64,
    /// Names of anomalies, and how often they occur.
    pub anomalies: Vec<(&'a str, u64)>,
    pub findings: &'a str,
    pub findings_total: u64,
    pub oldest: Option<f64>,
    pub newest: Option<f64>,
    pub implausible_timestamps: u64,
    pub sampled: bool,
}

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

/// The severity of an anomaly, and a few words about it.
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
fn total(report: &Scan<'_>) -> u64 {
    report.damaged + report.suspect + report.structural
}

/// Nothing at all is wrong.
pub fn is_healthy(report: &Scan<'_>) -> bool {
    total(report) == 0 && report.findings_total == 0
}

/// All there is, is the beginning of a first record.
fn is_one_torn_record(report: &Scan<'_>) -> bool {
    let first = report.findings.lines().next();
    let first = first.and_then(|line| serde_json::from_str::<Finding>(line).ok());
    report.entries == 1
        && first.is_some_and(|finding| {
            finding.anomaly == "truncated_line"
                && finding.excerpt.is_some_and(|excerpt| excerpt.starts_with('{'))
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
    if report.records == 0 && report.damaged > 0 && !is_one_torn_record(report) {
        Some("\nNot one record is in it. Is this a journal at all?\n".into())
    } else if report.damaged > 0 {
        Some(format!(
            "\nTo see what a repair would do, without doing it:\n  \
             papyra persistence recover {flags} --dry-run\n"
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
    report.anomalies.iter().any(|(name, count)| *name == "leftover_temporary" && *count > 0)
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
    implausible(text, report.implausible_timestamps);
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

/// The number of implausible timestamps, if there are any.
pub fn implausible(text: &mut String, records: u64) {
    if records > 0 {
        let records = count(records, "record", "records");
        field(text, "clock", &format!("{records} with a timestamp before 2000 or after tomorrow"));
    }
}

/// The number of each anomaly, then the first findings, then the number of those left out.
pub fn list(text: &mut String, report: &Scan<'_>, paint: Paint) {
    for (anomaly, count) in report.anomalies.iter().filter(|(_, count)| *count > 0) {
        let (severity, meaning) = explain(anomaly);
        let name = printable(anomaly);
        let line = format!("  {name:<20} {:>8}  {severity:<9}  {meaning}", grouped(*count));
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

fn one(text: &mut String, report: &Scan<'_>, finding: &Finding, paint: Paint) {
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
fn place(report: &Scan<'_>, segment: &str) -> String {
    let location = Path::new(report.location);
    let place = match report.backend {
        _ if segment.is_empty() => location.to_path_buf(),
        "file" | "rotating" => location.with_file_name(segment),
        _ => Path::new(segment).to_path_buf(),
    };
    printable(&place.display().to_string()).into_owned()
}
