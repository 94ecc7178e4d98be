//! What is a record, and where lines end.

use super::*;

#[test]
fn a_newline_ends_the_line_wherever_it_stands() {
    for text in
        ["{\"a\":\"x\n\"}", "{\"a\":\"x\\\n\"}", "{\n}", "{\"a\":tr\nue}", "{\"a\":\"\\u00\n41\"}"]
    {
        assert_eq!(agree(text.as_bytes()), MALFORMED, "{text:?}");
        let line = Validator::default().line(text.as_bytes(), 0);
        assert_eq!(text.as_bytes().get(line.end), Some(&b'\n'), "{text:?}");
    }
}

#[test]
fn lines_follow_each_other_to_the_end_of_the_buffer() {
    let text = b"{}\n\n{\"a\":1}\r\n[]\n{\"a\"";
    let mut validator = Validator::default();
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
        let line = Validator::default().line(b"{}", start);
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
        assert!(suspects(&line).contains(Suspect::MISSING_KIND));
    }
}

#[test]
fn nesting_has_no_limit_but_the_line() {
    for depth in [1, 2, 63, 64, 65, 127, 128, 129, 130, 10_000, 1_000_000] {
        let mut validator = Validator::default();
        for (open, close) in [("{\"a\":", "}"), ("[", "]"), ("{\"a\":[", "]}")] {
            let line = format!("{{\"a\":{}1{}}}", open.repeat(depth), close.repeat(depth));
            let Verdict::Record(envelope) = validator.line(line.as_bytes(), 0).verdict else {
                panic!("{depth}")
            };
            assert_eq!(envelope.depth as usize, 1 + depth * close.len());
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
            Verdict::Record(Envelope { depth: 1, .. })
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
        assert_eq!(envelope(&line).depth, depth + 1);
        for at in open.len() + 1..line.len() {
            let mut wrong = line.clone().into_bytes();
            wrong[at] ^= 0x20;
            assert_eq!(Validator::default().line(&wrong, 0).verdict, MALFORMED);
        }
    }
}
