//! One grammar for quantities: a word means the same as an option, as a variable, in the file and in a
//! store URL.

use std::fs::File;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use papyra_tests::command::{run, run_with};
use papyra_tests::place::{Place, line};
use rustix::fs::{FlockOperation, flock};
use serde_json::Value;

const ALWAYS: &[&str] = &["always", "ALWAYS", "Always"];
const NEVER: &[&str] = &["never", "NEVER"];
const SHORT: &[&str] = &["interval:200", "interval:200ms", "Interval:0.2s", "INTERVAL:200"];
const LONG: &[&str] = &["interval:1000", "interval:1s", "interval:1000ms"];
const HOUR: &[&str] = &["1h", "60m", "3600s", "3600", "3600.0", "PT1H", "59m 60s"];
const DAYS: &[&str] = &["30d", "720h", "2592000"];
const DECIMAL: &[&str] = &["50000000", "50MB", "50M", "50mb", "50 MB", "0.05GB"];
const BINARY: &[&str] = &["50MiB", "52428800", "51200KiB", "50Mi"];

/// Settings with their option, and words of one meaning; the first word is the one that is shown.
const SETTINGS: [(&str, &str, &[&str]); 8] = [
    ("sync", "--sync", ALWAYS),
    ("sync", "--sync", NEVER),
    ("sync", "--sync", SHORT),
    ("sync", "--sync", LONG),
    ("retention.max_age", "--max-age", HOUR),
    ("retention.max_age", "--max-age", DAYS),
    ("retention.max_total_bytes", "--max-total-bytes", DECIMAL),
    ("retention.max_total_bytes", "--max-total-bytes", BINARY),
];

/// What `config show` shows of a setting.
fn shown(command: &mut Command, key: &str) -> Value {
    let ended = run(command);
    assert_eq!(ended.code, Some(0), "{command:?}: {ended:?}");
    let document = ended.document();
    let settings = document["settings"].as_array().expect("a list");
    settings.iter().find(|setting| setting["key"] == key).expect("the setting")["value"].clone()
}

#[test]
fn an_option_a_variable_and_the_file_read_the_same_words_as_the_same_value() {
    for (key, option, words) in SETTINGS {
        for word in words {
            let place = Place::new();
            let mut by_option = place.command("config show --json");
            assert_eq!(shown(by_option.arg(option).arg(word), key), words[0], "{option} {word}");
            let variable = format!("PAPYRA_{}", key.to_uppercase().replace('.', "_"));
            let mut by_variable = place.command("config show --json");
            assert_eq!(shown(by_variable.env(&variable, word), key), words[0], "{variable}={word}");
            let mut lines = vec![format!("{key} = \"{word}\"\n")];
            if word.parse::<f64>().is_ok() {
                lines.push(format!("{key} = {word}\n"));
            }
            for line in lines {
                place.put("papyra.toml", &line);
                let mut by_file = place.command("config show --json");
                assert_eq!(shown(&mut by_file, key), words[0], "{line}");
            }
        }
    }
}

#[test]
fn a_store_url_reads_the_same_words() {
    let sync = [ALWAYS, NEVER, SHORT, LONG].concat();
    let (times, sizes) = ([HOUR, DAYS].concat(), [DECIMAL, BINARY].concat());
    for (url, words) in [
        ("file:a.ndjson?sync=", &sync),
        ("rotating:r.ndjson?sync=", &sync),
        ("file:a.ndjson?lock_wait=", &times),
        ("rotating:r.ndjson?lock_wait=", &times),
        ("rotating:r.ndjson?max_bytes=", &sizes),
        ("memory:?max_bytes=", &sizes),
    ] {
        for word in words {
            let url = format!("{url}{}", word.replace(' ', "%20"));
            let place = Place::new();
            let mut append = place.command("persistence append --store");
            let ended = run_with(append.arg(&url), line("event", 1_763_700_000).as_bytes());
            assert_eq!(ended.code, Some(0), "{url}: {ended:?}");
            let mut check = place.command("config check");
            assert_eq!(run(check.env("PAPYRA_STORE", &url)).code, Some(0), "{url}");
            place.put("papyra.toml", &format!("store = \"{url}\"\n"));
            assert_eq!(place.run("config check").code, Some(0), "{url}");
        }
    }
    for word in HOUR {
        let url = format!("redis://127.0.0.1:1?timeout={}", word.replace(' ', "%20"));
        let place = Place::with(&format!("store = \"{url}\"\n"));
        assert_eq!(place.run("config check").code, Some(0), "{url}");
    }
}

#[test]
fn a_size_in_a_url_is_as_large_as_it_says() {
    let record = line("event", 1_763_700_000);
    for (words, bytes) in
        [(&["2000", "2kB", "2k", "0.002MB"][..], 2000), (&["2KiB", "2048", "2Ki"], 2048)]
    {
        for word in words {
            let place = Place::new();
            let append = format!(
                "persistence append --batch 1 --store rotating:r.ndjson?max_files=2&max_bytes={word}"
            );
            let ended = run_with(&mut place.command(&append), record.repeat(60).as_bytes());
            assert_eq!(ended.code, Some(0), "{word}: {ended:?}");
            let full = bytes / record.len() * record.len();
            assert_eq!(place.text("r.ndjson.1").len(), full, "{word}");
        }
    }
}

#[test]
fn a_duration_in_a_url_is_as_long_as_it_says() {
    let place = Place::new();
    let record = line("event", 1_763_700_000);
    place.put("a.ndjson", &record);
    let lock = File::options().append(true).open(place.path("a.ndjson")).expect("a journal");
    flock(&lock, FlockOperation::LockExclusive).expect("a lock");
    let append = |word: &str| {
        place.command(&format!("persistence append --store file:a.ndjson?lock_wait={word}"))
    };
    for word in ["300ms", "0.3s", "0.3", "PT0.3S"] {
        let started = Instant::now();
        let ended = run_with(&mut append(word), record.as_bytes());
        assert_eq!(ended.code, Some(75), "{word}: {ended:?}");
        let waited = started.elapsed();
        assert!((Duration::from_millis(300)..Duration::from_secs(20)).contains(&waited), "{word}");
    }
    place.put("input.ndjson", &record);
    let waiting = ["1h", "60m", "3600"].map(|word| {
        let input = File::open(place.path("input.ndjson")).expect("a record");
        let output = || Stdio::null();
        append(word).stdin(input).stdout(output()).stderr(output()).spawn().expect("a start")
    });
    std::thread::sleep(Duration::from_secs(1));
    drop(lock);
    for mut child in waiting {
        assert!(child.wait().expect("an end").success(), "it has waited");
    }
    assert_eq!(place.text("a.ndjson"), record.repeat(4));
}
