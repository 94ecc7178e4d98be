//! Seeded damage of a journal, and which records it leaves alone.
//!
//! Several damages can hit the same line, and one can undo another. So what survived is not
//! predicted but read off the result: a record survived if it is still there, byte for byte, alone on its
//! line or beside something else.

use std::collections::HashMap;
use std::ops::Range;

use crate::random::Random;

/// One way in which journals break.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Damage {
    /// One bit differs, perhaps in a newline; what remains can still be a record, but another one.
    BitFlip,
    /// The file ends early, mostly inside its last records.
    Truncation,
    /// A run of NUL bytes instead of data, as some file systems leave after a power failure.
    NulRun,
    /// A newline inside a record.
    SplitLine,
    /// The newline between two records is gone.
    GluedLines,
    /// The end of a record is missing, with its newline, as when a write broke off and the next followed.
    TornRecord,
    /// Two neighbouring records in the wrong order; both are undamaged.
    SwappedLines,
    /// A carriage return: at the end of a line it is white space, elsewhere it mostly is not.
    CarriageReturn,
    /// A byte order mark before the first record.
    ByteOrderMark,
    /// A byte that no UTF-8 text contains, inside a string.
    BadUtf8,
    /// A kind that is none of the four.
    UnknownKind,
    /// `NaN` or an infinity, as Python writes them.
    NotANumber,
    /// An empty line, or one of white space.
    BlankLine,
    /// A line that is JSON, but not an object.
    NotAnObject,
    /// A record without a kind.
    MissingKind,
    /// A record whose timestamp is missing or not a number.
    BadTimestamp,
}

impl Damage {
    /// All of them.
    pub const ALL: [Self; 16] = [
        Self::BitFlip,
        Self::Truncation,
        Self::NulRun,
        Self::SplitLine,
        Self::GluedLines,
        Self::TornRecord,
        Self::SwappedLines,
        Self::CarriageReturn,
        Self::ByteOrderMark,
        Self::BadUtf8,
        Self::UnknownKind,
        Self::NotANumber,
        Self::BlankLine,
        Self::NotAnObject,
        Self::MissingKind,
        Self::BadTimestamp,
    ];
}

/// A record of the original that is in the damaged journal, unchanged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Survivor {
    /// Which record of the original, counted from 0.
    pub record: usize,
    /// Its bytes in [`Damaged::bytes`], without the newline, but with a carriage return that was
    /// put before it: JSON allows that as white space.
    pub range: Range<usize>,
}

/// A damaged journal, or one of its files.
#[derive(Clone, Debug, Default)]
pub struct Damaged {
    /// The damaged journal.
    pub bytes: Vec<u8>,
    /// What was done, in this order. A damage that found nothing to damage is not listed.
    pub applied: Vec<Damage>,
    /// What must survive recovery, in the order of the damaged journal.
    pub survivors: Vec<Survivor>,
    /// For each record of the original: whether it is among the survivors.
    pub survives: Vec<bool>,
}

/// Damages a journal in one to six ways that depend on the seed alone.
///
/// # Panics
///
/// If two lines of the original are equal: then nobody could tell which of them survived.
pub fn damage(original: &[u8], seed: u64) -> Damaged {
    let mut random = Random::new(seed);
    let count = 1 + random.below(6).min(random.below(6));
    let wishes: Vec<_> = (0..count).map(|_| Damage::ALL[random.below(Damage::ALL.len())]).collect();
    damage_with(original, &wishes, &mut random)
}

/// Cuts a damaged journal into the files of a rotating set, oldest first. Half of the cuts lie anywhere, the
/// others at a line end. Every third file is then damaged once more, so that also sealed files are torn at
/// their end.
///
/// # Panics
///
/// As [`damage`].
pub fn spread(original: &[u8], damaged: &Damaged, files: usize, seed: u64) -> Vec<Damaged> {
    let mut random = Random::new(seed);
    let mut cuts: Vec<_> = (1..files)
        .map(|_| {
            let at = random.below(damaged.bytes.len() + 1);
            let to_end = memchr::memchr(b'\n', &damaged.bytes[at..]).map_or(0, |end| end + 1);
            if random.once_in(2) { at } else { at + to_end }
        })
        .collect();
    cuts.sort_unstable();
    cuts.push(damaged.bytes.len());
    let mut from = 0;
    let file = |to| {
        let bytes = damaged.bytes[from..to].to_vec();
        from = to;
        let more = random.once_in(3).then(|| Damage::ALL[random.below(Damage::ALL.len())]);
        let mut file = Damaged { bytes, applied: damaged.applied.clone(), ..Damaged::default() };
        file.applied.extend(more.filter(|more| inflict(*more, &mut file.bytes, &mut random)));
        (file.survivors, file.survives) = survivors(original, &file.bytes);
        file
    };
    cuts.into_iter().map(file).collect()
}

/// Damages a journal in these ways, at places that `random` chooses.
///
/// # Panics
///
/// As [`damage`].
pub fn damage_with(original: &[u8], wishes: &[Damage], random: &mut Random) -> Damaged {
    let mut bytes = original.to_vec();
    let applied =
        wishes.iter().copied().filter(|&wish| inflict(wish, &mut bytes, random)).collect();
    let (survivors, survives) = survivors(original, &bytes);
    Damaged { bytes, applied, survivors, survives }
}

fn survivors(original: &[u8], damaged: &[u8]) -> (Vec<Survivor>, Vec<bool>) {
    let originals = lines(original);
    let mut records = HashMap::with_capacity(originals.len());
    for (record, line) in originals.iter().enumerate() {
        let twin = records.insert(&original[line.clone()], record);
        assert!(twin.is_none(), "record {record} of the original is there twice");
    }
    let mut survives = vec![false; originals.len()];
    let mut survivors = Vec::new();
    for range in lines(damaged) {
        let line = &damaged[range.clone()];
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        if let Some(&record) = records.get(line) {
            survives[record] = true;
            survivors.push(Survivor { record, range });
            continue;
        }
        for survivor in beside_others(&records, damaged, range) {
            survives[survivor.record] = true;
            survivors.push(survivor);
        }
    }
    (survivors, survives)
}

/// The records in a line that holds more. What is followed by `,`, `}` or `]` may lie inside another one.
fn beside_others(
    records: &HashMap<&[u8], usize>,
    damaged: &[u8],
    line: Range<usize>,
) -> Vec<Survivor> {
    let mut found = Vec::new();
    for (text, record) in records {
        for at in memchr::memmem::find_iter(&damaged[line.clone()], text) {
            let range = line.start + at..line.start + at + text.len();
            let rest = damaged[range.end..line.end].trim_ascii_start();
            if !matches!(rest.first(), Some(b',' | b'}' | b']')) {
                found.push(Survivor { record: *record, range });
            }
        }
    }
    found.sort_unstable_by_key(|survivor| survivor.range.start);
    found
}

/// The lines of a journal, without their newlines; the last one may lack it.
fn lines(journal: &[u8]) -> Vec<Range<usize>> {
    let mut lines = Vec::new();
    let mut start = 0;
    for newline in memchr::memchr_iter(b'\n', journal) {
        lines.push(start..newline);
        start = newline + 1;
    }
    if start < journal.len() {
        lines.push(start..journal.len());
    }
    lines
}

/// Whether there was something to damage.
fn inflict(damage: Damage, journal: &mut Vec<u8>, random: &mut Random) -> bool {
    let lines = lines(journal);
    let long: Vec<_> = lines.iter().filter(|line| line.len() > 1).cloned().collect();
    if long.is_empty() {
        return false;
    }
    let line = long[random.below(long.len())].clone();
    match damage {
        Damage::BitFlip => {
            let at = random.between(line.start, line.end.min(journal.len() - 1));
            journal[at] ^= 1 << random.below(8);
        }
        Damage::Truncation => {
            let late = &long[long.len() - random.between(1, long.len().min(3))];
            let cut = if random.once_in(4) {
                random.below(journal.len())
            } else {
                random.between(late.start, late.end)
            };
            journal.truncate(cut);
        }
        Damage::NulRun => {
            let length = 1 << random.below(13);
            let from = random.between(line.start, line.end - 1);
            let to = if random.once_in(3) { from } else { journal.len().min(from + length) };
            journal.splice(from..to, std::iter::repeat_n(0, length));
        }
        Damage::SplitLine => journal.insert(random.between(line.start + 1, line.end - 1), b'\n'),
        Damage::GluedLines => {
            if line.end + 1 >= journal.len() {
                return false;
            }
            journal.remove(line.end);
        }
        Damage::TornRecord => {
            if line.end + 1 >= journal.len() {
                return false;
            }
            journal.drain(random.between(line.start + 1, line.end)..line.end + 1);
        }
        Damage::SwappedLines => {
            let first = random.below(lines.len());
            let Some(second) = lines.get(first + 1).filter(|line| line.end < journal.len()) else {
                return false;
            };
            let (first, second) = (lines[first].clone(), second.clone());
            journal[first.start..=second.end].rotate_left(second.start - first.start);
        }
        Damage::CarriageReturn => {
            let inside = random.between(line.start + 1, line.end - 1);
            journal.insert(if random.once_in(2) { line.end } else { inside }, b'\r');
        }
        Damage::ByteOrderMark => {
            journal.splice(0..0, *b"\xef\xbb\xbf");
        }
        Damage::BadUtf8 => {
            let bad: &[&[u8]] = &[b"\xff", b"\xc0\xaf", b"\xed\xa0\x80", b"\xe2\x82", b"\xf5\x80"];
            let bad = bad[random.below(bad.len())];
            let Some(quote) = memchr::memchr(b'"', &journal[line.clone()]) else { return false };
            let at = line.start + quote + 1;
            journal.splice(at..at, bad.iter().copied());
        }
        Damage::UnknownKind => {
            let Some(kind) = member(journal, &line, b"\"kind\"") else { return false };
            let other: &[&str] = &["\"evnt\"", "\"\"", "\"EVENT\"", "\"snapshot\"", "7", "null"];
            journal.splice(kind.value, random.pick(other).bytes());
        }
        Damage::NotANumber => {
            let Some(open) = memchr::memchr(b'{', &journal[line.clone()]) else { return false };
            let field = ["\"ratio\": NaN, ", "\"ratio\": -Infinity, ", "\"ratio\":Infinity,"];
            let at = line.start + open + 1;
            journal.splice(at..at, random.pick(&field).bytes());
        }
        Damage::BlankLine => {
            let blank = random.pick(&["\n", " \n", "\t\n", "\r\n"]);
            journal.splice(line.start..line.start, blank.bytes());
        }
        Damage::NotAnObject => {
            let other: &[&str] = &["[1, 2]\n", "\"text\"\n", "42\n", "null\n", "true\n", "[]\n"];
            journal.splice(line.start..line.start, random.pick(other).bytes());
        }
        Damage::MissingKind => {
            let Some(kind) = member(journal, &line, b"\"kind\"") else { return false };
            journal.splice(kind.name, *b"\"sort\"");
        }
        Damage::BadTimestamp => {
            let Some(time) = member(journal, &line, b"\"timestamp\"") else { return false };
            let other: &[&str] =
                &["null", "\"yesterday\"", "[]", "true", "\"1700000000.0\"", "1e400"];
            if random.once_in(4) {
                journal.splice(time.name, *b"\"time\"");
            } else {
                journal.splice(time.value, random.pick(other).bytes());
            }
        }
    }
    true
}

struct Member {
    name: Range<usize>,
    value: Range<usize>,
}

/// Finds a member of the outermost object by its quoted name, whose value is a word, a number or a
/// string without escapes. Generated records have these names nowhere else.
fn member(journal: &[u8], line: &Range<usize>, name: &[u8]) -> Option<Member> {
    let text = &journal[line.clone()];
    let start = memchr::memmem::find(text, name)?;
    let colon = start + name.len();
    let rest = &text[colon..];
    let value = 1 + rest.get(1..)?.iter().position(|byte| *byte != b' ')?;
    let length = rest[value..].iter().position(|byte| matches!(byte, b',' | b'}'))?;
    let at = |offset| line.start + offset;
    Some(Member {
        name: at(start)..at(colon),
        value: at(colon + value)..at(colon + value + length),
    })
}
