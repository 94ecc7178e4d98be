//! The examples of deployment: valid to those who read them, and their commands do what they say.

#![allow(clippy::unwrap_used, clippy::panic, reason = "this is a test")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use papyra_tests::command::{Ended, names, papyra, run};
use papyra_tests::python::{filter, python};
use serde_json::Value;

const SOUND: &[u8] = b"{\"kind\": \"event\", \"timestamp\": 1763700000}\n";
const TORN: &[u8] = b"{\"kind\": \"ev";
const PICTURE: &[u8] = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\n\xff\xd8";

/// Where the examples have the state of their service.
const STATE: &str = "/var/lib/orders";

fn example(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../host/examples/deploy").join(name)
}

/// The words of a command of an example, with its directories inside `dir`.
fn started(words: &[String], dir: &Path) -> Ended {
    let state = dir.to_str().unwrap();
    let words = words.iter().skip(1).map(|word| word.replace(STATE, state));
    run(Command::new(papyra()).args(words).env("XDG_CACHE_HOME", dir.join("cache")))
}

/// The check lets a service start when nothing is lost by it, and keeps what it quarantines .
fn judges(check: &[String]) {
    assert_eq!(Path::new(&check[0]).file_name().unwrap(), "papyra");
    let torn = [SOUND, TORN].concat();
    for (journal, aside) in [(SOUND, &b""[..]), (&torn, TORN), (PICTURE, PICTURE)] {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("app.ndjson"), journal).unwrap();
        let ended = started(check, dir.path());
        assert_eq!(ended.code, Some(0), "{ended:?}");
        let quarantine = dir.path().join("quarantine");
        let kept = if quarantine.exists() { names(&quarantine) } else { Vec::new() };
        let kept = kept.iter().flat_map(|name| fs::read(quarantine.join(name)).unwrap());
        assert_eq!(kept.collect::<Vec<_>>(), aside, "{ended:?}");
    }
    // The first start has no journal yet; and what cannot be looked at stops it.
    let dir = tempfile::tempdir().unwrap();
    assert_eq!(started(check, dir.path()).code, Some(0));
    fs::create_dir(dir.path().join("app.ndjson")).unwrap();
    let ended = started(check, dir.path());
    assert!(ended.code != Some(0) && ended.says(&["directory"]), "{ended:?}");
}

/// What follows a name in a unit, with lines joined.
fn setting(unit: &str, name: &str) -> Vec<String> {
    let text = fs::read_to_string(example(unit)).unwrap().replace("\\\n", " ");
    let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix('=')).unwrap();
    line.split_whitespace().map(str::to_owned).collect()
}

#[test]
fn systemd_accepts_the_units_and_their_check_judges() {
    let dir = tempfile::tempdir().unwrap();
    for unit in ["orders.service", "papyra-serve.service"] {
        let text = fs::read_to_string(example(unit)).unwrap();
        let text = text.replace("/usr/bin/papyra", papyra().to_str().unwrap());
        fs::write(dir.path().join(unit), text.replace("/usr/bin/orders", "/bin/true")).unwrap();
    }
    let units = ["orders.service", "papyra-serve.service"].map(|unit| dir.path().join(unit));
    let verified = Command::new("systemd-analyze").arg("verify").args(units).output();
    let verified = verified.unwrap_or_else(|error| {
        panic!("systemd-analyze: {error}; type:  apt-get install --no-install-recommends systemd")
    });
    assert!(verified.status.success(), "{}", String::from_utf8_lossy(&verified.stderr));
    judges(&setting("orders.service", "ExecStartPre"));
}

#[test]
fn kubernetes_accepts_the_manifest_and_its_init_container_judges() {
    let python = python("deploy", &["kubernetes-validate==1.37.0", "PyYAML==6.0.3"]);
    let manifest = example("kubernetes.yaml");
    let validate = python.with_file_name("kubernetes-validate");
    let valid = Command::new(validate).arg("--strict").arg(&manifest).output().unwrap();
    assert!(valid.status.success(), "{}", String::from_utf8_lossy(&valid.stdout));

    let program = "import json, sys, yaml; json.dump(yaml.safe_load(sys.stdin), sys.stdout)";
    let manifest = filter(&python, program, &fs::read_to_string(&manifest).unwrap());
    let manifest: Value = serde_json::from_str(&manifest).unwrap();
    let check = &manifest["spec"]["template"]["spec"]["initContainers"][0];
    let words = ["command", "args"].into_iter().flat_map(|part| check[part].as_array().unwrap());
    judges(&words.map(|word| word.as_str().unwrap().to_owned()).collect::<Vec<_>>());
}

#[test]
fn the_units_and_the_manifest_serve_as_the_command_understands() {
    let unit = setting("papyra-serve.service", "ExecStart");
    // Beyond all that parsing judges: nobody has this address.
    let elsewhere = |word: &String| match word.as_str() {
        "127.0.0.1:9464" => "192.0.2.1:9464".to_owned(),
        _ => word.clone(),
    };
    let dir = tempfile::tempdir().unwrap();
    let ended = started(&unit.iter().map(elsewhere).collect::<Vec<_>>(), dir.path());
    assert!(ended.says(&["cannot listen on 192.0.2.1:9464"]), "{ended:?}");
}
