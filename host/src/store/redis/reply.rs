//! Taking replies of Redis apart. What a server sends is hostile until it has been checked: a reply of
//! another shape is an error, never a panic.

use redis::Value;

use super::super::{Position, StoreError, StoreErrorKind};
use super::id;

/// One entry of a stream as the engine wants it.
#[derive(Debug)]
pub struct Entry {
    pub at: Position,
    /// The field `data`; `None` if the entry has none. Of several the first.
    pub data: Option<Vec<u8>>,
}

/// A reply that Redis does not send.
pub fn unexpected(what: &str) -> StoreError {
    StoreError::new(
        StoreErrorKind::Failed,
        format!("the server's reply to {what} has an unknown shape; is it a Redis of version 7?"),
    )
}

/// The elements of an array or a set; a missing one has none.
pub fn array(value: Value) -> Option<Vec<Value>> {
    match value {
        Value::Array(items) | Value::Set(items) => Some(items),
        Value::Map(pairs) => Some(pairs.into_iter().flat_map(|(k, v)| [k, v]).collect()),
        Value::Nil => Some(Vec::new()),
        _ => None,
    }
}

pub fn bytes(value: Value) -> Option<Vec<u8>> {
    match value {
        Value::BulkString(bytes) => Some(bytes),
        Value::SimpleString(text) => Some(text.into_bytes()),
        Value::Okay => Some(b"OK".to_vec()),
        _ => None,
    }
}

pub fn text(value: Value) -> Option<String> {
    bytes(value).and_then(|bytes| String::from_utf8(bytes).ok())
}

pub fn number(value: &Value) -> Option<u64> {
    match value {
        Value::Int(number) => u64::try_from(*number).ok(),
        Value::BulkString(bytes) => std::str::from_utf8(bytes).ok()?.parse().ok(),
        _ => None,
    }
}

/// The value of a field in a flat list of names and values, as the `XINFO` commands send.
pub fn field(value: Value, name: &str) -> Option<Value> {
    let mut items = array(value)?.into_iter();
    while let (Some(key), Some(value)) = (items.next(), items.next()) {
        if bytes(key).is_some_and(|key| key == name.as_bytes()) {
            return Some(value);
        }
    }
    None
}

/// The entries of an `XRANGE`.
pub fn entries(value: Value) -> Option<Vec<Entry>> {
    array(value)?.into_iter().map(entry).collect()
}

/// The id of an entry that is not to be taken apart yet.
pub fn id_of(entry: &Value) -> Option<Position> {
    match entry {
        Value::Array(parts) => match parts.first()? {
            Value::BulkString(id) => id::parse(id),
            _ => None,
        },
        _ => None,
    }
}

/// An entry is handed on up to here: the engine needs no more to see that it is too long, and could not
/// hold one of any size.
const MAX_ENTRY: usize = (16 << 20) + 1;

/// One entry: its id and a flat list of fields.
pub fn entry(value: Value) -> Option<Entry> {
    let mut parts = array(value)?.into_iter();
    let at = id::parse(&bytes(parts.next()?)?)?;
    let mut data = field(parts.next()?, "data").and_then(bytes);
    if let Some(bytes) = &mut data {
        bytes.truncate(MAX_ENTRY);
    }
    Some(Entry { at, data })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bulk(text: &str) -> Value {
        Value::BulkString(text.as_bytes().to_vec())
    }

    #[test]
    fn the_first_data_field_counts_and_others_do_not_matter() {
        let fields = ["kind", "event", "data", "a", "x", "y", "data", "b"].map(bulk).to_vec();
        let found = entry(Value::Array(vec![bulk("5-1"), Value::Array(fields)])).unwrap();
        assert_eq!((found.at.major, found.at.minor), (5, 1));
        assert_eq!(found.data.as_deref(), Some(&b"a"[..]));
        let bare = entry(Value::Array(vec![bulk("5-1"), Value::Array(vec![])])).unwrap();
        assert!(bare.data.is_none());
    }

    #[test]
    fn other_shapes_are_refused() {
        for value in [
            Value::Int(3),
            Value::Array(vec![Value::Int(3)]),
            Value::Array(vec![Value::Array(vec![bulk("no id"), Value::Array(vec![])])]),
            Value::Array(vec![Value::Array(vec![bulk("1-1")])]),
        ] {
            assert!(entries(value).is_none());
        }
        assert_eq!(number(&Value::Int(-1)), None);
    }
}
