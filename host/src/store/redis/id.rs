//! Entry ids of Redis, `milliseconds-sequence`, as positions and back.

use super::super::Position;

/// Before every entry.
pub const FIRST: Position = Position { major: 0, minor: 0 };

/// The last possible id. No stream takes an entry after it.
pub const LAST: Position = Position { major: u64::MAX, minor: u64::MAX };

/// As Redis writes it.
pub fn format(position: Position) -> String {
    format!("{}-{}", position.major, position.minor)
}

/// Reads an id. A lone number means sequence 0, as it does to Redis.
pub fn parse(text: &[u8]) -> Option<Position> {
    let text = std::str::from_utf8(text).ok()?;
    let (major, minor) = text.split_once('-').unwrap_or((text, "0"));
    let digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    if !digits(major) || !digits(minor) {
        return None;
    }
    Some(Position { major: major.parse().ok()?, minor: minor.parse().ok()? })
}

/// The least id after `position`. The greatest id of all has none and is its own successor; Redis
/// accepts no further entry in a stream that has reached it.
pub fn after(position: Position) -> Position {
    match (position.minor.checked_add(1), position.major.checked_add(1)) {
        (Some(minor), _) => Position { minor, ..position },
        (None, Some(major)) => Position { major, minor: 0 },
        (None, None) => position,
    }
}

/// The greatest id before `position`; `None` before the first.
pub fn before(position: Position) -> Option<Position> {
    match (position.minor.checked_sub(1), position.major.checked_sub(1)) {
        (Some(minor), _) => Some(Position { minor, ..position }),
        (None, Some(major)) => Some(Position { major, minor: u64::MAX }),
        (None, None) => None,
    }
}

/// For comparing.
pub fn key(position: Position) -> (u64, u64) {
    (position.major, position.minor)
}

pub fn least(one: Position, other: Position) -> Position {
    if key(other) < key(one) { other } else { one }
}

/// How ids become positions.
///
/// A position is an id, but for one thing: what ends after the last possible id has no end, since ranges
/// exclude theirs. So in a stream with that entry, the ids from some place on are positions one less.
/// That place is the last id itself if the one before it is not taken, and else the beginning: there is
/// never an entry 0-0.
#[derive(Clone, Copy, Debug, Default)]
pub struct Shift(Option<Position>);

impl Shift {
    /// For a stream with these newest ids, of which two are enough, newest first.
    pub fn of_newest(ids: impl IntoIterator<Item = Position>) -> Self {
        let mut ids = ids.into_iter();
        match (ids.next(), ids.next()) {
            (Some(LAST), Some(second)) if after(second) == LAST => Self(Some(after(FIRST))),
            (Some(LAST), _) => Self(Some(LAST)),
            _ => Self(None),
        }
    }

    /// Returns true if positions are ids.
    pub fn is_none(self) -> bool {
        self.0.is_none()
    }

    /// The position of an id.
    pub fn position(self, id: Position) -> Position {
        match self.0 {
            Some(from) if key(id) >= key(from) => before(id).unwrap_or(FIRST),
            _ => id,
        }
    }

    /// The id of a position.
    pub fn id(self, position: Position) -> Position {
        match self.0 {
            Some(from) if key(after(position)) >= key(from) => after(position),
            _ => position,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_come_back_as_they_were_written() {
        for at in [FIRST, LAST, Position { major: 1_763_700_000_123, minor: 7 }] {
            assert_eq!(parse(format(at).as_bytes()), Some(at));
        }
        assert_eq!(parse(b"12"), Some(Position { major: 12, minor: 0 }));
        for text in ["", "-", "1-", "-1", "a-1", "1-b", "+1-1", "1-1-1", "18446744073709551616-0"] {
            assert_eq!(parse(text.as_bytes()), None, "{text}");
        }
    }

    #[test]
    fn neighbours_are_found_across_milliseconds() {
        let end = Position { major: 4, minor: u64::MAX };
        let start = Position { major: 5, minor: 0 };
        assert_eq!((after(end), before(start)), (start, Some(end)));
        assert_eq!((after(LAST), before(FIRST)), (LAST, None));
    }

    #[test]
    fn the_last_id_has_a_position_with_an_end() {
        let at = |minor| Position { major: u64::MAX, minor };
        let alone = Shift::of_newest([LAST, Position { major: 5, minor: 0 }]);
        let crowded = Shift::of_newest([LAST, at(u64::MAX - 1)]);
        let ids = [after(FIRST), Position { major: 5, minor: 0 }, at(0), at(7), LAST];
        for shift in [alone, crowded, Shift::of_newest([LAST])] {
            let positions = ids.map(|id| shift.position(id));
            assert_eq!(positions.map(|position| shift.id(position)), ids);
            assert!(positions.is_sorted_by_key(|position| key(*position)));
            assert_eq!(after(shift.position(LAST)), LAST);
        }
        assert_eq!(alone.position(at(7)), at(7), "only the last one moves");
        assert_eq!(crowded.position(at(u64::MAX - 1)), at(u64::MAX - 2));
        let usual = Shift::of_newest([at(7), at(6)]);
        assert_eq!((usual.position(at(7)), usual.id(at(7))), (at(7), at(7)));
    }
}
