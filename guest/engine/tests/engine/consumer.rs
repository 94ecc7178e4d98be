//! What consumers of a group are given, and what becomes of what they cannot be given.

use crate::consumers::{events, fresh, ids, lines, own, pending, subscription};
use papyra_engine::consumer::{self, Batch, Pace, Subscription};
use papyra_engine::failure::FailureCode;
use papyra_engine::groups::{PendingFilter, Source, Wait};
use papyra_engine::host::StorageError;
use papyra_engine::json::Kind;
use papyra_engine::testing::{NOW, record};
use papyra_engine::testing::{Streams, at};

#[test]
fn records_come_with_their_id_and_how_often_they_were_delivered() {
    let mut host = events(2);
    let batch = fresh(&mut host, &subscription());
    assert_eq!(batch.made.as_deref(), Some("0"));
    assert_eq!(batch.last.as_deref(), Some("2-0"));
    let stored = String::from_utf8(host.streams[0][0].1.clone().unwrap()).unwrap();
    let first = format!("{{\"id\":\"1-0\",\"deliveries\":1,\"record\":{stored}}}");
    assert_eq!(batch.records.lines().next(), Some(first.as_str()));
    assert_eq!(lines(&own(&mut host, &subscription()))[1]["deliveries"], 2);
    let empty = fresh(&mut host, &subscription());
    assert_eq!((empty.count, empty.records, empty.last), (0, String::new(), None));
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
    let mut host = streams;
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

    let mut host = Streams { streams: host.streams, ..Streams::new() };
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

/// What is pending may be so because it did not fit, and a new process knows nothing of that.
#[test]
fn what_is_pending_is_asked_for_one_by_one_at_first() {
    let mut host = events(3);
    fresh(&mut host, &subscription());
    host.calls.clear();
    assert_eq!(own(&mut host, &subscription()).count, 3);
    assert!(host.calls.iter().any(|call| call.starts_with("fetch 1 ")), "{:?}", host.calls);
}

fn pending_or_none(host: &Streams) -> usize {
    host.groups.values().map(|group| group.pending.len()).sum()
}

#[test]
fn what_is_no_record_is_quarantined_and_does_not_stay_pending() {
    let mut host = events(1);
    for (n, entry) in ["garbage", "[]", "{\"kind\":\"event\",\n\"timestamp\":1}"].iter().enumerate()
    {
        host.push(0, at(2 + n as u64, 0), *entry);
    }
    host.push(0, at(5, 0), vec![b'{', 0xff, b'}']);
    host.streams[0].push((at(6, 0), None));
    let batch = fresh(&mut host, &subscription());
    assert_eq!(ids(&batch), ["1-0"]);
    assert_eq!(batch.quarantined, ["2-0", "3-0", "4-0", "5-0", "6-0"]);
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
    host.push(0, at(1, 0), "{\"kind\":\"audit\",\"timestamp\":NaN}");
    let batch = fresh(&mut host, &subscription());
    assert!(batch.records.contains("\"record\":{\"kind\":\"audit\",\"timestamp\":NaN}}"));
}

#[test]
fn a_failure_after_the_first_fetch_comes_with_what_was_handed_out() {
    let mut host = events(100);
    consumer::create_group(&mut host, Kind::Event, "workers", "0").unwrap();
    let gone = StorageError::Unavailable("gone".into());
    host.later_failures.push_back(("fetch", gone.clone()));
    let batch = fresh(&mut host, &subscription());
    assert_eq!((batch.count, batch.partial_failure.unwrap().code), (64, FailureCode::Unavailable));

    host.failures.push_back(("fetch", gone));
    let failed = consumer::next(&mut host, &subscription(), Source::Fresh, &mut Pace::default());
    assert_eq!(failed.unwrap_err().code, FailureCode::Unavailable);
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
    host.streams[0].remove(1);
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
    assert_eq!((ids(&batch), batch.next.as_str()), (vec!["2-0".into(), "3-0".into()], "3-1"));
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
        assert_eq!(code(refused), FailureCode::InvalidArgument, "{subscription:?}");
        let refused = consumer::claim(&mut host, subscription, 0, &["1-0".into()], &mut pace);
        assert_eq!(code(refused), FailureCode::InvalidArgument, "{subscription:?}");
        let refused = consumer::claim_idle(&mut host, subscription, 0, "0", &mut pace);
        assert_eq!(code(refused), FailureCode::InvalidArgument, "{subscription:?}");
    }
    let own = Source::OwnPending("1".into());
    assert_eq!(
        code(consumer::next(&mut host, &subscription(), own, &mut pace)),
        FailureCode::InvalidArgument
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
    use papyra_engine::groups::{Delivered, DeliveredFrame};
    let frame =
        |id: &str, end| DeliveredFrame { id: id.into(), end, missing: false, deliveries: 1 };
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
        assert_eq!(refused.unwrap_err().code, FailureCode::Corrupt);
    }
}
