//! Seeing that a record cannot hold a text, without looking for fields.

use memchr::memmem::Finder;

/// A text that must be in a record as it is, or spelt with an escape.
#[derive(Clone, Debug)]
pub struct Needle {
    text: Finder<'static>,
    /// What every escape begins with that could spell a character of it.
    escape: Finder<'static>,
}

impl Needle {
    /// `None` for a number: it can be spelt in several ways.
    pub fn new(text: &str) -> Option<Self> {
        if text.parse::<f64>().is_ok() {
            return None;
        }
        let short = |byte: u8| matches!(byte, b'"' | b'\\' | b'/') || byte.is_ascii_control();
        let escape = match text.is_ascii() {
            _ if text.bytes().any(short) => "\\",
            true => "\\u00",
            false => "\\u",
        };
        let owned = |text: &str| Finder::new(text).into_owned();
        Some(Self { text: owned(text), escape: owned(escape) })
    }

    /// Whether no string in this record is the text. False also where only a closer look would tell.
    pub fn is_missing(&self, record: &[u8]) -> bool {
        self.text.find(record).is_none() && self.escape.find(record).is_none()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_missing_only_if_no_spelling_of_it_is_there() {
        let cases = [
            ("done", r#"{"a":"done"}"#, false),
            ("done", r#"{"a":"don\n"}"#, true),
            ("done", r#"{"a":"\u0064one"}"#, false),
            ("done", r#"{"a":"\u4e2d"}"#, true),
            ("\u{e9}t\u{e9}", r#"{"a":"\u00e9t\u00e9"}"#, false),
            ("\u{e9}t\u{e9}", r#"{"a":"\/\n"}"#, true),
            ("中", r#"{"a":"\u4e2d"}"#, false),
            ("a/b", r#"{"a":"a\/b"}"#, false),
            ("a/b", r#"{"a":"b/a"}"#, true),
            ("a\nb", r#"{"a":"a\nb"}"#, false),
            ("", r#"{"a":1}"#, false),
        ];
        for (text, record, missing) in cases {
            let needle = Needle::new(text).unwrap();
            assert_eq!(needle.is_missing(record.as_bytes()), missing, "{text:?} in {record}");
        }
    }

    #[test]
    fn numbers_are_spelt_in_several_ways() {
        for text in ["5", "-1e3", "NaN", "inf"] {
            assert!(Needle::new(text).is_none(), "{text}");
        }
    }
}
