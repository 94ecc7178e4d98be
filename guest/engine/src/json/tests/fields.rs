//! What is found out about a record.

use super::*;

#[test]
fn a_record_gives_its_facts() {
    let found = envelope(SEEDS[0]);
    assert_eq!((found.kind, found.timestamp), (Some(Kind::Event), Some(1_763_700_000.123)));
    assert_eq!((found.suspect, found.depth), (Suspect::none(), 4));
}

#[test]
fn every_kind_is_known_by_its_name() {
    for kind in Kind::ALL {
        assert_eq!(envelope(&format!(r#"{{"timestamp":1,"kind":"{kind}"}}"#)).kind, Some(kind));
        assert_eq!((Kind::parse(kind.as_str()), Kind::ALL[kind.index()]), (Some(kind), kind));
    }
}

#[test]
fn nonstandard_numbers_are_accepted_and_reported_at_any_depth() {
    for token in ["NaN", "Infinity", "-Infinity"] {
        for line in [
            format!(r#"{{"a":{token}}}"#),
            format!(r#"{{"a":[{{"b":[ {token} ]}}]}}"#),
            format!(r#"{{"timestamp":{token}}}"#),
        ] {
            assert!(suspects(&line).contains(Suspect::NONSTANDARD_NUMBER), "{line}");
        }
        assert!(
            !suspects(&format!(r#"{{"{token}":"{token}"}}"#)).contains(Suspect::NONSTANDARD_NUMBER)
        );
    }
    assert_eq!(envelope(r#"{"timestamp":NaN}"#).timestamp, None);
}

#[test]
fn only_the_top_level_names_kind_and_timestamp() {
    let line = r#"{"a":{"kind":"audit","timestamp":1},"b":[{"kind":"audit"}],"kind":"event","timestamp":2}"#;
    assert_eq!((envelope(line).kind, envelope(line).timestamp), (Some(Kind::Event), Some(2.0)));
    assert_eq!(suspects(line), Suspect::none());
    let nested =
        suspects(r#"{"a":{"kind":"audit","timestamp":1},"kine":"event","timestamq":1,"b":"kind"}"#);
    assert!(nested.contains(Suspect::MISSING_KIND) && nested.contains(Suspect::INVALID_TIMESTAMP));
}

#[test]
fn keys_and_kinds_may_be_escaped() {
    for line in [
        r#"{"k\u0069nd":"event","timest\u0061mp":1}"#,
        r#"{"\u006b\u0069\u006E\u0064":"\u0065vent","timestamp":1}"#,
        r#"{"kin\u0064" : "\u0065\u0076\u0065\u006e\u0074","timestamp":1,"\\":1,"a":{"k\u0069nd":1}}"#,
    ] {
        assert_eq!(
            (envelope(line).kind, suspects(line)),
            (Some(Kind::Event), Suspect::none()),
            "{line}"
        );
    }
    assert!(suspects(r#"{"kind\n":"event"}"#).contains(Suspect::MISSING_KIND));
    assert!(suspects(r#"{"kind":"event\u0000"}"#).contains(Suspect::UNKNOWN_KIND));
}

#[test]
fn a_kind_that_names_no_class_is_unknown() {
    for value in [
        "1",
        "null",
        "{}",
        "[\"event\"]",
        "\"\"",
        "\"Event\"",
        "\"events\"",
        "\"even\"",
        "\"dead-letter\"",
        "\"event\\\"\"",
    ] {
        let line = format!(r#"{{"kind":{value}}}"#);
        assert!(
            suspects(&line).contains(Suspect::UNKNOWN_KIND)
                && !suspects(&line).contains(Suspect::MISSING_KIND),
            "{line}"
        );
    }
}

#[test]
fn the_first_of_two_equal_keys_counts() {
    let line = r#"{"kind":"event","timestamp":1,"kind":"audit","t\u0069mestamp":2}"#;
    assert_eq!((envelope(line).kind, envelope(line).timestamp), (Some(Kind::Event), Some(1.0)));
    assert_eq!(suspects(line), Suspect::DUPLICATE_KEY);
    assert_eq!(suspects(r#"{"kind":"event","timestamp":1,"timestamp":2}"#), Suspect::DUPLICATE_KEY);
    assert_eq!(suspects(r#"{"kind":"event","timestamp":1,"a":2,"a":3}"#), Suspect::none());
    assert!(suspects(r#"{"kind":1,"kind":"event"}"#).contains(Suspect::UNKNOWN_KIND));
}

#[test]
fn a_timestamp_is_any_finite_number() {
    let digits = "1".repeat(5000);
    let exact = [
        "0",
        "-0",
        "1",
        "-1",
        "1e5",
        "1E-5",
        "0.1",
        "0.30000000000000004",
        "12345678901234567890",
        "1763700000.123",
        "1763700000.1234567",
        "1763700000.12345678901234567890",
        "9007199254740993",
        "9007199254740993.0",
        "4503599627370497.5",
        "1e-400",
        "1.7976931348623157e308",
    ];
    for number in exact {
        let found = envelope(&format!(r#"{{"timestamp":{number}}}"#)).timestamp.map(f64::to_bits);
        assert_eq!(found, number.parse().ok().map(f64::to_bits), "{number}");
    }
    for value in
        ["1e999", "-1e309", "NaN", "Infinity", "\"1\"", "null", "[1]", "{}", "true", &digits]
    {
        let line = format!(r#"{{"timestamp":{value}}}"#);
        assert!(suspects(&line).contains(Suspect::INVALID_TIMESTAMP), "{line}");
    }
    assert!(suspects("{}").contains(Suspect::INVALID_TIMESTAMP));
}

/// What a profile with these names makes of a record.
fn as_told(kind: &str, time: &str, line: &str) -> (Option<Kind>, Option<f64>, Suspect) {
    let mut validator = Validator::new(form(kind, time));
    match validator.line(line.as_bytes(), 0).verdict {
        Verdict::Record(Envelope { kind, timestamp, suspect, .. }) => (kind, timestamp, suspect),
        damaged @ Verdict::Damaged(_) => panic!("{damaged:?}: {line}"),
    }
}

#[test]
fn names_of_every_length_are_found_wherever_they_stand() {
    let found = (Some(Kind::Audit), Some(7.0), Suspect::none());
    for length in 1..80 {
        let (kind, time) = ("k".repeat(length), "t".repeat(length));
        for before in [0, 1, 7, 8, 40, 63, 64, 130] {
            let filler = "x".repeat(before);
            for line in [
                format!("{{\"{filler}\":1,\"{kind}\":\"audit\",\"{time}\":7}}"),
                format!("{{\"{time}\":7,\"{filler}\":{{\"{time}\":8}},\"{kind}\":\"audit\"}}"),
                format!(
                    "{{\"{filler}\":\"{time}\",\"{time}\":7,\"{kind}\":\"audit\",\"{kind}k\":1}}"
                ),
            ] {
                assert_eq!(as_told(&kind, &time, &line), found, "{line}");
            }
        }
    }
}

#[test]
fn a_name_with_dots_is_a_field_or_a_path() {
    let found = (Some(Kind::Audit), Some(7.0), Suspect::none());
    for line in [
        r#"{"a":{"time":7},"b":{"c":{"kind":"audit"}}}"#,
        r#"{"a.time":7,"a":{"time":8},"b.c.kind":"audit"}"#,
        r#"{"a":{"t\u0069me":7},"b.c":{"kind":"audit"}}"#,
    ] {
        assert_eq!(as_told("b.c.kind", "a.time", line), found, "{line}");
    }
    let (_, _, suspect) = as_told("b.c.kind", "a.time", r#"{"a":[{"time":7}],"b":{"c":1}}"#);
    assert!(
        suspect.contains(Suspect::MISSING_KIND) && suspect.contains(Suspect::INVALID_TIMESTAMP)
    );
}
