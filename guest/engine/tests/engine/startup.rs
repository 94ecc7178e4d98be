//! The verdict before a system starts.

use papyra_engine::health::recover::RecoveryMode;
use papyra_engine::health::startup::{
    self, StartupMode, StartupOptions, StartupOutcome, StartupReport,
};
use papyra_engine::host::Host;
use papyra_engine::testing::{Lines, NOW, Streams, at, record};

fn check(data: &str, mode: StartupMode, recovery: RecoveryMode) -> (StartupOutcome, String) {
    let mut host = Lines::new(data);
    let options = StartupOptions { mode, recovery, full: false, record_audit: false };
    let report = startup::startup_check(&mut host, options).unwrap();
    (report.outcome, String::from_utf8(host.data).unwrap())
}

#[test]
fn each_mode_gives_its_verdict() {
    use StartupMode::{Fail, Ignore, Recover, ScanOnly};
    use StartupOutcome::{Healthy, Ignored, Recovered, Refused, Tolerated};

    let good = record("event", NOW, 1);
    let damaged = format!("{good}garbage\n{good}");
    let suspect = format!("{good}{{\"kind\": \"what\", \"timestamp\": 1}}\n");
    let cases = [
        (Ignore, &damaged, Ignored, &damaged),
        (ScanOnly, &good, Healthy, &good),
        (ScanOnly, &damaged, Tolerated, &damaged),
        (Fail, &good, Healthy, &good),
        (Fail, &damaged, Refused, &damaged),
        (Fail, &suspect, Refused, &suspect),
        (Recover, &good, Healthy, &good),
        (Recover, &damaged, Recovered, &good.repeat(2)),
        (Recover, &suspect, Tolerated, &suspect),
    ];
    for (mode, before, outcome, after) in cases {
        assert_eq!(check(before, mode, RecoveryMode::Repair), (outcome, after.clone()), "{mode:?}");
    }
    assert_eq!(check(&suspect, Recover, RecoveryMode::Quarantine), (Recovered, good));
}

#[test]
fn ignore_does_not_read_the_store() {
    let mut host = Lines::new("garbage\n");
    again(&mut host, StartupMode::Ignore, false);
    assert_eq!((host.reads, host.index.as_str()), (0, ""));
}

fn again(host: &mut impl Host, mode: StartupMode, full: bool) -> StartupReport {
    let options =
        StartupOptions { mode, recovery: RecoveryMode::Repair, full, record_audit: false };
    startup::startup_check(host, options).unwrap()
}

/// A sound journal of about 1.2 MB that has been checked once.
fn checked() -> Lines {
    let mut host = Lines::new(record("event", NOW, 1000).repeat(1200));
    assert_eq!(again(&mut host, StartupMode::Fail, false).indexed_bytes, 0);
    host
}

#[test]
fn a_clean_check_lets_the_next_one_read_what_came_since() {
    let mut host = checked();
    let size = host.data.len() as u64;
    host.data.extend(record("audit", NOW + 1.0, 1).bytes());
    host.bytes_read = 0;

    let report = again(&mut host, StartupMode::Fail, false);
    assert_eq!((report.outcome, report.indexed_bytes), (StartupOutcome::Healthy, size));
    let scan = report.scan.unwrap();
    assert_eq!((scan.records, scan.bytes), (1201, host.data.len() as u64));
    assert_eq!(scan.newest, Some(NOW + 1.0));
    assert!(host.bytes_read < 800_000, "{} bytes were read", host.bytes_read);
}

#[test]
fn an_index_is_written_again_only_when_more_was_appended_than_stays() {
    let mut host = Lines::new(record("event", NOW, 1000).repeat(8000));
    again(&mut host, StartupMode::Fail, false);
    let kept = host.index.clone();
    let size = host.data.len() as u64;
    for appended in 1..=20 {
        host.data.extend(record("event", NOW, 1).bytes());
        assert_eq!(again(&mut host, StartupMode::Fail, false).indexed_bytes, size, "{appended}");
        if host.index != kept {
            assert!(appended > 4, "after {appended} records");
            return;
        }
    }
    panic!("it was never written again");
}

#[test]
fn damage_after_a_clean_check_has_its_true_line_each_time() {
    let mut host = checked();
    let size = host.data.len() as u64;
    host.data.extend(b"garbage\n");
    for _ in 0..2 {
        host.data.extend(record("event", NOW, 1).bytes());
        let report = again(&mut host, StartupMode::Fail, false);
        assert_eq!((report.outcome, report.indexed_bytes), (StartupOutcome::Refused, size));
        assert_eq!(report.scan.unwrap().findings[0].line, Some(1201));
    }
    let report = again(&mut host, StartupMode::Recover, false);
    assert_eq!(report.outcome, StartupOutcome::Recovered);
    let report = again(&mut host, StartupMode::Fail, false);
    assert_eq!(
        (report.outcome, report.indexed_bytes),
        (StartupOutcome::Healthy, host.data.len() as u64)
    );
}

#[test]
fn what_the_windows_show_is_noticed_and_the_rest_only_by_a_full_check() {
    let size = checked().data.len();
    let noticed = |at: usize| {
        let mut host = checked();
        host.data[at] = b'\n';
        again(&mut host, StartupMode::Fail, false).outcome == StartupOutcome::Refused
    };
    let between = (size - (64 << 10)) / 31;
    for at in [500, (64 << 10) - 1, between, 7 * between + 4095, size - (64 << 10), size - 500] {
        assert!(noticed(at), "a change at {at} goes unnoticed");
    }
    let unseen = 7 * between + 4096 + 500;
    assert!(!noticed(unseen));
    let mut host = checked();
    host.data[unseen] = b'\n';
    assert_eq!(again(&mut host, StartupMode::Fail, true).outcome, StartupOutcome::Refused);
}

#[test]
fn a_journal_that_was_cut_or_rewritten_is_read_in_full() {
    let mut host = checked();
    host.data.truncate(1_000_000);
    assert_eq!(again(&mut host, StartupMode::ScanOnly, false).indexed_bytes, 0);

    let mut host = checked();
    let line = record("event", NOW, 1000).len();
    host.data.drain(..line);
    assert_eq!(again(&mut host, StartupMode::Fail, false).indexed_bytes, 0);
}

#[test]
fn an_index_that_is_nonsense_is_no_index() {
    for text in ["", "{", "null", "{\"format\": \"papyra.index/1 9.9.9\", \"parts\": []}"] {
        let mut host = checked();
        host.index = text.to_owned();
        assert_eq!(again(&mut host, StartupMode::Fail, false).indexed_bytes, 0, "{text}");
        assert!(host.index.len() > 100, "a new one is kept");
    }
}

#[test]
fn what_is_no_journal_is_refused_and_the_reason_is_given() {
    let array =
        format!("[\n{},\n{}]\n", record("event", NOW, 1).trim(), record("audit", NOW, 1).trim());
    let mut host = Lines::new(array.as_str());
    let report = again(&mut host, StartupMode::Recover, false);
    assert_eq!((report.outcome, report.recovery), (StartupOutcome::Refused, None));
    assert!(report.note.contains("JSON array"), "{}", report.note);
    assert_eq!(host.data, array.as_bytes());
}

#[test]
fn an_index_of_framed_entries_holds_however_the_store_cuts_its_chunks() {
    let mut streams = Streams::new();
    for number in 0..2_000 {
        streams.push(0, at(number + 1, 0), record("event", NOW, 100).trim_end());
    }
    let first = again(&mut streams, StartupMode::Fail, false);
    assert_eq!((first.outcome, first.indexed_bytes), (StartupOutcome::Healthy, 0));
    for largest_chunk in [1, 7, 300, usize::MAX] {
        streams.largest_chunk = largest_chunk;
        let report = again(&mut streams, StartupMode::Fail, false);
        let scan = report.scan.unwrap();
        assert_eq!(report.indexed_bytes, scan.bytes, "chunks of {largest_chunk} entries");
    }
}
