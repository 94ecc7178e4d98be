//! The report of `verify`.

use std::path::Path;

use papyra_persistence::journal::{Difference, VerifyOutcome, VerifyReport};
use papyra_persistence::store::Position;

use super::scan;
use crate::output::Paint;
use crate::text::{bytes, count, field, grouped, printable};

pub(crate) fn text(found: &VerifyReport, paint: Paint) -> String {
    let verdict = match found.outcome {
        VerifyOutcome::Intact => paint.good("every byte is what it was"),
        VerifyOutcome::Differs => paint.bad("it is not what it was"),
        VerifyOutcome::Unverifiable => paint.doubtful("it cannot be told of all of it"),
    };
    let mut text = begin(found, &verdict, paint);
    if let Some(difference) = &found.difference {
        let Difference { segment, first_line, last_line, .. } = difference;
        field(&mut text, "differs", &printable(segment));
        let (start, end) = (place(difference.start), place(difference.end));
        field(&mut text, "", &format!("between {start} and {end}"));
        let lines = format!("in lines {} to {}", grouped(*first_line), grouped(*last_line));
        field(&mut text, "", &lines);
        scan::span(&mut text, difference.oldest, difference.newest);
    }
    if !found.note.is_empty() {
        field(&mut text, "note", &printable(&found.note));
    }
    if found.outcome == VerifyOutcome::Differs {
        text.push_str(
            "\nA recovery or a compaction can change a journal, too, and leaves an audit record of it:\n  \
             papyra persistence read --kind audit\n",
        );
    }
    text
}

/// The report where there was nothing to compare with yet.
pub(crate) fn first(found: &VerifyReport, paint: Paint) -> String {
    begin(found, "nothing was noted before, so nothing was compared", paint)
}

fn begin(found: &VerifyReport, verdict: &str, paint: Paint) -> String {
    let mut text = format!("{}: {verdict}\n", paint.bold(&printable(&found.location)));
    let blocks = count(found.blocks.into(), "block", "blocks");
    let blocks = format!("{} in {blocks}", bytes(found.bytes));
    field(&mut text, "size", &blocks);
    field(&mut text, "head", &found.head);
    text
}

/// The head was put into a file.
pub(crate) fn noted(file: &Path) -> String {
    let mut text = String::new();
    field(&mut text, "noted", &format!("in {}", printable(&file.to_string_lossy())));
    text
}

fn place(position: Position) -> String {
    match position {
        Position { major: 0, minor } => format!("byte {}", grouped(minor)),
        Position { major, minor } => format!("entry {major}-{minor}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_difference_is_named_by_bytes_lines_and_times() {
        let at = |minor| Position { major: 0, minor };
        let found = VerifyReport {
            backend: "file".into(),
            location: "app.ndjson".into(),
            segments: 1,
            bytes: 3_000,
            blocks: 3,
            outcome: VerifyOutcome::Differs,
            head: "3000:ab".into(),
            difference: Some(Difference {
                segment: "app.ndjson".into(),
                start: at(1_000),
                end: at(2_000),
                first_line: 11,
                last_line: 20,
                oldest: Some(0.0),
                newest: Some(60.0),
            }),
            note: String::new(),
        };
        let shown = text(&found, Paint::NONE);
        assert!(
            shown.contains(
                "  differs      app.ndjson\n               between byte 1,000 and byte 2,000\n               \
                 in lines 11 to 20\n"
            ),
            "{shown}"
        );
        assert!(
            shown.contains("1970-01-01T00:01:00Z") && shown.contains("--kind audit"),
            "{shown}"
        );
        let whole = VerifyReport { outcome: VerifyOutcome::Intact, difference: None, ..found };
        assert!(text(&whole, Paint::NONE).starts_with("app.ndjson: every byte is what it was\n"));
    }
}
