//! Whole records that share a line with something else are kept, whatever that is.

use papyra_engine::failure::{Failure, FailureCode};
use papyra_engine::health::recover::{RecoverOptions, Recovery, RecoveryMode};
use papyra_engine::health::scan::{self, ScanOptions, ScanReport};
use papyra_engine::operations;
use papyra_engine::retention::compact::{self, CompactOptions};
use papyra_engine::retention::{Limits, Retention};
use papyra_engine::testing::{Lines, NOW, Streams, at, record};
use proptest::prelude::*;

const BOTH: [RecoveryMode; 2] = [RecoveryMode::Repair, RecoveryMode::Quarantine];

fn options(mode: RecoveryMode) -> RecoverOptions {
    let (dry_run, max_findings, record_audit) = (false, 100, false);
    RecoverOptions { mode, dry_run, max_findings, record_audit, allow_loss: false }
}

fn recovered(data: &[u8], mode: RecoveryMode) -> (Lines, Recovery) {
    let mut host = Lines::new(data);
    let options = RecoverOptions { allow_loss: true, ..options(mode) };
    let done = operations::recover(&mut host, options).unwrap();
    (host, done)
}

fn refused(data: &[u8]) -> Failure {
    let mut host = Lines::new(data);
    let failure = operations::recover(&mut host, options(RecoveryMode::Repair)).unwrap_err();
    assert_eq!((failure.code, host.data.as_slice()), (FailureCode::InvalidArgument, data));
    failure
}

fn scan(data: &[u8]) -> ScanReport {
    scan::scan(&mut Lines::new(data), ScanOptions { max_findings: 100, sample: None }).unwrap()
}

fn one(number: u32) -> String {
    format!("{{\"kind\":\"event\",\"timestamp\":{number},\"nested\":{{\"a\":[{number},{{}}]}}}}")
}

#[test]
fn a_finding_says_how_many_records_will_be_kept() {
    let (a, b, c) = (one(1), one(2), one(3));
    let data = format!("{a}\n{{\"kind\":\"dead_letter\",\"record\":{b}{c}\n\0\0{a}\n\0\0\0\n");
    let report = scan(data.as_bytes());
    let found: Vec<_> = report
        .findings
        .iter()
        .map(|f| (f.anomaly.as_str(), f.line.unwrap(), f.salvageable, f.ambiguous))
        .collect();
    let expected = [
        ("joined_records", 2, 2, 1),
        ("joined_records", 3, 1, 0),
        ("null_bytes", 3, 0, 0),
        ("null_bytes", 4, 0, 0),
    ];
    assert_eq!(found, expected);
    assert_eq!((report.records, report.damaged, report.salvageable), (1, 3, 3));
}

#[test]
fn every_kept_record_gets_a_line_of_its_own_and_the_rest_is_dropped_or_quarantined() {
    let (a, b, c) = (one(1), one(2), one(3));
    for (line, kept, lost) in [
        (format!("{a}{b}"), vec![&a, &b], ""),
        (format!("{a}, {b},"), vec![&a, &b], ", ,"),
        (format!("{{\"kind\":\"ev{a}"), vec![&a], "{\"kind\":\"ev"),
        (format!("\0\0{a}\0"), vec![&a], "\0\0\0"),
        (format!("{a}garbage{b}"), vec![&a, &b], "garbage"),
        (format!("\u{feff}{a} \r"), vec![&a], "\u{feff} \r"),
        (format!("log: {a}{b} {c} end"), vec![&a, &b, &c], "log:   end"),
    ] {
        let file: String = kept.iter().map(|record| format!("{record}\n")).collect();
        for (end, around) in [("\n", ""), ("", ""), ("\n", "sound")] {
            let sound = if around.is_empty() { String::new() } else { record("audit", NOW, 5) };
            let data = format!("{sound}{line}{end}{sound}");
            for mode in BOTH {
                let (host, done) = recovered(data.as_bytes(), mode);
                let expected = format!("{sound}{file}{sound}");
                assert_eq!(String::from_utf8_lossy(&host.data), expected, "{data:?}");
                assert_eq!(done.salvaged, kept.len() as u64);
                assert_eq!((done.removed_entries, done.removed_bytes as usize), (0, lost.len()));
                let quarantined = if mode == RecoveryMode::Quarantine { lost } else { "" };
                assert_eq!(String::from_utf8_lossy(&host.quarantine), quarantined);
            }
        }
    }
}

#[test]
fn a_record_with_unclear_numbers_is_kept_by_a_repair_and_quarantined_otherwise() {
    let (a, unclear) = (one(1), r#"{"kind":"event","timestamp":2,"n":NaN}"#);
    let data = format!("{a}{unclear}\n");
    let (host, done) = recovered(data.as_bytes(), RecoveryMode::Repair);
    assert_eq!((host.data, done.remaining), (format!("{a}\n{unclear}\n").into_bytes(), 1));
    let (host, _) = recovered(data.as_bytes(), RecoveryMode::Quarantine);
    assert_eq!((host.data, host.quarantine), (format!("{a}\n").into_bytes(), unclear.into()));
}

#[test]
fn a_line_longer_than_a_record_may_be_is_searched_to_its_end() {
    let big = record("event", NOW, 3 << 20);
    let mut data = String::from("torn");
    for _ in 0..12 {
        data.push_str(big.trim_end());
    }
    data.push('\n');
    let report = scan(data.as_bytes());
    assert_eq!((report.salvageable, report.findings[0].anomaly.as_str()), (12, "joined_records"));
    let (host, done) = recovered(data.as_bytes(), RecoveryMode::Quarantine);
    assert!(host.data == big.repeat(12).into_bytes());
    assert_eq!((done.salvaged, host.quarantine.as_slice()), (12, b"torn".as_slice()));
}

#[test]
fn what_does_not_end_within_the_length_of_a_record_is_given_up_with_all_behind_it() {
    let (a, b) = (one(1), one(2));
    let endless = format!("{a}{{\"kind\":\"event\",\"list\":[{}", "1,".repeat(9 << 20));
    for tail in ["", &b] {
        let (host, done) = recovered(format!("{endless}{tail}\n{b}\n").as_bytes(), BOTH[1]);
        assert_eq!(host.data, format!("{a}\n{b}\n").into_bytes());
        assert_eq!(
            (done.salvaged, host.quarantine.len()),
            (1, endless.len() - a.len() + tail.len())
        );
    }
}

#[test]
fn hostile_lines_take_work_in_proportion_to_their_length() {
    for piece in ["{", "{\"", "{\"a\":", "{\"a\":{\"", "[{\"a\":1,", "{\"{\":\":{\\", "\0{\"k"] {
        let line = piece.repeat((16 << 20) / piece.len());
        let mut host = Lines::new(format!("{line}\n"));
        let options = ScanOptions { max_findings: 1, sample: None };
        let report = scan::scan(&mut host, options).unwrap();
        assert_eq!((report.damaged, report.salvageable), (1, 0));
        assert!(host.bytes_read <= 3 * line.len(), "{piece:?}: {} bytes", host.bytes_read);
    }
}

#[test]
fn a_store_that_frames_entries_quarantines_what_holds_records_in_both_modes() {
    for mode in BOTH {
        let mut streams = Streams::new();
        streams.push(0, at(1, 0), record("event", NOW, 1).trim_end());
        streams.push(0, at(2, 0), format!("{}{}", one(1), one(2)));
        let done = operations::recover(&mut streams, options(mode)).unwrap();
        assert_eq!((done.removed_entries, done.salvaged), (1, 0));
        assert!(streams.kept_quarantine, "{mode:?}");
    }
}

#[test]
fn what_is_no_journal_is_not_repaired_unless_the_caller_insists() {
    let elements = |count: u32| (0..count).map(one).collect::<Vec<_>>();
    let pretty = "{\n  \"kind\": \"event\",\n  \"timestamp\": 1\n}\n".repeat(20);
    for (data, why) in [
        (format!("[{}]\n", elements(3).join(",")), "one JSON array"),
        (format!("[\n{}\n]\n", elements(3).join(",\n")), "one JSON array"),
        (elements(3).join(" x\n") + " x\n", "have other text as well"),
        (elements(20).join("\n2026-11-29 INFO "), "have other text as well"),
        (format!("{}\n{}", one(1), "garbage\n".repeat(9)), "hold no record"),
        ("garbage\n".to_owned(), "none of its lines holds a record"),
        (pretty, "hold no record"),
        ("picture without line ends".to_owned(), "none of its lines holds a record"),
    ] {
        let failure = refused(data.as_bytes());
        assert!(failure.message.contains(why), "{data:?}: {}", failure.message);
        let (_, done) = recovered(data.as_bytes(), RecoveryMode::Repair);
        assert!(done.changed, "allow-loss insists");
        let (host, _) = recovered(data.as_bytes(), RecoveryMode::Quarantine);
        let line_ends = host.data.len() + host.quarantine.len() - data.len();
        assert!(line_ends <= 20, "every byte is somewhere");
    }
}

#[test]
fn line_ends_nuls_and_torn_ends_never_make_a_journal_anything_else() {
    let glued: String = (0..20).map(one).collect();
    let nuls = |count: usize| "\0".repeat(count) + "\n";
    for data in [
        glued,
        (0..20).map(|n| format!("\0\0{}\n", one(n))).collect(),
        format!("{}\n{}", one(1), nuls(9).repeat(20)),
        nuls(4096),
        "\0".repeat(4096),
        "{\"kind\":\"ev".to_owned(),
        format!("{}x\n{}\n", one(1), one(2)),
    ] {
        let mut host = Lines::new(data.as_str());
        let done = operations::recover(&mut host, options(RecoveryMode::Repair)).unwrap();
        assert!(done.changed, "{data:?}");
        assert!(scan(&host.data).is_healthy());
    }
}

#[test]
fn another_encoding_is_named_and_refused_in_both_modes() {
    let wide: Vec<u8> = one(1).bytes().flat_map(|byte| [byte, 0]).collect();
    let marked = [b"\xFF\xFE".to_vec(), wide.clone()].concat();
    let cases: [(&[u8], &str); 4] = [
        (&wide, "UTF-16"),
        (&marked, "UTF-16"),
        (b"\x1F\x8B\x08\0rest\n", "gunzip"),
        (b"\x28\xB5\x2F\xFDrest\n", "zstd -d"),
    ];
    for (data, named) in cases {
        let report = scan(data);
        let first = &report.findings[0];
        assert_eq!(first.anomaly, "foreign_encoding");
        assert!(first.hint.contains(named), "{}", first.hint);
        for mode in BOTH {
            let mut host = Lines::new(data);
            let insisting = RecoverOptions { allow_loss: true, ..options(mode) };
            let failure = operations::recover(&mut host, insisting).unwrap_err();
            assert!(failure.message.contains(named), "{}", failure.message);
            assert_eq!(host.data, data);
        }
    }
}

#[test]
fn a_clock_that_makes_everything_too_old_removes_nothing() {
    let limits = |age| Limits { max_age_seconds: Some(age), ..Limits::NONE };
    let policy = |age| Retention::new(limits(age), &[]).unwrap();
    let day = 86_400.0;
    let options = CompactOptions {
        dry_run: false,
        force: true,
        keep_quarantine: false,
        as_of: None,
        record_audit: false,
        allow_expire_all: false,
        full: false,
    };
    let old = record("event", NOW - 90.0 * day, 5);
    let mut host = Lines::new(old.repeat(3));
    let failure = compact::compact(&mut host, &policy(30.0 * day), options).unwrap_err();
    assert_eq!(failure.code, FailureCode::InvalidArgument);
    assert!(failure.message.contains("clock"), "{}", failure.message);
    // Less than twice the limit, or with one record that is not too old, it is an ordinary compaction.
    let done = compact::compact(&mut host, &policy(46.0 * day), options).unwrap();
    assert_eq!(done.records_after, 0);
    let mut host = Lines::new(old.repeat(3) + &record("event", NOW, 5));
    let done = compact::compact(&mut host, &policy(30.0 * day), options).unwrap();
    assert_eq!(done.records_after, 1);
    let mut host = Lines::new(old.repeat(3));
    let insisting = CompactOptions { allow_expire_all: true, ..options };
    assert!(compact::compact(&mut host, &policy(30.0 * day), insisting).unwrap().changed);
}

#[test]
fn timestamps_that_are_no_calendar_time_are_counted_apart_and_explained() {
    let data = record("event", NOW * 1e3, 1) + &record("event", 12.5, 1) + &record("event", NOW, 1);
    let report = scan(data.as_bytes());
    assert_eq!((report.untimed, report.from_future), (1, 1));
    assert_eq!((report.oldest, report.newest), (Some(NOW), Some(NOW)));
    assert!(report.time_note.contains("milliseconds"), "{}", report.time_note);
    assert!(report.is_healthy(), "they are no anomalies");
}

/// A line, and the whole records in it.
fn line() -> impl Strategy<Value = (String, Vec<String>)> {
    let records = prop::collection::vec(any::<u16>().prop_map(|n| one(u32::from(n))), 1..4);
    let torn = (any::<u16>(), any::<prop::sample::Index>()).prop_map(|(number, at)| {
        let record = one(number.into());
        record[..at.index(record.len())].to_owned()
    });
    let before = prop_oneof![
        Just(String::new()),
        Just("\0\0".to_owned()),
        Just("garbage ".to_owned()),
        torn
    ];
    let between = prop::sample::select(vec!["", " ", "\0", "xx", "\u{1e}"]);
    (before, records, between, prop::sample::select(vec!["", "\0\0", "tail", "{\"k"])).prop_map(
        |(before, records, between, after)| {
            (format!("{before}{}{after}", records.join(between)), records)
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn every_whole_record_is_kept_in_order_and_every_byte_is_accounted_for(
        lines in prop::collection::vec(line(), 1..8),
        terminated in any::<bool>(),
        window in 1_usize..300,
    ) {
        let mut data = lines.iter().map(|(line, _)| line.as_str()).collect::<Vec<_>>().join("\n");
        data.push_str(if terminated { "\n" } else { "" });
        let kept: String =
            lines.iter().flat_map(|(_, records)| records).map(|r| format!("{r}\n")).collect();
        for mode in BOTH {
            let mut host = Lines::new(data.as_str()).reading_at_most(window);
            let insisting = RecoverOptions { allow_loss: true, ..options(mode) };
            let done = operations::recover(&mut host, insisting).unwrap();
            prop_assert_eq!(String::from_utf8_lossy(&host.data), kept.as_str());
            let inserted = done.line_ends as usize;
            prop_assert_eq!(data.len() - done.removed_bytes as usize + inserted, kept.len());
            if mode == RecoveryMode::Quarantine {
                prop_assert_eq!(host.quarantine.len(), done.removed_bytes as usize);
            }
            prop_assert!(!operations::recover(&mut host, options(mode)).unwrap().changed);
        }
    }
}
