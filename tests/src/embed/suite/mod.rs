//! The tests that every host must pass, whatever its language. `embed_suite!` makes a test of each
//! function.

mod files;
mod maintenance;

use std::fs;
use std::path::Path;

use serde_json::{Value, json};
use tempfile::TempDir;

pub use self::files::*;
pub use self::maintenance::*;
use super::{Driver, Host, Reply};
use crate::command::{self, persistence};
use crate::generate::Generator;

/// Returns a line with a number that identifies it.
fn line(number: usize) -> String {
    format!("{{\"kind\":\"event\",\"timestamp\":{}.5,\"n\":{number}}}\n", 1_750_000_000 + number)
}

pub(in crate::embed) fn lines(numbers: std::ops::Range<usize>) -> String {
    numbers.map(line).collect()
}

pub(in crate::embed) fn temp() -> TempDir {
    tempfile::tempdir().expect("a directory")
}

fn opened(host: Host, path: &Path, options: Value) -> Driver {
    let mut driver = Driver::start(host);
    driver.open(path, options);
    driver
}

fn append(driver: &mut Driver, text: &str) -> Reply {
    driver.ask("append_lines", json!({ "lines": text }))
}

fn scan(driver: &mut Driver) -> Value {
    driver.ask("scan", json!({ "max_findings": 10_000 })).report()
}

/// Returns the report of the command, in the same shape.
fn document(operation: &str, path: &Path, options: &[&str]) -> Value {
    let mut command = persistence(operation, path);
    command.args(options).arg("--json");
    if ["recover", "compact"].contains(&operation) {
        command.arg("--no-audit");
    }
    let mut document = command::run(&mut command).document();
    strip(&mut document);
    document
}

/// Makes a report name the command's store at this path.
fn same_place(report: &mut Value, path: &Path) {
    report["backend"] = json!("file");
    report["location"] = json!(path);
}

/// Removes the fields that only the command's documents have.
fn strip(document: &mut Value) {
    if let Value::Object(fields) = document {
        for name in ["schema", "healthy", "findings_listed"] {
            fields.remove(name);
        }
        fields.retain(|_, value| !value.is_null());
        fields.values_mut().for_each(strip);
    }
}

/// Records that were appended come back as they are, by kind, time, number and page.
pub fn appended_records_come_back(host: Host) {
    let dir = temp();
    for store in ["file", "memory"] {
        let path = dir.path().join("j.ndjson");
        let mut driver = Driver::start(host);
        driver.open_store(json!({"store": store, "path": path, "clock": 1_760_000_000.25}));
        assert_eq!(append(&mut driver, &lines(0..3)).report()["records"], 3);
        let drafts = json!([
            {"kind": "dead_letter", "fields": "{\"n\": 3, \"t\": \"ü\\u2028\"}"},
            {"kind": "metric", "timestamp": 1_760_000_001.5, "fields": "{}"},
        ]);
        driver.ask("append", json!({ "drafts": drafts })).report();

        let all = driver.ask("query", json!({})).report();
        assert_eq!(all["count"], 5, "{store}");
        let dead = driver.ask("query", json!({"kinds": ["dead_letter"]})).report();
        let expected = concat!(
            r#"{"kind": "dead_letter", "timestamp": 1760000000.25, "n": 3, "t": "ü\u2028"}"#,
            "\n"
        );
        assert_eq!(dead["records"], expected, "the clock is the one that was given");
        let two = driver.ask("query", json!({"limit": 2, "kinds": ["event"]})).report();
        assert_eq!(two["records"], lines(1..3));
        let late = driver.ask("query", json!({"since": 1_760_000_001})).report();
        assert_eq!(late["count"], 1);
        let newest = driver.ask("query", json!({"newest_first": true, "limit": 1})).report();
        assert!(newest["records"].as_str().is_some_and(|text| text.contains("metric")));
        let metrics = driver.ask("metrics", json!({})).report();
        assert_eq!(metrics["records_written"], 5);
    }
}

/// A cursor continues where the last page ended, also after further appends.
pub fn a_cursor_goes_on_after_the_last_page(host: Host) {
    let dir = temp();
    let path = dir.path().join("j.ndjson");
    fs::write(&path, Generator::new(5).journal(6_000)).expect("a journal");
    let mut driver = opened(host, &path, json!({}));
    let first = driver.ask("query", json!({"pages": 1})).report();
    assert!(first["count"].as_u64().is_some_and(|count| (1..6_000).contains(&count)));
    append(&mut driver, &line(1)).report();
    let rest = driver.ask("query", json!({"cursor": first["cursor"]})).report();
    let (first, rest) = (first["records"].as_str(), rest["records"].as_str());
    let whole = format!("{}{}", first.unwrap_or_default(), rest.unwrap_or_default());
    assert!(whole == fs::read_to_string(&path).expect("text"), "nothing twice, nothing missing");
}

/// Bad input is a failure that names the line.
pub fn bad_input_is_a_failure_and_writes_nothing(host: Host) {
    let dir = temp();
    let path = dir.path().join("missing.ndjson");
    let mut driver = opened(host, &path, json!({}));
    assert_eq!(driver.ask("scan", json!({"max_findings": 1})).failure(), "not-found");
    let check = json!({"mode": "fail", "recovery": "repair"});
    assert_eq!(driver.ask("startup_check", check).report()["outcome"], "absent");
    let reply = append(&mut driver, &(line(0) + "[]\n"));
    let Reply::Failed(code, message) = reply else { panic!("{reply:?}") };
    assert_eq!(code, "invalid-record");
    assert!(message.contains('2'), "{message}");
    assert!(!path.exists());

    fs::write(&path, b"{\"kind\":\"event\",\"timestamp\":1}\n\xff\xfe\n\x80").expect("a journal");
    assert_eq!(scan(&mut driver)["anomalies"]["invalid_utf8"], 1);
    driver.open(dir.path(), json!({}));
    assert_eq!(driver.ask("scan", json!({"max_findings": 1})).failure(), "unsupported");
}

/// A store with a bug ends one instance, and no more.
pub fn a_bug_of_a_store_costs_one_instance(host: Host) {
    let mut driver = Driver::start(host);
    driver.open_store(json!({"store": "broken"}));
    append(&mut driver, &line(0)).report();
    let reply = append(&mut driver, &line(1));
    let Reply::Trapped(message) = reply else { panic!("{reply:?}") };
    assert!(message.contains("a bug of the store"), "{message}");
    append(&mut driver, &line(2)).report();
    let all = driver.ask("query", json!({})).report();
    assert_eq!(all["records"], line(0) + &line(2));
}

/// A chunk that no instance could hold is refused before it crosses.
pub fn a_store_that_returns_too_much_is_corrupt(host: Host) {
    let mut driver = Driver::start(host);
    driver.open_store(json!({"store": "flooding"}));
    for _ in 0..2 {
        assert_eq!(driver.ask("scan", json!({"max_findings": 1})).failure(), "corrupt");
        let reply = driver.ask("query", json!({"newest_first": true}));
        assert_eq!(reply.failure(), "corrupt", "{reply:?}");
    }
}

/// A journal that is mostly not UTF-8 is read as the command reads it.
pub fn bytes_that_are_no_text_cross_unharmed(host: Host) {
    let dir = temp();
    let path = dir.path().join("j.ndjson");
    let mut bytes = Vec::new();
    for number in 0..300_u32 {
        bytes.extend_from_slice(line(number as usize).as_bytes());
        bytes.extend((0..number % 97).map(|byte| (byte * 37 + number) as u8 | 0x80));
        bytes.extend_from_slice("ü€𝄞\n".as_bytes());
    }
    bytes.extend_from_slice(&vec![0xa9; 70_000]);
    fs::write(&path, &bytes).expect("a journal");
    let mut driver = opened(host, &path, json!({}));
    let mut report = scan(&mut driver);
    same_place(&mut report, &path);
    assert_eq!(report, document("scan", &path, &["--findings", "10000"]));
    let newest = driver.ask("query", json!({"limit": 300})).report();
    assert_eq!(newest["records"], lines(0..300), "backwards as well");
}
