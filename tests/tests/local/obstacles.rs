//! What keeps a file from being replaced or read: the message names it, a dry run says it too, and nothing
//! waits.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use papyra_tests::command::{Ended, names, papyra, persistence, run_with};
use papyra_tests::place::{Place, line};

/// A journal with something to repair and to compact.
fn damaged() -> String {
    [line("event", 1_763_700_001), "garbage\n".to_owned(), line("event", 1_763_700_002)].concat()
}

const REWRITES: [(&str, &[&str]); 4] = [
    ("recover", &[]),
    ("recover", &["--dry-run"]),
    ("compact", &["--max-records", "1"]),
    ("compact", &["--max-records", "1", "--dry-run"]),
];

fn given(operation: &str, path: &Path, options: &[&str]) -> Ended {
    run_with(persistence(operation, path).args(options), line("event", 1_763_700_003).as_bytes())
}

/// A file that is mounted on another, until this is dropped.
struct Mounted(PathBuf);

impl Mounted {
    /// `None`, and a word on standard error, where this process may not mount.
    fn new(from: &Path, at: &Path) -> Option<Self> {
        fs::write(at, "").unwrap();
        let done = Command::new("mount").arg("--bind").args([from, at]).output();
        match done {
            Ok(output) if output.status.success() => Some(Self(at.to_owned())),
            why => {
                eprintln!("not tested: no file can be mounted: {why:?}");
                None
            }
        }
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

#[test]
fn a_journal_that_is_a_mount_point_is_named_and_stays() {
    let place = Place::new();
    place.put("host", &damaged());
    let path = place.path("app.ndjson");
    let Some(_mounted) = Mounted::new(&place.path("host"), &path) else { return };
    let before = names(path.parent().unwrap());
    for (operation, options) in REWRITES {
        let ended = given(operation, &path, options);
        assert_eq!(ended.code, Some(64), "{operation} {options:?}: {ended:?}");
        let words = ["app.ndjson", "mount point", "mount its directory"];
        assert!(ended.says(&words), "{operation} {options:?}: {ended:?}");
    }
    assert_eq!(place.text("app.ndjson"), damaged());
    assert_eq!(names(path.parent().unwrap()), before);
    assert_eq!(given("append", &path, &[]).code, Some(0), "appending needs no other file");
    let url = format!("rotating:{}?max_bytes=64&max_files=3", path.display());
    let mut append = Command::new(papyra());
    append.args(["persistence", "append", "--store", &url]);
    let ended = run_with(&mut append, line("event", 1_763_700_004).as_bytes());
    assert_eq!(ended.code, Some(64), "{ended:?}");
    assert!(ended.says(&["mount point", "nothing was written"]), "{ended:?}");
}

/// Sets an attribute until this is dropped.
struct Attribute(PathBuf, char);

impl Attribute {
    fn set(path: &Path, letter: char) -> Option<Self> {
        let done = Command::new("chattr").arg(format!("+{letter}")).arg(path).output();
        match done {
            Ok(output) if output.status.success() => Some(Self(path.to_owned(), letter)),
            why => {
                eprintln!("not tested: no attribute can be set: {why:?}");
                None
            }
        }
    }
}

impl Drop for Attribute {
    fn drop(&mut self) {
        let _ = Command::new("chattr").arg(format!("-{}", self.1)).arg(&self.0).status();
    }
}

#[test]
fn an_attribute_that_forbids_a_rewrite_is_named() {
    for (name, letter) in
        [("dir/app.ndjson", 'i'), ("dir/app.ndjson", 'a'), ("dir", 'i'), ("dir", 'a')]
    {
        let place = Place::new();
        fs::create_dir(place.path("dir")).unwrap();
        place.put("dir/app.ndjson", &damaged());
        let path = place.path("dir/app.ndjson");
        let Some(_attribute) = Attribute::set(&place.path(name), letter) else { return };
        for (operation, options) in REWRITES {
            let ended = given(operation, &path, options);
            assert_eq!(ended.code, Some(77), "{name} {letter} {operation} {options:?}: {ended:?}");
            let words = ["lsattr", &format!("chattr -{letter}"), name];
            assert!(ended.says(&words), "{name} {letter} {operation} {options:?}: {ended:?}");
        }
        assert_eq!(place.text("dir/app.ndjson"), damaged());
        assert_eq!(names(&place.path("dir")), ["app.ndjson"], "{name} {letter}");
    }
}

#[test]
fn an_append_to_an_immutable_file_names_the_attribute() {
    let place = Place::new();
    place.put("app.ndjson", &damaged());
    let path = place.path("app.ndjson");
    let Some(_attribute) = Attribute::set(&path, 'i') else { return };
    let ended = given("append", &path, &[]);
    assert_eq!(ended.code, Some(77), "{ended:?}");
    assert!(ended.says(&["attribute `i`", "chattr -i"]), "{ended:?}");
}

#[test]
fn a_dry_run_looks_at_the_quarantine_directory() {
    let place = Place::new();
    place.put("app.ndjson", &damaged());
    place.put("file", "");
    let path = place.path("app.ndjson");
    fs::create_dir(place.path("immutable")).unwrap();
    let attribute = Attribute::set(&place.path("immutable"), 'i');
    let mut dirs = vec![("file", 64, "not a directory"), ("file/below", 64, "not a directory")];
    if attribute.is_some() {
        dirs.push(("immutable", 77, "chattr -i"));
        dirs.push(("immutable/a/b", 77, ""));
    }
    for (dir, code, word) in dirs {
        let dir = place.path(dir);
        for dry in [&["--dry-run"][..], &[]] {
            let options =
                [&["--mode", "quarantine", "--quarantine-dir", dir.to_str().unwrap()], dry];
            let ended = given("recover", &path, &options.concat());
            assert_eq!(ended.code, Some(code), "{dir:?} {dry:?}: {ended:?}");
            assert!(ended.says(&["quarantine", word]), "{dir:?} {dry:?}: {ended:?}");
        }
    }
    assert_eq!(place.text("app.ndjson"), damaged());
}
