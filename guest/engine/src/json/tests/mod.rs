//! What the validator promises, checked against [`reference`].

mod borders;
mod fields;
mod grammar;
mod lookup;
mod properties;
mod reference;
mod time;

use super::{Damage, Envelope, Form, Kind, Line, Suspect, Validator, Verdict};
use crate::host::{Profile, TimeFormat};

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
    let mut validator = Validator::default();
    let alone: Box<[u8]> = line.into();
    let Line { end, terminated, verdict } = validator.line(&alone, 0);
    assert_eq!((end, terminated), (line.len(), false), "{}", line.escape_ascii());
    for after in ["", "\"", "}", "{\"kind\":\"é\"}\n", &" ".repeat(100), &"\\".repeat(99)] {
        let around = [b"[\"\\", line, b"\n", after.as_bytes()].concat();
        let found = validator.line(&around, 3);
        let expected = Line { end: line.len() + 3, terminated: true, verdict };
        assert_eq!(found, expected, "{} before {after:?}", line.escape_ascii());
    }
    agree_with_a_profile(line, verdict);
    verdict
}

/// A profile that says what Papyra writes is no other judgement, except that it takes numbers in quotes.
fn agree_with_a_profile(line: &[u8], verdict: Verdict) {
    let found = Validator::new(form("kind", "timestamp")).line(line, 0).verdict;
    let untimed = |verdict| match verdict {
        Verdict::Record(Envelope { kind, depth, timestamp: None, .. }) => Some((kind, depth)),
        _ => None,
    };
    match (verdict, found) {
        (Verdict::Record(Envelope { kind, depth, .. }), _) if untimed(verdict).is_some() => {
            let Verdict::Record(of) = found else { panic!("{}", line.escape_ascii()) };
            assert_eq!((of.kind, of.depth), (kind, depth), "{}", line.escape_ascii());
        }
        _ => assert_eq!(found, verdict, "{}", line.escape_ascii()),
    }
}

fn form(kind: &str, time: &str) -> Form {
    let (kind_field, time_field) = (Some(kind.to_owned()), time.to_owned());
    Form::of(Some(Profile { kind_field, time_field, time_format: TimeFormat::Seconds }))
}

/// Judges the first line of `text` and compares with the reference.
fn agree(text: &[u8]) -> Verdict {
    let line = text.split(|&byte| byte == b'\n').next().unwrap_or_default();
    let verdict = judge(line);
    assert_eq!(verdict, reference::judge(line), "{}", line.escape_ascii());
    verdict
}

fn envelope(line: &str) -> Envelope {
    match agree(line.as_bytes()) {
        Verdict::Record(envelope) => envelope,
        damaged @ Verdict::Damaged(_) => panic!("{damaged:?}: {line}"),
    }
}

fn suspects(line: &str) -> Suspect {
    envelope(line).suspect
}
