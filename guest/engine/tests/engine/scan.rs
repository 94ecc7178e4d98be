//! What a scan finds, and where.

use papyra_engine::anomaly::Anomaly;
use papyra_engine::failure::FailureCode;
use papyra_engine::health::scan::{self, ScanOptions, ScanReport};
use papyra_engine::host::Position;
use papyra_engine::testing::{Lines, NOW, record};
use papyra_engine::walk::partition;

const ALL: ScanOptions = ScanOptions { max_findings: 1000, sample: None };

fn scan(data: impl Into<Vec<u8>>) -> ScanReport {
    scan::scan(&mut Lines::new(data), ALL).unwrap()
}

fn anomalies(report: &ScanReport) -> Vec<(Anomaly, Option<u64>, Option<u64>)> {
    let named =
        |name: &str| Anomaly::ALL.into_iter().find(|anomaly| anomaly.name() == name).unwrap();
    report.findings.iter().map(|f| (named(&f.anomaly), f.line, f.offset)).collect()
}

#[test]
fn an_empty_store_is_healthy() {
    let report = scan("");
    assert!(report.is_healthy());
    assert_eq!(report.entries, 0);
}

#[test]
fn every_anomaly_is_named_with_its_line_and_offset() {
    let good = record("event", NOW, 10);
    let cases: &[(&[u8], Anomaly)] = &[
        (b"{\"kind\": \"event\", \"ti\n", Anomaly::MalformedJson),
        (b"\0\0\0\0\0\0\0\0\n", Anomaly::NullBytes),
        (b"\xEF\xBB\xBF{\"kind\":\"event\",\"timestamp\":1}\n", Anomaly::JoinedRecords),
        (b"{\"kind\": \"event\", \"timestamp\": 1, \"a\": \"\xff\"}\n", Anomaly::InvalidUtf8),
        (b"\n", Anomaly::NotAnObject),
        (b"[1, 2]\n", Anomaly::NotAnObject),
        (b"{\"kind\": \"event\", \"timestamp\": 1, \"a\": NaN}\n", Anomaly::NonstandardNumber),
        (b"{\"timestamp\": 1}\n", Anomaly::MissingKind),
        (b"{\"kind\": \"evnt\", \"timestamp\": 1}\n", Anomaly::UnknownKind),
        (b"{\"kind\": \"event\", \"timestamp\": 1, \"timestamp\": 2}\n", Anomaly::DuplicateKey),
        (b"{\"kind\": \"event\", \"timestamp\": \"1\"}\n", Anomaly::InvalidTimestamp),
        (b"{\"kind\": \"event\"}\n", Anomaly::InvalidTimestamp),
    ];
    for (line, expected) in cases {
        let data = [good.as_bytes(), line, good.as_bytes()].concat();
        let report = scan(data);
        let offset = good.len() as u64;
        assert_eq!(
            anomalies(&report),
            [(*expected, Some(2), Some(offset))],
            "{}",
            String::from_utf8_lossy(line)
        );
        assert_eq!(report.entries, 3);
    }
}

#[test]
fn a_tail_without_newline_is_a_record_only_if_it_is_whole() {
    let good = record("event", NOW, 10);
    let whole = good.trim_end();
    for cut in 1..whole.len() {
        let report = scan([good.as_bytes(), &whole.as_bytes()[..cut]].concat());
        let expected = Anomaly::TruncatedLine;
        assert_eq!(anomalies(&report), [(expected, Some(2), Some(good.len() as u64))], "{cut}");
    }
    let report = scan([good.as_bytes(), whole.as_bytes()].concat());
    assert_eq!(anomalies(&report), [(Anomaly::UnterminatedLine, Some(2), Some(good.len() as u64))]);
    assert_eq!(report.records, 2);
}

#[test]
fn the_size_of_reads_does_not_change_the_report() {
    let mut data = Vec::new();
    for index in 0..300 {
        data.extend(record("event", NOW + f64::from(index), index as usize * 7 % 900).bytes());
        if index % 17 == 0 {
            data.extend(b"garbage\n");
        }
    }
    data.extend(b"{\"kind\": \"ev");
    let whole = scan(data.clone());
    for size in [1, 2, 3, 7, 64, 100, 1000, 4096] {
        let mut host = Lines::new(data.clone()).reading_at_most(size);
        assert_eq!(scan::scan(&mut host, ALL).unwrap(), whole, "{size}");
    }
}

#[test]
fn shares_put_together_equal_one_scan() {
    let mut data = Vec::new();
    for index in 0..2000 {
        data.extend(record("audit", NOW + f64::from(index), index as usize % 500).bytes());
        if index % 100 == 3 {
            data.extend(b"{\"kind\": 7}\nnull\n");
        }
    }
    data.extend(b"{");
    let whole = scan(data.clone());
    for shares in [1, 2, 3, 8, 64] {
        let mut host = Lines::new(data.clone());
        let parts = partition::partition(&mut host, shares).unwrap();
        assert!(parts.len() <= shares as usize && !parts.is_empty());
        let results: Vec<_> = parts
            .iter()
            .map(|part| scan::scan_partition(&mut host, part, ALL).unwrap())
            .map(|state| partition::write_result(&state).unwrap())
            .collect();
        assert_eq!(scan::conclude(&mut host, &results, ALL).unwrap(), whole, "{shares}");
    }
}

#[test]
fn an_oversized_entry_is_reported_without_being_held() {
    let good = record("event", NOW, 10);
    let mut data = good.clone().into_bytes();
    data.extend(b"{\"kind\": \"event\", \"timestamp\": 1, \"a\": \"");
    data.resize(data.len() + (17 << 20), b'a');
    data.extend(b"\"}\n");
    data.extend(good.bytes());
    let report = scan(data);
    assert_eq!(anomalies(&report), [(Anomaly::OversizedEntry, Some(2), Some(good.len() as u64))]);
    assert_eq!((report.records, report.entries), (2, 3));
    assert!(report.findings[0].excerpt.len() <= 80);
}

#[test]
fn a_line_of_exactly_the_limit_is_a_record_and_one_more_byte_is_not() {
    for (extra, records) in [(0, 1), (1, 0)] {
        let head = "{\"kind\": \"event\", \"timestamp\": 1, \"a\": \"";
        let filler = papyra_engine::MAX_ENTRY - head.len() - 2 + extra;
        let line = format!("{head}{}\"}}\n", "a".repeat(filler));
        assert_eq!(scan(line).records, records);
    }
}

#[test]
fn findings_are_capped_but_counted() {
    let options = ScanOptions { max_findings: 5, sample: None };
    let report = scan::scan(&mut Lines::new("x\n".repeat(100)), options).unwrap();
    assert_eq!((report.findings.len(), report.findings_total), (5, 100));
    assert_eq!(report.damaged, 100);
}

#[test]
fn a_sample_looks_at_the_newest_entries_only() {
    let mut data = "garbage\n".repeat(5);
    (0..100).for_each(|index| data += &record("event", NOW + f64::from(index), 100));
    let options = ScanOptions { max_findings: 5, sample: Some(10) };
    let report = scan::scan(&mut Lines::new(data), options).unwrap();
    assert!(report.is_healthy() && report.sampled);
    assert_eq!(report.entries, 10);
}

#[test]
fn a_segment_that_no_number_of_bytes_leads_through_is_refused() {
    let mut host = Lines::new("garbage without an end");
    host.claimed_end = Some(Position { major: 1, minor: 0 });
    let failure = scan::scan(&mut host, ALL).unwrap_err();
    assert_eq!(failure.code, FailureCode::Corrupt, "{}", failure.message);
}

#[test]
fn timestamps_of_shares_are_handed_on_to_the_last_bit() {
    // Numbers that a parser which is only nearly exact reads as their neighbours.
    for timestamp in [1.700_000_000_45e292, 1_795_219_200.123_456_7, 4.611_686_018_427_388e18] {
        let mut host = Lines::new(record("event", timestamp, 3));
        let whole = scan::scan(&mut host, ALL).unwrap();
        let part = partition::partition(&mut host, 1).unwrap().remove(0);
        let state = scan::scan_partition(&mut host, &part, ALL).unwrap();
        let text = partition::write_result(&state).unwrap();
        assert_eq!(scan::conclude(&mut host, &[text], ALL).unwrap(), whole);
    }
}

#[test]
fn an_excerpt_cannot_steer_a_terminal() {
    let report = scan("\u{1b}[31mred\u{7}\u{202e}\n");
    assert_eq!(report.findings[0].excerpt, "\\u{1b}[31mred\\u{7}\\u{202e}");
}
