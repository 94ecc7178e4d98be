//! Consumer groups, as lines and tables.

use comfy_table::{CellAlignment, Table};
use papyra_persistence::consumer::{ConsumerInfo, GroupInfo, PendingEntry, PendingSummary};
use papyra_persistence::store::Kind;
use serde_json::{Value, json};

use crate::output::Paint;
use crate::text::{count, duration, field, grouped, printable};

/// A lag that the backend does not know is unknown, never 0.
pub(crate) fn lag(lag: Option<u64>) -> String {
    lag.map_or_else(|| "unknown".to_owned(), grouped)
}

/// A group, with the kind that it consumes in front.
pub(crate) fn fields(kind: Kind, group: &GroupInfo) -> Value {
    super::joined([json!({ "kind": kind.name() }), super::fields(group)])
}

/// All groups and how far behind they are.
pub(crate) fn list(groups: &[(Kind, GroupInfo)]) -> String {
    if groups.is_empty() {
        return "no groups\n".to_owned();
    }
    let rows = groups.iter().map(|(kind, group)| {
        [
            group.name.clone(),
            kind.name().to_owned(),
            grouped(group.consumers),
            grouped(group.pending),
            lag(group.lag),
            group.last_delivered.clone(),
        ]
    });
    let headings = ["GROUP", "KIND", "CONSUMERS", "PENDING", "LAG", "LAST DELIVERED"];
    table(headings, [false, false, true, true, true, false], rows)
}

/// Entries that were handed out and not acknowledged.
pub(crate) fn pending(entries: &[PendingEntry]) -> String {
    if entries.is_empty() {
        return "nothing pending\n".to_owned();
    }
    let row = |entry: &PendingEntry| {
        [
            entry.id.clone(),
            entry.consumer.clone(),
            duration(entry.idle_ms as f64 / 1e3),
            grouped(entry.deliveries),
        ]
    };
    let headings = ["ID", "CONSUMER", "IDLE", "DELIVERIES"];
    table(headings, [false, false, true, true], entries.iter().map(row))
}

/// One group and its consumers.
pub(crate) fn one(
    title: &str,
    info: &GroupInfo,
    summary: &PendingSummary,
    consumers: &[ConsumerInfo],
    paint: Paint,
) -> String {
    let mut text = format!("{}\n", paint.bold(title));
    field(&mut text, "delivered", &format!("up to {}", printable(&info.last_delivered)));
    field(&mut text, "lag", &lag(info.lag));
    let span = match (&summary.min, &summary.max) {
        (Some(min), Some(max)) => format!("  ({} to {})", printable(min), printable(max)),
        _ => String::new(),
    };
    field(&mut text, "pending", &format!("{}{span}", grouped(summary.count)));
    field(&mut text, "consumers", &grouped(info.consumers));
    for consumer in consumers {
        let (name, pending) = (printable(&consumer.name), grouped(consumer.pending));
        field(
            &mut text,
            "",
            &format!("{name}: {pending} pending, idle {}", idle(consumer.idle_ms)),
        );
    }
    text
}

/// An idle time in whole units of its largest one.
fn idle(millis: u64) -> String {
    let seconds = millis / 1_000;
    match seconds {
        0..60 => format!("{seconds} s"),
        60..3_600 => count(seconds / 60, "minute", "minutes"),
        3_600..86_400 => count(seconds / 3_600, "hour", "hours"),
        _ => count(seconds / 86_400, "day", "days"),
    }
}

/// Rows under headings. Numbers stand to the right.
fn table<const N: usize>(
    headings: [&str; N],
    numeric: [bool; N],
    rows: impl IntoIterator<Item = [String; N]>,
) -> String {
    let mut table = Table::new();
    table.load_style(comfy_table::presets::NOTHING).add_row(headings);
    for row in rows {
        table.add_row(row.map(|cell| printable(&cell).into_owned()));
    }
    for (column, numeric) in table.column_iter_mut().zip(numeric) {
        column.set_padding((0, 2));
        if numeric {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    table.trim_fmt() + "\n"
}

#[cfg(test)]
mod tests {
    use papyra_persistence::consumer::ConsumerPending;

    use super::*;

    #[test]
    fn an_unknown_lag_is_shown_as_unknown() {
        let info = GroupInfo {
            name: "billing".into(),
            consumers: 2,
            pending: 3,
            last_delivered: "9-0".into(),
            lag: None,
        };
        let summary = PendingSummary {
            count: 3,
            min: Some("1-0".into()),
            max: Some("9-0".into()),
            consumers: vec![ConsumerPending { consumer: "b1".into(), count: 3 }],
        };
        let consumer = |name: &str, pending, idle_ms| ConsumerInfo {
            name: name.into(),
            pending,
            idle_ms,
            inactive_ms: None,
        };
        let consumers = [consumer("b1", 3, 59_999), consumer("b\u{7}", 0, 7_300_000)];
        assert_eq!(
            one("billing (event)", &info, &summary, &consumers, Paint::NONE),
            "billing (event)\n  delivered    up to 9-0\n  lag          unknown\n  \
             pending      3  (1-0 to 9-0)\n  consumers    2\n  \
             \u{20}            b1: 3 pending, idle 59 s\n  \
             \u{20}            b\\u{7}: 0 pending, idle 2 hours\n"
        );
        assert_eq!(fields(Kind::Event, &info)["lag"], Value::Null);
    }

    #[test]
    fn columns_are_as_wide_as_what_is_in_them() {
        let row = |name: &str, count: &str| [name.to_owned(), count.to_owned()];
        let rows = [row("billing", "7"), row("a\u{1b}[31m", "1,200")];
        assert_eq!(
            table(["GROUP", "PENDING"], [false, true], rows),
            "GROUP        PENDING\nbilling            7\na\\u{1b}[31m    1,200\n"
        );
    }
}
