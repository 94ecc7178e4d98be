//! Short forms, and commands on several files: all are planned before the first is changed, each has its own
//! report, and one exit code stands for all.

use std::fs;
use std::path::Path;
use std::process::Command;

use papyra_tests::command::{Ended, papyra, persistence, run};
use papyra_tests::numbered;
use serde_json::Value;

fn short(dir: &Path, words: &[&str]) -> Ended {
    run(Command::new(papyra()).current_dir(dir).args(words))
}

/// `a` and `b` are sound, `torn` ends within a record, and `array` is no journal.
fn place() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| fs::write(dir.path().join(name), text).unwrap();
    write("a.ndjson", &(0..3).map(numbered::line).collect::<String>());
    write("b.ndjson", &(3..5).map(numbered::line).collect::<String>());
    write("torn.ndjson", &(numbered::line(5) + "{\"kind\": \"ev"));
    write(
        "array.json",
        "[\n{\"kind\":\"event\",\"timestamp\":1},\n{\"kind\":\"event\",\"timestamp\":2}\n]\n",
    );
    dir
}

#[test]
fn the_short_form_says_and_does_what_the_long_one_does() {
    let dir = place();
    for command in ["scan", "inspect", "read", "recover", "startup-check", "index", "metrics"] {
        for file in ["torn.ndjson", "missing.ndjson"] {
            let before = fs::read(dir.path().join("torn.ndjson")).unwrap();
            let short = short(dir.path(), &[command, file]);
            fs::write(dir.path().join("torn.ndjson"), before).unwrap();
            let _ = fs::remove_file(dir.path().join(".torn.ndjson.papyra-index"));
            let long = run(persistence(command, file).current_dir(dir.path()));
            assert_eq!(short.code, long.code, "{command} {file}: {short:?}");
            if command != "metrics" && command != "startup-check" {
                assert_eq!((short.stdout, short.stderr), (long.stdout, long.stderr));
            }
            let _ = fs::remove_file(dir.path().join(".torn.ndjson.papyra-index"));
            fs::write(dir.path().join("torn.ndjson"), numbered::line(5) + "{\"kind\": \"ev")
                .unwrap();
        }
    }
}

#[test]
fn each_file_has_the_report_that_it_has_alone_on_a_line() {
    let dir = place();
    let names = ["a.ndjson", "missing.ndjson", "torn.ndjson"];
    let all = short(dir.path(), &["scan", "--json", names[0], names[1], names[2]]);
    let lines: Vec<Value> =
        all.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!((all.code, lines.len()), (Some(66), 3), "{all:?}");
    for at in [0, 2] {
        assert_eq!(lines[at], short(dir.path(), &["scan", "--json", names[at]]).document());
    }
    assert_eq!(lines[1]["schema"], "papyra.error/2");
    assert!(lines[1]["location"].as_str().unwrap().ends_with("missing.ndjson"), "{}", lines[1]);
    assert!(all.says(&["missing.ndjson", "check the name"]), "{all:?}");
}

#[test]
fn the_exit_code_is_the_first_of_the_list() {
    let dir = place();
    fs::create_dir(dir.path().join("directory")).unwrap();
    for (files, code) in [
        (&["a.ndjson", "b.ndjson"][..], 0),
        (&["a.ndjson", "torn.ndjson"], 2),
        (&["torn.ndjson", "missing"], 66),
        (&["missing", "directory", "torn.ndjson"], 64),
    ] {
        let words = [&["scan", "--quiet"][..], files].concat();
        assert_eq!(short(dir.path(), &words).code, Some(code), "{files:?}");
    }
}

#[test]
fn a_quoted_pattern_finds_files_and_none_is_not_found() {
    let dir = place();
    let read = short(dir.path(), &["read", "[ab].ndjson"]);
    assert_eq!(numbered::numbers(read.stdout.as_bytes()), [0, 1, 2, 3, 4]);
    let none = short(dir.path(), &["read", "x*.ndjson"]);
    assert!(none.code == Some(66) && none.says(&["x*.ndjson"]), "{none:?}");
}

#[test]
fn files_are_read_in_the_order_given() {
    let dir = place();
    let read = short(dir.path(), &["read", "b.ndjson", "a.ndjson", "--limit", "2"]);
    assert_eq!(numbered::numbers(read.stdout.as_bytes()), [3, 4, 1, 2]);
    let count = short(dir.path(), &["read", "b.ndjson", "a.ndjson", "--count"]);
    assert_eq!(count.stdout, "5\n");
    let json = short(dir.path(), &["read", "b.ndjson", "missing", "a.ndjson", "--json"]);
    let lines: Vec<Value> =
        json.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!((lines[0]["count"].as_u64(), lines[2]["count"].as_u64()), (Some(2), Some(3)));
    assert_eq!((json.code, &lines[1]["exit"]), (Some(66), &Value::from(66)));
    assert_eq!(short(dir.path(), &["read", "a.ndjson", "b.ndjson", "--follow"]).code, Some(64));
}

#[test]
fn no_file_is_changed_if_one_cannot_be() {
    let dir = place();
    let torn = fs::read(dir.path().join("torn.ndjson")).unwrap();
    for words in [
        &["recover", "torn.ndjson", "array.json"][..],
        &["recover", "torn.ndjson", "missing"],
        &["compact", "--max-records", "0", "torn.ndjson", "missing"],
        &["startup-check", "--mode", "recover", "torn.ndjson", "array.json"],
    ] {
        let refused = short(dir.path(), words);
        assert!(refused.says(&["no file was changed"]), "{words:?}: {refused:?}");
        assert_eq!(fs::read(dir.path().join("torn.ndjson")).unwrap(), torn, "{words:?}");
        let code = match (words[0], words.last()) {
            ("startup-check", _) => 3,
            (_, Some(&"missing")) => 66,
            _ => 64,
        };
        assert_eq!(refused.code, Some(code), "{words:?}: {refused:?}");
    }
    let done = short(dir.path(), &["recover", "torn.ndjson", "a.ndjson", "--quiet"]);
    assert_eq!(done.code, Some(0), "{done:?}");
    assert_eq!(short(dir.path(), &["scan", "torn.ndjson", "--quiet"]).code, Some(0));
    let new = ["startup-check", "--mode", "recover", "missing", "a.ndjson"];
    assert_eq!(short(dir.path(), &new).code, Some(0));
}
