//! The timestamp of a record, as merging needs it.

use serde::Deserialize;

use crate::journal::strict_json;

/// The timestamp of a stored line; `None` if it has none that can be compared. The engine has
/// judged the line, which may hold what strict JSON does not have.
pub(super) fn of(line: &str) -> Option<f64> {
    #[derive(Deserialize)]
    struct Head {
        timestamp: Option<f64>,
    }
    let parsed = serde_json::from_str::<Head>(line).or_else(|error| {
        // Papyra writes `NaN`, which would hide a timestamp that is sound.
        if line.contains("NaN") || line.contains("Infinity") {
            serde_json::from_str(&strict_json(line))
        } else {
            Err(error)
        }
    });
    parsed.ok()?.timestamp.filter(|timestamp| timestamp.is_finite())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_timestamp_is_found_whatever_papyra_writes_beside_it() {
        for (line, stamp) in [
            (r#"{"kind": "event", "timestamp": 1.5}"#, Some(1.5)),
            (r#"{"a": {"timestamp": 9}, "timestamp": 2, "x": "\ud800"}"#, Some(2.0)),
            (r#"{"value": NaN, "b": "NaN", "timestamp": 3}"#, Some(3.0)),
            (r#"{"timestamp": NaN}"#, None),
            (r#"{"timestamp": "4"}"#, None),
            (r#"{"kind": "event"}"#, None),
        ] {
            assert_eq!(of(line), stamp, "{line}");
        }
    }
}
