//! `-`: a journal on standard input.

use std::fs::{self, File};
use std::process::Command;

use papyra_tests::command::{papyra, run, run_with};
use papyra_tests::numbered;

fn command(words: &[&str]) -> Command {
    let mut command = Command::new(papyra());
    command.args(words);
    command
}

/// Sound records, a torn one with a whole one behind it, and a torn last line.
fn damaged() -> Vec<u8> {
    let mut text: String = (0..5_000).map(numbered::line).collect();
    text += "{\"kind\": \"event\", \"time";
    text.extend((5_000..5_002).map(numbered::line));
    text += "{\"kind\": \"ev";
    text.into_bytes()
}

#[test]
fn a_pipe_is_read_as_a_file_is() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("app.ndjson");
    fs::write(&path, damaged()).unwrap();
    let path = path.to_str().unwrap();
    for words in [&["read"][..], &["read", "--reverse"], &["scan", "--quiet"], &["read", "--count"]]
    {
        let piped = run_with(command(words).arg("-"), &damaged());
        let file = run(command(words).arg(path));
        assert_eq!((&piped.stdout, piped.code), (&file.stdout, file.code), "{words:?}");
        let long = [&["persistence"], words, &["--path", "-"]].concat();
        assert_eq!(run_with(&mut command(&long), &damaged()).stdout, file.stdout);
    }
    let inspected = run_with(&mut command(&["inspect", "-", "--json"]), &damaged()).document();
    assert_eq!(inspected["location"], "standard input");
    let several = run_with(&mut command(&["read", path, "-", "--count"]), &damaged());
    assert_eq!(several.stdout, "10002\n");
    assert_eq!(run_with(&mut command(&["read", "-", "-"]), &damaged()).code, Some(64));
}

#[test]
fn a_pipe_can_come_from_another_program() {
    let log = b"{\"level\":30,\"time\":1738000000123,\"msg\":\"up\"}\n";
    let healthy = run_with(&mut command(&["scan", "-", "--profile", "pino"]), log);
    assert_eq!(healthy.code, Some(0), "{healthy:?}");
    assert_eq!(run_with(&mut command(&["scan", "-"]), log).code, Some(2));
}

#[test]
fn a_file_is_read_where_the_input_stands_and_needs_no_copy() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("app.ndjson");
    fs::write(&path, damaged()).unwrap();
    let script = "read -r first; exec \"$0\" read - --count < /dev/stdin";
    let mut shell = Command::new("/bin/sh");
    // There is no place for a copy.
    shell.args(["-c", script]).arg(papyra()).env("TMPDIR", "/nonexistent");
    let counted = shell.stdin(File::open(&path).unwrap()).output().unwrap();
    assert!(counted.status.success(), "{counted:?}");
    assert!(!counted.stdout.is_empty());
    let mut whole = command(&["read", "-"]);
    whole.env("TMPDIR", "/nonexistent").stdin(File::open(&path).unwrap());
    let whole = whole.output().unwrap();
    assert_eq!(numbered::numbers(&whole.stdout).len(), 5_001);
    let piped = run_with(command(&["read", "-"]).env("TMPDIR", "/nonexistent"), &damaged());
    assert!(piped.code == Some(1) && piped.says(&["/nonexistent"]), "{piped:?}");
}

#[test]
fn recover_is_a_filter_that_gives_what_it_would_leave_in_a_file() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("app.ndjson");
    fs::write(&path, damaged()).unwrap();
    let filtered = run_with(&mut command(&["recover", "-", "--no-audit"]), &damaged());
    assert_eq!(filtered.code, Some(0), "{}", filtered.stderr);
    assert!(filtered.says(&["standard input: recovered"]), "{}", filtered.stderr);
    let mut in_place = command(&["recover", "--no-audit"]);
    assert_eq!(run(in_place.arg(&path)).code, Some(0));
    assert_eq!(filtered.stdout.as_bytes(), fs::read(&path).unwrap());
    // A file that is redirected stays as it is, and the audit record goes to the output as well.
    fs::write(&path, damaged()).unwrap();
    let redirected = command(&["recover", "-"]).stdin(File::open(&path).unwrap()).output().unwrap();
    assert_eq!(fs::read(&path).unwrap(), damaged());
    let text = String::from_utf8(redirected.stdout).unwrap();
    let audit = text.strip_prefix(&filtered.stdout).unwrap();
    assert!(audit.contains("\"action\":\"recover\"") && audit.ends_with('\n'), "{audit}");
}

#[test]
fn recover_leaves_standard_output_to_the_journal() {
    let sound = numbered::line(1);
    let healthy = run_with(&mut command(&["recover", "-", "--json"]), sound.as_bytes());
    assert_eq!((healthy.code, healthy.stdout.as_str()), (Some(0), sound.as_str()));
    assert!(healthy.stderr.contains("papyra.recover/"), "{}", healthy.stderr);
    let suspect = format!("{sound}{{\"kind\": \"event\", \"timestamp\": 1, \"x\": NaN}}\n");
    let left = run_with(&mut command(&["recover", "-"]), suspect.as_bytes());
    assert_eq!((left.code, left.stdout.as_str()), (Some(3), suspect.as_str()));
    let array = b"[\n{\"kind\":\"event\",\"timestamp\":1}\n]\n";
    let refused = run_with(&mut command(&["recover", "-", "--json"]), array);
    assert_eq!((refused.code, refused.stdout.as_str()), (Some(64), ""));
    let dry = run_with(&mut command(&["recover", "-", "--dry-run"]), &damaged());
    assert_eq!((dry.code, dry.stdout.as_str()), (Some(0), ""));
    let quarantine = ["recover", "-", "--mode", "quarantine", "--quarantine-dir", "q"];
    assert_eq!(run_with(&mut command(&quarantine), &damaged()).code, Some(64));
}

#[test]
fn what_needs_a_journal_that_stays_refuses_standard_input() {
    for words in [
        &["compact", "-", "--max-records", "1"][..],
        &["append", "-"],
        &["startup-check", "-"],
        &["index", "--path", "-"],
    ] {
        let refused = run(&mut command(words));
        assert!(refused.code == Some(64) && refused.says(&["./-"]), "{words:?}: {refused:?}");
    }
}
