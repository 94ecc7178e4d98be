//! The figures of a store.

use papyra_persistence::metrics::StoreLook;
use serde_json::{Value, json};

use super::groups::{self, lag};
use super::scan;
use crate::output::Paint;
use crate::text::{bytes, field, grouped, kinds, printable};

pub(crate) fn text(look: &StoreLook, paint: Paint) -> String {
    let mut text = format!("{}\n", paint.bold(&printable(&look.location)));
    let Some(found) = &look.scan else { return text };
    field(&mut text, "backend", &printable(&found.backend));
    field(&mut text, if found.sampled { "read" } else { "size" }, &bytes(found.bytes));
    if found.segments > 1 {
        field(&mut text, "segments", &grouped(found.segments.into()));
    }
    let sampled = if found.sampled { "  (sampled: older records exist)" } else { "" };
    field(&mut text, "records", &format!("{}{sampled}", grouped(found.records)));
    kinds(&mut text, "kinds", &found.kinds);
    scan::span(&mut text, found.oldest, found.newest);
    scan::clock(&mut text, found.untimed, found.from_future, &found.time_note);
    for one in &found.anomalies {
        let counted = format!("{} {}", printable(&one.anomaly), grouped(one.count));
        field(&mut text, "anomaly", &paint.doubtful(&counted));
    }
    for (kind, group) in &look.groups {
        let (name, pending) = (printable(&group.name), grouped(group.pending));
        let line = format!("{name} ({}): {pending} pending, lag {}", kind.name(), lag(group.lag));
        field(&mut text, "group", &line);
    }
    text
}

/// The fields of a document: those of a scan, less its findings, and the groups.
pub(crate) fn fields(look: &StoreLook) -> Value {
    let scan = look.scan.as_ref().map_or(Value::Null, super::fields);
    let groups: Vec<_> =
        look.groups.iter().map(|(kind, group)| groups::fields(*kind, group)).collect();
    let took = look.checked.map(|(_, took)| took.as_secs_f64());
    let mut fields = json!({ "groups": groups, "duration_seconds": took });
    if let (Value::Object(fields), Value::Object(scan)) = (&mut fields, scan) {
        // The counts are enough; `scan` lists the findings.
        fields.extend(scan.into_iter().filter(|(name, _)| !name.starts_with("findings")));
    }
    fields
}

#[cfg(test)]
mod tests {
    use papyra_persistence::consumer::GroupInfo;
    use papyra_persistence::store::Kind;

    use super::super::scan::tests::damaged;
    use super::*;

    fn seen() -> StoreLook {
        let group = GroupInfo {
            name: "billing".into(),
            consumers: 2,
            pending: 3,
            lag: None,
            last_delivered: "1763700000123-0".into(),
        };
        StoreLook {
            location: "/var/log/app.ndjson".into(),
            up: true,
            scan: Some(damaged()),
            groups: vec![(Kind::Event, group)],
            ..StoreLook::default()
        }
    }

    #[test]
    fn people_see_what_there_is_and_what_is_wrong() {
        let shown = text(&seen(), Paint::NONE);
        for line in [
            "  records      10\n",
            "  anomaly      malformed_json 1\n",
            "  group        billing (event): 3 pending, lag unknown\n",
        ] {
            assert!(shown.contains(line), "{shown}");
        }
    }

    #[test]
    fn programs_get_counts_and_no_list() {
        let fields = fields(&seen());
        assert_eq!(fields["anomalies"]["malformed_json"], 1);
        assert_eq!(fields["groups"][0]["lag"], Value::Null);
        assert!(fields.get("findings").is_none() && fields.get("findings_total").is_none());
    }
}
