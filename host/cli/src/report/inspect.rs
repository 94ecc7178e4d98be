//! The report of an inspection.

use papyra_persistence::journal::{Counters, Inspection, Retention};
use serde_json::Value;

use super::scan;
use crate::output::Paint;
use crate::text::{bytes, field, grouped, kinds, printable};

pub(crate) fn text(
    inspection: &Inspection,
    policy: &Retention,
    metrics: Option<&Counters>,
    paint: Paint,
) -> String {
    let i = inspection;
    let mut text = format!("{}\n", paint.bold(&printable(&i.location)));
    field(&mut text, "backend", &printable(&i.backend));
    field(&mut text, "size", &bytes(i.bytes));
    if i.segments > 1 {
        field(&mut text, "segments", &grouped(i.segments.into()));
    }
    field(&mut text, "retention", &crate::text::retention(policy));
    let sampled = if i.sampled { "  (sampled: older records exist)" } else { "" };
    field(&mut text, "records", &format!("{}{sampled}", grouped(i.records)));
    kinds(&mut text, "kinds", &i.kinds);
    if i.damaged > 0 {
        let damaged = format!("{} among them; `scan` lists them", grouped(i.damaged));
        field(&mut text, "damaged", &paint.bad(&damaged));
    }
    scan::span(&mut text, i.oldest, i.newest);
    scan::clock(&mut text, i.untimed, i.from_future, &i.time_note);
    if let Some(metrics) = metrics {
        text.push_str("\n  counters of this run\n");
        if let Value::Object(counters) = super::fields(metrics) {
            for (name, value) in counters {
                text.push_str(&format!(
                    "    {name:<20} {}\n",
                    grouped(value.as_u64().unwrap_or(0))
                ));
            }
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use papyra_persistence::journal::KindCount;
    use papyra_persistence::store::Kind;

    use super::*;

    fn inspection() -> Inspection {
        Inspection {
            backend: "file".into(),
            location: "app.ndjson".into(),
            segments: 1,
            bytes: 3_000_000_000,
            records: 1_000,
            kinds: vec![
                KindCount { kind: Kind::Event, records: 990, bytes: 1 },
                KindCount { kind: Kind::DeadLetter, records: 10, bytes: 1 },
                KindCount { kind: Kind::Metric, records: 0, bytes: 0 },
            ],
            damaged: 0,
            sampled: true,
            oldest: Some(0.0),
            newest: Some(60.0),
            untimed: 0,
            from_future: 0,
            time_note: String::new(),
        }
    }

    #[test]
    fn a_sample_is_marked_as_one_and_only_then() {
        let policy = Retention::default();
        assert_eq!(
            text(&inspection(), &policy, None, Paint::NONE),
            "app.ndjson\n  \
             backend      file\n  \
             size         3,000,000,000 bytes (2.8 GiB)\n  \
             retention    no limits\n  \
             records      1,000  (sampled: older records exist)\n  \
             kinds        event 990, dead_letter 10\n  \
             oldest       1970-01-01T00:00:00Z\n  \
             newest       1970-01-01T00:01:00Z\n"
        );
        let whole = Inspection { sampled: false, ..inspection() };
        assert!(!text(&whole, &policy, None, Paint::NONE).contains("sampled"));
    }

    #[test]
    fn metrics_are_shown_when_asked_for() {
        let metrics = Counters { records_read: 1_000, ..Counters::default() };
        let shown = text(&inspection(), &Retention::default(), Some(&metrics), Paint::NONE);
        assert!(shown.contains("    records_read         1,000\n"), "{shown}");
    }
}
