//! `--fields`: parts of a record, each with the bytes that it has in the record.
//!
//! The engine has judged the records, so they are known to be valid. They can hold what strict JSON lacks, such
//! as `NaN`, and a value that was parsed and written again would not be what is stored.

/// Names of fields, in the order in which they are printed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Fields(Vec<String>);

impl Fields {
    /// Parses names between commas.
    pub fn parse(word: &str) -> Result<Self, String> {
        let names: Vec<_> = word.split(',').map(str::to_owned).collect();
        match names.iter().any(String::is_empty) {
            true => Err("write names between commas, such as timestamp,actor.name".into()),
            false => Ok(Self(names)),
        }
    }

    /// An object of those of the fields that the record has.
    pub fn of(&self, record: &str) -> String {
        let mut object = String::from("{");
        for name in &self.0 {
            let Some(value) = find(record, name) else { continue };
            if object.len() > 1 {
                object.push(',');
            }
            object.push_str(&serde_json::Value::from(name.as_str()).to_string());
            object.push(':');
            object.push_str(value);
        }
        object.push('}');
        object
    }
}

/// The value at `path`, as `--where` finds it: that of the field of this very name, or else of nested objects
/// along its dots. Of a name that occurs twice the last one counts.
fn find<'r>(object: &'r str, path: &str) -> Option<&'r str> {
    member(object, path).or_else(|| {
        path.match_indices('.').find_map(|(dot, _)| {
            let value = member(object, path.get(..dot)?)?;
            value.starts_with('{').then(|| find(value, path.get(dot + 1..)?))?
        })
    })
}

fn member<'r>(object: &'r str, name: &str) -> Option<&'r str> {
    let mut found = None;
    each_member(object, |key, value| {
        if spells(key, name) {
            found = Some(value);
        }
    });
    found
}

/// Returns whether a key, without its quotes, is this name.
fn spells(key: &str, name: &str) -> bool {
    match key.contains('\\') {
        true => serde_json::from_str(&format!("\"{key}\"")).is_ok_and(|key: String| key == name),
        false => key == name,
    }
}

/// Visits each member of an object: its key without quotes, and its value.
fn each_member<'r>(object: &'r str, mut visit: impl FnMut(&'r str, &'r str)) {
    let (mut depth, mut at, mut value) = (0_u32, 0, 0);
    let mut key = None;
    while let Some(byte) = object.as_bytes().get(at) {
        let ends = depth == 1 && matches!(byte, b',' | b'}');
        if ends && let (Some(key), Some(value)) = (key.take(), object.get(value..at)) {
            visit(key, value.trim());
        }
        match byte {
            b'"' => {
                let end = string_end(object.as_bytes(), at);
                if depth == 1 && key.is_none() {
                    key = object.get(at + 1..end);
                }
                at = end;
            }
            b':' if depth == 1 => value = at + 1,
            b'{' | b'[' => depth += 1,
            b'}' | b']' if depth == 1 => return,
            b'}' | b']' => depth = depth.saturating_sub(1),
            _ => {}
        }
        at += 1;
    }
}

/// The index of the quote that ends the string which begins at `open`.
fn string_end(bytes: &[u8], open: usize) -> usize {
    let mut at = open + 1;
    loop {
        match bytes.get(at) {
            Some(b'\\') => at += 2,
            Some(b'"') | None => return at,
            Some(_) => at += 1,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_keep_their_bytes_and_the_order_is_the_callers() {
        let record = r#" {"kind": "event", "timestamp":1.50, "a" : {"b": [1, {"c": "}\""}], "b.c": 0}, "v": NaN, "x.y": -Infinity, "k\u0065y": "\u0041", "d":1, "d":2 , "e":{}} "#;
        for (names, object) in [
            ("timestamp,kind", r#"{"timestamp":1.50,"kind":"event"}"#),
            ("a.b", r#"{"a.b":[1, {"c": "}\""}]}"#),
            ("a.b.c,v", r#"{"a.b.c":0,"v":NaN}"#),
            ("x.y,key,d", r#"{"x.y":-Infinity,"key":"\u0041","d":2}"#),
            ("e,nothing,kind.x,c", r#"{"e":{}}"#),
            ("no \"such", "{}"),
        ] {
            assert_eq!(Fields::parse(names).unwrap().of(record), object, "{names}");
        }
    }

    #[test]
    fn a_name_is_not_empty() {
        for word in ["", "a,", ",", "a,,b"] {
            assert!(Fields::parse(word).unwrap_err().contains("commas"), "{word:?}");
        }
    }

    #[test]
    fn what_is_no_object_has_no_fields() {
        for record in ["", "{", r#"{"a"#, r#"{"a":"#, r#"{"a":"\"#, "}", "]]", r#""a":1"#] {
            assert_eq!(Fields::parse("a").unwrap().of(record), "{}", "{record}");
        }
    }
}
