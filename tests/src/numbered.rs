//! Records that carry a number, so that every single one can be accounted for.

use std::collections::HashMap;

use crate::random::Random;

/// The line of record `number`; the same for every process, and different in length from its
/// neighbours.
pub fn line(number: u64) -> String {
    let mut random = Random::new(number);
    let filler = "é".repeat(random.below(120));
    let timestamp = 1_763_700_000 + number;
    format!(
        "{{\"kind\": \"event\", \"timestamp\": {timestamp}.5, \"n\": {number}, \"text\": \"{filler}\"}}\n"
    )
}

/// How often each numbered record occurs, byte for byte; other lines are not looked at.
pub fn count(journal: &[u8]) -> HashMap<u64, u64> {
    let mut counts = HashMap::new();
    for text in journal.split_inclusive(|byte| *byte == b'\n') {
        if let Some(number) = number_of(text) {
            *counts.entry(number).or_default() += 1;
        }
    }
    counts
}

/// The numbers in the order of the journal.
pub fn numbers(journal: &[u8]) -> Vec<u64> {
    journal.split_inclusive(|byte| *byte == b'\n').filter_map(number_of).collect()
}

fn number_of(text: &[u8]) -> Option<u64> {
    let text = std::str::from_utf8(text).ok()?;
    let rest = text.split_once("\"n\": ")?.1;
    let number = rest.split(',').next()?.parse().ok()?;
    (line(number) == text).then_some(number)
}
