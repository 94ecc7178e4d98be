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
