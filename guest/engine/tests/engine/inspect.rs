//! Overviews: what is counted, and what is said to be there beyond that.

use papyra_engine::health::inspect::{self, Inspection};
use papyra_engine::json::Kind;
use papyra_engine::retention::{Limits, Retention};
use papyra_engine::testing::{Lines, NOW, record};

fn events(ages: impl IntoIterator<Item = u32>) -> String {
    ages.into_iter().map(|age| record("event", NOW - f64::from(age), 5)).collect()
}

fn inspect(data: String, limit: u64, policy: &Retention) -> Inspection {
    inspect::inspect(&mut Lines::new(data), limit, policy).unwrap()
}

#[test]
fn damage_before_the_records_is_no_older_record() {
    let data = "garbage\n".to_owned() + &events((0..10).rev());
    let seen = inspect(data, 10, &Retention::default());
    assert_eq!((seen.records, seen.damaged, seen.sampled), (10, 1, false));
    let seen = inspect(events((0..11).rev()), 10, &Retention::default());
    assert_eq!((seen.records, seen.sampled, seen.oldest), (10, true, Some(NOW - 10.0)));
}

#[test]
fn what_retention_hides_is_neither_an_older_record_nor_the_oldest() {
    let data = events((0..30).rev());
    let newest = |max_records| Limits { max_records: Some(max_records), ..Limits::default() };
    let recent = Limits { max_age_seconds: Some(9.5), ..Limits::default() };
    let policies = [
        Retention::new(newest(10), &[]).unwrap(),
        Retention::new(Limits::default(), &[(Kind::Event, newest(10))]).unwrap(),
        Retention::new(recent, &[]).unwrap(),
    ];
    for policy in &policies {
        let seen = inspect(data.clone(), 10, policy);
        assert_eq!((seen.records, seen.sampled), (10, false), "{policy:?}");
        assert_eq!(seen.oldest, Some(NOW - 9.0), "{policy:?}");
    }
    let seen = inspect(data, 5, policies.last().unwrap());
    assert_eq!((seen.records, seen.sampled, seen.oldest), (5, true, Some(NOW - 9.0)));
}

#[test]
fn much_that_is_hidden_does_not_make_an_overview_dear() {
    let data = events((0..50_000).rev());
    let mut host = Lines::new(data);
    let recent = Limits { max_age_seconds: Some(9.5), ..Limits::default() };
    let seen = inspect::inspect(&mut host, 10, &Retention::new(recent, &[]).unwrap()).unwrap();
    assert_eq!((seen.records, seen.sampled), (10, true));
    assert!(host.reads < 5, "{} reads", host.reads);
}
