//! Columns for people.

use super::super::text;

/// Rows under headings, columns as wide as their widest cell. Numbers stand to the right.
pub(super) fn render<const N: usize>(
    headings: [&str; N],
    numeric: [bool; N],
    rows: &[[String; N]],
) -> String {
    let rows: Vec<[String; N]> = rows
        .iter()
        .map(|row| row.each_ref().map(|cell| text::printable(cell).into_owned()))
        .collect();
    let mut widths = headings.map(|heading| heading.chars().count());
    for row in &rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let mut table = String::new();
    let headings = headings.map(str::to_owned);
    for row in std::iter::once(&headings).chain(&rows) {
        let mut line = String::new();
        for ((cell, width), numeric) in row.iter().zip(widths).zip(numeric) {
            if !line.is_empty() {
                line.push_str("  ");
            }
            let cell = if numeric { format!("{cell:>width$}") } else { format!("{cell:<width$}") };
            line.push_str(&cell);
        }
        table.push_str(line.trim_end());
        table.push('\n');
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_wide_as_what_is_in_them() {
        let row = |name: &str, count: &str| [name.to_owned(), count.to_owned()];
        let rows = [row("billing", "7"), row("a\u{1b}[31m", "1,200")];
        assert_eq!(
            render(["GROUP", "PENDING"], [false, true], &rows),
            "GROUP        PENDING\nbilling            7\na\\u{1b}[31m    1,200\n"
        );
    }
}
