//! The journals that other tests are based on are what they claim to be.

use std::collections::{HashMap, HashSet};

use papyra_tests::damage::{Damage, damage};
use papyra_tests::generate::{Generator, LONGEST, SHORTEST};
use serde_json::Value;

#[test]
fn every_generated_line_is_a_record() {
    let mut generator = Generator::new(7);
    let mut kinds = HashMap::new();
    let mut last = 0.0;
    let mut lengths = Vec::new();
    for _ in 0..20_000 {
        let journal = generator.journal(1);
        assert!((SHORTEST..=LONGEST).contains(&journal.len()), "{} bytes", journal.len());
        let line = journal.strip_suffix(b"\n").expect("a newline");
        assert!(!line.contains(&b'\n'));
        let record: Value = serde_json::from_slice(line).expect("JSON");
        let kind = record["kind"].as_str().expect("a kind").to_owned();
        *kinds.entry(kind).or_insert(0) += 1;
        let timestamp = record["timestamp"].as_f64().expect("a timestamp");
        assert!(timestamp > last, "{timestamp} follows {last}");
        last = timestamp;
        lengths.push(journal.len());
    }
    lengths.sort_unstable();
    let median = lengths[lengths.len() / 2];
    assert!((200..500).contains(&median), "median length {median}");
    assert!(*lengths.last().expect("lines") > 1_500);
    let mut by_count: Vec<_> = kinds.iter().map(|(kind, count)| (*count, kind.as_str())).collect();
    by_count.sort_unstable();
    let order: Vec<_> = by_count.iter().rev().map(|(_, kind)| *kind).collect();
    assert_eq!(order, ["event", "audit", "dead_letter", "metric"]);
}

#[test]
fn a_journal_has_every_style() {
    let journal = Generator::new(1).journal(2_000);
    let journal = std::str::from_utf8(&journal).expect("UTF-8");
    let any = |test: fn(&str) -> bool| journal.lines().any(test);
    assert!(any(|line| line.starts_with(r#"{"kind": ""#)));
    assert!(any(|line| line.starts_with(r#"{"kind":""#)));
    assert!(any(|line| line.ends_with(r#""kind": "event"}"#) && line.is_ascii()));
    assert!(any(|line| line.contains(r"\ud83d\udce6")));
    assert!(any(|line| line.contains('📦')));
    assert!(any(|line| line.contains(r"\u001b[31m")));
}

#[test]
fn a_seed_always_gives_the_same_journal() {
    // The sum is part of the contract: a seed in a bug report keeps its meaning.
    let sum = Generator::new(1)
        .journal(1_000)
        .iter()
        .fold(0_u64, |sum, byte| sum.wrapping_mul(31).wrapping_add(u64::from(*byte)));
    assert_eq!(sum, 8_336_628_492_925_425_650);
    assert_ne!(Generator::new(1).journal(10), Generator::new(2).journal(10));
}

#[test]
fn writing_stops_at_the_first_record_that_reaches_the_size() {
    let mut journal = Vec::new();
    let written = Generator::new(3).write(&mut journal, 1_000_000).expect("memory");
    assert_eq!(written.bytes, journal.len() as u64);
    assert_eq!(written.records, journal.iter().filter(|byte| **byte == b'\n').count() as u64);
    assert!((1_000_000..1_000_000 + LONGEST as u64).contains(&written.bytes));
}

#[test]
fn damage_says_what_survived() {
    let mut generator = Generator::with_pool(5, 200);
    let mut seen = HashSet::new();
    let mut lost = 0;
    for seed in 0..500 {
        let original = generator.journal(20);
        let records: Vec<_> = original.split(|byte| *byte == b'\n').collect();
        let damaged = damage(&original, seed);
        assert_eq!(damaged.survives.len(), 20);
        let claimed = damaged.survives.iter().filter(|survives| **survives).count();
        assert_eq!(claimed, damaged.survivors.len());
        for survivor in &damaged.survivors {
            let line = &damaged.bytes[survivor.range.clone()];
            assert_eq!(line.strip_suffix(b"\r").unwrap_or(line), records[survivor.record]);
        }
        if damaged.bytes == original {
            assert_eq!(claimed, 20);
        }
        lost += 20 - claimed;
        seen.extend(damaged.applied.iter().copied());
        let again = damage(&original, seed);
        assert_eq!(again.bytes, damaged.bytes);
    }
    assert!(lost > 500, "only {lost} records of 10,000 were lost");
    assert_eq!(seen.len(), Damage::ALL.len());
}
