//! How values of this command look to people, on top of what every report needs.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;

use papyra_persistence::journal::{KindCount, KindLimits, Limits, Retention};
pub(super) use papyra_report::text::{bytes, count, field, grouped, printable, size};

/// A length of time in its largest whole unit.
pub(super) fn duration(seconds: f64) -> String {
    for (length, one, many) in
        [(86_400.0, "day", "days"), (3_600.0, "hour", "hours"), (60.0, "minute", "minutes")]
    {
        if seconds >= length && seconds % length == 0.0 && seconds < 1e15 {
            return count((seconds / length) as u64, one, many);
        }
    }
    format!("{seconds} s")
}

/// A line for how many records there are of which kind.
pub(super) fn kinds(text: &mut String, label: &str, counts: &[KindCount]) {
    papyra_report::text::kinds(text, label, &by_kind(counts));
}

/// Names of kinds with their numbers of records.
pub(super) fn by_kind(counts: &[KindCount]) -> Vec<(&'static str, u64)> {
    counts.iter().map(|count| (count.kind.name(), count.records)).collect()
}

/// A word as one types it in a shell, whatever bytes it has.
pub(super) fn quoted(word: &OsStr) -> String {
    papyra_report::text::quoted(word.as_bytes())
}

/// A retention policy in one line.
pub(super) fn retention(policy: &Retention) -> String {
    let mut parts = limits(&policy.journal);
    for KindLimits { kind: of, limits: more } in &policy.per_kind {
        parts.extend(limits(more).into_iter().map(|limit| format!("{}: {limit}", of.name())));
    }
    if parts.is_empty() { "no limits".to_owned() } else { parts.join(", ") }
}

fn limits(limits: &Limits) -> Vec<String> {
    let Limits { max_records, max_age_seconds, max_total_bytes } = limits;
    let mut parts = Vec::new();
    if let Some(records) = max_records {
        parts.push(format!("at most {}", count(*records, "record", "records")));
    }
    if let Some(age) = max_age_seconds {
        parts.push(format!("at most {} old", duration(*age)));
    }
    if let Some(total) = max_total_bytes {
        parts.push(format!("at most {}", bytes(*total)));
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_use_whole_units() {
        assert_eq!(duration(30.0 * 86_400.0), "30 days");
        assert_eq!(duration(5400.0), "90 minutes");
        assert_eq!(duration(1.5), "1.5 s");
        assert_eq!(duration(0.0), "0 s");
    }
}
