//! Entry ids of Redis, `milliseconds-sequence`, as positions and back.

use super::super::Position;

/// Before every entry.
pub const FIRST: Position = Position { major: 0, minor: 0 };

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

#[cfg(test)]
mod tests {
    use super::*;

    const LAST: Position = Position { major: u64::MAX, minor: u64::MAX };

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
}
