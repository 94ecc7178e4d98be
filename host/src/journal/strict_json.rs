//! Records for readers of strict JSON.

/// Returns a record as strict JSON: `NaN` and infinities, which Papyra writes and JSON lacks, become
/// `null`.
#[must_use]
pub fn strict_json(record: &str) -> std::borrow::Cow<'_, str> {
    if !record.contains("NaN") && !record.contains("Infinity") {
        return record.into();
    }
    let mut text = String::with_capacity(record.len());
    let mut rest = record;
    while let Some(next) = rest.chars().next() {
        let length = match next {
            '"' => string_length(rest),
            _ => {
                let words = ["NaN", "-Infinity", "Infinity"];
                if let Some(word) = words.iter().find(|word| rest.starts_with(**word)) {
                    text.push_str("null");
                    rest = rest.get(word.len()..).unwrap_or_default();
                    continue;
                }
                next.len_utf8()
            }
        };
        let (piece, left) = rest.split_at(length);
        text.push_str(piece);
        rest = left;
    }
    text.into()
}

/// The length of the string that `text` begins with, quotes included.
fn string_length(text: &str) -> usize {
    let mut escaped = false;
    for (index, byte) in text.bytes().enumerate().skip(1) {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' => return index + 1,
            _ => {}
        }
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_that_json_lacks_become_null_and_strings_stay() {
        for (record, expected) in [
            (r#"{"a":1}"#, r#"{"a":1}"#),
            (r#"{"a":NaN,"b":[-Infinity,Infinity]}"#, r#"{"a":null,"b":[null,null]}"#),
            (r#"{"NaN":"a \"NaN\\","é":NaN}"#, r#"{"NaN":"a \"NaN\\","é":null}"#),
            (r#"{"a":"Infinity"}"#, r#"{"a":"Infinity"}"#),
        ] {
            assert_eq!(strict_json(record), expected);
            assert!(serde_json::from_str::<serde_json::Value>(&strict_json(record)).is_ok());
        }
    }
}
