//! JSON text in the styles that writers of journals use, with holes for what differs per line.

use std::io::Write;

/// What is filled in anew for each line.
#[derive(Clone, Copy, Debug)]
pub(super) enum Hole {
    Sequence,
    Seconds,
    Millis,
    Micros,
    /// Seconds with an exponent, `1.700000000123e9`.
    Exponent,
}

/// A value to be written. Numbers are text, to keep their shape.
#[derive(Clone, Debug)]
pub(super) enum Json {
    Null,
    Bool(bool),
    Number(String),
    Text(String),
    List(Vec<Json>),
    Object(Vec<(String, Json)>),
    Hole(Hole),
}

/// How a writer formats.
#[derive(Clone, Copy, Debug)]
pub(super) struct Style {
    /// `", "` and `": "` rather than `","` and `":"`.
    pub spaced: bool,
    /// Everything but printable ASCII as `\uXXXX`.
    pub ascii: bool,
}

/// A line, without its newline, with holes at byte offsets.
#[derive(Debug, Default)]
pub(super) struct Template {
    text: Vec<u8>,
    holes: Vec<(usize, Hole)>,
}

impl Template {
    pub(super) fn new(value: &Json, style: Style) -> Self {
        let mut template = Self::default();
        template.value(value, style);
        template
    }

    /// The length with the longest filling.
    pub(super) fn longest(&self) -> usize {
        self.text.len() + self.holes.len() * "1700000000.123456".len()
    }

    pub(super) fn shortest(&self) -> usize {
        self.text.len() + self.holes.len()
    }

    pub(super) fn fill(&self, out: &mut Vec<u8>, mut filling: impl FnMut(Hole, &mut Vec<u8>)) {
        let mut from = 0;
        for &(at, hole) in &self.holes {
            out.extend_from_slice(&self.text[from..at]);
            filling(hole, out);
            from = at;
        }
        out.extend_from_slice(&self.text[from..]);
    }

    fn value(&mut self, value: &Json, style: Style) {
        match value {
            Json::Null => self.raw("null"),
            Json::Bool(true) => self.raw("true"),
            Json::Bool(false) => self.raw("false"),
            Json::Number(number) => self.raw(number),
            Json::Text(text) => self.text(text, style.ascii),
            Json::Hole(hole) => self.holes.push((self.text.len(), *hole)),
            Json::List(items) => {
                self.raw("[");
                for (index, item) in items.iter().enumerate() {
                    self.separator(index, style);
                    self.value(item, style);
                }
                self.raw("]");
            }
            Json::Object(fields) => {
                self.raw("{");
                for (index, (name, item)) in fields.iter().enumerate() {
                    self.separator(index, style);
                    self.text(name, style.ascii);
                    self.raw(if style.spaced { ": " } else { ":" });
                    self.value(item, style);
                }
                self.raw("}");
            }
        }
    }

    fn separator(&mut self, index: usize, style: Style) {
        if index > 0 {
            self.raw(if style.spaced { ", " } else { "," });
        }
    }

    fn raw(&mut self, text: &str) {
        self.text.extend_from_slice(text.as_bytes());
    }

    fn text(&mut self, text: &str, ascii: bool) {
        self.raw("\"");
        for char in text.chars() {
            match char {
                '"' => self.raw("\\\""),
                '\\' => self.raw("\\\\"),
                '\n' => self.raw("\\n"),
                '\r' => self.raw("\\r"),
                '\t' => self.raw("\\t"),
                '\u{8}' => self.raw("\\b"),
                '\u{c}' => self.raw("\\f"),
                '\0'..='\x1f' => self.escape(char as u16),
                ' '..='~' => self.text.push(char as u8),
                _ if ascii => {
                    let mut units = [0; 2];
                    for unit in char.encode_utf16(&mut units) {
                        self.escape(*unit);
                    }
                }
                _ => self.raw(char.encode_utf8(&mut [0; 4])),
            }
        }
        self.raw("\"");
    }

    fn escape(&mut self, unit: u16) {
        write!(self.text, "\\u{unit:04x}").expect("writing to memory does not fail");
    }
}
