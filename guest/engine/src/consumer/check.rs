//! Arguments that come from callers: names, ids, counts.

use crate::failure::{Failure, Outcome};

/// The most entries of one call.
pub const MAX_COUNT: u32 = 10_000;

/// The longest name of a group or consumer, in bytes.
const MAX_NAME: usize = 1024;

/// The name of a group or of a consumer, as `what` says.
pub fn name(what: &str, name: &str) -> Outcome<()> {
    match name.len() {
        0 => Err(Failure::argument(format!("the {what} has no name; give it one"))),
        length if length > MAX_NAME => Err(Failure::argument(format!(
            "the name of the {what} is {length} bytes long; at most {MAX_NAME} are allowed"
        ))),
        _ => Ok(()),
    }
}

pub fn count(count: u32) -> Outcome<()> {
    if (1..=MAX_COUNT).contains(&count) {
        return Ok(());
    }
    Err(Failure::argument(format!("the count is {count}; it must be 1 to {MAX_COUNT}")))
}

/// The two numbers of an id such as `1763700000123-0`.
pub fn parse_id(id: &str) -> Option<(u64, u64)> {
    let (millis, sequence) = id.split_once('-')?;
    let number = |digits: &str| match digits.bytes().all(|byte| byte.is_ascii_digit()) {
        true => digits.parse().ok(),
        false => None,
    };
    Some((number(millis)?, number(sequence)?))
}

pub fn id(id: &str) -> Outcome<()> {
    match parse_id(id) {
        Some(_) => Ok(()),
        None => Err(Failure::argument(format!(
            "{:?} is no entry id; ids look like 1763700000123-0",
            shown(id)
        ))),
    }
}

pub fn ids(ids: &[String]) -> Outcome<()> {
    ids.iter().try_for_each(|each| id(each))
}

/// Where a group begins: everything, what comes from now on, or after an id.
pub fn start(text: &str) -> Outcome<()> {
    if matches!(text, "0" | "$") || parse_id(text).is_some() {
        return Ok(());
    }
    Err(Failure::argument(format!(
        "{:?} is no place to start; give \"0\" for everything, \"$\" for what comes from now on, or \
         the last id to skip, such as 1763700000123-0",
        shown(text)
    )))
}

/// A place in a list of pending entries: `open` is the word for its open end.
pub fn bound(text: &str, open: &str) -> Outcome<()> {
    if text == open || parse_id(text).is_some() {
        return Ok(());
    }
    Err(Failure::argument(format!(
        "{:?} is no bound; give an id such as 1763700000123-0, or {open:?} for all",
        shown(text)
    )))
}

/// The beginning of what a caller gave, which can be of any length.
fn shown(text: &str) -> String {
    text.chars().take(80).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_two_whole_numbers() {
        assert_eq!(parse_id("1763700000123-7"), Some((1_763_700_000_123, 7)));
        assert_eq!(parse_id(&format!("{0}-{0}", u64::MAX)), Some((u64::MAX, u64::MAX)));
        for text in ["", "-", "1", "1-", "-1", "+1-0", "1-2-3", "1-+2", "18446744073709551616-0"] {
            assert_eq!(parse_id(text), None, "{text}");
        }
    }
}
