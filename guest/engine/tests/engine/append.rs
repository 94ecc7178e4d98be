//! What may be written.

use papyra_engine::failure::FailureCode;
use papyra_engine::health::scan::{self, ScanOptions};
use papyra_engine::json::Kind;
use papyra_engine::testing::{Lines, NOW, Streams};
use papyra_engine::write::append::{self, Accept, Draft};

fn draft(fields: &str) -> Draft {
    Draft { kind: Kind::DeadLetter, timestamp: Some(1.5), fields: fields.to_owned() }
}

#[test]
fn drafts_are_written_kind_first_and_timestamp_second() {
    let mut host = Lines::new("");
    let drafts = [
        draft("{\"reason\": \"no_handler\"}"),
        draft(" {} "),
        Draft { timestamp: None, ..draft("{\"a\":[1,{\"kind\":\"inner\"}]}") },
    ];
    let appended = append::append(&mut host, &drafts).unwrap();
    let expected = format!(
        "{{\"kind\": \"dead_letter\", \"timestamp\": 1.5, \"reason\": \"no_handler\"}}\n\
         {{\"kind\": \"dead_letter\", \"timestamp\": 1.5}}\n\
         {{\"kind\": \"dead_letter\", \"timestamp\": {NOW:?}, \"a\":[1,{{\"kind\":\"inner\"}}]}}\n"
    );
    assert_eq!(String::from_utf8(host.data.clone()).unwrap(), expected);
    assert_eq!((appended.records, appended.bytes), (3, expected.len() as u64));
    let report = scan::scan(&mut host, ScanOptions { max_findings: 9, sample: None }).unwrap();
    assert!(report.is_healthy());
}

#[test]
fn a_draft_that_would_not_be_a_sound_record_is_named_and_nothing_is_written() {
    let bad = [
        "",
        "null",
        "[]",
        "{",
        "{\"a\":}",
        "{\"kind\": \"event\"}",
        "{\"timestamp\": 2}",
        "{\"a\": NaN}",
        "{\"a\":\n1}",
        "}, {",
    ];
    for fields in bad {
        let mut host = Lines::new("");
        let drafts = [draft("{}"), draft(fields)];
        let refused = append::append(&mut host, &drafts).unwrap_err();
        assert_eq!(
            (refused.code, refused.line),
            (FailureCode::InvalidRecord, Some(2)),
            "{fields:?}"
        );
        assert!(host.data.is_empty());
    }
    for timestamp in [f64::NAN, f64::INFINITY] {
        let drafts = [Draft { timestamp: Some(timestamp), ..draft("{}") }];
        assert!(append::append(&mut Lines::new(""), &drafts).is_err());
    }
}

#[test]
fn ready_lines_are_written_verbatim() {
    let lines =
        "{\"timestamp\":1e3,\"kind\":\"audit\"}\n{\"kind\":\"m\\u0065tric\",\"timestamp\":-0}";
    let mut host = Lines::new("");
    let appended = append::append_lines(&mut host, lines.to_owned(), Accept::Sound).unwrap();
    assert_eq!(host.data, format!("{lines}\n").into_bytes());
    assert_eq!((appended.records, appended.bytes), (2, lines.len() as u64 + 1));
    assert_eq!(append::append_lines(&mut host, String::new(), Accept::Sound).unwrap().records, 0);
}

#[test]
fn a_lenient_append_takes_whole_records_that_are_questionable() {
    let deep = format!(
        "{{\"kind\":\"audit\",\"timestamp\":1,\"a\":{}{}}}",
        "[".repeat(512),
        "]".repeat(512)
    );
    let suspects = [
        "{}",
        "{\"kind\":\"evnt\",\"timestamp\":1}",
        "{\"kind\":\"metric\",\"timestamp\":NaN}",
        "{\"kind\":\"metric\",\"kind\":\"event\",\"timestamp\":1}",
        "{\"kind\":\"metric\",\"timestamp\":1}",
        &deep,
    ];
    let lines = suspects.join("\n");
    let mut host = Lines::new("");
    let appended = append::append_lines(&mut host, lines.clone(), Accept::Suspects).unwrap();
    assert_eq!((appended.records, appended.suspects), (6, 5));
    assert_eq!(host.data, format!("{lines}\n").into_bytes());
    let mut host = Streams::new();
    append::append_lines(&mut host, lines, Accept::Suspects).unwrap();
    let of_each_kind = host.streams.each_ref().map(Vec::len);
    assert_eq!(of_each_kind, [2, 1, 0, 3]);

    for damaged in ["[]", "", "{\"kind\":", "{} {}"] {
        let batch = format!("{{}}\n{damaged}\n");
        let mut host = Lines::new("");
        let refused = append::append_lines(&mut host, batch, Accept::Suspects).unwrap_err();
        assert_eq!((refused.code, refused.line), (FailureCode::InvalidRecord, Some(2)));
        assert!(host.data.is_empty());
    }
}

#[test]
fn a_bad_line_is_named_and_nothing_is_written() {
    let good = "{\"kind\":\"event\",\"timestamp\":1}\n";
    let deep = format!(
        "{{\"kind\":\"event\",\"timestamp\":1,\"a\":{}{}}}",
        "[".repeat(512),
        "]".repeat(512)
    );
    let long = format!("{{\"kind\":\"event\",\"timestamp\":1,\"a\":\"{}\"}}", "x".repeat(16 << 20));
    let bad = [
        "",
        "[]",
        "{}",
        "nonsense",
        "{\"kind\":\"event\"}",
        "{\"kind\":\"evnt\",\"timestamp\":1}",
        "{\"kind\":\"event\",\"timestamp\":NaN}",
        "{\"kind\":\"event\",\"kind\":\"event\",\"timestamp\":1}",
        deep.as_str(),
        long.as_str(),
    ];
    for line in bad {
        let mut host = Lines::new("");
        let refused =
            append::append_lines(&mut host, format!("{good}{good}{line}\n{good}"), Accept::Sound)
                .unwrap_err();
        assert_eq!((refused.code, refused.line), (FailureCode::InvalidRecord, Some(3)));
        assert!(refused.message.len() < 200);
        assert!(host.data.is_empty());
    }
}
