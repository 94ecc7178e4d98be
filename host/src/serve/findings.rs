//! Anomalies, those of one entry together.

use maud::{Markup, html};

use super::text::grouped;
use super::watch::Look;
use crate::journal::Finding;

/// Number of entries that are seen at once, and the maximum that unfold. The records must not be far below.
const SEEN: usize = 8;
const LISTED: usize = 100;

pub(super) fn table(look: &Look) -> Markup {
    let Some(scan) = look.scan.as_ref().filter(|scan| scan.findings_total > 0) else {
        return html! {};
    };
    let entries = by_entry(&scan.findings);
    html! {
        section.panel {
            h2 { "Anomalies" }
            p {
                @for count in &scan.anomalies {
                    span class=(format!("count {}", count.severity.name())) {
                        (count.anomaly) " " b { (grouped(count.count)) }
                    } " "
                }
            }
            @if scan.findings.len() as u64 != scan.findings_total || entries.len() > LISTED {
                p.note {
                    (grouped(scan.findings_total)) " in all; the first are listed. "
                    "papyra persistence scan lists more."
                }
            }
            ol.entries { @for entry in entries.iter().take(SEEN) { (item(entry)) } }
            @if entries.len() > SEEN {
                details #more-anomalies {
                    summary { "More" }
                    ol.entries { @for entry in entries.iter().take(LISTED).skip(SEEN) { (item(entry)) } }
                }
            }
        }
    }
}

fn item(entry: &[&Finding]) -> Markup {
    let Some(first) = entry.first() else { return html! {} };
    html! {
        li {
            p {
                b { (place(first)) }
                @for finding in entry {
                    " " span class=(format!("count {}", finding.severity.name())) { (finding.anomaly) }
                }
                @if first.salvageable > 0 {
                    span.note { " whole records in it, which recovery keeps: " (grouped(first.salvageable)) }
                }
            }
            @if !first.excerpt.is_empty() { code { (first.excerpt) } }
            @for finding in entry.iter().filter(|finding| !finding.hint.is_empty()) {
                p.note { (finding.hint) }
            }
        }
    }
}

fn place(finding: &Finding) -> String {
    match (finding.line, &finding.id) {
        (Some(line), _) => format!("{}:{line}", finding.segment),
        (None, Some(id)) => format!("{} {id}", finding.segment),
        (None, None) => finding.segment.clone(),
    }
}

/// Findings arrive in the order of entries, so that those of one entry are neighbours.
fn by_entry(findings: &[Finding]) -> Vec<Vec<&Finding>> {
    let same = |a: &Finding, b: &Finding| {
        (&a.segment, a.line, a.offset, &a.id) == (&b.segment, b.line, b.offset, &b.id)
    };
    findings.chunk_by(same).map(|entry| entry.iter().collect()).collect()
}
