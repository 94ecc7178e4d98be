//! How the records of a store say their kind and their time.

use std::rc::Rc;

use super::fields::{Fields, LONGEST, kind_at, value_after};
use super::verdict::{Kind, Suspect};
use super::{lookup, string, time, word};
use crate::bindings::papyra::persistence::storage::{Profile, TimeFormat};

/// As Papyra writes them, or as a profile says. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub enum Form {
    /// `kind` and `timestamp`.
    #[default]
    Papyra,
    /// What another program wrote.
    Foreign(Rc<Foreign>),
}

impl Form {
    /// The form of a store with this profile.
    pub fn of(profile: Option<Profile>) -> Self {
        let Some(Profile { kind_field, time_field, time_format }) = profile else {
            return Self::Papyra;
        };
        let (kind, time) = (kind_field.map(Name::new), Name::new(time_field));
        Self::Foreign(Rc::new(Foreign { kind, time, format: time_format }))
    }

    pub fn is_foreign(&self) -> bool {
        matches!(self, Self::Foreign(_))
    }

    /// The length of the shortest sound record, in bytes.
    pub fn shortest(&self) -> usize {
        match self {
            Self::Papyra => br#"{"kind":"event","timestamp":0}"#.len(),
            Self::Foreign(_) => br#"{"t":0}"#.len(),
        }
    }

    /// Tells this form apart from all others; empty for Papyra's own.
    pub fn signature(&self) -> String {
        match self {
            Self::Papyra => String::new(),
            Self::Foreign(of) => {
                let kind = of.kind.as_ref().map(|kind| &kind.text);
                format!("{kind:?} {:?} {:?}", of.time.text, of.format)
            }
        }
    }
}

/// The names of another program.
#[derive(Debug)]
pub struct Foreign {
    /// Without one every record is an event.
    kind: Option<Name>,
    time: Name,
    format: TimeFormat,
}

/// The name of a field at the top level or, if there is none of that name, its path along the dots.
#[derive(Debug)]
struct Name {
    text: String,
    /// 0 if it is too long to be found in passing.
    length: u32,
    /// Its first eight bytes, padded with zeros.
    head: u64,
}

impl Name {
    fn new(text: String) -> Self {
        let length = u32::try_from(text.len()).ok().filter(|length| *length <= LONGEST);
        let head = word::of(text.get(..8).unwrap_or(&text));
        Self { length: length.unwrap_or(0), head, text }
    }

    /// Whether it stands before `buf[end]`.
    #[inline(always)]
    fn ends_at(&self, buf: &[u8], end: usize) -> bool {
        let Some(from) = end.checked_sub(self.length as usize) else { return false };
        let begins = word::at(buf, from)
            .is_none_or(|found| word::first(found, self.length.clamp(1, 8)) == self.head);
        // The first word tells nearly all other names apart, and the names of most programs are no longer.
        begins
            && (self.length <= 8 && from + 8 <= buf.len()
                || buf.get(from..end) == Some(self.text.as_bytes()))
    }

    /// Where its value begins in the record at `buf[start]`.
    #[inline(always)]
    fn value(&self, buf: &[u8], start: usize, key: Option<usize>) -> Option<usize> {
        match key {
            Some(end) => Some(value_after(buf, end)),
            None if self.length == 0 || self.text.contains('.') => {
                lookup::find(buf, start, &self.text)
            }
            None => None,
        }
    }
}

impl Fields for Foreign {
    #[inline(always)]
    fn lengths(&self) -> (u32, u32) {
        (self.kind.as_ref().map_or(0, |kind| kind.length), self.time.length)
    }

    #[inline(always)]
    fn is_kind(&self, buf: &[u8], end: usize) -> bool {
        self.kind.as_ref().is_some_and(|kind| kind.ends_at(buf, end))
    }

    #[inline(always)]
    fn is_time(&self, buf: &[u8], end: usize) -> bool {
        self.time.ends_at(buf, end)
    }

    fn spells(&self, body: &[u8]) -> (bool, bool) {
        let kind = self.kind.as_ref().is_some_and(|kind| string::spells(body, &kind.text));
        (kind, string::spells(body, &self.time.text))
    }

    #[inline(always)]
    fn kind(&self, buf: &[u8], start: usize, key: Option<usize>) -> Result<Kind, Suspect> {
        let Some(kind) = &self.kind else { return Ok(Kind::Event) };
        let at = kind.value(buf, start, key).ok_or(Suspect::MISSING_KIND)?;
        kind_at(buf, at).ok_or(Suspect::UNKNOWN_KIND)
    }

    #[inline(always)]
    fn time(&self, buf: &[u8], start: usize, key: Option<usize>) -> Option<f64> {
        time::parse(self.format, buf, self.time.value(buf, start, key)?)
    }
}
