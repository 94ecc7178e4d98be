//! The audit record that recovery and compaction leave of what they did.

use papyra_engine::failure::FailureCode;
use papyra_engine::health::recover::{RecoverOptions, Recovery, RecoveryMode};
use papyra_engine::health::scan::{self, ScanOptions};
use papyra_engine::json::Kind;
use papyra_engine::operations;
use papyra_engine::retention::compact::{CompactOptions, Compaction};
use papyra_engine::retention::{Limits, Retention};
use papyra_engine::testing::{COMPACT, Lines, NOW, record};
use papyra_engine::testing::{Streams, at};
use serde_json::Value;

const RUN: CompactOptions = CompactOptions { record_audit: true, ..COMPACT };
const REPAIR: RecoverOptions = RecoverOptions {
    mode: RecoveryMode::Repair,
    dry_run: false,
    max_findings: 5,
    record_audit: true,
    allow_loss: false,
};

fn journal(records: usize) -> Vec<u8> {
    (0..records)
        .flat_map(|n| record("event", NOW - 100.0 + n as f64, n % 20).into_bytes())
        .collect()
}

fn recover(host: &mut Lines, options: RecoverOptions) -> Recovery {
    operations::recover(host, options).unwrap()
}

fn compact(host: &mut Lines, limits: Limits) -> Compaction {
    operations::compact(host, None, &policy(limits), RUN).unwrap()
}

fn policy(limits: Limits) -> Retention {
    Retention::new(limits, &[]).unwrap()
}

fn last_line(host: &Lines) -> String {
    let text = std::str::from_utf8(&host.data).unwrap();
    text.split_inclusive('\n').next_back().unwrap().to_owned()
}

fn records(host: &Lines) -> usize {
    host.data.iter().filter(|byte| **byte == b'\n').count()
}

#[test]
fn a_recovery_says_what_it_did_in_a_sound_record() {
    let damaged = [&journal(3), b"garbage\n\n".as_slice()].concat();
    let mut host = Lines::new(damaged);
    let done = recover(&mut host, REPAIR);
    assert!(done.changed && done.note.is_empty());
    assert_eq!(last_line(&host), done.audit);
    let audit: Value = serde_json::from_str(&done.audit).unwrap();
    assert_eq!(
        (&audit["kind"], &audit["action"], &audit["by"]),
        (&"audit".into(), &"recover".into(), &"papyra".into())
    );
    assert_eq!((&audit["mode"], &audit["removed_entries"]), (&"repair".into(), &2.into()));
    assert_eq!(audit["anomalies"], serde_json::json!({"malformed_json": 1, "not_an_object": 1}));
    assert_eq!(audit["bytes_after"], done.bytes_after);
    let report = scan::scan(&mut host, ScanOptions { max_findings: 5, sample: None }).unwrap();
    assert!(report.is_healthy() && report.records == 4);
}

#[test]
fn what_changes_nothing_leaves_no_audit() {
    let mut host = Lines::new(journal(3));
    assert_eq!(recover(&mut host, REPAIR).audit, "");
    let three = Limits { max_records: Some(3), ..Limits::default() };
    assert_eq!(compact(&mut host, three).audit, "");
    assert_eq!(host.data, journal(3));

    let damaged = [&journal(3), b"garbage\n".as_slice()].concat();
    let mut host = Lines::new(damaged.clone());
    assert!(recover(&mut host, RecoverOptions { dry_run: true, ..REPAIR }).audit.is_empty());
    let one = policy(Limits { max_records: Some(1), ..Limits::default() });
    let dry = CompactOptions { dry_run: true, ..RUN };
    assert!(operations::compact(&mut host, None, &one, dry).unwrap().audit.is_empty());
    assert_eq!(host.data, damaged);
    assert!(
        operations::recover(&mut host, RecoverOptions { record_audit: false, ..REPAIR })
            .unwrap()
            .audit
            .is_empty()
    );
    assert_eq!(host.data, journal(3), "nor when it is not asked for");
}

#[test]
fn a_compaction_says_what_it_did_and_by_which_limits() {
    let mut host = Lines::new(journal(30));
    let limits =
        Limits { max_records: Some(10), max_age_seconds: Some(1e6), max_total_bytes: None };
    let audits = Limits { max_records: Some(5), ..Limits::default() };
    let policy = Retention::new(limits, &[(Kind::Audit, audits)]).unwrap();
    let done = operations::compact(&mut host, None, &policy, RUN).unwrap();
    let audit: Value = serde_json::from_str(&done.audit).unwrap();
    let limits = serde_json::json!({
        "journal": {"max_records": 10, "max_age_seconds": 1e6}, "audit": {"max_records": 5}
    });
    assert_eq!((&audit["action"], &audit["limits"]), (&"compact".into(), &limits));
    assert_eq!((&audit["records_before"], &audit["records_after"]), (&30.into(), &10.into()));
    assert_eq!((records(&host), done.records_after), (11, 10), "the audit comes on top");
}

#[test]
fn compacting_again_and_again_changes_nothing_after_the_first_time() {
    let by_records = |max| Limits { max_records: Some(max), ..Limits::default() };
    let by_bytes = |max| Limits { max_total_bytes: Some(max), ..Limits::default() };
    let by_age = |max| Limits { max_age_seconds: Some(max), ..Limits::default() };
    let all = [
        by_records(0),
        by_records(1),
        by_records(10),
        by_bytes(0),
        by_bytes(1),
        by_bytes(300),
        by_age(80.0),
        Limits { max_records: Some(7), ..by_bytes(400) },
    ];
    for limits in all {
        let mut host = Lines::new(journal(30));
        let first = compact(&mut host, limits);
        assert!(first.changed && !first.audit.is_empty(), "{limits:?}");
        let after = host.data.clone();
        for _ in 0..3 {
            let again = compact(&mut host, limits);
            assert!(!again.changed && again.audit.is_empty(), "{limits:?}: {again:?}");
            assert_eq!(host.data, after, "{limits:?}");
        }
        // What comes next displaces the audit record like any other record.
        host.data.extend(record("event", NOW, 3).into_bytes());
        host.data.extend(record("event", NOW, 3).into_bytes());
        compact(&mut host, limits);
        let settled = host.data.clone();
        assert!(!compact(&mut host, limits).changed, "{limits:?}");
        assert_eq!(host.data, settled);
    }
}

#[test]
fn where_kinds_lie_side_by_side_compacting_again_changes_nothing_either() {
    let by_records = |max| Limits { max_records: Some(max), ..Limits::default() };
    let by_bytes = Limits { max_total_bytes: Some(300), ..Limits::default() };
    let by_age = Limits { max_age_seconds: Some(20.0), ..Limits::default() };
    for limits in [by_records(0), by_records(1), by_records(10), by_bytes, by_age] {
        let policy = policy(limits);
        let mut streams = Streams::new();
        for n in 0..30 {
            let kind = Kind::ALL[n % 4].as_str();
            let line = record(kind, NOW - 30.0 + n as f64, 5);
            streams.push(n % 4, at(n as u64 + 1, 0), line.trim_end());
        }
        let first = operations::compact(&mut streams, None, &policy, RUN).unwrap();
        assert!(first.changed && !first.audit.is_empty(), "{limits:?}");
        assert!(streams.lines().ends_with(&first.audit), "{limits:?}");
        let after = streams.lines();
        let again = operations::compact(&mut streams, None, &policy, RUN).unwrap();
        assert!(!again.changed && again.audit.is_empty(), "{limits:?}: {again:?}");
        assert_eq!(streams.lines(), after, "{limits:?}");
    }
}

#[test]
fn a_limit_on_audits_does_not_count_the_newest_fact_either() {
    let mut host = Lines::new(journal(30));
    let none = Limits { max_records: Some(0), ..Limits::default() };
    let ten = Limits { max_records: Some(10), ..Limits::default() };
    let policy = Retention::new(ten, &[(Kind::Audit, none)]).unwrap();
    let run = |host: &mut Lines| operations::compact(host, None, &policy, RUN).unwrap();
    assert!(run(&mut host).changed);
    assert!(!run(&mut host).changed);
    assert_eq!(records(&host), 11);
}

#[test]
fn a_fact_that_has_expired_goes_without_leaving_another() {
    let mut host = Lines::new(journal(5));
    let limits = Limits { max_age_seconds: Some(10.0), ..Limits::default() };
    assert!(compact(&mut host, limits).changed);
    assert_eq!(records(&host), 1);
    host.now = NOW + 1_000.0;
    let done = compact(&mut host, limits);
    assert_eq!((done.changed, done.audit.as_str(), records(&host)), (true, "", 0));
    assert!(!compact(&mut host, limits).changed);
}

#[test]
fn without_facts_the_limits_are_kept_to_the_letter() {
    let mut host = Lines::new(journal(30));
    let ten = Limits { max_records: Some(10), ..Limits::default() };
    compact(&mut host, ten);
    let done = operations::compact(
        &mut host,
        None,
        &policy(ten),
        CompactOptions { record_audit: false, ..RUN },
    )
    .unwrap();
    assert_eq!((done.changed, records(&host)), (true, 10));
}

#[test]
fn a_recovery_that_fails_half_way_leaves_an_audit_record_of_what_it_did() {
    let sound = record("event", NOW, 1);
    let mut host = Lines::in_files([format!("{sound}x\n"), format!("{sound}y\n"), sound.clone()]);
    host.refused = Some("journal.1".to_owned());
    let failure = operations::recover(&mut host, REPAIR).unwrap_err();
    assert_eq!(failure.code, FailureCode::Denied);
    assert!(failure.message.ends_with("recovered before that: journal.2"), "{}", failure.message);
    assert_eq!(host.sealed, [sound.clone().into_bytes(), format!("{sound}y\n").into_bytes()]);
    let audit = String::from_utf8(host.data).unwrap();
    assert!(audit.contains("\"action\":\"recover\"") && audit.contains("journal.2"), "{audit}");
}
