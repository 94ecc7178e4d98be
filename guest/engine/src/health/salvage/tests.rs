//! Records in damaged lines, by example and against a search that tries every `{`.

use proptest::prelude::*;
use serde::de::IgnoredAny;

use super::search::{Search, filler};
use super::torn::skip_space;
use crate::json::{Form, Validator, Verdict};

const A: &str = r#"{"kind":"event","timestamp":1,"n":{"a":[1,{"b":2}]}}"#;
const B: &str = r#"{"timestamp": 2.5, "kind": "audit", "text": "a } \" { b"}"#;
/// No record is shorter.
const SHORT: &str = r#"{"kind":"audit","timestamp":0}"#;
const LETTER: &str =
    r#"{"kind":"dead_letter","record":{"kind":"metric","timestamp":3},"timestamp":4}"#;

fn found(text: &str) -> Vec<(String, bool)> {
    let search = Search::new(Form::default(), text.as_bytes(), false, false);
    search.map(|found| (text[found.start..found.end].to_owned(), found.ambiguous)).collect()
}

fn names(text: &str) -> Vec<String> {
    found(text).into_iter().map(|(record, _)| record).collect()
}

#[test]
fn whole_records_are_found_beside_each_other_and_behind_anything() {
    for (text, records) in [
        (format!("{A}{B}"), vec![A, B]),
        (format!("{A},{B}"), vec![A, B]),
        (format!("{A} {B} {A}\r"), vec![A, B, A]),
        (format!("\0\0\0{A}"), vec![A]),
        (format!("{A}\0\0"), vec![A]),
        (format!("\u{feff}{A}"), vec![A]),
        (format!("\x1e{A}\x1e{B}"), vec![A, B]),
        (format!("2026-11-29 INFO {A}"), vec![A]),
        (format!("{A}garbage{B}"), vec![A, B]),
        (format!("{A}garbage"), vec![A]),
        (format!("x{SHORT}{SHORT}"), vec![SHORT, SHORT]),
        (format!("{A}}}"), vec![A]),
        (format!("{{\"no\":\"kind\"}}{A}"), vec![A]),
        (format!("{{{{{{{A}"), vec![A]),
        ("{}".to_owned(), vec![]),
        (format!("[{A},{B}]"), vec![]),
        (format!("{{\"kind\":\"event\",\"x\":[{A},{B}]"), vec![]),
        (r#"{"kind":"event","timestamp":NaN}{"kind":"nothing","timestamp":1}"#.to_owned(), vec![]),
    ] {
        assert_eq!(names(&text), records, "{text}");
    }
}

#[test]
fn runs_of_filler_are_as_long_as_they_are() {
    for length in (0..300).chain([1000, 4096]) {
        for end in ["", " ", "\u{1e}\0", "x", "\u{feff}\0\0", ","] {
            let text = format!("{}{end}", "\0".repeat(length));
            let expected = text.len() - usize::from(matches!(end, "x" | ","));
            assert_eq!(filler(text.as_bytes(), false), expected, "{length} NULs and {end:?}");
        }
    }
}

#[test]
fn an_object_inside_a_torn_record_is_kept_only_where_it_may_be_a_record_behind_it() {
    let torn = r#"{"kind":"dead_letter","record":"#;
    assert_eq!(found(&format!("{torn}{A}")), [(A.to_owned(), true)]);
    assert_eq!(found(&format!("{torn}{A} \0")), [(A.to_owned(), true)]);
    for followed in [",", "}", " ]", ",\"timestamp\":4"] {
        assert_eq!(names(&format!("{torn}{A}{followed}")), [""; 0], "{followed}");
    }
    // Torn inside a string, a name, a number or a literal, the second record is none of its values.
    for torn in [r#"{"kind":"ev"#, r#"{"ki"#, r#"{"a":12"#, r#"{"a":tru"#, r#"{"a":1,"#, "{"] {
        assert_eq!(found(&format!("{torn}{A}")), [(A.to_owned(), false)], "{torn}");
    }
}

#[test]
fn no_tear_point_hides_the_record_behind_it() {
    for first in [A, B, LETTER] {
        for torn in (0..first.len()).filter(|at| first.is_char_boundary(*at)) {
            let text = format!("{}{B}", &first[..torn]);
            let mut records = found(&text);
            assert_eq!(records.pop().map(|(record, _)| record).as_deref(), Some(B), "{text}");
            assert!(records.iter().all(|(_, ambiguous)| *ambiguous), "one was invented: {text}");
        }
    }
}

#[test]
fn a_text_in_pieces_gives_the_same_records() {
    let text = format!("xx{A}garbage{{\"kind\":\"ev{B}{LETTER},{A}\0\0{{\"a\":{B}").into_bytes();
    let whole: Vec<_> = Search::new(Form::default(), &text, false, false)
        .map(|found| (found.start, found.end))
        .collect();
    assert_eq!(whole.len(), 5);
    for window in LETTER.len() + 40..text.len() {
        let (mut at, mut torn, mut records) = (0, false, Vec::new());
        while at < text.len() {
            let end = (at + window).min(text.len());
            let mut search = Search::new(Form::default(), &text[at..end], torn, end < text.len());
            records.extend(search.by_ref().map(|found| (at + found.start, at + found.end)));
            let (used, after) = search.rest();
            assert!(used > 0, "a window of {window} is stuck at {at}");
            (at, torn) = (at + used, after);
        }
        assert_eq!(records, whole, "windows of {window}");
    }
}

/// Tries every `{`, each on its own.
fn naive(text: &[u8]) -> Vec<(usize, usize)> {
    let whole = |at: usize| {
        let mut values =
            serde_json::Deserializer::from_slice(&text[at..]).into_iter::<IgnoredAny>();
        values.next()?.ok()?;
        let end = at + values.byte_offset();
        let line = Validator::default().line(&text[at..end], 0);
        match line.verdict {
            Verdict::Record(envelope)
                if envelope.kind.is_some() && envelope.timestamp.is_some() =>
            {
                Some(end)
            }
            _ => None,
        }
    };
    let (mut at, mut torn, mut records) = (0, false, Vec::new());
    while at < text.len() {
        if !torn {
            at += filler(&text[at..], true);
        }
        let Some(byte) = text.get(at) else { break };
        let inside = |end| matches!(text.get(skip_space(text, end)), Some(b',' | b'}' | b']'));
        match (*byte == b'{').then(|| whole(at)).flatten() {
            Some(end) if !torn || !inside(end) => {
                records.push((at, end));
                (at, torn) = (end, false);
            }
            _ => (at, torn) = (at + 1, true),
        }
    }
    records
}

fn piece() -> impl Strategy<Value = String> {
    let records = prop::sample::select(vec![A, B, LETTER]);
    let torn = (records.clone(), any::<prop::sample::Index>(), any::<bool>()).prop_map(
        |(record, at, front)| {
            let (first, second) = record.split_at(at.index(record.len()));
            if front { first } else { second }.to_owned()
        },
    );
    let bits = prop::sample::select(vec![
        "{",
        "}",
        "[",
        "]",
        ",",
        ":",
        "\"",
        "\\",
        "\\\"",
        " ",
        "\0",
        "null",
        "12",
        "{\"",
        "\"a\":",
        "\"kind\":\"event\",\"timestamp\":7",
        "x",
    ]);
    prop_oneof![records.prop_map(str::to_owned), torn, bits.prop_map(str::to_owned)]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4096))]

    #[test]
    fn the_search_finds_what_trying_every_place_finds(
        pieces in prop::collection::vec(piece(), 0..8)
    ) {
        let text = pieces.concat();
        let records: Vec<_> = Search::new(Form::default(), text.as_bytes(), false, false)
            .map(|found| (found.start, found.end)).collect();
        prop_assert_eq!(records, naive(text.as_bytes()), "{}", text);
    }
}
