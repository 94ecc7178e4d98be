//! Every position, every length, every change of one byte.

use super::*;

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
fn a_key_written_in_escapes_is_found_wherever_it_stands_and_whatever_is_escaped_around_it() {
    for before in 0..140 {
        let filler = "x".repeat(before);
        for (ahead, behind) in
            [("", ""), ("\\n", ""), ("", "\\n"), ("\\\"", "\\u00e9"), ("\\n", "\\\\")]
        {
            for after in [0, 64, 130] {
                let rest = "y".repeat(after);
                let line = format!(
                    "{{\"a\":\"{ahead}{filler}\",\"k\\u0069nd\":\"audit\",\"\\u0074imestamp\":7,\"b\":\"{rest}{behind}\"}}"
                );
                let found = envelope(&line);
                assert_eq!((found.kind, found.timestamp), (Some(Kind::Audit), Some(7.0)), "{line}");
                assert_eq!(found.suspect, Suspect::none(), "{line}");
            }
        }
    }
}

#[test]
fn a_mismatched_or_missing_bracket_is_seen_at_every_depth_and_place() {
    for before in 0..70 {
        let filler = "x".repeat(before);
        for depth in [1, 2, 5, 62, 63, 64, 65, 130] {
            let (open, close) = ("[".repeat(depth), "]".repeat(depth));
            let valid = format!("{{\"{filler}\":{open}1{close},\"kind\":\"event\"}}");
            assert_eq!(envelope(&valid).depth, depth as u32 + 1);
            for wrong in [
                format!("{{\"{filler}\":{open}1{}}}}}", "]".repeat(depth - 1)),
                format!("{{\"{filler}\":{open}1}}{}}}", "]".repeat(depth - 1)),
                format!("{{\"{filler}\":{open}1{close}]"),
                format!("{{\"{filler}\":{open}1{close}]}}"),
            ] {
                assert_eq!(agree(wrong.as_bytes()), MALFORMED, "{wrong}");
            }
        }
    }
}

#[test]
fn a_byte_that_is_no_utf8_is_seen_wherever_the_first_one_beyond_ascii_stands() {
    for before in 0..140 {
        for between in [0, 1, 63, 64, 65] {
            let (filler, rest) = ("x".repeat(before), "y".repeat(between));
            let sound = format!("{{\"a\":\"{filler}é{rest}é\"}}");
            assert!(matches!(agree(sound.as_bytes()), Verdict::Record(_)));
            for (at, byte) in [(sound.find('é'), 0xc3), (sound.rfind('é').map(|at| at + 1), b'z')]
            {
                let mut broken = sound.clone().into_bytes();
                broken[at.unwrap() + usize::from(byte == 0xc3)] = byte;
                assert_eq!(agree(&broken), INVALID_UTF8, "{}", broken.escape_ascii());
            }
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
        let line = line.as_bytes();
        let expected = agree(line);
        for alignment in 0..64 {
            let buf = [&vec![b'"'; alignment], line, b"\n"].concat();
            assert_eq!(Validator::default().line(&buf, alignment).verdict, expected);
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

#[test]
fn a_longer_key_is_never_taken_for_its_end() {
    for (before, length) in (0..64).flat_map(|before| [1, 5, 59, 64, 128].map(|n| (before, n))) {
        let (before, filler) = ("-".repeat(before), "x".repeat(length));
        for key in ["kind", "timestamp"] {
            let found = suspects(&format!(r#"{{"a":"{before}","{filler}{key}":1}}"#));
            assert!(found.contains(Suspect::MISSING_KIND), "{before}{filler}{key}");
            assert!(found.contains(Suspect::INVALID_TIMESTAMP), "{before}{filler}{key}");
        }
    }
}
