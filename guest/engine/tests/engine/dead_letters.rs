//! What becomes of records that are delivered too often.

use crate::consumers::{events, fresh, ids, lines, own, pending, subscription};
use papyra_engine::consumer::{self, Pace, Subscription};
use papyra_engine::failure::FailureCode;
use papyra_engine::groups::Source;
use papyra_engine::host::StorageError;
use papyra_engine::json::Kind;
use papyra_engine::testing::{NOW, record};
use papyra_engine::testing::{Streams, at};
use serde_json::Value;

#[test]
fn a_record_that_is_delivered_too_often_becomes_a_dead_letter_and_its_neighbours_do_not() {
    let mut host = events(3);
    let subscription = Subscription { count: 1, ..subscription() };
    let first = fresh(&mut host, &subscription);
    assert_eq!(ids(&first), ["1-0"]);
    for delivery in 2..=3 {
        assert_eq!(lines(&own(&mut host, &subscription))[0]["deliveries"], delivery);
    }
    let batch = own(&mut host, &subscription);
    assert_eq!((batch.count, batch.dead_lettered.as_slice()), (0, &["1-0".to_owned()][..]));
    assert_eq!(pending(&host), [0; 0]);
    assert_eq!(ids(&fresh(&mut host, &subscription)), ["2-0"]);

    let letters = &host.streams[Kind::DeadLetter.index()];
    let letter: Value = serde_json::from_slice(letters[0].1.as_ref().unwrap()).unwrap();
    let original: Value = serde_json::from_slice(host.streams[0][0].1.as_ref().unwrap()).unwrap();
    assert_eq!(letters.len(), 1);
    assert_eq!(letter["kind"], "dead_letter");
    assert_eq!(letter["message_type"], "event");
    assert_eq!(letter["id"], "1-0");
    assert_eq!((&letter["group"], &letter["consumer"]), (&"workers".into(), &"w1".into()));
    assert_eq!(letter["deliveries"], 3);
    assert!(letter["reason"].as_str().unwrap().contains("at most 3"));
    assert_eq!(letter["payload"], original);
}

#[test]
fn large_dead_letters_do_not_gather_in_memory() {
    let mut host = events(300);
    let once = Subscription { max_deliveries: 1, ..subscription() };
    let mut pace = Pace::default();
    // From these it learns that entries are small.
    for _ in 0..3 {
        consumer::next(&mut host, &once, Source::Fresh, &mut pace).unwrap();
    }
    for n in 301..=304 {
        let filler = "x".repeat(700 << 10);
        let large = format!("{{\"kind\":\"event\",\"timestamp\":1,\"filler\":\"{filler}\"}}");
        host.push(0, at(n, 0), large);
    }
    let all = ["301-0", "302-0", "303-0", "304-0"].map(str::to_owned);
    while pending_at_all(&host) < 304 {
        consumer::next(&mut host, &once, Source::Fresh, &mut Pace::default()).unwrap();
    }
    host.calls.clear();
    let claimed = consumer::claim(&mut host, &once, 0, &all, &mut pace).unwrap();
    assert_eq!(claimed.dead_lettered, all);
    assert_eq!(host.streams[Kind::DeadLetter.index()].len(), 4);
    let of = |name: &str| host.calls.iter().filter(|call| call.starts_with(name)).count();
    assert_eq!((of("claim"), of("append")), (1, 2), "{:?}", host.calls);
}

fn pending_at_all(host: &Streams) -> usize {
    host.groups.values().map(|group| group.pending.len()).sum()
}

#[test]
fn without_a_limit_nothing_becomes_a_dead_letter() {
    let mut host = events(1);
    let subscription = Subscription { max_deliveries: 0, ..subscription() };
    fresh(&mut host, &subscription);
    for _ in 0..50 {
        assert_eq!(own(&mut host, &subscription).count, 1);
    }
}

/// Starts anew after each death with what is pending, as a supervised process does; returns how often
/// each entry was begun. Entries are acknowledged one by one.
fn lives(
    host: &mut Streams,
    subscription: &Subscription,
    deadly: &[&str],
    claims: bool,
) -> Vec<(String, u32)> {
    let mut begun = std::collections::BTreeMap::new();
    let mut batch = fresh(host, subscription);
    for life in 0.. {
        assert!(life < 100, "it never ends: {begun:?}");
        let mut dead = false;
        for id in ids(&batch) {
            *begun.entry(id.clone()).or_default() += 1;
            dead = deadly.contains(&id.as_str());
            if dead {
                break;
            }
            consumer::ack(host, subscription.kind, &subscription.group, &[id]).unwrap();
        }
        if batch.last.is_none() && !dead {
            return begun.into_iter().collect();
        }
        batch = match claims {
            true => {
                let next = Subscription { consumer: format!("w{life}"), ..subscription.clone() };
                consumer::claim_idle(host, &next, 0, "0", &mut Pace::default()).unwrap()
            }
            false => own(host, subscription),
        };
    }
    begun.into_iter().collect()
}

#[test]
fn a_record_that_kills_its_consumers_takes_no_neighbour_along() {
    for max in 1..=4 {
        for claims in [false, true] {
            let mut host = events(9);
            let subscription = Subscription { max_deliveries: max, ..subscription() };
            let deadly = ["2-0", "3-0", "7-0"];
            let mut begun = lives(&mut host, &subscription, &deadly, claims);
            if max == 1 {
                // One at a time, so there is more to come.
                while begun.len() < 9 {
                    let more = lives(&mut host, &subscription, &deadly, claims);
                    assert!(!more.is_empty(), "nothing comes after {begun:?}");
                    begun.extend(more);
                }
            }
            for (id, times) in &begun {
                // The second is delivered with the first, and not always come to.
                let most = if deadly[1..].contains(&id.as_str()) { max } else { 1 };
                let exactly = if id == "2-0" { max } else { 1 };
                let expected = exactly..=exactly.max(most);
                assert!(expected.contains(times), "{id}: {times} of {max}, claims: {claims}");
            }
            assert_eq!((begun.len(), pending(&host)), (9, vec![]));
            assert_eq!(host.streams[2].len(), deadly.len());
        }
    }
}

#[test]
fn entries_that_are_claimed_by_name_have_their_last_chance_alone() {
    let mut host = events(4);
    let subscription = Subscription { max_deliveries: 2, ..subscription() };
    fresh(&mut host, &subscription);
    let wanted: Vec<String> = (1..=4).map(|n| format!("{n}-0")).collect();
    let other = Subscription { consumer: "w2".into(), ..subscription };
    let batch = consumer::claim(&mut host, &other, 0, &wanted, &mut Pace::default()).unwrap();
    assert_eq!((ids(&batch), batch.next.as_str()), (vec!["1-0".to_owned()], "2-0"));
    let batch = consumer::claim(&mut host, &other, 0, &wanted, &mut Pace::default()).unwrap();
    assert_eq!(
        (ids(&batch), batch.dead_lettered),
        (vec!["2-0".to_owned()], vec!["1-0".to_owned()])
    );
}

#[test]
fn a_dead_letter_that_nobody_can_process_is_quarantined_and_not_wrapped_again() {
    let mut host = events(0);
    host.push(2, at(1, 0), record("dead_letter", NOW, 1).trim_end());
    let letters = Subscription { kind: Kind::DeadLetter, max_deliveries: 1, ..subscription() };
    fresh(&mut host, &letters);
    let batch = own(&mut host, &letters);
    assert_eq!((batch.count, batch.quarantined.as_slice()), (0, &["1-0".to_owned()][..]));
    assert_eq!(host.streams[2].len(), 1);
    assert_eq!(host.aside[0].1, "delivered more than 1 times");
}

#[test]
fn what_cannot_be_wrapped_in_a_sound_record_is_quarantined() {
    let mut host = events(0);
    host.push(0, at(1, 0), "{\"kind\":\"event\",\"timestamp\":1,\"x\":NaN}");
    host.push(0, at(2, 0), record("event", NOW, (16 << 20) - 100).trim_end());
    let once = Subscription { max_deliveries: 1, ..subscription() };
    fresh(&mut host, &once);
    fresh(&mut host, &once);
    let batch = own(&mut host, &once);
    assert_eq!(batch.quarantined, ["1-0", "2-0"]);
    assert_eq!(batch.dead_lettered, [""; 0]);
}

#[test]
fn names_in_dead_letters_are_escaped() {
    let mut host = events(1);
    let odd = Subscription {
        group: "a\"b\\\n".into(),
        consumer: "\u{1}ü".into(),
        max_deliveries: 1,
        ..subscription()
    };
    fresh(&mut host, &odd);
    assert_eq!(own(&mut host, &odd).dead_lettered, ["1-0"]);
    let letter = host.streams[2][0].1.clone().unwrap();
    let letter: Value = serde_json::from_slice(&letter).unwrap();
    assert_eq!((&letter["group"], &letter["consumer"]), (&"a\"b\\\n".into(), &"\u{1}ü".into()));
}

#[test]
fn the_letter_is_written_before_the_record_is_acknowledged() {
    let mut host = events(1);
    let once = Subscription { max_deliveries: 1, ..subscription() };
    fresh(&mut host, &once);
    host.failures.push_back(("append", StorageError::Full("no space".into())));
    let failed =
        consumer::next(&mut host, &once, Source::OwnPending("0".into()), &mut Pace::default());
    assert_eq!(failed.unwrap_err().code, FailureCode::Full);
    assert_eq!(pending(&host), [1]);
    host.calls.clear();
    assert_eq!(own(&mut host, &once).dead_lettered, ["1-0"]);
    assert_eq!(host.calls[1..3], ["append", "ack 1-0"]);
}

#[test]
fn trouble_with_poison_does_not_keep_good_records_from_the_consumer() {
    let mut host = events(1);
    host.push(0, at(2, 0), "garbage");
    host.push(0, at(3, 0), "garbage");
    host.failures.push_back(("quarantined", StorageError::Denied("read only".into())));
    let batch = fresh(&mut host, &subscription());
    assert_eq!((ids(&batch), batch.quarantined.len()), (vec!["1-0".to_owned()], 0));
    assert_eq!(batch.partial_failure.unwrap().code, FailureCode::Denied);
    assert_eq!(pending(&host), [1, 2, 3], "nothing is acknowledged unseen");
    assert_eq!(own(&mut host, &subscription()).quarantined, ["2-0", "3-0"]);
}

#[test]
fn what_becomes_idle_while_somebody_looks_does_not_take_others_with_it() {
    let mut host = events(4);
    fresh(&mut host, &subscription());
    let group = host.groups.get_mut(&(0, "workers".to_owned())).unwrap();
    for (at, pending) in &mut group.pending {
        let last_chance = at.major == 1;
        (pending.deliveries, pending.idle_ms) = if last_chance { (2, 0) } else { (1, 1000) };
    }
    host.idle_after_listing = Some(1000);
    let other = Subscription { consumer: "w2".into(), ..subscription() };
    let mut pace = Pace::default();
    let batch = consumer::claim_idle(&mut host, &other, 500, "0", &mut pace).unwrap();
    assert_eq!(ids(&batch), ["2-0", "3-0", "4-0"]);
    let group = &host.groups[&(0, "workers".to_owned())];
    assert_eq!(group.pending[&at(1, 0)].deliveries, 2);
}
