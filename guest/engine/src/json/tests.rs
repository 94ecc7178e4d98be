use super::{Damage, Facts, Kind, Line, Suspect, Validator, Verdict, reference};
use proptest::prelude::*;

const MALFORMED: Verdict = Verdict::Damaged(Damage::Malformed);
const NOT_AN_OBJECT: Verdict = Verdict::Damaged(Damage::NotAnObject);
const INVALID_UTF8: Verdict = Verdict::Damaged(Damage::InvalidUtf8);

/// Records that between them use every part of the grammar.
const SEEDS: &[&str] = &[
    r#"{"kind": "event", "timestamp": 1763700000.123, "payload": {"error": "boom …", "items": [1, 2, {}]}}"#,
    r#"{"kind":"audit","timestamp":-0.5e+10,"a":[],"b":{},"c":[[],[{}],""],"d":true,"e":false,"f":null}"#,
    r#"{"timestamp":1763700000.1234567,"text":"\"\\\/\b\f\n\r\t\u00e9\ud83d\udE80 é 東京 🚀","kind":"metric"}"#,
    r#" { "kind" : "dead_letter" , "timestamp" : 17 , "n" : [ NaN , Infinity , -Infinity , 0 , -0 , 1E5 ] } "#,
    r#"{"k\u0069nd":"even\u0074","\u0074imestamp":0,"x\\":"\\","y":{"kind":1,"timestamp":"no"}}"#,
    r#"{"kind":"event","timestamp":1,"long":"0123456789abcdef0123456789abcdef0123456789abcdef","z":12345678901234567890123456789012345678901234567890}"#,
    "{\"kind\":\"event\",\t\"timestamp\":1e999,\"kind\":\"audit\"}\r",
    r#"["kind",{"a":1},"b",[2,3]]"#,
];

/// Judges `line` alone, then inside other bytes, and checks that they do not matter.
fn judge(line: &[u8]) -> Verdict {
    let mut validator = Validator::new();
    let alone: Box<[u8]> = line.into();
    let Line { end, terminated, verdict } = validator.line(&alone, 0);
    assert_eq!((end, terminated), (line.len(), false), "{}", line.escape_ascii());
    for after in ["", "\"", "}", "{\"kind\":\"é\"}\n", &" ".repeat(100), &"\\".repeat(99)] {
        let around = [b"[\"\\", line, b"\n", after.as_bytes()].concat();
        let found = validator.line(&around, 3);
        let expected = Line { end: line.len() + 3, terminated: true, verdict };
        assert_eq!(found, expected, "{} before {after:?}", line.escape_ascii());
    }
    verdict
}

/// Judges the first line of `text` and compares with the reference.
fn agree(text: &[u8]) -> Verdict {
    let line = text.split(|&byte| byte == b'\n').next().unwrap_or_default();
    let verdict = judge(line);
    assert_eq!(verdict, reference::judge(line), "{}", line.escape_ascii());
    verdict
}

fn facts(line: &str) -> Facts {
    match agree(line.as_bytes()) {
        Verdict::Record(facts) => facts,
        damaged => panic!("{damaged:?}: {line}"),
    }
}

fn suspects(line: &str) -> Suspect {
    facts(line).suspect
}

#[test]
fn a_record_gives_its_facts() {
    let found = facts(SEEDS[0]);
    assert_eq!((found.kind, found.timestamp), (Some(Kind::Event), Some(1_763_700_000.123)));
    assert_eq!((found.suspect, found.depth), (Suspect::none(), 4));
}

#[test]
fn every_kind_is_known_by_its_name() {
    for kind in Kind::ALL {
        assert_eq!(facts(&format!(r#"{{"timestamp":1,"kind":"{kind}"}}"#)).kind, Some(kind));
        assert_eq!((Kind::parse(kind.as_str()), Kind::ALL[kind.index()]), (Some(kind), kind));
    }
}

#[test]
fn a_newline_ends_the_line_wherever_it_stands() {
    for text in
        ["{\"a\":\"x\n\"}", "{\"a\":\"x\\\n\"}", "{\n}", "{\"a\":tr\nue}", "{\"a\":\"\\u00\n41\"}"]
    {
        assert_eq!(agree(text.as_bytes()), MALFORMED, "{text:?}");
        let line = Validator::new().line(text.as_bytes(), 0);
        assert_eq!(text.as_bytes().get(line.end), Some(&b'\n'), "{text:?}");
    }
}

#[test]
fn lines_follow_each_other_to_the_end_of_the_buffer() {
    let text = b"{}\n\n{\"a\":1}\r\n[]\n{\"a\"";
    let mut validator = Validator::new();
    let (mut at, mut found) = (0, Vec::new());
    while at < text.len() {
        let line = validator.line(text, at);
        found.push((line.end, line.terminated, matches!(line.verdict, Verdict::Record(_))));
        at = line.end + 1;
    }
    let expected = [
        (2, true, true),
        (3, true, false),
        (12, true, true),
        (15, true, false),
        (20, false, false),
    ];
    assert_eq!(found, expected);
}

#[test]
fn a_start_at_or_past_the_end_is_an_empty_line() {
    for start in [2, 3, 1000, usize::MAX] {
        let line = Validator::new().line(b"{}", start);
        assert_eq!(line, Line { end: 2, terminated: false, verdict: NOT_AN_OBJECT });
    }
}

#[test]
fn what_is_json_but_no_object_is_not_an_object() {
    for line in [
        "",
        " ",
        "\t\r ",
        "1",
        "-0.5e3 ",
        "\"a\"",
        " \"\\u0041\\\"\"",
        "true",
        "null",
        "NaN",
        "-Infinity",
        "[]",
        "[{}]\r",
        " [1,\"a\"] ",
    ] {
        assert_eq!(agree(line.as_bytes()), NOT_AN_OBJECT, "{line:?}");
    }
}

#[test]
fn what_breaks_the_grammar_is_malformed() {
    let lines = [
        "{",
        "}",
        "{]",
        "[}",
        "{}}",
        "{} {}",
        "{},",
        "{}1",
        "{}\"\"",
        "{}x",
        "1 2",
        "\"a\"\"b\"",
        "\"a",
        "\u{feff}{}",
        "{}\0",
        "\0",
        "[1,2",
        "[1 2]",
        "[,]",
        "[1,]",
        "[,1]",
        "[1,,2]",
        "[1:2]",
        "[\"a\":1]",
        "[1}",
        "[\"a\"\"b\"]",
        "[{}{}]",
        "[[][]]",
        "[1[]]",
        "[[]1]",
        "{1:2}",
        "{\"a\"}",
        "{\"a\":}",
        "{\"a\":1,}",
        "{,}",
        "{,\"a\":1}",
        "{\"a\"1}",
        "{\"a\" \"b\"}",
        "{\"a\"::1}",
        "{:1}",
        "{\"a\":1 \"b\":2}",
        "{\"a\":1,,\"b\":2}",
        "{\"a\":1:2}",
        "{\"a\":1,\"b\"}",
        "{\"a\":1,2}",
        "{{}}",
        "{[]}",
        "{{}:1}",
        "{\"a\":{}\"b\":1}",
        "{\"a\",\"b\":1}",
        "{NaN:1}",
        "[01]",
        "[-]",
        "[+1]",
        "[1.]",
        "[.1]",
        "[1e]",
        "[1e+]",
        "[1.e1]",
        "[--1]",
        "[1-]",
        "[00]",
        "[-01]",
        "[0x1]",
        "[1.2.3]",
        "[1e1e1]",
        "[1_0]",
        "[tru]",
        "[True]",
        "[truee]",
        "[nul]",
        "[nan]",
        "[inf]",
        "[+Infinity]",
        "[-NaN]",
        "[Infinit]",
        "['a']",
        "[a]",
        "[true1]",
        "[1true]",
        "[\\]",
        "[\"\\x\"]",
        "[\"\\\"]",
        "[\"\\u\"]",
        "[\"\\u12\"]",
        "[\"\\u123\"]",
        "[\"\\u123g\"]",
        "[\"\\u+123\"]",
        "[\"\\U0041\"]",
        "[\"\t\"]",
        "[\"\u{1f}\"]",
        "[\"\0\"]",
        "[1\u{c}]",
    ];
    for line in lines {
        assert_eq!(agree(line.as_bytes()), MALFORMED, "{line:?}");
        assert_eq!(agree(format!("{{\"a\":{line}}}").as_bytes()), MALFORMED, "{line:?}");
    }
}

#[test]
fn bytes_that_are_not_utf8_are_named_before_anything_else() {
    let bad: [&[u8]; 9] = [
        b"\xff",
        b"\x80",
        b"\xc3",
        b"\xc0\xaf",
        b"\xe2\x82",
        b"\xed\xa0\x80",
        b"\xf4\x90\x80\x80",
        b"\xf0\x9f\x9a",
        b"\xe0\x80\xaf",
    ];
    for bytes in bad {
        for (head, tail) in [
            (r#"{"a":""#, r#""}"#),
            ("{", "}"),
            ("[\"", "\"]"),
            ("", ""),
            (r#"{"a":""#, ""),
            ("{}", ""),
        ] {
            for filler in 0..70 {
                let filler = "-".repeat(filler);
                let line = [head.as_bytes(), filler.as_bytes(), bytes, tail.as_bytes()].concat();
                assert_eq!(agree(&line), INVALID_UTF8, "{}", line.escape_ascii());
            }
        }
    }
}

#[test]
fn characters_of_any_width_may_stand_anywhere_in_a_string() {
    for filler in 0..140 {
        let line = format!(r#"{{"{}é東🚀\u00e9":"🚀東é"}}"#, "x".repeat(filler));
        assert_eq!(suspects(&line).contains(Suspect::MISSING_KIND), true);
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
    assert_eq!(facts(r#"{"timestamp":NaN}"#).timestamp, None);
}

#[test]
fn only_the_top_level_names_kind_and_timestamp() {
    let line = r#"{"a":{"kind":"audit","timestamp":1},"b":[{"kind":"audit"}],"kind":"event","timestamp":2}"#;
    assert_eq!((facts(line).kind, facts(line).timestamp), (Some(Kind::Event), Some(2.0)));
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
            (facts(line).kind, suspects(line)),
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
    assert_eq!((facts(line).kind, facts(line).timestamp), (Some(Kind::Event), Some(1.0)));
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
        let found = facts(&format!(r#"{{"timestamp":{number}}}"#)).timestamp.map(f64::to_bits);
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

#[test]
fn nesting_has_no_limit_but_the_line() {
    for depth in [1, 2, 63, 64, 65, 127, 128, 129, 130, 10_000, 1_000_000] {
        let mut validator = Validator::new();
        for (open, close) in [("{\"a\":", "}"), ("[", "]"), ("{\"a\":[", "]}")] {
            let line = format!("{{\"a\":{}1{}}}", open.repeat(depth), close.repeat(depth));
            let Verdict::Record(facts) = validator.line(line.as_bytes(), 0).verdict else {
                panic!("{depth}")
            };
            assert_eq!(facts.depth as usize, 1 + depth * close.len());
            let crossed = format!(
                "{{\"a\":{}1{}}}",
                open.repeat(depth),
                close.repeat(depth).replacen(['}', ']'], "}]", 1)
            );
            assert_eq!(validator.line(crossed.as_bytes(), 0).verdict, MALFORMED);
            let cut = &line[..line.len() - 1];
            assert_eq!(validator.line(cut.as_bytes(), 0).verdict, MALFORMED);
        }
        assert!(matches!(
            validator.line(b"{}", 0).verdict,
            Verdict::Record(Facts { depth: 1, .. })
        ));
    }
}

#[test]
fn deep_brackets_must_match_one_by_one() {
    let mut state = 7_u64;
    for depth in 60..200 {
        let mut open = String::from("{\"a\":");
        let mut close = String::from("}");
        for _ in 0..depth {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            let object = state >> 63 == 0;
            open += if object { "{\"a\":" } else { "[" };
            close.insert(0, if object { '}' } else { ']' });
        }
        let line = format!("{open}1{close}");
        assert_eq!(facts(&line).depth, depth + 1);
        for at in open.len() + 1..line.len() {
            let mut wrong = line.clone().into_bytes();
            wrong[at] ^= 0x20;
            assert_eq!(Validator::new().line(&wrong, 0).verdict, MALFORMED);
        }
    }
}

#[test]
fn a_run_of_backslashes_is_read_right_across_every_border() {
    for before in 0..80 {
        for count in 0..70 {
            let line = format!(
                "{{\"{}{}\":\"{}\"}}",
                "x".repeat(before),
                "\\".repeat(count),
                "\\".repeat(count)
            );
            let valid = matches!(agree(line.as_bytes()), Verdict::Record(_));
            assert_eq!(valid, count % 2 == 0, "{line}");
        }
    }
}

#[test]
fn every_escape_is_read_right_across_every_border() {
    for before in 0..80 {
        for escape in [
            "\\n",
            "\\\"",
            "\\u00e9",
            "\\ud800",
            "\\uDFFF\\udfff",
            "\\/",
            "\\x",
            "\\u00g0",
            "\\u004",
            "\\",
        ] {
            agree(format!("{{\"kind\":\"{}{escape}\"}}", "x".repeat(before)).as_bytes());
            agree(
                format!("{{\"{}{escape}\":1,\"kind\":\"event\"}}", "x".repeat(before)).as_bytes(),
            );
        }
    }
}

#[test]
fn every_token_is_read_right_across_every_border() {
    let tokens = [
        "0",
        "-1",
        "12345678901234567",
        "1.5",
        "-0.25e-7",
        "01",
        "1.",
        "true",
        "false",
        "null",
        "NaN",
        "-Infinity",
        "nulll",
        "\"\"",
        "\"a\"",
        "{}",
        "[]",
        "{ }",
        "[ ]",
        "[,]",
        "{\"a\" : [1 , 2]}",
        "{\"kind\":1}",
        "1 2",
        "\"a\" \"b\"",
        "\"a\":1",
        "1234567890123456789012345678901234567890",
    ];
    for before in 0..140 {
        for token in tokens {
            let filler = "x".repeat(before);
            let spaces = " ".repeat(before);
            agree(
                format!("{{\"{filler}\":{token},\"kind\":\"audit\",\"timestamp\":{token}}}")
                    .as_bytes(),
            );
            agree(format!("{{{spaces}\"a\"{spaces}:{spaces}{token}{spaces},\"kind\":{spaces}\"audit\"{spaces}}}").as_bytes());
        }
    }
}

#[test]
fn every_length_and_alignment_gives_the_same_answer() {
    for length in 1..200_usize {
        let line =
            format!("{{\"kind\":\"event\",\"timestamp\":1,\"a\":\"{}\"}}", "é".repeat(length / 2));
        let line = &line.as_bytes()[..];
        let expected = agree(line);
        for alignment in 0..64 {
            let buf = [&vec![b'"'; alignment], line, b"\n"].concat();
            assert_eq!(Validator::new().line(&buf, alignment).verdict, expected);
        }
        agree(&b"{".repeat(length));
        agree(&b" ".repeat(length));
        agree(&b"\"".repeat(length));
        agree(&b"\\".repeat(length));
        agree(&b"1".repeat(length));
        agree(&b"[1,".repeat(length));
    }
}

#[test]
fn every_truncation_is_judged_as_the_reference_does() {
    for seed in SEEDS {
        for end in 0..=seed.len() {
            agree(&seed.as_bytes()[..end]);
            agree(&seed.as_bytes()[end..]);
        }
    }
}

#[test]
fn every_single_byte_change_is_judged_as_the_reference_does() {
    for seed in SEEDS.iter().map(|seed| seed.as_bytes()) {
        for at in 0..seed.len() {
            let (head, tail) = seed.split_at(at);
            agree(&[head, &tail[1..]].concat());
            for byte in 0..=255 {
                agree(&[head, &[byte], &tail[1..]].concat());
                agree(&[head, &[byte], tail].concat());
            }
        }
    }
}

const TOKENS: &[&str] = &[
    "{",
    "}",
    "[",
    "]",
    ",",
    ":",
    " ",
    "\t",
    "\r",
    "\n",
    "\"",
    "\\",
    "\"a\"",
    "\"kind\"",
    "\"timestamp\"",
    "\"event\"",
    "\"\\u006bind\"",
    "\"\\\"\"",
    "1",
    "-2.5e3",
    "true",
    "NaN",
    "é",
    "\"a\":1",
    "\"kind\":\"audit\"",
    "\"timestamp\":1.5",
    "{}",
    "[]",
    "[1,2]",
    ",\"b\":[",
    "               ",
    "\"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\"",
    "\u{1}",
];

/// Valid JSON, with spaces in all the places where they may stand.
fn json() -> impl Strategy<Value = String> {
    let space =
        proptest::sample::select(vec!["", "", "", " ", "\t", "  \r ", "                    "]);
    let key = proptest::sample::select(vec![
        "\"kind\"",
        "\"timestamp\"",
        "\"k\\u0069nd\"",
        "\"a\"",
        "\"\"",
        "\"é\\\\\"",
        "\"a long key of many characters\"",
    ]);
    let leaf = prop_oneof![
        any::<f64>().prop_filter("finite", |n| n.is_finite()).prop_map(|n| format!("{n:?}")),
        any::<i64>().prop_map(|n| n.to_string()),
        ".*".prop_map(|text| serde_json::to_string(&text).unwrap_or_default()),
        proptest::sample::select(vec![
            "true",
            "false",
            "null",
            "NaN",
            "-Infinity",
            "\"event\"",
            "\"metric\"",
            "{}",
            "[]"
        ])
        .prop_map(str::to_owned),
    ];
    let spaced =
        (space.clone(), leaf, space.clone()).prop_map(|(a, leaf, b)| format!("{a}{leaf}{b}"));
    spaced.prop_recursive(6, 60, 8, move |inner| {
        let field = (space.clone(), key.clone(), space.clone(), inner.clone())
            .prop_map(|(a, key, b, value)| format!("{a}{key}{b}:{value}"));
        prop_oneof![
            proptest::collection::vec(inner, 1..8)
                .prop_map(|items| format!("[{}]", items.join(","))),
            proptest::collection::vec(field, 1..8)
                .prop_map(|fields| format!("{{{}}}", fields.join(","))),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(2000) })]

    #[test]
    fn any_tokens_in_any_order_are_judged_as_the_reference_does(tokens in proptest::collection::vec(proptest::sample::select(TOKENS), 0..60)) {
        agree(tokens.concat().as_bytes());
        agree(format!("{{{}}}", tokens.concat()).as_bytes());
    }

    #[test]
    fn any_json_is_judged_as_the_reference_does(value in json(), at in any::<prop::sample::Index>(), byte in any::<u8>()) {
        prop_assert_ne!(agree(value.as_bytes()), MALFORMED);
        let record = format!("{{\"kind\":\"event\",\"timestamp\":1763700000.25,\"v\":{value}}}");
        prop_assert!(matches!(agree(record.as_bytes()), Verdict::Record(_)));
        let mut changed = record.into_bytes();
        let at = at.index(changed.len());
        changed[at] = byte;
        agree(&changed);
    }

    #[test]
    fn any_bytes_are_judged_as_the_reference_does(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        agree(&bytes);
    }

    #[test]
    fn any_timestamp_is_the_number_that_the_standard_library_reads(whole in 0..10_000_000_000_u64, digits in "[0-9]{1,12}", negative in any::<bool>()) {
        let number = format!("{}{whole}.{digits}", if negative { "-" } else { "" });
        let found = facts(&format!(r#"{{"timestamp":{number}}}"#)).timestamp.map(f64::to_bits);
        prop_assert_eq!(found, number.parse().ok().map(f64::to_bits));
    }
}
