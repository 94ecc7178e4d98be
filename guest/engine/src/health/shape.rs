//! Whether a segment looks like a journal at all.
//!
//! A repair drops what is not a record. Of a file that never was a journal that can be everything, so
//! such a file is refused before anything is changed.

use crate::health::salvage::filler_at;
use crate::health::scan::Judged;
use crate::walk::Entry;

/// Up to so many lines, all of them must lose text before a segment is refused; beyond, more than half.
const FEW: u64 = 8;

/// What the lines of a segment look like together.
#[derive(Clone, Debug, Default)]
pub struct Shape {
    /// Lines that carry anything, but for a torn last one.
    lines: u64,
    /// Lines that hold whole records.
    holding: u64,
    /// Those of them that would lose text.
    losing: u64,
    /// Lines that would be dropped whole.
    dropped: u64,
    /// The first and the last byte that is no filler.
    ends: Option<(u8, u8)>,
    foreign: Option<(&'static str, &'static str)>,
    /// Records share an entry that the store framed.
    pub joined: bool,
    /// Something is not as it should be.
    pub anomalous: bool,
}

impl Shape {
    /// Adds a line, and what a closer look has shown if it is anomalous.
    pub fn add(&mut self, entry: &Entry<'_>, judged: Option<&Judged>) {
        let Some(judged) = judged else {
            (self.lines, self.holding) = (self.lines + 1, self.holding + 1);
            let (first, _) = self.ends.unwrap_or((b'{', b'}'));
            self.ends = Some((first, b'}'));
            return;
        };
        self.anomalous = true;
        self.foreign = self.foreign.or(judged.foreign);
        self.joined |= judged.salvage.records > 0;
        self.note_ends(entry.bytes);
        let salvage = &judged.salvage;
        if entry.envelope.is_some() || salvage.records > 0 {
            self.lines += 1;
            self.holding += 1;
            self.losing += u64::from(salvage.loses_text);
        } else if salvage.loses_text || salvage.lost == 0 {
            let begins = entry.bytes.get(filler_at(entry.bytes)) == Some(&b'{');
            if entry.terminated || !begins {
                self.lines += 1;
                self.dropped += 1;
            }
        }
    }

    fn note_ends(&mut self, bytes: &[u8]) {
        let first = bytes.get(filler_at(bytes)).copied();
        let last = bytes.iter().rev().find(|byte| !byte.is_ascii_whitespace() && **byte != 0);
        if let (Some(first), Some(last)) = (first, last) {
            let (first, _) = self.ends.unwrap_or((first, *last));
            self.ends = Some((first, *last));
        }
    }

    /// Adds the lines of another segment.
    pub fn merge(&mut self, other: &Self) {
        self.lines += other.lines;
        self.holding += other.holding;
        self.losing += other.losing;
        self.dropped += other.dropped;
    }

    /// The reason why no recovery can serve.
    pub fn is_foreign(&self) -> Option<String> {
        let (name, hint) = self.foreign?;
        Some(format!("it is {name}, not NDJSON in UTF-8; {hint}, and look at the result"))
    }

    /// The reason why this cannot be a journal.
    pub fn is_no_journal(&self) -> Option<String> {
        let Self { lines, holding, losing, dropped, .. } = *self;
        let most = |part: u64, of: u64| if of > FEW { part > of / 2 } else { part == of };
        if self.ends == Some((b'[', b']')) {
            Some("it is one JSON array; a journal has one record per line".to_owned())
        } else if holding > 1 && most(losing, holding) {
            Some(format!("{losing} of the {holding} lines with records have other text as well"))
        } else if lines > FEW && dropped > lines / 2 {
            Some(format!("{dropped} of its {lines} lines hold no record"))
        } else if holding == 0 && dropped > 0 {
            Some(format!("none of its lines holds a record ({dropped} in all)"))
        } else {
            None
        }
    }
}
