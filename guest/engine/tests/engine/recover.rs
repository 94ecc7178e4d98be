//! What recovery removes, completes and keeps.

use papyra_engine::failure::FailureCode;
use papyra_engine::health::recover::{RecoverOptions, Recovery, RecoveryMode};
use papyra_engine::health::scan::{self, ScanOptions};
use papyra_engine::operations;
use papyra_engine::testing::{Lines, NOW, record};

fn recover(host: &mut Lines, mode: RecoveryMode, dry_run: bool) -> Recovery {
    operations::recover(
        host,
        RecoverOptions { mode, dry_run, max_findings: 100, record_audit: false, allow_loss: false },
    )
    .unwrap()
}

fn damaged() -> (Vec<u8>, Vec<u8>) {
    let (a, b) = (record("event", NOW, 30), record("audit", NOW + 1.0, 50));
    let data = [a.as_bytes(), b"garbage\n\n", b.as_bytes(), b"\xff\n", a.as_bytes(), b"{\"kind"];
    (data.concat(), [a.as_bytes(), b.as_bytes(), a.as_bytes()].concat())
}

#[test]
fn repair_drops_what_is_damaged_and_keeps_the_rest_byte_for_byte() {
    let (data, sound) = damaged();
    let mut host = Lines::new(data.clone());
    let done = recover(&mut host, RecoveryMode::Repair, false);
    assert_eq!(host.data, sound);
    assert!(done.changed);
    assert_eq!((done.removed_entries, done.remaining), (4, 0));
    assert_eq!(done.removed_bytes as usize, data.len() - sound.len());
}

#[test]
fn a_dry_run_reports_the_same_and_changes_nothing() {
    let (data, _) = damaged();
    let mut host = Lines::new(data.clone());
    let dry = recover(&mut host, RecoveryMode::Repair, true);
    assert_eq!((&host.data, host.rewrites), (&data, 0));
    let wet = recover(&mut host, RecoveryMode::Repair, false);
    assert_eq!(Recovery { dry_run: false, ..dry }, wet);
}

#[test]
fn quarantine_keeps_every_removed_byte() {
    let (mut data, sound) = damaged();
    data.splice(0..0, *b"{\"kind\": \"what\", \"timestamp\": 1}\n");
    let mut host = Lines::new(data.clone());
    recover(&mut host, RecoveryMode::Quarantine, false);
    assert_eq!(host.data, sound);
    assert_eq!(host.quarantine.len() + host.data.len(), data.len());
    let report = scan::scan(&mut host, ScanOptions { max_findings: 1, sample: None }).unwrap();
    assert!(report.is_healthy());
}

#[test]
fn repair_keeps_suspect_records_and_says_so() {
    let line = "{\"kind\": \"what\", \"timestamp\": NaN}\n";
    let mut host = Lines::new(line);
    let done = recover(&mut host, RecoveryMode::Repair, false);
    assert_eq!(host.data, line.as_bytes());
    assert_eq!((done.changed, done.remaining, host.rewrites), (false, 1, 0));
}

#[test]
fn a_whole_last_record_gets_its_line_end() {
    for mode in [RecoveryMode::Repair, RecoveryMode::Quarantine] {
        let line = record("event", NOW, 5);
        let mut host = Lines::new(line.trim_end());
        let done = recover(&mut host, mode, false);
        assert_eq!(host.data, line.as_bytes());
        assert_eq!((done.terminated, done.removed_entries), (1, 0));
    }
}

#[test]
fn recovering_twice_equals_recovering_once() {
    let (data, _) = damaged();
    for mode in [RecoveryMode::Repair, RecoveryMode::Quarantine] {
        let mut host = Lines::new(data.clone());
        recover(&mut host, mode, false);
        let once = host.data.clone();
        let again = recover(&mut host, mode, false);
        assert_eq!((host.data, again.changed, host.rewrites), (once, false, 1));
    }
}

#[test]
fn a_file_that_was_never_ndjson_is_emptied_only_into_quarantine() {
    let refused = RecoverOptions {
        mode: RecoveryMode::Repair,
        dry_run: false,
        max_findings: 1,
        record_audit: false,
        allow_loss: false,
    };
    let png = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\x01\0".repeat(50);
    let mut host = Lines::new(png.clone());
    let failure = operations::recover(&mut host, refused).unwrap_err();
    assert_eq!((failure.code, &host.data), (FailureCode::InvalidArgument, &png));
    recover(&mut host, RecoveryMode::Quarantine, false);
    assert_eq!((host.data.len(), host.quarantine), (0, png));
}

#[test]
fn more_damage_than_fits_one_batch_is_handed_over_piece_by_piece() {
    let good = record("event", NOW, 3);
    let data = format!("{good}garbage\n").repeat(5000);
    let mut host = Lines::new(data);
    let done = recover(&mut host, RecoveryMode::Repair, false);
    assert_eq!(host.data, good.repeat(5000).into_bytes());
    assert_eq!(done.removed_entries, 5000);
}

#[test]
fn a_journal_whose_first_record_broke_off_can_be_repaired() {
    let mut host = Lines::new("{\"kind\": \"ev");
    assert!(recover(&mut host, RecoveryMode::Repair, false).changed);
    assert!(host.data.is_empty());
}

#[test]
fn lines_side_by_side_are_looked_through_segment_by_segment() {
    let mut host = Lines::new("garbage\n".repeat(3));
    host.beside = Some(7);
    let options = RecoverOptions {
        mode: RecoveryMode::Repair,
        dry_run: false,
        max_findings: 100,
        record_audit: false,
        allow_loss: false,
    };
    let failure = operations::recover(&mut host, options).unwrap_err();
    assert_eq!(failure.code, FailureCode::InvalidArgument, "{}", failure.message);
    assert!(failure.message.contains("3 in all"), "{}", failure.message);
}
