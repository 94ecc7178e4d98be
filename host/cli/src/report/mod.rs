//! The reports of the commands, one file each: `text()` for people. Their JSON is the library's, from
//! `serde`; the command adds `schema`.

pub(crate) mod append;
pub(crate) mod compact;
pub(crate) mod groups;
pub(crate) mod index;
pub(crate) mod inspect;
pub(crate) mod metrics;
pub(crate) mod recover;
pub(crate) mod scan;
pub(crate) mod startup_check;
pub(crate) mod verify;

use serde::Serialize;
use serde_json::{Map, Value, json};

/// Raised when a document changes in a way that its readers have to know.
const SCHEMA: u32 = 2;

/// The schema of the documents of this name.
pub(crate) fn schema(name: &str) -> String {
    format!("papyra.{name}/{SCHEMA}")
}

/// A document: its schema, then the fields of each part.
pub(crate) fn document<const N: usize>(name: &str, parts: [Value; N]) -> Value {
    joined([json!({ "schema": schema(name) }), joined(parts)])
}

/// One object with the fields of each part.
pub(crate) fn joined<const N: usize>(parts: [Value; N]) -> Value {
    let mut fields = Map::new();
    for part in parts {
        if let Value::Object(part) = part {
            fields.extend(part);
        }
    }
    Value::Object(fields)
}

/// A report as the fields of a document.
pub(crate) fn fields(report: &impl Serialize) -> Value {
    // The reports have names as keys, so nothing can fail.
    serde_json::to_value(report).unwrap_or_default()
}
