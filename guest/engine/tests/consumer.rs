//! What consumers of a group are given, and what becomes of what they cannot be given.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests fail by panicking")]

mod support;

use papyra_engine::consumer::{self, Batch, Pace, Subscription};
use papyra_engine::delivery::{PendingFilter, Source, Wait};
use papyra_engine::failure::Code;
use papyra_engine::host::StorageError;
use papyra_engine::json::Kind;
use serde_json::Value;
use support::groups::Groups;
use support::streams::{Streams, at};
use support::{NOW, record};

fn subscription() -> Subscription {
    Subscription {
        kind: Kind::Event,
        group: "workers".into(),
        consumer: "w1".into(),
        start: "0".into(),
        resume: None,
        count: 100,
        wait: Wait::None,
        max_deliveries: 3,
    }
}

fn events(count: u64) -> Groups {
    let mut streams = Streams::new();
    for n in 1..=count {
        streams.push(0, at(n, 0), record("event", NOW + n as f64, 10).trim_end());
    }
    Groups::new(streams)
}

fn fresh(host: &mut Groups, subscription: &Subscription) -> Batch {
    consumer::next(host, subscription, Source::Fresh, &mut Pace::default()).unwrap()
}

fn own(host: &mut Groups, subscription: &Subscription) -> Batch {
    let source = Source::OwnPending("0".into());
    consumer::next(host, subscription, source, &mut Pace::default()).unwrap()
}

fn lines(batch: &Batch) -> Vec<Value> {
    let lines: Vec<Value> =
        batch.records.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines.len(), batch.count as usize);
    lines
}

fn ids(batch: &Batch) -> Vec<String> {
    lines(batch).iter().map(|line| line["id"].as_str().unwrap().to_owned()).collect()
}

fn pending(host: &Groups) -> Vec<u64> {
    let group = &host.groups[&(0, "workers".to_owned())];
    group.pending.keys().map(|at| at.major).collect()
}

#[test]
fn records_come_with_their_id_and_how_often_they_were_delivered() {
    let mut host = events(2);
    let batch = fresh(&mut host, &subscription());
    assert_eq!(batch.made.as_deref(), Some("0"));
    assert_eq!(batch.last.as_deref(), Some("2-0"));
    let stored = String::from_utf8(host.store.streams[0][0].1.clone().unwrap()).unwrap();
    let first = format!("{{\"id\":\"1-0\",\"deliveries\":1,\"record\":{stored}}}");
    assert_eq!(batch.records.lines().next(), Some(first.as_str()));
    assert_eq!(lines(&own(&mut host, &subscription()))[1]["deliveries"], 2);
    assert_eq!(fresh(&mut host, &subscription()), Batch::default());
    assert_eq!(consumer::ack(&mut host, Kind::Event, "workers", &["1-0".into()]), Ok(1));
    assert_eq!(pending(&host), [2]);
}

#[test]
fn a_group_is_asked_first_and_made_only_when_it_is_missing() {
    let mut host = events(1);
    fresh(&mut host, &subscription());
    fresh(&mut host, &subscription());
    assert_eq!(host.calls, ["fetch 64 None", "ensure-group 0", "fetch 64 None", "fetch 64 None"]);
}

#[test]
fn a_group_that_went_missing_goes_on_after_what_the_consumer_has_acknowledged() {
    let mut host = events(5);
    fresh(&mut host, &subscription());
    host.groups.clear();
    let knowing = Subscription { resume: Some("3-0".into()), ..subscription() };
    let batch = fresh(&mut host, &knowing);
    assert_eq!(
        (batch.made.as_deref(), ids(&batch)),
        (Some("3-0"), vec!["4-0".into(), "5-0".into()])
    );
}

#[test]
fn only_the_first_fetch_of_a_call_waits() {
    let mut host = events(100);
    let waiting = Subscription { wait: Wait::Millis(5), ..subscription() };
    host.groups.clear();
    consumer::create_group(&mut host, Kind::Event, "workers", "0").unwrap();
    host.calls.clear();
    assert_eq!(fresh(&mut host, &waiting).count, 100);
    assert_eq!(host.calls, ["fetch 64 Millis(5)", "fetch 36 None"]);
}

#[test]
fn with_small_entries_one_fetch_is_enough_for_a_batch() {
    let mut host = events(400);
    let mut pace = Pace::default();
    for _ in 0..3 {
        consumer::next(&mut host, &subscription(), Source::Fresh, &mut pace).unwrap();
    }
    host.calls.clear();
    consumer::next(&mut host, &subscription(), Source::Fresh, &mut pace).unwrap();
    assert_eq!(host.calls, ["fetch 100 None"]);
}

#[test]
fn a_batch_of_large_entries_stays_small_and_leaves_nothing_unseen() {
    let mut streams = Streams::new();
    for n in 1..=30 {
        streams.push(0, at(n, 0), record("event", NOW, 300 << 10).trim_end());
    }
    let mut host = Groups::new(streams);
    let mut pace = Pace::default();
    let mut seen = 0;
    let mut largest = 0;
    loop {
        let before = pending_or_none(&host);
        let batch = consumer::next(
            &mut host,
            &Subscription { count: 3, ..subscription() },
            Source::Fresh,
            &mut pace,
        )
        .unwrap();
        if batch.count == 0 {
            break;
        }
        assert_eq!(
            pending_or_none(&host) - before,
            batch.count as usize,
            "all that was handed out"
        );
        seen += batch.count;
        largest = largest.max(batch.records.len());
    }
    assert_eq!(seen, 30);
    assert!(largest < 3 * (301 << 10), "{largest}");

    let mut host = Groups::new(host.store);
    let many = Subscription { count: 30, ..subscription() };
    let mut pace = Pace::default();
    consumer::next(&mut host, &many, Source::Fresh, &mut pace).unwrap();
    let again =
        consumer::next(&mut host, &many, Source::OwnPending("0".into()), &mut pace).unwrap();
    assert!(again.records.len() < (1 << 20) + (301 << 10), "{}", again.records.len());
    let rest = Source::OwnPending(again.last.unwrap());
    let rest = consumer::next(&mut host, &many, rest, &mut pace).unwrap();
    assert_eq!(ids(&rest)[0], format!("{}-0", again.count + 1));
}

fn pending_or_none(host: &Groups) -> usize {
    host.groups.values().map(|group| group.pending.len()).sum()
}

#[test]
fn what_is_no_record_is_set_aside_and_does_not_stay_pending() {
    let mut host = events(1);
    for (n, entry) in ["garbage", "[]", "{\"kind\":\"event\",\n\"timestamp\":1}"].iter().enumerate()
    {
        host.store.push(0, at(2 + n as u64, 0), *entry);
    }
    host.store.push(0, at(5, 0), vec![b'{', 0xff, b'}']);
    host.store.streams[0].push((at(6, 0), None));
    let batch = fresh(&mut host, &subscription());
    assert_eq!(ids(&batch), ["1-0"]);
    assert_eq!(batch.set_aside, ["2-0", "3-0", "4-0", "5-0", "6-0"]);
    let reasons: Vec<_> = host.aside.iter().map(|(_, reason)| reason.as_str()).collect();
    assert_eq!(
        reasons,
        ["malformed_json", "not_an_object", "malformed_json", "invalid_utf8", "missing_data"]
    );
    assert_eq!(pending(&host), [1]);
}

#[test]
fn suspect_records_are_handed_out_as_they_are() {
    let mut host = events(0);
    host.store.push(0, at(1, 0), "{\"kind\":\"audit\",\"timestamp\":NaN}");
    let batch = fresh(&mut host, &subscription());
    assert!(batch.records.contains("\"record\":{\"kind\":\"audit\",\"timestamp\":NaN}}"));
}

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

    let letters = &host.store.streams[Kind::DeadLetter.index()];
    let letter: Value = serde_json::from_slice(letters[0].1.as_ref().unwrap()).unwrap();
    let original: Value =
        serde_json::from_slice(host.store.streams[0][0].1.as_ref().unwrap()).unwrap();
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
    host: &mut Groups,
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
            assert_eq!(host.store.streams[2].len(), deadly.len());
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
fn a_dead_letter_that_nobody_can_process_is_set_aside_and_not_wrapped_again() {
    let mut host = events(0);
    host.store.push(2, at(1, 0), record("dead_letter", NOW, 1).trim_end());
    let letters = Subscription { kind: Kind::DeadLetter, max_deliveries: 1, ..subscription() };
    fresh(&mut host, &letters);
    let batch = own(&mut host, &letters);
    assert_eq!((batch.count, batch.set_aside.as_slice()), (0, &["1-0".to_owned()][..]));
    assert_eq!(host.store.streams[2].len(), 1);
    assert_eq!(host.aside[0].1, "delivered more than 1 times");
}

#[test]
fn what_cannot_be_wrapped_in_a_sound_record_is_set_aside() {
    let mut host = events(0);
    host.store.push(0, at(1, 0), "{\"kind\":\"event\",\"timestamp\":1,\"x\":NaN}");
    host.store.push(0, at(2, 0), record("event", NOW, (16 << 20) - 100).trim_end());
    let once = Subscription { max_deliveries: 1, ..subscription() };
    fresh(&mut host, &once);
    fresh(&mut host, &once);
    let batch = own(&mut host, &once);
    assert_eq!(batch.set_aside, ["1-0", "2-0"]);
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
    let letter = host.store.streams[2][0].1.clone().unwrap();
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
    assert_eq!(failed.unwrap_err().code, Code::Full);
    assert_eq!(pending(&host), [1]);
    host.calls.clear();
    assert_eq!(own(&mut host, &once).dead_lettered, ["1-0"]);
    assert_eq!(host.calls[1..3], ["append", "ack 1-0"]);
}

#[test]
fn trouble_with_poison_does_not_keep_good_records_from_the_consumer() {
    let mut host = events(1);
    host.store.push(0, at(2, 0), "garbage");
    host.store.push(0, at(3, 0), "garbage");
    host.failures.push_back(("set-aside", StorageError::Denied("read only".into())));
    let batch = fresh(&mut host, &subscription());
    assert_eq!((ids(&batch), batch.set_aside.len()), (vec!["1-0".to_owned()], 0));
    assert_eq!(batch.trouble.unwrap().code, Code::Denied);
    assert_eq!(pending(&host), [1, 2, 3], "nothing is acknowledged unseen");
    assert_eq!(own(&mut host, &subscription()).set_aside, ["2-0", "3-0"]);
}

#[test]
fn a_failure_after_the_first_fetch_comes_with_what_was_handed_out() {
    let mut host = events(100);
    consumer::create_group(&mut host, Kind::Event, "workers", "0").unwrap();
    let gone = StorageError::Unavailable("gone".into());
    host.later_failures.push_back(("fetch", gone.clone()));
    let batch = fresh(&mut host, &subscription());
    assert_eq!((batch.count, batch.trouble.unwrap().code), (64, Code::Unavailable));

    host.failures.push_back(("fetch", gone));
    let failed = consumer::next(&mut host, &subscription(), Source::Fresh, &mut Pace::default());
    assert_eq!(failed.unwrap_err().code, Code::Unavailable);
}

#[test]
fn after_a_failure_one_entry_is_asked_for_in_case_too_much_came_at_once() {
    let mut host = events(10);
    let mut pace = Pace::default();
    host.failures.push_back(("fetch", StorageError::Failed("too much".into())));
    assert!(consumer::next(&mut host, &subscription(), Source::Fresh, &mut pace).is_err());
    host.calls.clear();
    consumer::create_group(&mut host, Kind::Event, "workers", "0").unwrap();
    consumer::next(&mut host, &subscription(), Source::Fresh, &mut pace).unwrap();
    assert_eq!(host.calls[1], "fetch 1 None");
}

#[test]
fn pending_entries_that_are_gone_are_acknowledged_and_named() {
    let mut host = events(3);
    fresh(&mut host, &subscription());
    host.store.streams[0].remove(1);
    let batch = own(&mut host, &subscription());
    assert_eq!((ids(&batch).len(), batch.deleted.as_slice()), (2, &["2-0".to_owned()][..]));
    assert_eq!(pending(&host), [1, 3]);
}

#[test]
fn entries_of_a_dead_consumer_are_claimed() {
    let mut host = events(5);
    fresh(&mut host, &subscription());
    for (n, pending) in
        host.groups.get_mut(&(0, "workers".to_owned())).unwrap().pending.values_mut().enumerate()
    {
        pending.idle_ms = 1000 * n as u64;
    }
    let other = Subscription { consumer: "w2".into(), ..subscription() };
    let mut pace = Pace::default();
    let wanted = ["1-0".into(), "5-0".into(), "9-9".into()];
    let batch = consumer::claim(&mut host, &other, 500, &wanted, &mut pace).unwrap();
    assert_eq!((ids(&batch), batch.next.as_str()), (vec!["5-0".to_owned()], ""));
    assert_eq!(lines(&batch)[0]["deliveries"], 2);

    let few = Subscription { count: 2, ..other };
    let batch = consumer::claim_idle(&mut host, &few, 1, "0", &mut pace).unwrap();
    assert_eq!((ids(&batch), batch.next.as_str()), (vec!["2-0".into(), "3-0".into()], "4-0"));
    let batch = consumer::claim_idle(&mut host, &few, 1, &batch.next, &mut pace).unwrap();
    assert_eq!((ids(&batch), batch.next.as_str()), (vec!["4-0".to_owned()], "0-0"));
}

#[test]
fn arguments_that_make_no_sense_are_refused_before_anything_is_asked() {
    let mut host = events(1);
    let bad = [
        Subscription { group: String::new(), ..subscription() },
        Subscription { consumer: String::new(), ..subscription() },
        Subscription { consumer: "x".repeat(1025), ..subscription() },
        Subscription { count: 0, ..subscription() },
        Subscription { count: 10_001, ..subscription() },
        Subscription { start: "yesterday".into(), ..subscription() },
        Subscription { start: "-".into(), ..subscription() },
        Subscription { resume: Some("$".into()), ..subscription() },
    ];
    let code = |result: Result<Batch, papyra_engine::failure::Failure>| result.unwrap_err().code;
    let mut pace = Pace::default();
    for subscription in &bad {
        let refused = consumer::next(&mut host, subscription, Source::Fresh, &mut pace);
        assert_eq!(code(refused), Code::InvalidArgument, "{subscription:?}");
        let refused = consumer::claim(&mut host, subscription, 0, &["1-0".into()], &mut pace);
        assert_eq!(code(refused), Code::InvalidArgument, "{subscription:?}");
        let refused = consumer::claim_idle(&mut host, subscription, 0, "0", &mut pace);
        assert_eq!(code(refused), Code::InvalidArgument, "{subscription:?}");
    }
    let own = Source::OwnPending("1".into());
    assert_eq!(
        code(consumer::next(&mut host, &subscription(), own, &mut pace)),
        Code::InvalidArgument
    );
    assert!(consumer::ack(&mut host, Kind::Event, "workers", &["1".into()]).is_err());
    assert!(consumer::ack(&mut host, Kind::Event, "", &["1-0".into()]).is_err());
    assert!(consumer::claim(&mut host, &subscription(), 0, &["x".into()], &mut pace).is_err());
    assert!(consumer::claim_idle(&mut host, &subscription(), 0, "-", &mut pace).is_err());
    assert!(consumer::create_group(&mut host, Kind::Event, "g", "").is_err());
    assert!(consumer::set_id(&mut host, Kind::Event, "g", "-").is_err());
    let filter = PendingFilter {
        start: "-".into(),
        end: "-".into(),
        count: 1,
        min_idle_ms: 0,
        consumer: None,
    };
    assert!(consumer::list_pending(&mut host, Kind::Event, "g", &filter).is_err());
    assert_eq!(host.calls, [""; 0]);
}

#[test]
fn a_backend_that_contradicts_itself_is_refused_without_a_trap() {
    use papyra_engine::delivery::{Delivered, DeliveryFrame};
    let frame = |id: &str, end| DeliveryFrame { id: id.into(), end, missing: false, deliveries: 1 };
    for frames in [
        vec![frame("1-0", 99)],
        vec![frame("1-0", 5), frame("2-0", 3)],
        vec![frame("one", 2)],
        vec![frame("1-0\",\"x\":\"", 2)],
    ] {
        let mut host = events(0);
        host.lie = Some(Delivered { data: b"{}{}{}".to_vec(), frames, deleted: Vec::new() });
        let refused =
            consumer::next(&mut host, &subscription(), Source::Fresh, &mut Pace::default());
        assert_eq!(refused.unwrap_err().code, Code::Corrupt);
    }
}
