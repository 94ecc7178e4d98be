//! Anything at all.

use super::*;
use proptest::prelude::*;

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
        let found = envelope(&format!(r#"{{"timestamp":{number}}}"#)).timestamp.map(f64::to_bits);
        prop_assert_eq!(found, number.parse().ok().map(f64::to_bits));
    }
}
