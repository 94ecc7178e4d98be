//! Words about groups become valid values here.

use std::time::Duration;

use papyra_persistence::consumer::Start;

use crate::values::duration;

/// How long to wait when there is nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum WaitWord {
    None,
    For(Duration),
    Forever,
}

/// `none`, `forever`, or a length of time.
pub(crate) fn wait(word: &str) -> Result<WaitWord, String> {
    if word.eq_ignore_ascii_case("none") {
        return Ok(WaitWord::None);
    }
    if word.eq_ignore_ascii_case("forever") {
        return Ok(WaitWord::Forever);
    }
    match time(word)? {
        // 0 means for ever to some, and at once to others.
        Duration::ZERO => Err("write none to not wait at all, or forever".to_owned()),
        time => Ok(WaitWord::For(time)),
    }
}

/// A length of time.
pub(crate) fn time(word: &str) -> Result<Duration, String> {
    Duration::try_from_secs_f64(duration(word)?).map_err(|_| "that is too long".to_owned())
}

/// Where a group begins or goes on.
pub(crate) fn start(word: &str) -> Result<Start, String> {
    match word {
        "0" => Ok(Start::Everything),
        "$" => Ok(Start::Now),
        _ => id(word).map(Start::After).map_err(|_| {
            "write 0 for everything, $ for what comes from now on, or the last id to skip, such as \
             1763700000123-0"
                .to_owned()
        }),
    }
}

/// The id of an entry.
pub(crate) fn id(word: &str) -> Result<String, String> {
    let number = |digits: &str| {
        digits.bytes().all(|byte| byte.is_ascii_digit()) && digits.parse::<u64>().is_ok()
    };
    match word.split_once('-') {
        Some((millis, sequence)) if number(millis) && number(sequence) => Ok(word.to_owned()),
        _ => Err("write an id such as 1763700000123-0".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests fail by panicking")]

    use super::*;

    #[test]
    fn not_waiting_waiting_and_waiting_for_ever_are_never_confused() {
        assert_eq!(wait("none"), Ok(WaitWord::None));
        assert_eq!(wait("FOREVER"), Ok(WaitWord::Forever));
        assert_eq!(wait("1.5"), Ok(WaitWord::For(Duration::from_millis(1500))));
        assert_eq!(wait("2m"), Ok(WaitWord::For(Duration::from_secs(120))));
        assert!(wait("0").unwrap_err().contains("forever"));
        for word in ["", "-1", "soon", "1e300"] {
            assert!(wait(word).is_err(), "{word}");
        }
    }

    #[test]
    fn ids_and_starts() {
        assert_eq!(start("0"), Ok(Start::Everything));
        assert_eq!(start("$"), Ok(Start::Now));
        assert_eq!(start("12-3"), Ok(Start::After("12-3".into())));
        for word in ["", "1", "-", "a-0", "1-", "99999999999999999999-0"] {
            assert!(start(word).unwrap_err().contains("1763700000123-0"), "{word}");
        }
    }
}
