//! What is found by name, and what it equals.

use super::super::{equals, find};

fn holds(record: &str, path: &str, wanted: &str) -> bool {
    find(record.as_bytes(), 0, path).is_some_and(|at| equals(record.as_bytes(), at, wanted))
}

#[test]
fn a_field_is_found_by_its_name_or_by_the_names_that_lead_to_it() {
    let record =
        r#"{"a":{"b":[{"x":1}],"c":{"d":"deep"}},"a.b":"dotted","e" : { "f.g" : null },"x":2}"#;
    for (path, value) in [("a.c.d", "deep"), ("a.b", "dotted"), ("e.f.g", "null"), ("x", "2")] {
        assert!(holds(record, path, value), "{path}");
    }
    for (path, value) in
        [("b", "dotted"), ("a", "x"), ("d", "deep"), ("a.b.x", "1"), ("", ""), (".", "")]
    {
        assert!(!holds(record, path, value), "{path}");
    }
    assert!(holds(r#"{"a":1,"b":0,"a":2}"#, "a", "2"), "the last one counts");
}

#[test]
fn names_and_strings_are_what_their_escapes_spell() {
    let record = r#"{"k\u0069nd\u00e9":"\ud83d\uDE80 \u6771京\n\"\\","lone":"\ud83d!","é":"x"}"#;
    assert!(holds(record, "kindé", "🚀 東京\n\"\\"));
    assert!(holds(record, "é", "x"));
    assert!(!holds(record, "lone", "!") && !holds(record, "lone", "\u{fffd}!"));
}

#[test]
fn whole_numbers_are_exact_and_others_are_equal_by_worth() {
    let number = |number: &str, wanted: &str| holds(&format!("{{\"n\":{number}}}"), "n", wanted);
    for same in [("1", "1.0"), ("1e3", "1000"), ("-0", "0"), ("NaN", "NaN"), ("1e400", "1e400")] {
        assert!(number(same.0, same.1), "{same:?}");
    }
    for other in [
        ("9007199254740993", "9007199254740992"),
        ("1234567890123456700", "1234567890123456789"),
        ("1e400", "1e401"),
        ("Infinity", "inf"),
        ("1", "true"),
        ("true", "1"),
    ] {
        assert!(!number(other.0, other.1), "{other:?}");
    }
}

#[test]
fn depth_is_no_obstacle() {
    let record = format!(r#"{{"deep":{}{},"tag":"x"}}"#, "[".repeat(500), "]".repeat(500));
    assert!(holds(&record, "tag", "x"));
    let nested = format!(r#"{}"x"{}"#, r#"{"a":"#.repeat(300), "}".repeat(300));
    assert!(holds(&nested, &vec!["a"; 300].join("."), "x"));
}
