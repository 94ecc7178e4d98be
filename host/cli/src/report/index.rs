//! The report of `index`.

use papyra_persistence::journal::IndexReport;

use crate::output::Paint;
use crate::text::{bytes, count, field, grouped, printable, size};

pub(crate) fn text(index: &IndexReport, paint: Paint) -> String {
    let mut text = format!("{}: indexed\n", paint.bold(&printable(&index.location)));
    let entries = format!("{} in {} entries", bytes(index.bytes), grouped(index.entries));
    field(&mut text, "size", &entries);
    if index.indexed_bytes > 0 {
        let before = size(index.indexed_bytes);
        field(&mut text, "read", &format!("only what came since ({before} before that)"));
    }
    let blocks = count(index.blocks.into(), "block", "blocks");
    let blocks = format!("{} of {blocks}", size(index.index_bytes));
    field(&mut text, "index", &blocks);
    match &index.head {
        Some(head) => field(&mut text, "head", head),
        None => field(&mut text, "head", "none, for nothing was hashed"),
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_head_stands_on_a_line_of_its_own() {
        let index = IndexReport {
            backend: "file".into(),
            location: "app.ndjson".into(),
            segments: 1,
            bytes: 1_000,
            entries: 10,
            blocks: 1,
            indexed_bytes: 0,
            index_bytes: 300,
            head: Some("1000:ab".into()),
        };
        assert_eq!(
            text(&index, Paint::NONE),
            "app.ndjson: indexed\n  \
             size         1,000 bytes in 10 entries\n  \
             index        300 B of 1 block\n  \
             head         1000:ab\n"
        );
        let plain = text(&IndexReport { head: None, ..index }, Paint::NONE);
        assert!(plain.contains("head         none"), "{plain}");
    }
}
