//! What can be wrong with a journal, and how a finding is reported.

pub use crate::bindings::exports::papyra::persistence::journal::{Finding, Severity};
use crate::host::{Framing, Position};
use crate::json::{Damage, Suspect, Verdict};

/// What is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Anomaly {
    JoinedRecords,
    NullBytes,
    ForeignEncoding,
    TruncatedLine,
    UnterminatedLine,
    MalformedJson,
    InvalidUtf8,
    NotAnObject,
    OversizedEntry,
    MissingData,
    NonstandardNumber,
    MissingKind,
    UnknownKind,
    DuplicateKey,
    InvalidTimestamp,
    KindMismatch,
    OrphanedFile,
    LeftoverTemporary,
    GapInRotation,
}

impl Anomaly {
    /// Every anomaly, in the order in which counts are reported.
    pub const ALL: [Self; 19] = [
        Self::JoinedRecords,
        Self::NullBytes,
        Self::ForeignEncoding,
        Self::TruncatedLine,
        Self::UnterminatedLine,
        Self::MalformedJson,
        Self::InvalidUtf8,
        Self::NotAnObject,
        Self::OversizedEntry,
        Self::MissingData,
        Self::NonstandardNumber,
        Self::MissingKind,
        Self::UnknownKind,
        Self::DuplicateKey,
        Self::InvalidTimestamp,
        Self::KindMismatch,
        Self::OrphanedFile,
        Self::LeftoverTemporary,
        Self::GapInRotation,
    ];

    /// The stable name, as in reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::JoinedRecords => "joined_records",
            Self::NullBytes => "null_bytes",
            Self::ForeignEncoding => "foreign_encoding",
            Self::TruncatedLine => "truncated_line",
            Self::UnterminatedLine => "unterminated_line",
            Self::MalformedJson => "malformed_json",
            Self::InvalidUtf8 => "invalid_utf8",
            Self::NotAnObject => "not_an_object",
            Self::OversizedEntry => "oversized_entry",
            Self::MissingData => "missing_data",
            Self::NonstandardNumber => "nonstandard_number",
            Self::MissingKind => "missing_kind",
            Self::UnknownKind => "unknown_kind",
            Self::DuplicateKey => "duplicate_key",
            Self::InvalidTimestamp => "invalid_timestamp",
            Self::KindMismatch => "kind_mismatch",
            Self::OrphanedFile => "orphaned_file",
            Self::LeftoverTemporary => "leftover_temporary",
            Self::GapInRotation => "gap_in_rotation",
        }
    }

    pub fn severity(self) -> Severity {
        match self {
            Self::JoinedRecords
            | Self::NullBytes
            | Self::ForeignEncoding
            | Self::TruncatedLine
            | Self::UnterminatedLine
            | Self::MalformedJson
            | Self::InvalidUtf8
            | Self::NotAnObject
            | Self::OversizedEntry
            | Self::MissingData => Severity::Damage,
            Self::NonstandardNumber
            | Self::MissingKind
            | Self::UnknownKind
            | Self::DuplicateKey
            | Self::InvalidTimestamp
            | Self::KindMismatch => Severity::Suspect,
            Self::OrphanedFile | Self::LeftoverTemporary | Self::GapInRotation => {
                Severity::Structure
            }
        }
    }

    /// Position in [`ALL`](Self::ALL).
    pub fn index(self) -> usize {
        self as usize
    }
}

impl From<Damage> for Anomaly {
    fn from(damage: Damage) -> Self {
        match damage {
            Damage::Malformed => Self::MalformedJson,
            Damage::InvalidUtf8 => Self::InvalidUtf8,
            Damage::NotAnObject => Self::NotAnObject,
        }
    }
}

/// A set of anomalies of one entry.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Anomalies(u32);

impl Anomalies {
    pub fn only(anomaly: Anomaly) -> Self {
        Self(1 << anomaly.index())
    }

    pub fn insert(&mut self, anomaly: Anomaly) {
        self.0 |= 1 << anomaly.index();
    }

    pub fn contains(self, anomaly: Anomaly) -> bool {
        self.0 & (1 << anomaly.index()) != 0
    }

    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    pub fn iter(self) -> impl Iterator<Item = Anomaly> {
        Anomaly::ALL.into_iter().filter(move |anomaly| self.contains(*anomaly))
    }

    fn any(self, severity: Severity) -> bool {
        self.iter().any(|anomaly| anomaly.severity() == severity)
    }

    pub fn is_damage(self) -> bool {
        !self.is_empty() && self.any(Severity::Damage)
    }

    pub fn is_suspect(self) -> bool {
        !self.is_empty() && self.any(Severity::Suspect)
    }

    /// What a verdict alone says; what the entry's place adds comes from the walk.
    pub fn of(verdict: &Verdict) -> Self {
        let mut set = Self::default();
        match verdict {
            Verdict::Damaged(damage) => set.insert((*damage).into()),
            Verdict::Record(envelope) if envelope.suspect.is_empty() => {}
            Verdict::Record(envelope) => {
                for (flag, anomaly) in [
                    (Suspect::NONSTANDARD_NUMBER, Anomaly::NonstandardNumber),
                    (Suspect::MISSING_KIND, Anomaly::MissingKind),
                    (Suspect::UNKNOWN_KIND, Anomaly::UnknownKind),
                    (Suspect::DUPLICATE_KEY, Anomaly::DuplicateKey),
                    (Suspect::INVALID_TIMESTAMP, Anomaly::InvalidTimestamp),
                ] {
                    if envelope.suspect.contains(flag) {
                        set.insert(anomaly);
                    }
                }
            }
        }
        set
    }
}

impl Finding {
    /// An anomaly of an entry that starts with these bytes.
    pub fn of_entry(
        anomaly: Anomaly,
        segment: &str,
        framing: Framing,
        at: Position,
        length: u64,
        bytes: &[u8],
    ) -> Self {
        let (offset, id) = match framing {
            Framing::Lines => (Some(at.minor), None),
            Framing::Entries => (None, Some(format!("{}-{}", at.major, at.minor))),
        };
        Self { offset, id, ..Self::of_segment(anomaly, segment, length, excerpt(bytes)) }
    }

    /// An anomaly of a segment as a whole.
    pub fn of_segment(anomaly: Anomaly, segment: &str, length: u64, excerpt: String) -> Self {
        Self {
            anomaly: anomaly.name().to_owned(),
            severity: anomaly.severity(),
            segment: segment.to_owned(),
            line: None,
            offset: None,
            id: None,
            length,
            salvageable: 0,
            ambiguous: 0,
            hint: String::new(),
            excerpt,
        }
    }
}

/// The most characters of an excerpt.
const EXCERPT: usize = 80;

/// The beginning of `bytes` as printable text: control characters and what is not UTF-8 escaped, so
/// that it can neither steer a terminal nor break a line.
pub fn excerpt(bytes: &[u8]) -> String {
    let mut text = String::new();
    let mut count = 0;
    for piece in bytes.get(..bytes.len().min(4 * EXCERPT)).unwrap_or(bytes).utf8_chunks() {
        for character in piece.valid().chars() {
            push_visible(&mut text, character, &mut count);
        }
        for byte in piece.invalid() {
            push_escape(&mut text, &format!("\\x{byte:02x}"), &mut count);
        }
        if count >= EXCERPT {
            break;
        }
    }
    text
}

fn push_visible(text: &mut String, character: char, count: &mut usize) {
    // Besides control characters: the invisible ones that reorder or hide text on a terminal.
    let hidden = matches!(character, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}');
    if character.is_control() || hidden {
        push_escape(text, &character.escape_default().to_string(), count);
    } else if *count < EXCERPT {
        text.push(character);
        *count += 1;
    }
}

fn push_escape(text: &mut String, escape: &str, count: &mut usize) {
    if *count + escape.len() <= EXCERPT {
        text.push_str(escape);
    }
    *count += escape.len();
}
