//! The report of an append.

use papyra_persistence::route::RoutedAppend;
use papyra_persistence::store::Description;
use serde_json::{Value, json};

use crate::output::Paint;
use crate::text::{bytes, count, printable};

/// `only` is the store, where there is no other to go to.
pub(crate) fn text(total: &RoutedAppend, only: Option<&Description>, paint: Paint) -> String {
    let line = |location: &str, records: u64, size: u64| {
        let records = count(records, "record", "records");
        format!("{}: appended {records}, {}\n", paint.bold(&printable(location)), bytes(size))
    };
    let suspects = match total.suspects {
        0 => String::new(),
        some => format!("{} suspect: see scan\n", count(some, "record is", "records are")),
    };
    if let Some(store) = only {
        return line(&store.location, total.records, total.bytes) + &suspects;
    }
    let stores = total.stores.iter();
    let mut text: String =
        stores.map(|store| line(&store.location, store.records, store.bytes)).collect();
    for of in &total.discarded {
        let records = count(of.records, "record", "records");
        text.push_str(&format!("{}: dropped {records}, as the route says\n", of.kind.name()));
    }
    text.push_str(&suspects);
    if text.is_empty() { "nothing to append\n".to_owned() } else { text }
}

pub(crate) fn fields(total: &RoutedAppend, only: Option<&Description>) -> Value {
    match only {
        Some(store) => json!({
            "backend": store.backend,
            "location": store.location,
            "records": total.records,
            "bytes": total.bytes,
            "suspects": total.suspects,
        }),
        None => super::fields(total),
    }
}
