//! Runs the programs of the pages and the examples as a reader would run them.

use std::fs;
use std::process::Command;

use tempfile::TempDir;

use super::install;
use super::suite::{lines, temp};

/// Runs a program of the host's language, and returns what it printed.
///
/// # Panics
///
/// If it fails.
pub fn printed(command: &mut Command) -> String {
    let output = command.output().expect("the program starts");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    assert!(output.status.success(), "{}{}", text(&output.stdout), text(&output.stderr));
    text(&output.stdout)
}

/// The output of the example in every language.
pub const TOUR: &str = "\
3 records, 1 damaged: truncated_line
1 entry, 25 bytes quarantined
4 records -> 3
third
recover
compact
";

/// Returns a directory with a damaged journal, as the pages assume it.
pub fn journal() -> TempDir {
    let dir = temp();
    fs::write(dir.path().join("app.ndjson"), lines(0..3) + "broken\n").expect("a journal");
    dir
}

/// Returns a directory with the files that the pages assume: the components, and a damaged journal.
pub fn home() -> TempDir {
    let dir = journal();
    let engine = install::wasm("papyra-engine");
    let components = engine.parent().expect("a directory");
    for name in ["papyra-engine.wasm", "papyra-node.wasm", "papyra-python.wasm", "papyra-wasi.wasm"]
    {
        let from = components.join(name);
        if from.exists() {
            fs::copy(from, dir.path().join(name)).expect("a copy");
        }
    }
    dir
}

/// Returns a variable that the command will find in its environment.
pub fn environment(command: &Command, name: &str) -> std::ffi::OsString {
    let all = command.get_envs().find(|(key, _)| *key == name);
    all.and_then(|(_, value)| value).expect("it is set").to_owned()
}
