//! Reading that goes on where an earlier run has ended, and what of the records is printed.

use std::collections::HashMap;
use std::fs::{self, File};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use papyra_tests::command::{Ended, names, papyra, run};
use papyra_tests::numbered;
use papyra_tests::random::Random;
use papyra_tests::scale;

/// A page, about, in records of the shortest kind.
const PAGE: u64 = 1 << 20;

struct Place {
    dir: tempfile::TempDir,
    journal: PathBuf,
    cursor: PathBuf,
}

fn place() -> Place {
    let dir = tempfile::tempdir().unwrap();
    let (journal, cursor) = (dir.path().join("app.ndjson"), dir.path().join("cursor"));
    Place { dir, journal, cursor }
}

fn write(path: &Path, numbers: std::ops::Range<u64>) {
    let lines: String = numbers.map(numbered::line).collect();
    let mut file = File::options().create(true).append(true).open(path).unwrap();
    file.write_all(lines.as_bytes()).unwrap();
}

impl Place {
    fn read(&self, words: &[&str]) -> Ended {
        let mut command = Command::new(papyra());
        run(command.arg("read").arg(&self.journal).args(words))
    }

    fn on(&self, words: &[&str]) -> Vec<u64> {
        let mut command = Command::new(papyra());
        command.arg("read").arg(&self.journal).arg("--cursor-file").arg(&self.cursor).args(words);
        let ended = run(&mut command);
        assert_eq!(ended.code, Some(0), "{ended:?}");
        numbered::numbers(ended.stdout.as_bytes())
    }
}

#[test]
fn a_run_goes_on_where_the_last_one_ended() {
    let place = place();
    write(&place.journal, 0..5);
    assert_eq!(place.on(&["--limit", "2"]), [3, 4]);
    assert_eq!(place.on(&[]), [0_u64; 0]);
    write(&place.journal, 5..7);
    assert_eq!(place.on(&["--limit", "2"]), [5, 6]);
    // Recovery moves the records.
    write(&place.journal, 7..8);
    let text = fs::read_to_string(&place.journal).unwrap();
    fs::write(&place.journal, format!("torn\n{text}")).unwrap();
    assert_eq!(place.on(&["--follow", "--timeout", "1s"]), [7]);
    assert_eq!(names(place.dir.path()), ["app.ndjson", "cursor"]);
}

#[test]
fn a_cursor_of_a_document_goes_on_behind_it() {
    let place = place();
    write(&place.journal, 0..3);
    let document = place.read(&["--json"]).document();
    write(&place.journal, 3..5);
    let cursor = document["cursor"].as_str().unwrap();
    let rest = place.read(&["--after-cursor", cursor]);
    assert_eq!(numbered::numbers(rest.stdout.as_bytes()), [3, 4]);
    let wrong = place.read(&["--after-cursor", "nonsense"]);
    assert!(wrong.code == Some(64) && wrong.says(&["cursor"]), "{wrong:?}");
}

#[test]
fn a_file_without_a_cursor_is_refused_and_named() {
    let place = place();
    write(&place.journal, 0..1);
    fs::write(&place.cursor, "\n").unwrap();
    let cursor = place.cursor.to_str().unwrap();
    let empty = place.read(&["--cursor-file", cursor]);
    assert!(empty.code == Some(64) && empty.says(&[cursor, "remove it"]), "{empty:?}");
    assert_eq!(empty.stdout, "");
}

#[test]
fn a_follower_that_is_killed_delivers_every_record_and_repeats_only_its_last_page() {
    let place = place();
    let mut random = Random::new(scale::seed());
    let (mut seen, mut next) = (HashMap::<u64, u64>::new(), 0);
    let mut before: Vec<u64> = Vec::new();
    for cycle in 0..scale::kill_cycles() / 5 {
        // Sometimes more than a page.
        let more = if cycle % 4 == 0 { 20_000 } else { 1 + random.below(300) as u64 };
        write(&place.journal, next..next + more);
        next += more;
        let mut follower = Command::new(papyra())
            .arg("read")
            .arg(&place.journal)
            .args(["--follow", "--cursor-file"])
            .arg(&place.cursor)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut stdout = follower.stdout.take().unwrap();
        let reader = std::thread::spawn(move || {
            let mut bytes = Vec::new();
            stdout.read_to_end(&mut bytes).unwrap();
            bytes
        });
        std::thread::sleep(Duration::from_millis(random.below(400) as u64));
        follower.kill().unwrap();
        follower.wait().unwrap();
        let bytes = reader.join().unwrap();
        let given = numbered::numbers(&bytes);
        // Contiguous, and begins at most a page before the end of what was given.
        assert!(given.windows(2).all(|pair| pair[1] == pair[0] + 1), "cycle {cycle}");
        if let (Some(first), Some(last)) = (given.first(), before.last()) {
            assert!(*first <= last + 1, "cycle {cycle}: {first} after {last}");
            let again: usize = (*first..=*last).map(|n| numbered::line(n).len()).sum();
            assert!(again as u64 <= PAGE + PAGE / 8, "cycle {cycle}: {again} bytes again");
        }
        if !given.is_empty() {
            before.clone_from(&given);
        }
        given.into_iter().for_each(|number| *seen.entry(number).or_default() += 1);
    }
    for number in place.on(&[]) {
        *seen.entry(number).or_default() += 1;
    }
    assert!((0..next).all(|number| seen.contains_key(&number)));
}

#[test]
fn a_timeout_ends_following_in_good_order() {
    let place = place();
    write(&place.journal, 0..2);
    let ended = place.read(&["--follow", "--timeout", "300ms"]);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert_eq!(numbered::numbers(ended.stdout.as_bytes()), [0, 1]);
    assert_eq!(place.read(&["--timeout", "1s"]).code, Some(64));
}

#[test]
fn fields_are_printed_as_they_are_stored() {
    let place = place();
    let lines = concat!(
        r#"{"kind": "event", "timestamp": 1738000000.50, "actor": {"name": "b\u0069lling"}}"#,
        "\n",
        r#"{"kind": "event", "timestamp": 2e9, "v": NaN}"#,
        "\n"
    );
    fs::write(&place.journal, lines).unwrap();
    let printed = place.read(&["--fields", "actor.name,timestamp,v"]);
    let expected = concat!(
        r#"{"actor.name":"b\u0069lling","timestamp":1738000000.50}"#,
        "\n",
        r#"{"timestamp":2e9,"v":NaN}"#,
        "\n"
    );
    assert_eq!(printed.stdout, expected);
    let json = place.read(&["--fields", "v", "--json"]).document();
    assert_eq!(json["records"], serde_json::json!([{}, { "v": null }]));
    assert_eq!(place.read(&["--count", "--json"]).document()["count"], 2);
    assert_eq!(place.read(&["--fields", "a,,b"]).code, Some(64));
}
